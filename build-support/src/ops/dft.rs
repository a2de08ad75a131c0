//! Discrete Fourier transforms.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use ndarray::Axis;
use quantize_runtime::graph::{ElementType, ValueId};
use quantize_runtime::ops::{self, Fft2d, Rfft2d};
use std::f64::consts::TAU;

/// The transform of complex numbers along an axis: `output[k] = Σ input[i] · e^(−2πi·k·i / n)` over its n elements.
///
/// The last dimension holds real and imaginary parts; of real numbers the real parts alone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Dft {
    /// The axis, not the last one.
    pub axis: usize,
    /// Whether the exponent has no minus and results are divided by n.
    pub inverse: bool,
    /// Whether the result ends with element n / 2: those behind are conjugates of these, of real numbers.
    pub onesided: bool,
}

/// Largest size that TOSA transforms; such sizes are powers of two.
const MAX_SIZE: usize = 8192;

/// Elements of the largest matrix that transforms another size.
const MAX_MATRIX: usize = 1 << 22;

impl Dft {
    /// The size of the result's axis for one of size n.
    fn size(self, n: usize) -> usize {
        if self.onesided { n / 2 + 1 } else { n }
    }

    fn is_fast(n: usize) -> bool {
        n.is_power_of_two() && n <= MAX_SIZE
    }

    /// The n-th root of unity, in the direction of the transform, to the power of `k`.
    fn root(self, k: usize, n: usize) -> [f64; 2] {
        let angle = TAU * (k % n) as f64 / n as f64;
        let sine = libm::sin(angle);
        [libm::cos(angle), if self.inverse { sine } else { -sine }]
    }

    /// The transform of a list: of those of its halves at even and at odd positions, or by definition where there are none.
    fn transform(self, elements: &[[f64; 2]]) -> Vec<[f64; 2]> {
        let n = elements.len();
        if !n.is_multiple_of(2) {
            let element = |k: usize| {
                let products = elements.iter().enumerate().map(|(i, &element)| product(element, self.root(k * i, n)));
                products.fold([0.0; 2], sum)
            };
            return (0..n).map(element).collect();
        }
        let [even, odd] = [0, 1].map(|first| {
            let half: Vec<_> = elements.iter().copied().skip(first).step_by(2).collect();
            self.transform(&half)
        });
        let element = |k: usize| sum(even[k % (n / 2)], product(odd[k % (n / 2)], self.root(k, n)));
        (0..n).map(element).collect()
    }
}

fn sum(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

fn product(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

impl Room for Dft {
    const NAME: &'static str = "dft";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (&parts, outer) = inputs[0].split_last().ok_or("a Fourier transform of one number")?;
        let n = *outer.get(self.axis).ok_or_else(|| format!("axis {} of {:?}", self.axis, inputs[0]))?;
        if !matches!(parts, 1 | 2) || n == 0 {
            return Err(format!("numbers of {parts} parts along an axis of size {n}; expected 1 or 2 parts"));
        }
        if self.onesided && (parts == 2 || self.inverse) {
            return Err("one side of a Fourier transform, which is of real numbers only".to_owned());
        }
        if !Self::is_fast(n) && n.saturating_mul(self.size(n)) > MAX_MATRIX {
            return Err(format!("a Fourier transform of {n} elements; supported are powers of two up to 8192 and up to 2048"));
        }
        let mut shape = [outer, &[2]].concat();
        shape[self.axis] = self.size(n);
        Ok(shape)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let (input, last) = (inputs[0], Axis(inputs[0].ndim() - 1));
        let mut output = Tensor::zeros(self.infer(&[input.shape()]).expect("checked at import"));
        let n = input.shape()[self.axis];
        let lanes = |part| {
            let part = input.index_axis(last, part);
            part.lanes(Axis(self.axis)).into_iter().map(|lane| lane.to_vec()).collect::<Vec<_>>()
        };
        let real = lanes(0);
        let imaginary = if input.len_of(last) == 2 { lanes(1) } else { vec![vec![0.0; n]; real.len()] };
        let transformed = real.iter().zip(&imaginary).map(|(real, imaginary)| {
            let elements = real.iter().zip(imaginary).map(|(&real, &imaginary)| [real.into(), imaginary.into()]);
            self.transform(&elements.collect::<Vec<_>>())
        });
        let transformed: Vec<Vec<[f64; 2]>> = transformed.collect();
        let factor = if self.inverse { 1.0 / n as f64 } else { 1.0 };
        for part in 0..2 {
            let mut stored = output.index_axis_mut(last, part);
            for (mut lane, transformed) in stored.lanes_mut(Axis(self.axis)).into_iter().zip(&transformed) {
                for (stored, element) in lane.iter_mut().zip(transformed) {
                    *stored = (element[part] * factor) as f32;
                }
            }
        }
        output
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        inputs[0].get(self.axis).map_or(1, |n| n.ilog2() as usize + 1)
    }

    fn target(&self) -> &'static str {
        "aten._fft_r2c.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Float
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        Err(lowering.not_decomposed(node))
    }

    /// RFFT2D or FFT2D of rows where TOSA has the size, else a product with a matrix of roots.
    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let (&parts, outer) = input.shape.split_last().expect("checked at import");
        let n = outer[self.axis];
        let rows = outer.iter().product::<usize>() / n;
        // The axis behind all others.
        let order: Vec<usize> = (0..outer.len()).filter(|&axis| axis != self.axis).chain([self.axis]).collect();
        let mut planes = Vec::with_capacity(parts);
        for part in 0..parts {
            let part = lowering.channels(&input, part, 1)?;
            let part = lowering.reshape(part.id, outer)?;
            let part = lowering.transpose(part, &order)?;
            planes.push(lowering.reshape(part, &[rows, 1, n])?);
        }
        let transformed = match (Self::is_fast(n), &planes[..]) {
            (true, &[input]) => self.real_rows(lowering, input, [rows, n])?,
            (true, planes) => {
                let op = Fft2d {
                    inverse: self.inverse,
                    input_real: planes[0],
                    input_imaginary: planes[1],
                    ..Default::default()
                };
                lowering.push_all(op.into(), ElementType::F32, &[rows, 1, n])?
            }
            (false, planes) => self.products(lowering, planes, [rows, n])?,
        };

        let mut shape: Vec<usize> = order.iter().map(|&axis| outer[axis]).collect();
        *shape.last_mut().expect("the axis") = self.size(n);
        let back: Vec<usize> = (0..order.len())
            .map(|axis| order.iter().position(|&other| other == axis).expect("each axis is in the order"))
            .collect();
        let mut results = Vec::with_capacity(transformed.len());
        for part in transformed {
            let part = lowering.reshape(part, &shape)?;
            let part = lowering.transpose(part, &back)?;
            let scaled = match self.inverse {
                true => lowering.formula(&lowering.shape_of(part)).mul(part, 1.0 / n as f32)?,
                false => part,
            };
            let with_parts = [&lowering.shape_of(scaled)[..], &[1]].concat();
            results.push(lowering.reshape(scaled, &with_parts)?);
        }
        let result = lowering.concat(&results, outer.len())?;
        lowering.finish(node, result)
    }
}

