//! Observers: from the tensors of a calibration run to scale and zero point, bit for bit as torchao's.
//!
//! Source: oracle of VgfQuantizer, section 9. Every rounding of the reference is kept: all steps are f32 unless said otherwise,
//! and sums have its order.

use crate::config::{Activation, Dtype};
use crate::quantize::QuantParams;
use quantize_syntax::attr::Observer as Method;

const BINS: usize = 2048;
/// How many parts a bin is split into when the range grows.
const UPSAMPLE: usize = 16;
const LANES: usize = 8;

/// Scale of a symmetric tensor with these extremes.
pub(crate) fn symmetric_scale([min, max]: [f32; 2], qmin: i32, qmax: i32, eps: f32) -> f32 {
    let largest = (-min.min(0.0)).max(max.max(0.0));
    (largest / ((qmax - qmin) as f32 / 2.0)).max(eps)
}

/// Scale and zero point of a tensor with these extremes.
fn params([min, max]: [f32; 2], activation: Activation) -> QuantParams {
    let Activation { dtype, qmin, qmax, symmetric, eps, .. } = activation;
    if symmetric {
        return QuantParams { dtype, scale: symmetric_scale([min, max], qmin, qmax, eps), zero_point: 0, qmin, qmax };
    }
    let (negative, positive) = (min.min(0.0), max.max(0.0));
    let scale = ((positive - negative) / (qmax - qmin) as f32).max(eps);
    let zero_point = (qmin - libm::rintf(negative / scale) as i32).clamp(qmin, qmax);
    QuantParams { dtype, scale, zero_point, qmin, qmax }
}

/// How many codes upstream's error estimate counts with: all of the type, whatever the range.
fn levels(dtype: Dtype) -> u32 {
    match dtype {
        Dtype::Int8 | Dtype::Uint8 => 1 << 8,
        Dtype::Int16 => 1 << 16,
        Dtype::Int32 => unreachable!("activations have 8 or 16 bits"),
    }
}

/// Finds scale and zero point of an activation from all its tensors.
#[derive(Clone, Debug)]
pub struct Observer {
    activation: Activation,
    statistics: Statistics,
}

/// What an observer keeps of the tensors it has seen.
#[derive(Clone, Debug)]
enum Statistics {
    Histogram(Histogram),
    /// Smallest and largest value, or moving averages of them; `None` before the first tensor.
    Range(Option<[f32; 2]>),
}

/// Weight of a new tensor in a moving average.
const AVERAGING: f32 = 0.01;

impl Observer {
    /// An observer that has seen nothing.
    pub fn new(activation: Activation) -> Self {
        let statistics = match activation.observer {
            Method::Histogram | Method::Percentile(_) | Method::Mse => Statistics::Histogram(Histogram::default()),
            Method::MinMax | Method::MovingAverage => Statistics::Range(None),
        };
        Self { activation, statistics }
    }

    /// Adds the values of one tensor.
    pub fn observe(&mut self, values: &[f32]) {
        match &mut self.statistics {
            Statistics::Histogram(histogram) => histogram.observe(values),
            Statistics::Range(range) => {
                let (low, high) = extremes(values);
                *range = Some(match *range {
                    None => [low, high],
                    Some([min, max]) if self.activation.observer == Method::MovingAverage => {
                        [min + AVERAGING * (low - min), max + AVERAGING * (high - max)]
                    }
                    Some([min, max]) => [min.min(low), max.max(high)],
                });
            }
        }
    }

    /// Scale and zero point for what was seen; scale 1 and zero point 0 before the first tensor.
    pub fn params(&self) -> QuantParams {
        let range = match &self.statistics {
            Statistics::Range(range) => *range,
            Statistics::Histogram(histogram) => histogram.range.map(|range| match self.activation.observer {
                Method::Percentile(share) => histogram.central(range, share),
                Method::Mse => histogram.least_error(range, self.activation),
                _ => histogram.search(range, levels(self.activation.dtype)),
            }),
        };
        match range {
            None => {
                let Activation { dtype, qmin, qmax, .. } = self.activation;
                QuantParams { dtype, scale: 1.0, zero_point: 0, qmin, qmax }
            }
            Some(range) => params(range, self.activation),
        }
    }

    /// Counts of the 2048 bins; `None` for an observer that keeps none.
    pub fn histogram(&self) -> Option<&[f32]> {
        match &self.statistics {
            Statistics::Histogram(histogram) => Some(&histogram.counts),
            Statistics::Range(_) => None,
        }
    }
}

