//! Float arithmetic of calibration: every loop over the elements of activations that takes time.
//!
//! These loops are a package of their own so that it alone needs optimization: the rest of `quantize-build` compiles much
//! faster without. Nothing here is generic over what callers pass, as that would be compiled with the caller.
//!
//! Results have the same bits on every host: each element is computed by one thread, sums have a fixed order, there is no
//! fused multiply-add unless the reference has one, and transcendentals are `libm`'s. Sums of products are f64,
//! rounded before a bias is added: the bits of the reference's f32 sums depend on its processor, and are on all sides of these.

mod convolution;
mod elementwise;
mod histogram;
mod layout;
mod pool;
mod product;
mod reduce;
mod resize;
mod threads;
mod volume;

use ndarray::ArrayD;

/// A float tensor in the exporter's layout, always in standard (row-major) order.
pub type Tensor = ArrayD<f32>;

pub use convolution::{Convolution, conv_transpose2d, conv2d};
pub use elementwise::{all_finite, extremes, map, zip};
pub use histogram::Histogram;
pub use layout::Scalar;
pub use pool::{Window, max_pool2d, sum_pool2d};
pub use product::{linear, matmul};
pub use reduce::{normalize, sum};
pub use resize::{Place, resize};
pub use threads::{all_at_once, on_one_core};
pub use volume::{Convolution3d, conv3d};

/// Whether this package was compiled with optimization.
pub const IS_OPTIMIZED: bool = cfg!(optimized);

/// The elements of a tensor, in order.
fn elements(tensor: &Tensor) -> &[f32] {
    tensor.as_slice().expect("standard layout")
}

fn tensor(shape: &[usize], elements: Vec<f32>) -> Tensor {
    Tensor::from_shape_vec(shape, elements).expect("as many elements as the shape says")
}
