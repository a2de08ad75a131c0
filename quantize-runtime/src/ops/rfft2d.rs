//! RFFT2D: the two-dimensional Fourier transform of real numbers.

use super::{Visit, fourier};
use crate::Shape;
use crate::fourier::{Complex, Roots, cosines, untangle};
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec;
use alloc::vec::Vec;

/// `output[n, oy, ox] = Σ input[n, iy, ix] · e^(−2πi·(iy·oy / H + ix·ox / W))` over iy and ix, for ox up to W / 2: the others
/// are conjugates of these.
///
/// The operand is f32 `[N, H, W]`; H and W are powers of two up to 8192. Both results, real and imaginary parts, are f32
/// `[N, H, W / 2 + 1]`. A row is transformed as half as many complex numbers; then columns are, as those of FFT2D.
///
/// Source: TOSA 1.0, RFFT2D.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rfft2d {
    /// Whether the accuracy is bound by the rows and columns of an element alone.
    pub local_bound: bool,
    /// Tensor.
    pub input: ValueId,
}

impl Rfft2d {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.flag(&mut self.local_bound)?;
        visitor.tensor(&mut self.input)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        require(element == ElementType::F32, "a Fourier transform is of f32")?;
        let [n, h, w] = fourier::check(graph.operand(self.input, element)?)?;
        Shape::new(&[n, h, w / 2 + 1]).ok_or("the result is empty")
    }

    pub(super) fn evaluate(
        &self,
        environment: &Environment<'_>,
        _result: &Value<'_>,
    ) -> Result<[Tensor; 2], Unpredictable> {
        let [_, h, w] = environment.shape(self.input).sizes();
        let cosines = cosines(h.max(w));
        let roots = Roots { cosines: &cosines, inverse: false };
        let mut output = Vec::new();
        for plane in environment.elements::<f32>(self.input).chunks_exact(h * w) {
            let mut rows: Vec<_> = plane.chunks_exact(w).map(|row| transform_row(row, roots)).collect();
            fourier::transform_columns(&mut rows, roots);
            output.extend(rows.into_iter().flatten());
        }
        Ok(fourier::parts(&output))
    }
}

/// The transform of real numbers up to the middle.
fn transform_row(row: &[f32], roots: Roots<'_>) -> Vec<Complex> {
    if let [only] = row {
        return vec![[*only, 0.0]];
    }
    let pairs = row.as_chunks().0;
    let (half, transformed) = (pairs.len(), fourier::transform(pairs, roots));
    let mut result = vec![[0.0; 2]; half + 1];
    for k in 0..=half / 2 {
        let (z, mirrored) = (transformed[k], transformed[(half - k) % half]);
        [result[k], result[half - k]] = untangle(z, mirrored, roots.power(k, row.len()));
    }
    result
}
