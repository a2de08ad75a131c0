//! FFT2D: the two-dimensional Fourier transform of complex numbers.

use super::{Visit, fourier};
use crate::Shape;
use crate::fourier::{Complex, Roots, cosines};
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec::Vec;

/// `output[n, oy, ox] = Σ input[n, iy, ix] · e^(−2πi·(iy·oy / H + ix·ox / W))` over iy and ix.
///
/// Operands and the two results, all f32, have the shape `[N, H, W]`; H and W are powers of two up to 8192. Rows are
/// transformed first, then columns, each by the transforms of its elements at even and odd positions.
///
/// Source: TOSA 1.0, FFT2D.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Fft2d {
    /// Whether the exponent has no minus; nothing is divided by H · W.
    pub inverse: bool,
    /// Whether the accuracy is bound by the rows and columns of an element alone.
    pub local_bound: bool,
    /// Real parts.
    pub input_real: ValueId,
    /// Imaginary parts.
    pub input_imaginary: ValueId,
}

impl Fft2d {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.flag(&mut self.inverse)?;
        visitor.flag(&mut self.local_bound)?;
        visitor.tensor(&mut self.input_real)?;
        visitor.tensor(&mut self.input_imaginary)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        require(element == ElementType::F32, "a Fourier transform is of f32")?;
        let [real, imaginary] = [self.input_real, self.input_imaginary].map(|input| graph.operand(input, element));
        let (real, imaginary) = (real?, imaginary?);
        require(real == imaginary, "real and imaginary parts have different shapes")?;
        fourier::check(real)?;
        Ok(*real)
    }

    pub(super) fn evaluate(
        &self,
        environment: &Environment<'_>,
        result: &Value<'_>,
    ) -> Result<[Tensor; 2], Unpredictable> {
        let [_, h, w] = result.shape.sizes();
        let cosines = cosines(h.max(w));
        let roots = Roots { cosines: &cosines, inverse: self.inverse };
        let [real, imaginary] = [self.input_real, self.input_imaginary].map(|input| environment.elements::<f32>(input));
        let elements: Vec<Complex> = real.iter().zip(imaginary).map(|(&real, &imaginary)| [real, imaginary]).collect();
        let mut output = Vec::with_capacity(elements.len());
        for plane in elements.chunks_exact(h * w) {
            let mut rows: Vec<_> = plane.chunks_exact(w).map(|row| fourier::transform(row, roots)).collect();
            fourier::transform_columns(&mut rows, roots);
            output.extend(rows.into_iter().flatten());
        }
        Ok(fourier::parts(&output))
    }
}
