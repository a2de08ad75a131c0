//! Kernels that write their result over an operand against the same kernels on memory apart, on generated steps.

use proptest::collection::vec;
use proptest::prelude::*;
use quantize_runtime::bytes::{as_i8s, as_i8s_mut, as_words, as_words_mut};
use quantize_runtime::epilogue::ToI32;
use quantize_runtime::in_place::{AccessInPlace, ByRows, InPlace, Windows};
use quantize_runtime::{Rescale, Shape, kernels, operators, steps};
use std::ops::Range;

/// Bytes that no kernel writes.
const FILL: u8 = 0xA5;

/// Calls `kernel` with memory in which the result starts at `output` and the operand at `input`, and gives the result.
fn over(operand: &[u8], input: usize, output: Range<usize>, kernel: impl FnOnce(InPlace<'_>)) -> Vec<u8> {
    let end = output.end.max(input + operand.len());
    let mut memory = vec![FILL; end];
    memory[input..input + operand.len()].copy_from_slice(operand);
    kernel(InPlace::new(&mut memory, input..input + operand.len(), output.clone()));
    memory[output].to_vec()
}

/// Checks that a kernel gives the same bytes by rows, at both of the places that are nearest to the operand.
fn check_rows<S: ByRows>(
    step: &S,
    operand: &[u8],
    result_bytes: usize,
    kernel: impl Fn(&S, &[u8], &mut [u8]),
) -> Result<(), TestCaseError> {
    let mut apart = vec![FILL; result_bytes];
    kernel(step, operand, &mut apart);
    let [below, above] = step.windows().gaps([operand.len(), result_bytes]);
    prop_assert!(below <= result_bytes && above <= operand.len());
    let descending = over(operand, 0, above..above + result_bytes, |memory| memory.by_rows(step, &kernel));
    prop_assert_eq!(&apart, &descending);
    let ascending = over(operand, below, 0..result_bytes, |memory| memory.by_rows(step, &kernel));
    prop_assert_eq!(apart, ascending);
    Ok(())
}

/// Checks that a depthwise convolution gives the same bytes for one channel after another, at both of the places that are nearest
/// to the operand.
fn check_by_channel(step: &steps::DepthwiseConv2d<'_, Rescale<'_>>, operand: &[u8]) -> Result<(), TestCaseError> {
    let ([.., channels], len) = (step.output.sizes::<4>(), step.output.len());
    let mut apart = vec![FILL; len];
    kernels::depthwise_conv2d(step, as_i8s(operand), as_i8s_mut(&mut apart));
    let gaps = step.windows().gaps([operand.len(), len]).map(|gap| gap.next_multiple_of(channels));
    for [from, to] in [[gaps[0], 0], [0, gaps[1]]] {
        prop_assert!(step.windows().keep_channels(from.abs_diff(to)));
        let result = over(operand, from, to..to + len, |memory| {
            kernels::depthwise_conv2d_i8_in_place(step.way(), &step.upright(), memory);
        });
        prop_assert_eq!(&apart, &result);
    }
    Ok(())
}

/// A window on one axis; some of its places lie in the padding altogether.
#[derive(Clone, Copy, Debug)]
struct Axis {
    kernel: u16,
    stride: u16,
    dilation: u16,
    before: u16,
    input: u32,
    output: u32,
}

fn axis() -> impl Strategy<Value = Axis> {
    (1_u16..=4, 1_u16..=3, 1_u16..=3, 0_u16..=5, 1_u32..=7, 1_u32..=5).prop_map(
        |(kernel, stride, dilation, before, input, output)| Axis { kernel, stride, dilation, before, input, output },
    )
}

/// Two axes, of which the first is a single row at times.
fn axes() -> impl Strategy<Value = [Axis; 2]> {
    let row = Axis { kernel: 1, stride: 1, dilation: 1, before: 0, input: 1, output: 1 };
    ([axis(), axis()], any::<bool>()).prop_map(move |([y, x], is_row)| [if is_row { row } else { y }, x])
}

fn pads([y, x]: [Axis; 2]) -> [u16; 4] {
    [y.before, 0, x.before, 0]
}

fn bytes(len: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), len)
}

