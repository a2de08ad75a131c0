//! Images of another height and width.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, NCHW_TO_NHWC, NHWC_TO_NCHW};
use crate::quantize::QuantParams;
use quantize_runtime::graph::ElementType;
use quantize_runtime::ops::{self, ResizeMode};

/// `[N, C, H, W]` with another height and width.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Upsample {
    /// Height and width of the result.
    pub output: [usize; 2],
    /// The scale factors that the caller gave, vertical and horizontal; without them they follow from the sizes.
    pub factors: Option<[f64; 2]>,
    /// How to compute an element between others.
    pub mode: Interpolation,
}

/// How to compute an element between others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interpolation {
    /// The one at or before it.
    Nearest,
    /// Weighed by distance; pixels are areas.
    Bilinear,
    /// Weighed by distance; pixels are points, and those in the corners stay in the corners.
    BilinearAlignedCorners,
}

/// Largest denominator for a factor as a fraction.
const MAX_DENOMINATOR: i64 = 1 << 20;

impl Upsample {
    /// Elements of the input per element of the result, as PyTorch computes it.
    fn step(&self, axis: usize, input: usize) -> f32 {
        let output = self.output[axis];
        match (self.mode, self.factors) {
            (Interpolation::BilinearAlignedCorners, _) if output > 1 => (input - 1) as f32 / (output - 1) as f32,
            (Interpolation::BilinearAlignedCorners, _) => 0.0,
            (_, Some(factors)) => (1.0 / factors[axis]) as f32,
            (_, None) => input as f32 / output as f32,
        }
    }

    /// The neighbours of a position along one axis, and the weight of the second.
    fn place(&self, axis: usize, input: usize, at: usize) -> quantize_float::Place {
        let step = self.step(axis, input);
        let position = match self.mode {
            Interpolation::Nearest => return ([(libm::floorf(at as f32 * step) as usize).min(input - 1); 2], 0.0),
            Interpolation::Bilinear => ((at as f32 + 0.5) * step - 0.5).max(0.0),
            Interpolation::BilinearAlignedCorners => at as f32 * step,
        };
        let first = (position as usize).min(input - 1); // towards zero
        ([first, (first + 1).min(input - 1)], position - first as f32)
    }

    /// RESIZE's scale, offset and border along one axis.
    ///
    /// Source: oracle of the lowering, section 7; but upstream takes the ratio of the sizes for bilinear images even where the
    /// caller's factor is another, and so computes other positions than PyTorch.
    fn resize(&self, axis: usize, input: usize) -> Result<([i32; 2], i32, i32), String> {
        let output = self.output[axis];
        let aligned = self.mode == Interpolation::BilinearAlignedCorners && input > 1 && output > 1;
        let (n, d) = match (self.mode, self.factors) {
            _ if aligned => reduced(output as i64 - 1, input as i64 - 1),
            (Interpolation::BilinearAlignedCorners, _) | (_, None) => reduced(output as i64, input as i64),
            (_, Some(factors)) => fraction(factors[axis]),
        };
        let offset = match self.mode {
            _ if aligned => 0,
            Interpolation::Nearest if d != 1 => -n,
            _ => d - n,
        };
        let border = 2 * d * (output as i64 - 1) - 2 * n * (input as i64 - 1) + offset;
        let narrow = |number: i64| i32::try_from(number).ok();
        let numbers = (|| Some(([narrow(2 * n)?, narrow(2 * d)?], narrow(offset)?, narrow(border)?)))();
        numbers.filter(|_| n <= 1024 && d < 16 * n && n / d <= 256).ok_or_else(|| {
            format!(
                "a resize from {input} to {output} elements has the scale {n}/{d}, which RESIZE does not express \
                 (between 1/16 and 256, with a numerator of at most 1024)"
            )
        })
    }
}

fn reduced(a: i64, b: i64) -> (i64, i64) {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x, b / x)
}

/// A factor as the simplest fraction close to it: its continued fraction as far as f32 can tell.
fn fraction(factor: f64) -> (i64, i64) {
    let (mut before, mut now) = ((0, 1), (1, 0));
    let mut rest = factor;
    loop {
        let whole = libm::floor(rest) as i64;
        (before, now) = (now, (whole * now.0 + before.0, whole * now.1 + before.1));
        let difference = (now.0 as f64 / now.1 as f64 - factor).abs();
        if difference <= factor * f64::from(f32::EPSILON) / 2.0 || now.1 > MAX_DENOMINATOR {
            return now;
        }
        rest = 1.0 / (rest - whole as f64);
    }
}

