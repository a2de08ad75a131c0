//! Tensors known at build time or computed while calibrating.

use ndarray::ArrayD;

pub use quantize_float::Tensor;

/// What the elements of a tensor are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Element {
    /// Real numbers, which may be quantized.
    F32,
    /// Integers of any of the exporter's widths: tokens, indices, shapes.
    I64,
    /// Truth values.
    Bool,
}

/// Element type and dimensions of a tensor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Type {
    /// What its elements are.
    pub element: Element,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
}

impl Type {
    /// A tensor of real numbers.
    pub fn real(shape: Vec<usize>) -> Self {
        Self { element: Element::F32, shape }
    }
}

/// The elements of a tensor, in standard order.
#[derive(Clone, PartialEq, Debug)]
pub enum Data {
    /// Real numbers.
    F32(Tensor),
    /// Integers.
    I64(ArrayD<i64>),
    /// Truth values.
    Bool(ArrayD<bool>),
}

impl Data {
    /// Dimensions.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(array) => array.shape(),
            Self::I64(array) => array.shape(),
            Self::Bool(array) => array.shape(),
        }
    }

    /// What the elements are.
    pub fn element(&self) -> Element {
        match self {
            Self::F32(_) => Element::F32,
            Self::I64(_) => Element::I64,
            Self::Bool(_) => Element::Bool,
        }
    }

    /// Element type and dimensions.
    pub fn kind(&self) -> Type {
        Type { element: self.element(), shape: self.shape().to_vec() }
    }

    /// The array of a float tensor.
    pub fn real(&self) -> Option<&Tensor> {
        if let Self::F32(array) = self { Some(array) } else { None }
    }

    /// The array of an integer tensor.
    pub fn integers(&self) -> Option<&ArrayD<i64>> {
        if let Self::I64(array) = self { Some(array) } else { None }
    }

    /// The array of truth values.
    pub fn truths(&self) -> Option<&ArrayD<bool>> {
        if let Self::Bool(array) = self { Some(array) } else { None }
    }
}

impl From<Tensor> for Data {
    fn from(array: Tensor) -> Self {
        Self::F32(array)
    }
}

impl From<ArrayD<i64>> for Data {
    fn from(array: ArrayD<i64>) -> Self {
        Self::I64(array)
    }
}

impl From<ArrayD<bool>> for Data {
    fn from(array: ArrayD<bool>) -> Self {
        Self::Bool(array)
    }
}
