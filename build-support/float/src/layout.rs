//! Moving elements of any type.

use ndarray::{ArrayD, ArrayViewD, Axis};

/// Types of elements.
pub trait Scalar: Copy {
    /// The elements of a view in standard order.
    fn standard(view: ArrayViewD<'_, Self>) -> ArrayD<Self>;

    /// Tensors one behind the other along an axis, which they agree in but for that axis.
    fn joined(axis: Axis, parts: &[ArrayViewD<'_, Self>]) -> ArrayD<Self>;
}

macro_rules! scalar {
    ($($element:ty),+) => {$(
        impl Scalar for $element {
            fn standard(view: ArrayViewD<'_, Self>) -> ArrayD<Self> {
                view.as_standard_layout().into_owned()
            }

            fn joined(axis: Axis, parts: &[ArrayViewD<'_, Self>]) -> ArrayD<Self> {
                let joined = ndarray::concatenate(axis, parts).expect("shapes agree but for the axis");
                if joined.is_standard_layout() { joined } else { joined.as_standard_layout().into_owned() }
            }
        }
    )+};
}

scalar!(f32, i64, bool);