proptest! {
    #[test]
    fn convolutions_and_pools_by_rows(
        (axes, n, ic, operand, weights) in (axes(), 1_u32..=2, 1_u32..=10).prop_flat_map(|(axes, n, ic)| {
            let [y, x] = axes;
            let input = (n * y.input * x.input * ic) as usize;
            let weights = usize::from(y.kernel * x.kernel) * ic as usize * 3;
            (Just(axes), Just(n), Just(ic), bytes(input), bytes(weights))
        }),
        oc in 1_u32..=3,
        zero_point in any::<i8>(),
    ) {
        let [y, x] = axes;
        let [kernel, stride, dilation] =
            [[y.kernel, x.kernel], [y.stride, x.stride], [y.dilation, x.dilation]];
        let (input, pad) = (Shape::nhwc(n, y.input, x.input, ic), pads(axes));
        let output = |channels| Shape::nhwc(n, y.output, x.output, channels);
        let rescale = Rescale { multiplier: &[[0, 0, 0, 0x60]], shift: &[38], input_zero_point: 0, output_zero_point: 3 };
        let bias = [100_i32.to_le_bytes()];

        let taps = weights.len() / 3 * oc as usize;
        let conv2d = steps::Conv2d {
            input, output: output(oc), kernel, stride, dilation, pad,
            input_zero_point: zero_point, weights: as_i8s(&weights[..taps]), bias: &bias, epilogue: rescale,
        };
        check_rows(&conv2d, &operand, conv2d.output.len(), |step, x, output| {
            kernels::conv2d(step, as_i8s(x), as_i8s_mut(output));
        })?;
        let depthwise = steps::DepthwiseConv2d {
            input, output: output(ic), kernel, stride, dilation, pad, input_zero_point: zero_point,
            weights: as_i8s(&weights[..weights.len() / 3]), bias: &bias, epilogue: rescale,
        };
        check_by_channel(&depthwise, &operand)?;
        let depthwise = steps::DepthwiseConv2d {
            input, output: output(ic * oc), kernel, stride, dilation, pad,
            input_zero_point: zero_point, weights: as_i8s(&weights[..taps]), bias: &bias, epilogue: ToI32,
        };
        check_rows(&depthwise, &operand, 4 * depthwise.output.len(), |step, x, output| {
            kernels::depthwise_conv2d(step, as_i8s(x), as_words_mut(output));
        })?;
        let max_pool2d = steps::MaxPool2d { input, output: output(ic), kernel, stride, pad };
        check_rows(&max_pool2d, &operand, max_pool2d.output.len(), |step, x, output| {
            kernels::max_pool2d(step, as_i8s(x), as_i8s_mut(output));
        })?;
    }

    #[test]
    fn elements_over_smaller_and_larger_ones(operand in bytes(1200)) {
        let clamp = steps::Clamp { min: -20, max: 30 };
        let in_place = over(&operand, 0, 0..1200, |memory| {
            memory.by_elements([1, 1], |x, output| kernels::clamp(&clamp, as_i8s(x), as_i8s_mut(output)));
        });
        let mut apart = vec![FILL; 1200];
        kernels::clamp(&clamp, as_i8s(&operand), as_i8s_mut(&mut apart));
        prop_assert_eq!(apart, in_place);

        let in_place = over(&operand, 0, 0..300, |memory| {
            memory.by_elements([4, 1], |x, output| kernels::cast(as_words(x), as_i8s_mut(output)));
        });
        let mut apart = vec![FILL; 300];
        kernels::cast(as_words(&operand), as_i8s_mut(&mut apart));
        prop_assert_eq!(apart, in_place);

        let in_place = over(&operand[..300], 900, 0..1200, |memory| {
            memory.by_elements([1, 4], |x, output| kernels::cast(as_i8s(x), as_words_mut(output)));
        });
        let mut apart = vec![FILL; 1200];
        kernels::cast(as_i8s(&operand[..300]), as_words_mut(&mut apart));
        prop_assert_eq!(apart, in_place);
    }

    #[test]
    fn pairs_over_either_operand(operand in bytes(390), other in bytes(390), repeats in 0_usize..3, is_second in any::<bool>()) {
        // 390 elements, rows of 130 or a single one.
        let (shape, other_shape) = (Shape::nhwc(1, 1, 3, 130), [Shape::nhwc(1, 1, 3, 130), Shape::nhwc(1, 1, 1, 130), Shape::nhwc(1, 1, 1, 1)][repeats]);
        let other = &other[..other_shape.len()];
        let inputs = if is_second { [other_shape, shape] } else { [shape, other_shape] };
        let step = steps::Binary { operator: operators::Sub, inputs, output: shape };
        let run = |step: &steps::Binary<operators::Sub>, x: &[u8], y: &[u8], output: &mut [u8]| {
            kernels::binary(step, as_i8s(x), as_i8s(y), as_i8s_mut(output));
        };
        let mut apart = vec![FILL; 390];
        let (x, y) = if is_second { (other, &operand[..]) } else { (&operand[..], other) };
        run(&step, x, y, &mut apart);
        let in_place =
            over(&operand, 0, 0..390, |memory| memory.by_pairs(&step, [1, 1], is_second.into(), other, run));
        prop_assert_eq!(apart, in_place);
    }
}

