//! What the project means to reach, beside what was counted.

use crate::{Costs, Measured};

/// Instructions per MAC of a pointwise or fully connected layer, by core.
const LAYERS: [(&str, f64); 4] = [("M0", 6.0), ("M4", 1.6), ("M55", 0.25), ("RV32", 4.0)];
/// Instructions per MAC of a network, by core.
const NETWORKS: [(&str, f64); 2] = [("M4", 2.0), ("M55", 0.45)];
/// Bytes of code of the keyword network.
const CODE: f64 = 16_000.0;
/// Bytes of a program with a network like person_detect.
const FLASH: f64 = 275_000.0;
/// Bytes of stack of `run`.
const STACK: f64 = 1024.0;
/// Bytes of an arena by what is live at one step.
const ARENA: f64 = 1.02;
/// Of microflow's instructions.
const OF_MICROFLOW: f64 = 1.0 / 6.0;

/// Figures on all cores that have a goal, and the largest that reaches it.
pub(crate) struct Goal {
    /// What is counted.
    pub(crate) what: String,
    /// Of each core: the figure and its limit.
    pub(crate) figures: Vec<(&'static str, f64, f64)>,
    /// Digits behind the point.
    pub(crate) digits: usize,
}

impl Goal {
    pub(crate) fn is_reached(&self) -> bool {
        self.figures.iter().all(|(_, figure, limit)| figure <= limit)
    }
}

/// All goals of what was measured on all cores with steps.
pub(crate) fn goals(measured: &[Measured]) -> Vec<Goal> {
    measured.iter().flat_map(of_one).collect()
}

fn of_one(measured: &Measured) -> Vec<Goal> {
    let Measured { name, is_layer, generated, costs, peer } = measured;
    let goal = |what: &str, digits, figures: Vec<_>| Goal { what: format!("{name}: {what}"), figures, digits };
    let per_mac = |limits: &[(&str, f64)], of: &dyn Fn(&Costs) -> f64| {
        let on = |costs: &Costs| limits.iter().find(|(core, _)| *core == costs.core.name).map(|(_, limit)| *limit);
        costs.iter().filter_map(|costs| Some((costs.core.name, of(costs), on(costs)?))).collect::<Vec<_>>()
    };
    let by_core = |of: &dyn Fn(&Costs) -> f64, limit: f64| {
        costs.iter().map(|costs| (costs.core.name, of(costs), limit)).collect::<Vec<_>>()
    };
    if *is_layer {
        let steps = generated.steps.iter().enumerate();
        let (index, step) = steps.max_by_key(|(_, step)| step.macs).expect("a layer is a step");
        let of = |costs: &Costs| costs.steps.as_ref().expect("counted for all cores")[index] as f64 / step.macs as f64;
        return match *name {
            "pointwise" | "fully_connected" => vec![goal("instructions per MAC", 3, per_mac(&LAYERS, &of))],
            _ => Vec::new(),
        };
    }
    let mut goals = vec![goal("stack", 0, by_core(&|costs| costs.run.stack as f64, STACK))];
    let of_network = |costs: &Costs| costs.run.instructions as f64 / generated.macs as f64;
    if matches!(*name, "mlperf_kws_dscnn" | "mlperf_vww" | "person_detect") {
        goals.push(goal("instructions per MAC", 3, per_mac(&NETWORKS, &of_network)));
    }
    if *name != "sine" {
        let [arena, bound] = generated.arena.map(|bytes| bytes as f64);
        goals.push(goal("arena by its lower bound", 3, by_core(&|_| arena / bound, ARENA)));
    }
    match *name {
        "mlperf_kws_dscnn" => goals.push(goal("bytes of code", 0, by_core(&|costs| costs.size.code as f64, CODE))),
        "person_detect" => goals.push(goal("bytes of flash", 0, by_core(&|costs| costs.size.flash as f64, FLASH))),
        _ => {}
    }
    if matches!(*name, "speech" | "person_detect") {
        let beside = |what: &str, digits, of: &dyn Fn(&Costs, usize) -> [f64; 2], limit| {
            let figure = |(index, costs): (usize, &Costs)| {
                let [ours, peers] = of(costs, index);
                (costs.core.name, ours / peers, limit)
            };
            goal(what, digits, costs.iter().enumerate().map(figure).collect())
        };
        goals.extend([
            beside(
                "instructions by microflow's",
                3,
                &|costs, index| [costs.run.instructions as f64, peer[index].1.instructions as f64],
                OF_MICROFLOW,
            ),
            beside(
                "flash by microflow's",
                3,
                &|costs, index| [costs.size.flash as f64, peer[index].0.flash as f64],
                1.0,
            ),
            beside(
                "RAM and stack by microflow's",
                3,
                &|Costs { size, run, .. }, index| {
                    let (peer_size, peer_run) = &peer[index];
                    [(size.ram + run.stack) as f64, (peer_size.ram + peer_run.stack) as f64]
                },
                1.0,
            ),
        ]);
    }
    goals
}
