//! How much stack a run takes on microcontrollers, for networks of steps that were counted there.

use crate::plan::{Convolution, Epilogue, Kernel, Plan, Step, Window};
use std::collections::BTreeMap;

/// Sets of kernels of `quantize-runtime` for microcontrollers.
const SETS: [&str; 5] = ["armv6m", "armv7em", "armv7m", "mve", "riscv32"];
/// Bytes that `docs/firmware-performance.md` counts at most for any network, on any core.
const MOST: usize = 1024;
/// The same on a Cortex-M55 where three windows of a convolution are more than it usually has on the stack.
const MOST_WITH_LONG_WINDOWS: usize = 1344;
/// Activations of such a window.
const LONG_WINDOW: usize = 102;
/// Activations of the longest window that is copied on every core.
const LONGEST_WINDOW: usize = 256;
/// Taps of the largest window of a depthwise convolution that every core has a kernel for.
const MOST_TAPS: usize = 25;

/// Bytes of stack of a run at most, by set of kernels; none where a step is of a kind that was not counted.
pub(crate) fn stack(plan: &Plan<'_>) -> BTreeMap<String, usize> {
    let windows: Option<Vec<usize>> = plan.steps.iter().map(window).collect();
    let Some(windows) = windows.filter(|_| plan.strips.is_empty()) else { return BTreeMap::new() };
    let is_long = windows.into_iter().any(|window| window >= LONG_WINDOW);
    let most = |set: &str| if set == "mve" && is_long { MOST_WITH_LONG_WINDOWS } else { MOST };
    SETS.map(|set| (set.to_owned(), most(set))).into()
}

/// The activations of a window that a step copies; `None` where steps of its kind were not counted.
fn window(step: &Step<'_>) -> Option<usize> {
    match &step.kernel {
        Kernel::Convolution(convolution) => window_of_convolution(convolution),
        Kernel::AvgPool2d(_)
        | Kernel::BinaryF32(_)
        | Kernel::Cast
        | Kernel::Clamp(_)
        | Kernel::Copy
        | Kernel::Dequantize(_)
        | Kernel::Pad(_)
        | Kernel::Quantize(_)
        | Kernel::Reduce(_)
        | Kernel::ReduceF32(_)
        | Kernel::Rescale(_)
        | Kernel::RescaledBinary(_)
        | Kernel::RescaledSum(_)
        | Kernel::Table(_)
        | Kernel::Transpose(_)
        | Kernel::UnaryF32(_) => Some(0),
        _ => None,
    }
}

fn window_of_convolution(convolution: &Convolution<'_>) -> Option<usize> {
    let ([.., before], [.., after]) = (convolution.input.sizes::<4>(), convolution.output.sizes::<4>());
    let (Window::Conv2d { kernel, pad, .. } | Window::DepthwiseConv2d { kernel, pad, .. }, Epilogue::Rescale(_)) =
        (convolution.window, &convolution.epilogue)
    else {
        return None;
    };
    let taps = usize::from(kernel[0]) * usize::from(kernel[1]);
    match convolution.window {
        Window::DepthwiseConv2d { .. } => (before == after && taps <= MOST_TAPS).then_some(0),
        _ if taps == 1 && pad == [0; 4] => Some(0),
        _ => Some(taps * before).filter(|&len| len <= LONGEST_WINDOW),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::plan;
    use crate::tosa::samples;

    #[test]
    fn only_networks_of_counted_steps_have_figures() {
        let mut counted = [0, 0];
        for seed in 0..300 {
            let lowered = samples::random(seed, 3);
            let plan = plan(&lowered.graph).expect("a plan");
            let stack = stack(&plan);
            let is_known = plan.steps.iter().all(|step| window(step).is_some());
            assert_eq!(stack.is_empty(), !is_known, "seed {seed}");
            assert!(stack.values().all(|bytes| (MOST..=MOST_WITH_LONG_WINDOWS).contains(bytes)), "{stack:?}");
            counted[usize::from(is_known)] += 1;
        }
        assert!(counted.iter().all(|&count| count > 10), "{counted:?}");
    }
}