proptest! {
    #[test]
    fn axes_change_places(
        (sizes, elements) in [1_usize..=2, 1_usize..=9, 1_usize..=70, 1_usize..=3]
            .prop_flat_map(|sizes| (Just(sizes), bytes(4 * sizes.iter().product::<usize>()))),
    ) {
        let input = Shape::new(&sizes.map(|size| size as u32)).unwrap();
        for perms in [[0, 2, 1, 3, 4, 5], [0, 2, 3, 1, 4, 5], [0, 3, 1, 2, 4, 5]] {
            let step = steps::Transpose { input, perms };
            let Some(swapped) = step.swapped() else { continue };
            let mut apart = vec![FILL; elements.len()];
            kernels::transpose(&step, as_words(&elements), as_words_mut(&mut apart));
            let mut in_place = elements.clone();
            kernels::transpose_in_place(swapped, 4, &mut in_place);
            prop_assert_eq!(apart, in_place);
        }
    }
}

#[test]
fn gaps_are_no_larger_than_needed() {
    // A window of 3 rows of 4 bytes: row r reads r − 1 to r + 1, so a result below is two rows ahead of what is still read.
    let shape = Shape::nhwc(1, 5, 4, 1);
    let windows = Windows::new(shape, shape, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1]);
    assert_eq!(windows.gaps([20, 20]), [8, 8]);
    // A pool of 2 × 2 reads two rows of 8 bytes for each of 4: below, the first row alone is still read when it is written.
    let windows = Windows::new(Shape::nhwc(1, 4, 4, 2), Shape::nhwc(1, 2, 2, 2), [2, 2], [2, 2], [1, 1], [0; 4]);
    assert_eq!(windows.gaps([32, 8]), [4, 28]);
    // A single row goes by columns.
    let windows = Windows::new(Shape::nhwc(1, 1, 9, 2), Shape::nhwc(1, 1, 9, 4), [1, 3], [1, 1], [1, 1], [0, 0, 1, 1]);
    assert_eq!(windows.gaps([18, 36]), [22, 4]);
}

#[test]
#[should_panic = "a step writes what it still reads"]
fn a_result_one_byte_too_near_is_refused() {
    let shape = Shape::nhwc(1, 5, 4, 1);
    let windows = Windows::new(shape, shape, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1]);
    let _ = AccessInPlace::<64, 0>::rows([], 7..27, 0..20, windows);
}

#[test]
#[should_panic = "a step writes what it still reads"]
fn larger_elements_end_with_the_operand() {
    let _ = AccessInPlace::<64, 0>::elements([], 11..16, 0..20);
}