impl Room for Upsample {
    const NAME: &'static str = "upsample";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let is_positive = self.factors.is_none_or(|factors| factors.iter().all(|&factor| factor > 0.0));
        match inputs[0] {
            &[n, c, h, w] if h > 0 && w > 0 && !self.output.contains(&0) && is_positive => {
                Ok(vec![n, c, self.output[0], self.output[1]])
            }
            shape => Err(format!("an image of {shape:?} resized to {:?}; expected [N, C, H, W]", self.output)),
        }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let places = |axis: usize| {
            let place = |at| self.place(axis, inputs[0].shape()[2 + axis], at);
            (0..self.output[axis]).map(place).collect::<Vec<_>>()
        };
        quantize_float::resize(inputs[0], &places(0), &places(1))
    }

    fn target(&self) -> &'static str {
        match self.mode {
            Interpolation::Nearest => "aten.upsample_nearest2d.vec",
            Interpolation::Bilinear | Interpolation::BilinearAlignedCorners => "aten.upsample_bilinear2d.vec",
        }
    }

    fn pattern(&self) -> Pattern {
        Pattern::SharesInput
    }

    /// RESIZE; of integers and bilinear a RESCALE of codes, zero points and all.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let input = lowering.transposed(&input, NCHW_TO_NHWC)?;
        let &[n, mut h, mut w, c] = input.shape.as_slice() else { unreachable!("rank 4, checked at import") };
        if self.mode == Interpolation::BilinearAlignedCorners {
            // A single result is the first element.
            h = if self.output[0] == 1 { 1 } else { h };
            w = if self.output[1] == 1 { 1 } else { w };
        }
        let id = lowering.slice(input.id, &[0; 4], &[n, h, w, c])?;
        let ([yn, yd], y, border_y) = self.resize(0, h)?;
        let ([xn, xd], x, border_x) = self.resize(1, w)?;
        let element = lowering.element_of(input.id);
        let (mode, result) = match (self.mode, element) {
            (Interpolation::Nearest, _) => (ResizeMode::NearestNeighbor, element),
            (_, ElementType::I8) => (ResizeMode::Bilinear, ElementType::I32),
            (_, ElementType::I16) => (ResizeMode::Bilinear, ElementType::I48),
            _ => (ResizeMode::Bilinear, element),
        };
        let op = ops::Resize {
            mode,
            input: id,
            scale: [yn, yd, xn, xd],
            offset: [y, x],
            border: [border_y, border_x],
        };
        let mut value = lowering.push(ops::Op::Resize(op), result, &[n, self.output[0], self.output[1], c])?;
        if let Some(params) = input.params.filter(|_| result != element) {
            let params = QuantParams { zero_point: 0, ..params };
            value = lowering.narrow(value, &[1.0 / (f64::from(yn) * f64::from(xn))], params)?;
        }
        let value = lowering.transpose(value, NHWC_TO_NCHW)?;
        lowering.finish(node, value)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_simple_fractions() {
        assert_eq!(fraction(2.0), (2, 1));
        assert_eq!(fraction(1.5), (3, 2));
        assert_eq!(fraction(f64::from(1.0_f32 / 3.0)), (1, 3));
        assert_eq!(reduced(6, 4), (3, 2));
    }

    #[test]
    fn bilinear_pixels_are_areas() {
        let upsample = Upsample { output: [1, 4], factors: None, mode: Interpolation::Bilinear };
        let x = Tensor::from_shape_vec(vec![1, 1, 1, 2], vec![0.0, 4.0]).unwrap();
        assert_eq!(upsample.evaluate(&[&x]).into_raw_vec_and_offset().0, [0.0, 1.0, 3.0, 4.0]);
        let upsample = Upsample { mode: Interpolation::BilinearAlignedCorners, output: [1, 3], ..upsample };
        assert_eq!(upsample.evaluate(&[&x]).into_raw_vec_and_offset().0, [0.0, 2.0, 4.0]);
    }
}
