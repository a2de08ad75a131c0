//! Observers: from the tensors of a calibration run to scale and zero point, bit for bit as torchao's.
//!
//! Source: oracle of VgfQuantizer, section 9. Every rounding of the reference is kept: all steps are f32 unless said otherwise,
//! and sums have its order.

use crate::quantize::QuantParams;

const BINS: usize = 2048;
/// How many parts a bin is split into when the range grows.
const UPSAMPLE: usize = 16;
/// Codes of an 8-bit tensor.
const LEVELS: usize = 256;
const LANES: usize = 8;

/// Scale of a symmetric tensor with these extremes.
pub(crate) fn symmetric_scale(min: f32, max: f32, qmin: i32, qmax: i32, eps: f32) -> f32 {
    let largest = (-min.min(0.0)).max(max.max(0.0));
    (largest / ((qmax - qmin) as f32 / 2.0)).max(eps)
}

/// Scale and zero point of an asymmetric int8 tensor with these extremes.
fn affine_params(min: f32, max: f32) -> QuantParams {
    let (qmin, qmax) = (i32::from(i8::MIN), i32::from(i8::MAX));
    let (negative, positive) = (min.min(0.0), max.max(0.0));
    let scale = ((positive - negative) / (qmax - qmin) as f32).max(super::EPS);
    let zero_point = (qmin - libm::rintf(negative / scale) as i32).clamp(qmin, qmax);
    QuantParams::int8(scale, zero_point)
}

/// Finds the range of a tensor that loses least when it is quantized, from a histogram of all values seen.
#[derive(Clone, Debug)]
pub struct HistogramObserver {
    histogram: Vec<f32>,
    /// Extremes seen so far; `None` before the first tensor.
    range: Option<[f32; 2]>,
}

impl HistogramObserver {
    /// An observer for int8 activations that has seen nothing.
    pub fn int8() -> Self {
        Self { histogram: vec![0.0; BINS], range: None }
    }

    /// Counts of the 2048 bins.
    pub fn histogram(&self) -> &[f32] {
        &self.histogram
    }

    /// Adds the values of one tensor.
    pub fn observe(&mut self, values: &[f32]) {
        let finite: Vec<f32>;
        let mut values = values;
        let (mut low, mut high) = extremes(values);
        if low == f32::NEG_INFINITY || high == f32::INFINITY {
            finite = values.iter().copied().filter(|x| !x.is_infinite()).collect();
            values = &finite;
            (low, high) = extremes(values);
        }
        if values.is_empty() {
            return;
        }
        let Some([min, max]) = self.range else {
            self.range = Some([low, high]);
            self.histogram = histogram(values, low, high);
            return;
        };
        let (new_min, new_max) = (min.min(low), max.max(high));
        let update = histogram(values, new_min, new_max);
        let moved = if [new_min, new_max] == [min, max] {
            core::mem::take(&mut self.histogram)
        } else if min == max {
            let total = sum(&self.histogram);
            histogram(&[min], new_min, new_max).into_iter().map(|count| count * total).collect()
        } else {
            self.upscaled([min, max], new_min, new_max)
        };
        self.histogram = moved.iter().zip(&update).map(|(a, b)| a + b).collect();
        self.range = Some([new_min, new_max]);
    }

    /// Scale and zero point for what was seen; scale 1 and zero point 0 before the first tensor.
    pub fn params(&self) -> QuantParams {
        match self.range {
            None => QuantParams::int8(1.0, 0),
            Some(range) => {
                let [min, max] = self.search(range);
                affine_params(min, max)
            }
        }
    }

    /// The histogram over a wider range: each bin is cut into 16 parts, which go to the bins their middles lie in.
    fn upscaled(&self, [min, max]: [f32; 2], new_min: f32, new_max: f32) -> Vec<f32> {
        let parts = BINS * UPSAMPLE;
        let size = (max - min) / parts as f32;
        let edges: Vec<f32> = (0..=BINS).map(|i| linspace(new_min, new_max, BINS + 1, i)).collect();
        let mut counts = vec![0.0_f32; BINS];
        let mut bin = 0;
        for part in 0..parts {
            let middle = linspace(min, max, parts + 1, part) + 0.5 * size;
            // Middles ascend up to rounding: step to the last edge that is not above.
            while bin + 1 < BINS && edges[bin + 1] <= middle {
                bin += 1;
            }
            while bin > 0 && edges[bin] > middle {
                bin -= 1;
            }
            counts[bin] += self.histogram[part / UPSAMPLE] / UPSAMPLE as f32;
        }
        counts
    }

    /// Narrows the range from the side with less mass while the quantization error shrinks.
    fn search(&self, [min, max]: [f32; 2]) -> [f32; 2] {
        let total = f64::from(sum(&self.histogram));
        let mut running = 0.0_f64;
        let cumulative: Vec<f32> = self
            .histogram
            .iter()
            .map(|&count| {
                running += f64::from(count);
                running as f32
            })
            .collect();
        let (mut alpha, mut beta) = (0.0_f64, 1.0_f64);
        let (mut start, mut end) = (0, BINS - 1);
        let mut best = f32::INFINITY;
        while alpha < beta {
            let (next_alpha, next_beta) = (alpha + 1e-5, beta - 1e-5);
            let (low, high) = ((next_alpha * total) as f32, (next_beta * total) as f32);
            let mut left = start;
            while left < end && cumulative[left] < low {
                left += 1;
            }
            let mut right = end;
            while right > start && cumulative[right] > high {
                right -= 1;
            }
            let (next_start, next_end);
            if left - start > end - right {
                (next_start, next_end, alpha) = (left, end, next_alpha);
            } else {
                (next_start, next_end, beta) = (start, right, next_beta);
            }
            if (next_start, next_end) == (start, end) {
                continue;
            }
            let error = self.error([min, max], next_start, next_end);
            if error > best {
                break;
            }
            (best, start, end) = (error, next_start, next_end);
        }
        let width = (max - min) / BINS as f32;
        [min + width * start as f32, min + width * (end + 1) as f32]
    }

