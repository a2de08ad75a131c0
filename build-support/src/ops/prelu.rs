//! Leaky relu with trained slopes; decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `x` above zero, `slope · x` elsewhere; operands: x, and one slope or one for each channel (axis 1).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Prelu;

impl Room for Prelu {
    const NAME: &'static str = "prelu";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (x, slopes) = (inputs[0], inputs[1]);
        let fits = matches!(slopes, [] | [1]) || (x.len() >= 2 && *slopes == x[1..2]);
        if fits { Ok(x.to_vec()) } else { Err(format!("slopes {slopes:?} for {x:?}")) }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let slopes = inputs[1].as_slice().expect("standard layout");
        let leak = |slope: f32| move |x: f32| if x > 0.0 { x } else { slope * x };
        if let [slope] = *slopes {
            return inputs[0].mapv(leak(slope));
        }
        let mut output = inputs[0].clone();
        for (mut plane, &slope) in output.axis_iter_mut(ndarray::Axis(1)).zip(slopes) {
            plane.mapv_inplace(leak(slope));
        }
        output
    }

    fn target(&self) -> &'static str {
        "aten.prelu.default"
    }

    composite!();
}
