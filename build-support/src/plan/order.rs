//! Puts the steps of a graph with branches into an order in which less lives at one time.
//!
//! Finding the best order is NP-hard. Tried are the depth-first orders that finish a branch before the next one begins,
//! one that at each time takes the step after which least is live, and then moves of single steps.

use super::fuse::Selected;
use super::memory::{Views, bound, bytes};
use quantize_runtime::Shape;
use quantize_runtime::graph::{Graph, ValueId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The most orders that are tried, times the number of steps: some tenths of a second without optimization.
const WORK: usize = 20_000;

/// The steps in the order that needs least; as they are where no other one needs less.
pub(super) fn reorder<'a>(graph: &Graph<'a>, views: &Views, steps: Vec<Selected<'a>>) -> Vec<Selected<'a>> {
    let dependencies = Dependencies::new(graph, views, &steps);
    let in_order = |order: &[usize]| order.iter().map(|&step| steps[step].clone()).collect::<Vec<_>>();
    let needed = |order: &[usize]| bound(graph, views, &in_order(order));
    let as_it_is: Vec<usize> = (0..steps.len()).collect();
    let least = needed(&as_it_is);
    let mut best = (least, as_it_is);
    let is_free = |step: usize| dependencies.span(&best.1, step).len() > 1;
    if !(0..steps.len()).any(is_free) {
        return steps;
    }

    let needs = needs(graph, &steps, &dependencies);
    for order in [
        dependencies.depth_first(|step| step),
        dependencies.depth_first(Reverse),
        dependencies.depth_first(|step| Reverse(needs[step])),
        dependencies.least_first(graph, views, &steps),
    ] {
        let needed = needed(&order);
        if needed < best.0 {
            best = (needed, order);
        }
    }
    let (mut current, mut improved) = (best.clone(), 0);
    for turn in 0..WORK / steps.len() {
        if turn >= improved + 2 * steps.len() {
            break;
        }
        let (step, places) = (turn % steps.len(), places(&current.1));
        // To the ends of its span in turn.
        let span = dependencies.span(&places, step);
        let to = if (turn / steps.len()).is_multiple_of(2) { span.start } else { span.end - 1 };
        if to == places[step] {
            continue;
        }
        let mut order = current.1.clone();
        order.remove(places[step]);
        order.insert(to, step);
        let needed = needed(&order);
        if needed < current.0 {
            improved = turn;
        }
        if needed <= current.0 {
            current = (needed, order);
        }
    }
    let best = if current.0 < best.0 { current } else { best };
    if best.0 < least { in_order(&best.1) } else { steps }
}

/// Which steps must come before a step, and which after it.
struct Dependencies {
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
}

impl Dependencies {
    /// A step depends on all that write a part of what it reads.
    fn new(graph: &Graph<'_>, views: &Views, steps: &[Selected<'_>]) -> Self {
        let part = |&(value, _): &(_, _)| {
            let (root, start) = views.root(value);
            (root, start..start + bytes(graph, value))
        };
        let mut dependencies = Self { before: vec![Vec::new(); steps.len()], after: vec![Vec::new(); steps.len()] };
        for (reader, step) in steps.iter().enumerate() {
            let reads: Vec<_> = step.inputs.iter().map(part).collect();
            for (writer, other) in steps[..reader].iter().enumerate() {
                let meets = other.outputs.iter().map(part).any(|(root, written)| {
                    let overlaps = |read: &Range<usize>| read.start < written.end && written.start < read.end;
                    reads.iter().any(|(other, read)| *other == root && overlaps(read))
                });
                if meets {
                    dependencies.before[reader].push(writer);
                    dependencies.after[writer].push(reader);
                }
            }
        }
        dependencies
    }

    /// The places in an order to which a step can move, where `places` are those of the steps.
    fn span(&self, places: &[usize], step: usize) -> Range<usize> {
        let start = self.before[step].iter().map(|&other| places[other] + 1).max().unwrap_or(0);
        let end = self.after[step].iter().map(|&other| places[other]).min().unwrap_or(places.len());
        start..end
    }

    /// Each step right behind all that it depends on, of which those with the smallest key come first.
    fn depth_first<K: Ord>(&self, key: impl Fn(usize) -> K) -> Vec<usize> {
        let (mut order, mut is_done) = (Vec::new(), vec![false; self.before.len()]);
        let mut open: Vec<usize> = (0..self.before.len()).filter(|&step| self.after[step].is_empty()).rev().collect();
        while let Some(step) = open.pop() {
            let mut missing: Vec<usize> = self.before[step].iter().copied().filter(|&other| !is_done[other]).collect();
            if missing.is_empty() {
                if !std::mem::replace(&mut is_done[step], true) {
                    order.push(step);
                }
                continue;
            }
            missing.sort_by_key(|&other| Reverse(key(other)));
            open.push(step);
            open.append(&mut missing);
        }
        order
    }

    /// Of the steps whose operands there are, always the one after which least is live.
    fn least_first(&self, graph: &Graph<'_>, views: &Views, steps: &[Selected<'_>]) -> Vec<usize> {
        let roots = |operands: &[(ValueId, Shape)]| operands.iter().map(|&(value, _)| views.root(value).0).collect();
        let reads: Vec<BTreeSet<ValueId>> = steps.iter().map(|step| roots(&step.inputs)).collect();
        let writes: Vec<BTreeSet<ValueId>> = steps.iter().map(|step| roots(&step.outputs)).collect();
        let mut readers: BTreeMap<ValueId, usize> = BTreeMap::new();
        let outputs = graph.outputs.iter().map(|port| views.root(port.value).0);
        for root in reads.iter().flatten().copied().chain(outputs) {
            *readers.entry(root).or_default() += 1;
        }
        let (mut order, mut written): (Vec<usize>, BTreeSet<ValueId>) = (Vec::new(), BTreeSet::new());
        let mut waits: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut left: BTreeSet<usize> = (0..steps.len()).collect();
        while let Some(&next) = left.iter().filter(|&&step| waits[step] == 0).min_by_key(|&&step| {
            let made: usize = writes[step].difference(&written).map(|&root| bytes(graph, root)).sum();
            let freed: usize =
                reads[step].iter().filter(|root| readers[root] == 1).map(|&root| bytes(graph, root)).sum();
            (made as i64 - freed as i64, step) // far below 2^63
        }) {
            left.remove(&next);
            order.push(next);
            written.extend(&writes[next]);
            for root in &reads[next] {
                readers.entry(*root).and_modify(|readers| *readers -= 1);
            }
            for &other in &self.after[next] {
                waits[other] -= 1;
            }
        }
        order
    }
}