    /// Estimated squared error of quantizing all values when only bins `start..=end` are inside the range.
    fn error(&self, [min, max]: [f32; 2], start: usize, end: usize) -> f32 {
        let width = (f64::from(max) - f64::from(min)) / BINS as f64;
        let level = width * (end as f64 - start as f64 + 1.0) / LEVELS as f64;
        if level == 0.0 {
            return 0.0;
        }
        let (width, half, level) = (width as f32, (level / 2.0) as f32, level as f32);
        let last = (LEVELS - 1) as f32;
        let errors: Vec<f32> = (0..BINS)
            .map(|i| {
                let begin = (i as f32 - start as f32) * width;
                let stop = begin + width;
                let begin_level = floor_div(begin, level).clamp(0.0, last);
                let stop_level = floor_div(stop, level).clamp(0.0, last);
                let density = self.histogram[i] / width;
                let norm = |from: f32, to: f32| density * ((to * to * to - from * from * from) / 3.0);
                let mut error = norm(begin - (begin_level + 0.5) * level, half);
                error += (stop_level - begin_level - 1.0) * norm(-half, half);
                error + norm(-half, stop - (stop_level * level + half))
            })
            .collect();
        sum(&errors)
    }
}

/// Smallest and largest value.
fn extremes(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
}

/// Counts per bin between `low` and `high`, as `torch.histc`.
fn histogram(values: &[f32], mut low: f32, mut high: f32) -> Vec<f32> {
    let mut counts = vec![0_u32; BINS];
    if low == high {
        (low, high) = extremes(values);
    }
    if low == high {
        (low, high) = (low - 1.0, high + 1.0);
    }
    for &x in values.iter().filter(|&&x| x >= low && x <= high) {
        let position = (x - low) * BINS as f32 / (high - low);
        counts[(position as usize).min(BINS - 1)] += 1;
    }
    counts.into_iter().map(|count| count as f32).collect()
}

/// Element `i` of `torch.linspace(start, end, steps)`: counted from the nearer end, with one rounding.
fn linspace(start: f32, end: f32, steps: usize, i: usize) -> f32 {
    let step = (end - start) / (steps - 1) as f32;
    if i < steps / 2 { libm::fmaf(step, i as f32, start) } else { libm::fmaf(-step, (steps - 1 - i) as f32, end) }
}

/// `floor(a / b)` as PyTorch computes it for floats.
fn floor_div(a: f32, b: f32) -> f32 {
    let remainder = libm::fmodf(a, b);
    let mut quotient = (a - remainder) / b;
    if remainder != 0.0 && (b < 0.0) != (remainder < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return libm::copysignf(0.0, a / b);
    }
    let floor = libm::floorf(quotient);
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

/// Sum of 2048 numbers in the order of PyTorch's vectorized reduction: 8 lanes, 4 interleaved rows of 64 vectors, each summed in
/// blocks of 16.
fn sum(values: &[f32]) -> f32 {
    const ROWS: usize = 4;
    const BLOCK: usize = 16;
    debug_assert_eq!(values.len(), BINS);
    let add = |a: &mut [f32; LANES], b: &[f32; LANES]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    let (vectors, _) = values.as_chunks::<LANES>();
    let mut total = [0.0_f32; LANES];
    for row in 0..ROWS {
        let of_row: Vec<_> = vectors.iter().skip(row).step_by(ROWS).collect();
        let mut sum_of_blocks = [0.0_f32; LANES];
        for block in of_row.chunks(BLOCK) {
            let mut of_block = [0.0_f32; LANES];
            block.iter().for_each(|vector| add(&mut of_block, vector));
            add(&mut sum_of_blocks, &of_block);
        }
        add(&mut total, &sum_of_blocks);
    }
    total.iter().fold(0.0, |sum, lane| sum + lane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_zeros_give_the_smallest_scale() {
        let mut observer = HistogramObserver::int8();
        observer.observe(&[0.0; 10]);
        assert_eq!(observer.params(), QuantParams::int8(super::super::EPS, -128));
    }

    #[test]
    fn a_constant_lands_in_the_middle_bin_and_its_code_is_the_largest() {
        let mut observer = HistogramObserver::int8();
        observer.observe(&[1.5]);
        assert_eq!(observer.histogram()[1024], 1.0);
        let params = observer.params();
        assert_eq!((params, params.quantize(1.5)), (QuantParams::int8(1.5 / 255.0, -128), 127));
    }

    #[test]
    fn infinities_are_not_counted() {
        let mut observer = HistogramObserver::int8();
        observer.observe(&[f32::INFINITY, 1.0, -1.0, f32::NEG_INFINITY]);
        assert_eq!(observer.histogram().iter().sum::<f32>(), 2.0);
    }

    #[test]
    fn nothing_seen_means_no_scaling() {
        assert_eq!(HistogramObserver::int8().params(), QuantParams::int8(1.0, 0));
    }
}
