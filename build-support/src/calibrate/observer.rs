//! Observers: from the tensors of a calibration run to scale and zero point, bit for bit as torchao's.
//!
//! Source: oracle of VgfQuantizer, section 9.

use crate::config::{Activation, Dtype};
use crate::quantize::QuantParams;
use quantize_float::{Histogram, extremes};
use quantize_syntax::attr::Observer as Method;

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
    /// Smallest and largest value; `None` before the first tensor.
    Range(Option<[f32; 2]>),
    /// Moving averages of these, beside those of all tensors; `None` before the first one.
    Average(Option<Average>),
}

#[derive(Clone, Copy, Debug)]
struct Average {
    mean: [f32; 2],
    seen: [f32; 2],
}

/// Weight of a new tensor in a moving average.
const AVERAGING: f32 = 0.01;

impl Observer {
    /// An observer that has seen nothing.
    pub fn new(activation: Activation) -> Self {
        let statistics = match activation.observer {
            Method::Histogram | Method::Percentile(_) | Method::Mse => Statistics::Histogram(Histogram::default()),
            Method::MinMax => Statistics::Range(None),
            Method::MovingAverage => Statistics::Average(None),
        };
        Self { activation, statistics }
    }

    /// Adds the values of one tensor.
    pub fn observe(&mut self, values: &[f32]) {
        match &mut self.statistics {
            Statistics::Histogram(histogram) => histogram.observe(values),
            Statistics::Range(range) => {
                let new = extremes(values).into();
                *range = Some(range.map_or(new, |old| union(old, new)));
            }
            Statistics::Average(average) => {
                let new: [f32; 2] = extremes(values).into();
                *average = Some(match *average {
                    None => Average { mean: new, seen: new },
                    Some(Average { mean: [min, max], seen }) => Average {
                        mean: [min + AVERAGING * (new[0] - min), max + AVERAGING * (new[1] - max)],
                        seen: union(seen, new),
                    },
                });
            }
        }
    }

    /// Scale and zero point for what was seen; scale 1 and zero point 0 before the first tensor.
    pub fn params(&self) -> QuantParams {
        let range = match &self.statistics {
            Statistics::Range(range) => *range,
            Statistics::Average(average) => average.map(|average| average.mean),
            Statistics::Histogram(histogram) => match self.activation.observer {
                Method::Percentile(share) => histogram.central(share),
                Method::Mse => least_error(histogram, self.activation),
                _ => histogram.search(levels(self.activation.dtype)),
            },
        };
        match range {
            None => {
                let Activation { dtype, qmin, qmax, .. } = self.activation;
                QuantParams { dtype, scale: 1.0, zero_point: 0, qmin, qmax }
            }
            Some(range) => params(range, self.activation),
        }
    }

    /// Smallest and largest value seen; `None` before the first tensor.
    pub fn range(&self) -> Option<[f32; 2]> {
        match &self.statistics {
            Statistics::Histogram(histogram) => histogram.range(),
            Statistics::Range(range) => *range,
            Statistics::Average(average) => average.map(|average| average.seen),
        }
    }

    /// Counts of the 2048 bins; `None` for an observer that keeps none.
    pub fn histogram(&self) -> Option<&[f32]> {
        match &self.statistics {
            Statistics::Histogram(histogram) => Some(histogram.counts()),
            Statistics::Range(_) | Statistics::Average(_) => None,
        }
    }
}

/// The extremes of two tensors.
fn union([a, b]: [f32; 2], [c, d]: [f32; 2]) -> [f32; 2] {
    [a.min(c), b.max(d)]
}

/// The range, among those that shrink both ends towards zero by the same share, with the least squared error of the values at
/// the middles of their bins.
fn least_error(histogram: &Histogram, activation: Activation) -> Option<[f32; 2]> {
    const STEPS: u8 = 100;
    let [min, max] = histogram.range()?;
    let width = (max - min) / histogram.counts().len() as f32;
    let error = |range: [f32; 2]| {
        let params = params(range, activation);
        let of_bin = |(bin, &count): (usize, &f32)| {
            let middle = min + width * (bin as f32 + 0.5);
            let error = f64::from(middle) - f64::from(params.dequantize(params.quantize(middle)));
            f64::from(count) * error * error
        };
        histogram.counts().iter().enumerate().map(of_bin).sum::<f64>()
    };
    let shrunk = (1..=STEPS).rev().map(|step| [min, max].map(|end| end * (f32::from(step) / f32::from(STEPS))));
    let errors = shrunk.map(|range| (error(range), range));
    errors.reduce(|best, next| if next.0 < best.0 { next } else { best }).map(|(_, range)| range)
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
        let mut average = observer(Method::MovingAverage);
        [[-1.0, 3.0], [0.5, 53.0]].iter().for_each(|values| average.observe(values));
        assert_eq!(average.range(), Some([-1.0, 53.0]));
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