/// By step: the most that it or a step it depends on works in.
fn needs(graph: &Graph<'_>, steps: &[Selected<'_>], dependencies: &Dependencies) -> Vec<usize> {
    let mut needs: Vec<usize> = Vec::with_capacity(steps.len());
    for (step, before) in steps.iter().zip(&dependencies.before) {
        let own = step.inputs.iter().chain(&step.outputs).map(|&(value, _)| bytes(graph, value)).sum();
        needs.push(before.iter().map(|&other| needs[other]).chain([own]).max().unwrap_or(own));
    }
    needs
}

fn places(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    for (place, &step) in order.iter().enumerate() {
        places[step] = place;
    }
    places
}

#[cfg(test)]
mod tests {
    use crate::plan::plan;
    use crate::tosa::samples::Builder;
    use quantize_runtime::graph::ElementType::I8;
    use quantize_runtime::ops;

    #[test]
    fn a_branch_is_finished_before_the_next_one_begins() {
        let mut builder = Builder::new(0);
        let x = builder.input("x", I8, &[1, 1, 8]);
        // First all that is large, then what makes it small again.
        let tile = || ops::Tile { input: x, multiples: vec![1, 100, 1] };
        let large: Vec<_> = (0..3).map(|_| builder.push(tile(), I8).unwrap()).collect();
        for (index, value) in large.into_iter().enumerate() {
            let small = builder.push(ops::ReduceMax { axis: 1, input: value, ..Default::default() }, I8).unwrap();
            builder.lowered.output(format!("y{index}"), small);
        }
        let plan = plan(&builder.lowered.graph).unwrap();
        assert_eq!(plan.lower_bound, 8 + 800 + 2 * 8);
    }
}