impl Dft {
    /// RFFT2D of rows; the other side is its mirror image with opposite imaginary parts, and so is an inverse.
    fn real_rows(
        self,
        lowering: &mut Lowering<'_>,
        input: ValueId,
        [rows, n]: [usize; 2],
    ) -> Result<Vec<ValueId>, String> {
        let shape = [rows, 1, n / 2 + 1];
        let op = Rfft2d { input, ..Default::default() };
        let mut parts = lowering.push_all(op.into(), ElementType::F32, &shape)?;
        if self.inverse {
            parts[1] = negative(lowering, parts[1])?;
        }
        if self.onesided || n <= 2 {
            return Ok(parts);
        }
        for (index, part) in parts.iter_mut().enumerate() {
            let inner = lowering.slice(*part, &[0, 0, 1], &[rows, 1, n / 2 - 1])?;
            let mut mirrored = lowering.reverse(inner, 2)?;
            if index == 1 {
                mirrored = negative(lowering, mirrored)?;
            }
            *part = lowering.concat(&[*part, mirrored], 2)?;
        }
        Ok(parts)
    }

    /// Products of rows with the cosines and sines of all roots.
    fn products(
        self,
        lowering: &mut Lowering<'_>,
        planes: &[ValueId],
        [rows, n]: [usize; 2],
    ) -> Result<Vec<ValueId>, String> {
        let size = self.size(n);
        let mut matrices = Vec::with_capacity(2);
        for part in 0..2 {
            let roots = (0..n * size).map(|at| self.root(at / size * (at % size), n)[part] as f32);
            matrices.push(lowering.constant_f32(&[1, n, size], roots.collect())?);
        }
        let mut product = |plane, matrix: ValueId| {
            let a = lowering.reshape(plane, &[1, rows, n])?;
            let op = ops::MatMul { a, b: matrix, ..Default::default() };
            lowering.push(op.into(), ElementType::F32, &[1, rows, size])
        };
        let mut parts = vec![product(planes[0], matrices[0])?, product(planes[0], matrices[1])?];
        if let &[_, imaginary] = planes {
            let crossed = [product(imaginary, matrices[1])?, product(imaginary, matrices[0])?];
            let mut formula = lowering.formula(&[1, rows, size]);
            parts = vec![formula.sub(parts[0], crossed[0])?, formula.add(parts[1], crossed[1])?];
        }
        Ok(parts)
    }
}

fn negative(lowering: &mut Lowering<'_>, input: ValueId) -> Result<ValueId, String> {
    let shape = lowering.shape_of(input);
    lowering.push(ops::Negate { input, ..Default::default() }.into(), ElementType::F32, &shape)
}
