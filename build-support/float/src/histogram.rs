//! Histograms of activations, bit for bit as torchao's.
//!
//! Source: oracle of VgfQuantizer, section 9. Every rounding of the reference is kept: all steps are f32 unless said otherwise,
//! and sums have its order.

use crate::extremes;

const BINS: usize = 2048;
/// How many parts a bin is split into when the range grows.
const UPSAMPLE: usize = 16;
const LANES: usize = 8;

/// Counts of all values seen, in bins of equal width over the range that holds them all.
#[derive(Clone, Debug)]
pub struct Histogram {
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
    /// Adds the values of one tensor, but for infinities.
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

    /// Counts of the 2048 bins.
    pub fn counts(&self) -> &[f32] {
        &self.counts
    }

    /// Smallest and largest value; `None` before the first one.
    pub fn range(&self) -> Option<[f32; 2]> {
        self.range
    }

    /// Narrows the range from the side with less mass while the error of quantizing to so many levels shrinks.
    pub fn search(&self, levels: u32) -> Option<[f32; 2]> {
        let [min, max] = self.range?;
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
        Some([min + width * start as f32, min + width * (end + 1) as f32])
    }

    /// The range that holds `share` percent of the values, with as many below it as above.
    pub fn central(&self, share: f32) -> Option<[f32; 2]> {
        let [min, max] = self.range?;
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
        Some([min + width * below as f32, max - width * above as f32])
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
