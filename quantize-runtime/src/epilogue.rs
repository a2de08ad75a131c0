//! The arithmetic of convolutions and matrix products, and what becomes of their sums.

use crate::kernels::{self, portable};
use crate::rescale::{GeneralRescale, Rescale};
use crate::steps::{Conv2d, DepthwiseConv2d};
use core::fmt::Debug;

/// Element types of a sum of products, and how it is formed; integers wrap, so that a sum that fits is exact even where a
/// partial one does not.
pub trait Arithmetic {
    /// Element of an activation.
    type Input: Copy + PartialEq + Debug + 'static;
    /// Element of the weights.
    type Weight: Copy + PartialEq + Debug + 'static;
    /// Element of the bias.
    type Bias: Copy + Default + PartialEq + Debug + 'static;
    /// The accumulator.
    type Sum: Copy + Default;

    /// `sum + (input − zero_point) · weight`.
    fn add(sum: Self::Sum, input: Self::Input, zero_point: i8, weight: Self::Weight) -> Self::Sum;
    /// `sum + (a − zero_points[0]) · (b − zero_points[1])`.
    fn add_product(sum: Self::Sum, a: Self::Input, b: Self::Input, zero_points: [i8; 2]) -> Self::Sum;
    /// `sum + bias`.
    fn add_bias(sum: Self::Sum, bias: Self::Bias) -> Self::Sum;
}

/// i8 activations and weights, added up in i32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Int8;

impl Arithmetic for Int8 {
    type Input = i8;
    type Weight = i8;
    type Bias = [u8; 4];
    type Sum = i32;

    #[inline(always)]
    fn add(sum: i32, input: i8, zero_point: i8, weight: i8) -> i32 {
        sum.wrapping_add((i32::from(input) - i32::from(zero_point)) * i32::from(weight))
    }
    #[inline(always)]
    fn add_product(sum: i32, a: i8, b: i8, [zero_a, zero_b]: [i8; 2]) -> i32 {
        sum.wrapping_add((i32::from(a) - i32::from(zero_a)) * (i32::from(b) - i32::from(zero_b)))
    }
    #[inline(always)]
    fn add_bias(sum: i32, bias: [u8; 4]) -> i32 {
        sum.wrapping_add(i32::from_le_bytes(bias))
    }
}

/// i16 activations and i8 weights, added up in i48; zero points are 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Int16;

impl Arithmetic for Int16 {
    type Input = [u8; 2];
    type Weight = i8;
    type Bias = [u8; 8];
    type Sum = i64;

    #[inline(always)]
    fn add(sum: i64, input: [u8; 2], _: i8, weight: i8) -> i64 {
        sum.wrapping_add(i64::from(i32::from(i16::from_le_bytes(input)) * i32::from(weight)))
    }
    #[inline(always)]
    fn add_product(sum: i64, a: [u8; 2], b: [u8; 2], _: [i8; 2]) -> i64 {
        sum.wrapping_add(i64::from(i32::from(i16::from_le_bytes(a)) * i32::from(i16::from_le_bytes(b))))
    }
    #[inline(always)]
    fn add_bias(sum: i64, bias: [u8; 8]) -> i64 {
        sum.wrapping_add(i64::from_le_bytes(bias))
    }
}

/// f32 throughout, each operation rounded on its own; zero points are 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Float;

impl Arithmetic for Float {
    type Input = [u8; 4];
    type Weight = [u8; 4];
    type Bias = [u8; 4];
    type Sum = f32;

    #[inline(always)]
    fn add(sum: f32, input: [u8; 4], _: i8, weight: [u8; 4]) -> f32 {
        sum + f32::from_le_bytes(input) * f32::from_le_bytes(weight)
    }
    #[inline(always)]
    fn add_product(sum: f32, a: [u8; 4], b: [u8; 4], _: [i8; 2]) -> f32 {
        sum + f32::from_le_bytes(a) * f32::from_le_bytes(b)
    }
    #[inline(always)]
    fn add_bias(sum: f32, bias: [u8; 4]) -> f32 {
        sum + f32::from_le_bytes(bias)
    }
}

/// What becomes of a sum of products before it is stored.
pub trait Epilogue: Sized {
    /// How the sum is formed.
    type Arithmetic: Arithmetic;
    /// Element of the result.
    type Output: Copy;

    /// The element to be stored for the sum of an output channel.
    fn finish(&self, sum: <Self::Arithmetic as Arithmetic>::Sum, channel: usize) -> Self::Output;

    /// The kernel of CONV2D.
    fn conv2d(step: &Conv2d<'_, Self>, input: &[Input<Self>], output: &mut [Self::Output]) {
        portable::conv2d::conv2d(step, input, output);
    }

    /// The kernel of DEPTHWISE_CONV2D.
    fn depthwise_conv2d(step: &DepthwiseConv2d<'_, Self>, input: &[Input<Self>], output: &mut [Self::Output]) {
        portable::depthwise_conv2d::depthwise_conv2d(step, input, output);
    }
}

/// Element of an activation before this epilogue.
pub type Input<E> = <<E as Epilogue>::Arithmetic as Arithmetic>::Input;
/// Element of the weights before this epilogue.
pub type Weight<E> = <<E as Epilogue>::Arithmetic as Arithmetic>::Weight;
/// Element of the bias before this epilogue.
pub type Bias<E> = <<E as Epilogue>::Arithmetic as Arithmetic>::Bias;

/// A RESCALE to i8.
impl Epilogue for Rescale<'_> {
    type Arithmetic = Int8;
    type Output = i8;

    #[inline(always)]
    fn finish(&self, sum: i32, channel: usize) -> i8 {
        self.to_i8(sum, channel)
    }

    fn conv2d(step: &Conv2d<'_, Self>, input: &[i8], output: &mut [i8]) {
        kernels::conv2d_i8(step.way_at_run_time(), step, input, output);
    }

    fn depthwise_conv2d(step: &DepthwiseConv2d<'_, Self>, input: &[i8], output: &mut [i8]) {
        kernels::depthwise_conv2d_i8(step.way_at_run_time(), step, input, output);
    }
}

/// The i32 sum of i8 products as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToI32;

impl Epilogue for ToI32 {
    type Arithmetic = Int8;
    type Output = [u8; 4];

    #[inline(always)]
    fn finish(&self, sum: i32, _: usize) -> [u8; 4] {
        sum.to_le_bytes()
    }
}

/// A RESCALE to i16.
impl Epilogue for GeneralRescale<'_> {
    type Arithmetic = Int16;
    type Output = [u8; 2];

    #[inline(always)]
    fn finish(&self, sum: i64, channel: usize) -> [u8; 2] {
        (self.apply(sum, channel) as i16).to_le_bytes() // the low bits are the result
    }
}

/// The i48 sum of i16 products as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToI48;

impl Epilogue for ToI48 {
    type Arithmetic = Int16;
    type Output = [u8; 8];

    #[inline(always)]
    fn finish(&self, sum: i64, _: usize) -> [u8; 8] {
        sum.to_le_bytes()
    }
}

/// The sum of f32 products as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToF32;

impl Epilogue for ToF32 {
    type Arithmetic = Float;
    type Output = [u8; 4];

    #[inline(always)]
    fn finish(&self, sum: f32, _: usize) -> [u8; 4] {
        sum.to_le_bytes()
    }
}