/// Counts of all values seen, in bins of equal width over the range that holds them all.
#[derive(Clone, Debug)]
struct Histogram {
    counts: Vec<f32>,
    /// Extremes seen so far; `None` before the first tensor.
    range: Option<[f32; 2]>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0.0; BINS], range: None }
    }
}

impl Histogram {
    fn observe(&mut self, values: &[f32]) {
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
            self.counts = histogram(values, low, high);
            return;
        };
        let (new_min, new_max) = (min.min(low), max.max(high));
        let update = histogram(values, new_min, new_max);
        let moved = if [new_min, new_max] == [min, max] {
            core::mem::take(&mut self.counts)
        } else if min == max {
            let total = sum(&self.counts);
            histogram(&[min], new_min, new_max).into_iter().map(|count| count * total).collect()
        } else {
            self.upscaled([min, max], new_min, new_max)
        };
        self.counts = moved.iter().zip(&update).map(|(a, b)| a + b).collect();
        self.range = Some([new_min, new_max]);
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
            counts[bin] += self.counts[part / UPSAMPLE] / UPSAMPLE as f32;
        }
        counts
    }

    /// Narrows the range from the side with less mass while the quantization error shrinks.
    fn search(&self, [min, max]: [f32; 2], levels: u32) -> [f32; 2] {
        let total = f64::from(sum(&self.counts));
        let mut running = 0.0_f64;
        let cumulative: Vec<f32> = self
            .counts
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
            let error = self.error([min, max], next_start, next_end, levels);
            if error > best {
                break;
            }
            (best, start, end) = (error, next_start, next_end);
        }
        let width = (max - min) / BINS as f32;
        [min + width * start as f32, min + width * (end + 1) as f32]
    }

    /// The range that holds `share` percent of the values, with as many below it as above.
    fn central(&self, [min, max]: [f32; 2], share: f32) -> [f32; 2] {
        let total: f64 = self.counts.iter().map(|&count| f64::from(count)).sum();
        let tail = total * (100.0 - f64::from(share)) / 200.0;
        // Bins that lie in a tail as a whole; the tails hold less than all values, so that a bin remains between them.
        let cut = |counts: &mut dyn Iterator<Item = &f32>| {
            let mut mass = 0.0;
            let in_tail = |count: &&f32| {
                mass += f64::from(**count);
                mass <= tail
            };
            counts.take_while(in_tail).count()
        };
        let width = (max - min) / BINS as f32;
        let (below, above) = (cut(&mut self.counts.iter()), cut(&mut self.counts.iter().rev()));
        [min + width * below as f32, max - width * above as f32]
    }

    /// The range, among those that shrink both ends towards zero by the same share, with the least squared error of the
    /// values at the middles of their bins.
    fn least_error(&self, [min, max]: [f32; 2], activation: Activation) -> [f32; 2] {
        const STEPS: u8 = 100;
        let width = (max - min) / BINS as f32;
        let error = |range: [f32; 2]| {
            let params = params(range, activation);
            let of_bin = |(bin, &count): (usize, &f32)| {
                let middle = min + width * (bin as f32 + 0.5);
                let error = f64::from(middle) - f64::from(params.dequantize(params.quantize(middle)));
                f64::from(count) * error * error
            };
            self.counts.iter().enumerate().map(of_bin).sum::<f64>()
        };
        let shrunk = (1..=STEPS).rev().map(|step| [min, max].map(|end| end * (f32::from(step) / f32::from(STEPS))));
        let errors = shrunk.map(|range| (error(range), range));
        let (_, best) = errors.reduce(|best, next| if next.0 < best.0 { next } else { best }).expect("there are steps");
        best
    }

    /// Estimated squared error of quantizing all values when only bins `start..=end` are inside the range.
    fn error(&self, [min, max]: [f32; 2], start: usize, end: usize, levels: u32) -> f32 {
        let width = (f64::from(max) - f64::from(min)) / BINS as f64;
        let level = width * (end as f64 - start as f64 + 1.0) / f64::from(levels);
        if level == 0.0 {
            return 0.0;
        }
        let (width, half, level) = (width as f32, (level / 2.0) as f32, level as f32);
        let last = (levels - 1) as f32;
        let errors: Vec<f32> = (0..BINS)
            .map(|i| {
                let begin = (i as f32 - start as f32) * width;
                let stop = begin + width;
                let begin_level = floor_div(begin, level).clamp(0.0, last);
                let stop_level = floor_div(stop, level).clamp(0.0, last);
                let density = self.counts[i] / width;
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
    use crate::config::{Config, EPS, EPS_INT16};

    fn observer(method: Method) -> Observer {
        Observer::new(Activation { observer: method, ..Config::PER_CHANNEL.activation })
    }

    #[test]
    fn all_zeros_give_the_smallest_scale() {
        for method in [Method::Histogram, Method::MinMax, Method::MovingAverage, Method::Percentile(99.0), Method::Mse]
        {
            let mut observer = observer(method);
            observer.observe(&[0.0; 10]);
            assert_eq!(observer.params(), QuantParams::int8(EPS, -128), "{method:?}");
        }
    }

    #[test]
    fn a_constant_lands_in_the_middle_bin_and_its_code_is_the_largest() {
        let mut observer = observer(Method::Histogram);
        observer.observe(&[1.5]);
        assert_eq!(observer.histogram().unwrap()[1024], 1.0);
        let params = observer.params();
        assert_eq!((params, params.quantize(1.5)), (QuantParams::int8(1.5 / 255.0, -128), 127));
    }

    #[test]
    fn infinities_are_not_counted() {
        let mut observer = observer(Method::Histogram);
        observer.observe(&[f32::INFINITY, 1.0, -1.0, f32::NEG_INFINITY]);
        assert_eq!(observer.histogram().unwrap().iter().sum::<f32>(), 2.0);
    }

    #[test]
    fn nothing_seen_means_no_scaling() {
        assert_eq!(observer(Method::Histogram).params(), QuantParams::int8(1.0, 0));
        assert_eq!(observer(Method::MinMax).params(), QuantParams::int8(1.0, 0));
    }

    #[test]
    fn extremes_are_kept_or_averaged() {
        let range = |method| {
            let mut observer = observer(method);
            observer.observe(&[-1.0, 3.0]);
            observer.observe(&[0.5, 53.0]);
            let params = observer.params();
            [params.dequantize(-128), params.dequantize(127)]
        };
        let close = |[a, b]: [f32; 2], [c, d]: [f32; 2]| (a - c).abs() < 0.12 && (b - d).abs() < 0.12;
        assert!(close(range(Method::MinMax), [-1.0, 53.0]), "{:?}", range(Method::MinMax));
        assert!(close(range(Method::MovingAverage), [-0.985, 3.5]), "{:?}", range(Method::MovingAverage));
    }

    #[test]
    fn outliers_are_cut_off() {
        let values: Vec<f32> = (0..10_000_u16).map(|i| f32::from(i) / 10_000.0).collect();
        let largest = |method| {
            let mut observer = observer(method);
            observer.observe(&[0.0, 100.0]);
            (0..100).for_each(|_| observer.observe(&values));
            let params = observer.params();
            params.dequantize(127)
        };
        assert!((largest(Method::MinMax) - 100.0).abs() < 0.1);
        assert!((largest(Method::Percentile(99.9)) - 1.0).abs() < 0.1);
        // A million values err by R²/(12 · 255²) each, one by (100 − R)²: together least at R = 44, give or take the bins.
        let mse = largest(Method::Mse);
        assert!((38.0..52.0).contains(&mse), "{mse}");
    }

    #[test]
    fn sixteen_bits_are_symmetric() {
        let mut observer = Observer::new(Activation { observer: Method::MinMax, ..Config::A16W8.activation });
        assert_eq!(observer.params().scale, 1.0);
        observer.observe(&[-65.534, 8.0]);
        let params = observer.params();
        assert_eq!((params.zero_point, params.scale), (0, 65.534 / 32767.0));
        assert_eq!([-99.0, 0.0, 8.0, 99.0].map(|x| params.quantize(x)), [-32767, 0, 4000, 32767]);
        let mut zeros = Observer::new(Config::A16W8.activation);
        zeros.observe(&[0.0]);
        assert_eq!(zeros.params().scale, EPS_INT16);
    }

    #[test]
    fn unsigned_codes_start_at_zero() {
        let mut observer = Observer::new(Activation { observer: Method::MinMax, ..Config::UINT8.activation });
        observer.observe(&[-1.0, 1.55]);
        let params = observer.params();
        assert_eq!([-9.0, 0.0, 1.55].map(|x| params.quantize(x)), [0, 100, 255]);
    }

    #[test]
    fn snorm_has_no_code_below_minus_127() {
        let mut observer = Observer::new(Config::SNORM.activation);
        observer.observe(&[0.0, 2.54]);
        let params = observer.params();
        assert_eq!((params.zero_point, params.quantize(-9.0)), (-127, -127));
    }
}
