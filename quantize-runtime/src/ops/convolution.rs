//! What the convolutions and MATMUL share: element types, and sums of products.

use super::AccumulatorType;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::shape::MAX_RANK;
use crate::tensor::{Element, fits_i48};
use alloc::vec::Vec;
use core::ops::Mul;

/// What sums of products are kept in.
pub(super) trait Accumulator: Element + Mul<Output = Self> + Default {
    /// The sum, if it has as many bits as an accumulator.
    fn plus(self, other: Self) -> Option<Self>;
}

impl Accumulator for i32 {
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }
}

/// An i48.
impl Accumulator for i64 {
    fn plus(self, other: Self) -> Option<Self> {
        Some(self + other).filter(|&sum| fits_i48(sum)) // both have 48 bits
    }
}

impl Accumulator for f32 {
    fn plus(self, other: Self) -> Option<Self> {
        Some(self + other)
    }
}

/// An operand of products that are added up in an `A`.
pub(super) trait Factor<A>: Element {
    /// The element without its zero point.
    fn less(self, zero_point: i32) -> A;
}

impl Factor<i32> for i8 {
    fn less(self, zero_point: i32) -> i32 {
        i32::from(self) - zero_point
    }
}

impl Factor<i64> for i8 {
    fn less(self, zero_point: i32) -> i64 {
        i64::from(self) - i64::from(zero_point)
    }
}

impl Factor<i64> for i16 {
    fn less(self, zero_point: i32) -> i64 {
        i64::from(self) - i64::from(zero_point)
    }
}

impl Factor<f32> for f32 {
    fn less(self, _: i32) -> f32 {
        self // f32 tensors have the zero point 0
    }
}

/// `Σ (a − zero_points[0]) · (b − zero_points[1])` over runs of `len` neighbours that begin at these positions, in order.
pub(super) fn sum_of_products<A: Accumulator, X: Factor<A>, Y: Factor<A>>(
    (a, b): (&[X], &[Y]),
    zero_points: [i32; 2],
    runs: impl Iterator<Item = [usize; 2]>,
    len: usize,
) -> Result<A, Unpredictable> {
    let mut sum = A::default();
    for [at_a, at_b] in runs {
        for (a, b) in a[at_a..][..len].iter().zip(&b[at_b..][..len]) {
            let product = a.less(zero_points[0]) * b.less(zero_points[1]);
            sum = sum.plus(product).ok_or(Unpredictable)?;
        }
    }
    Ok(sum)
}

/// The operands that every convolution has.
pub(super) struct Layer {
    pub(super) accumulator: AccumulatorType,
    pub(super) input: ValueId,
    pub(super) weight: ValueId,
    pub(super) bias: ValueId,
    /// Quantized zeros of input and weights.
    pub(super) zero_points: [i32; 2],
}

/// The part of a convolution that is the same in all: its operands in their order, and as a [`Layer`].
macro_rules! layer {
    () => {
        fn visit_layer<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
            visitor.enumeration(&mut self.accumulator)?;
            visitor.flag(&mut self.local_bound)?;
            visitor.tensor(&mut self.input)?;
            visitor.tensor(&mut self.weight)?;
            visitor.tensor(&mut self.bias)?;
            visitor.whole($crate::ops::Like::Operand(self.input), &mut self.input_zero_point)?;
            visitor.whole($crate::ops::Like::Operand(self.weight), &mut self.weight_zero_point)
        }

        fn layer(&self) -> Layer {
            Layer {
                accumulator: self.accumulator,
                input: self.input,
                weight: self.weight,
                bias: self.bias,
                zero_points: [self.input_zero_point, self.weight_zero_point],
            }
        }
    };
}
pub(super) use layer;

impl Layer {
    /// Checks the element types of operands and result, the zero points and the length of the bias.
    pub(super) fn check(&self, graph: &Graph<'_>, element: ElementType, channels: u32) -> Result<(), Rule> {
        let input = graph.value(self.input)?.element;
        let (weight, bias, accumulator) = match input {
            ElementType::I8 => (ElementType::I8, ElementType::I32, AccumulatorType::Int32),
            ElementType::I16 => (ElementType::I8, ElementType::I48, AccumulatorType::Int48),
            ElementType::F32 => (ElementType::F32, ElementType::F32, AccumulatorType::Fp32),
            ElementType::Bool | ElementType::I32 | ElementType::I48 => {
                return Err("an operand has the wrong element type");
            }
        };
        graph.operand(self.weight, weight)?;
        let [bias_len] = graph.operand(self.bias, bias)?.axes()?;
        require(self.accumulator == accumulator, "the accumulator is not that of the input's element type")?;
        require(element == bias, "the result has another element type than the bias")?;
        require(bias_len == channels || bias_len == 1, "the bias has neither one element nor one per output channel")?;
        input.check_zero_point(self.zero_points[0])?;
        weight.check_zero_point(self.zero_points[1])
    }

    /// The result, whose last axis is that of output channels: for each element the sum over the runs of `len` neighbours
    /// that `runs` gives for its index, as positions in input and weights, and the bias.
    pub(super) fn evaluate<R: Iterator<Item = [usize; 2]>>(
        &self,
        environment: &Environment<'_>,
        result: &Value<'_>,
        len: usize,
        runs: impl Fn([usize; MAX_RANK]) -> R,
    ) -> Result<Tensor, Unpredictable> {
        match result.element {
            ElementType::F32 => self.sums::<f32, f32, f32, R>(environment, result, len, runs),
            ElementType::I48 => self.sums::<i64, i16, i8, R>(environment, result, len, runs),
            _ => self.sums::<i32, i8, i8, R>(environment, result, len, runs),
        }
    }

    fn sums<A: Accumulator, X: Factor<A>, W: Factor<A>, R: Iterator<Item = [usize; 2]>>(
        &self,
        environment: &Environment<'_>,
        result: &Value<'_>,
        len: usize,
        runs: impl Fn([usize; MAX_RANK]) -> R,
    ) -> Result<Tensor, Unpredictable> {
        let operands = (environment.elements::<X>(self.input), environment.elements::<W>(self.weight));
        let bias = environment.elements::<A>(self.bias);
        let last = result.shape.rank() - 1;
        let element = |index: [usize; MAX_RANK]| {
            let sum: A = sum_of_products(operands, self.zero_points, runs(index), len)?;
            let bias = bias[if bias.len() == 1 { 0 } else { index[last] }];
            sum.plus(bias).ok_or(Unpredictable)
        };
        Ok(A::tensor(result.shape.indices().map(element).collect::<Result<Vec<_>, _>>()?))
    }
}
