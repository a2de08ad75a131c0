//! Which values of a graph share a buffer, how long each buffer lives, and which results may be written over an operand.

use super::fuse::Selected;
use super::place::{ALIGNMENT, Buffer, Overlap, loads, lower_bound};
use super::strips::Strip;
use super::{Kernel, Parts, in_place};
use quantize_runtime::Shape;
use quantize_runtime::graph::{Graph, ValueId};
use quantize_runtime::ops::Op;
use quantize_runtime::steps;
use std::collections::BTreeMap;
use std::ops::Range;

/// For each value the one in whose memory it lies, and from which byte on; for most values that is the value itself.
#[derive(Clone)]
pub(super) struct Views(Vec<(ValueId, usize)>);

impl Views {
    /// With the result of each RESHAPE in the memory of its operand.
    pub(super) fn new(graph: &Graph<'_>) -> Self {
        let mut views = Self((0..).map(|index| (ValueId(index), 0)).take(graph.values.len()).collect());
        for node in &graph.nodes {
            if let Op::Reshape(op) = &node.op {
                views.0[node.output().0 as usize] = (op.input, 0);
            }
        }
        views
    }

    /// The value whose memory is a buffer, and the first byte in it.
    pub(super) fn root(&self, value: ValueId) -> (ValueId, usize) {
        let (parent, offset) = self.0[value.0 as usize];
        if parent == value {
            return (value, 0);
        }
        let (root, start) = self.root(parent);
        (root, start + offset)
    }

    /// Without the steps that only move elements from one tensor into another which can lie in its memory: contiguous SLICEs,
    /// and operands of CONCAT that are contiguous in its result. A tensor that makes the arena larger in this way is moved.
    pub(super) fn extend<'a>(&mut self, graph: &Graph<'a>, steps: &mut Vec<Selected<'a>>) {
        let mut least = bound(graph, self, steps);
        let mut first = 0;
        while first < steps.len() {
            // All operands of a CONCAT together.
            let node = steps[first].node;
            let count = steps[first..].iter().take_while(|step| step.node == node).count();
            let mut views = self.clone();
            let is_moved: Vec<bool> = steps[first..first + count].iter().map(|step| !views.join(graph, step)).collect();
            // Such as an operand that comes twice: its second copy would be read where it is written.
            let overlaps = steps[first..first + count]
                .iter()
                .zip(&is_moved)
                .any(|(step, &is_moved)| is_moved && views.root(step.inputs[0].0).0 == views.root(step.outputs[0].0).0);
            if overlaps || is_moved.iter().all(|&is_moved| is_moved) {
                first += count;
                continue;
            }
            let kept = steps.iter().enumerate().filter(|&(index, _)| {
                index.checked_sub(first).and_then(|index| is_moved.get(index)).copied().unwrap_or(true)
            });
            let with_views: Vec<Selected<'a>> = kept.map(|(_, step)| step.clone()).collect();
            let needed = bound(graph, &views, &with_views);
            if needed <= least {
                first += count - (steps.len() - with_views.len());
                (*self, *steps, least) = (views, with_views, needed);
            } else {
                first += count;
            }
        }
    }

    /// With the result of each TRANSPOSE in the memory of its operand where it can be made there and the arena gets smaller,
    /// or more than `most` lives meanwhile. Steps that read the operand must stay before it.
    pub(super) fn transpose_in_place(&mut self, graph: &Graph<'_>, steps: &[Selected<'_>], most: usize) {
        let mut least = bound(graph, self, steps);
        for (index, step) in steps.iter().enumerate() {
            if in_place::parts(&step.kernel) != Some(Parts::Whole) {
                continue;
            }
            let (input, output) = (step.inputs[0].0, step.outputs[0].0);
            let memory = Memory::new(graph, self, steps, &[]);
            let ends_here = memory.part(graph, self, input).is_some_and(|(index_of_buffer, part)| {
                let buffer = &memory.buffers[index_of_buffer];
                part.len() == buffer.bytes && *buffer.live.end() == index + 1
            });
            if !ends_here || self.root(output) != (output, 0) {
                continue;
            }
            let mut views = self.clone();
            views.0[output.0 as usize] = (input, 0);
            let needed = bound(graph, &views, steps);
            if needed < least || needed == least && memory.loads()[index + 1] > most {
                (*self, least) = (views, needed);
            }
        }
    }

    /// Puts the tensors of a step into the same memory; says whether it could.
    fn join(&mut self, graph: &Graph<'_>, step: &Selected<'_>) -> bool {
        let (Some(&(input, _)), (output, _)) = (step.inputs.first(), step.outputs[0]) else { return false };
        let bytes = |value: ValueId| bytes(graph, value);
        let size = graph.values[input.0 as usize].element.size();
        let (root, start) = self.root(input);
        if graph.values[root.0 as usize].constant.is_some() {
            return false;
        }
        match &step.kernel {
            Kernel::Slice(slice) => match first_element(slice) {
                Some(first) => self.0[output.0 as usize] = (input, first * size),
                None => return false,
            },
            Kernel::Concat(concat) => {
                let is_input = graph.inputs.iter().any(|port| port.value == root);
                let is_whole = start == 0 && bytes(root) == bytes(input);
                let (outer, _, inner) = concat.output.around(concat.axis.into());
                if is_input || !is_whole || outer != 1 || root == self.root(output).0 {
                    return false;
                }
                self.0[root.0 as usize] = (output, concat.start as usize * inner * size);
            }
            _ => return false,
        }
        true
    }
}

/// The first element of a SLICE whose elements are neighbours in the input too.
fn first_element(slice: &steps::Slice) -> Option<usize> {
    let (input, output) = (slice.input.dims(), slice.output.dims());
    let outer = output.iter().take_while(|&&dim| dim == 1).count();
    let is_contiguous = output.iter().zip(input).skip(outer + 1).all(|(output, input)| output == input);
    let first = slice.start.iter().zip(slice.input.strides()).map(|(&start, stride)| start as usize * stride).sum();
    is_contiguous.then_some(first)
}

/// Bytes of a value.
pub(super) fn bytes(graph: &Graph<'_>, value: ValueId) -> usize {
    let value = &graph.values[value.0 as usize];
    let shape: Shape = value.shape;
    shape.len() * value.element.size()
}

/// The most that lives at one time of these steps.
pub(super) fn bound(graph: &Graph<'_>, views: &Views, steps: &[Selected<'_>]) -> usize {
    Memory::new(graph, views, steps, &[]).loads().into_iter().max().unwrap_or(0)
}

/// A result that may be written over an operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over {
    pub(super) step: usize,
    /// Index among the step's operands; of no meaning for a step that is computed in turn with others.
    pub(super) operand: usize,
    pub(super) overlap: Overlap,
}

/// The buffers that steps need.
pub(super) struct Memory {
    pub(super) buffers: Vec<Buffer>,
    /// One for each step whose result may be written over an operand: the operand with which it shares most.
    pub(super) overlaps: Vec<Over>,
    /// By root value: index of its buffer.
    indices: Vec<Option<usize>>,
    /// By step: when it runs.
    times: Vec<usize>,
    /// By root value: bytes of the rows that are kept of it, where that is not all.
    kept: BTreeMap<ValueId, usize>,
    /// By output of the graph: the buffer of its own that it is copied to. That of an input, of a constant or of another output
    /// is none.
    pub(super) copies: Vec<Option<usize>>,
}

impl Memory {
    /// Time 0 is the caller's, who writes the inputs; then each step runs at a time of its own, but those of a strip at one;
    /// then outputs are copied, each at a time of its own, and read when all are done.
    pub(super) fn new(graph: &Graph<'_>, views: &Views, steps: &[Selected<'_>], strips: &[Strip]) -> Self {
        let indices = vec![None; graph.values.len()];
        let is_later =
            |step: usize| !strips.iter().any(|strip| strip.steps.contains(&step) && strip.steps.start < step);
        let times = (0..steps.len()).scan(0, |time, step| {
            *time += usize::from(is_later(step));
            Some(*time)
        });
        let lines = strips.iter().flat_map(Strip::lines);
        let mut memory = Self {
            buffers: Vec::new(),
            overlaps: Vec::new(),
            indices,
            times: times.collect(),
            kept: lines.map(|line| (views.root(line.value).0, line.rows * line.row_bytes)).collect(),
            copies: Vec::new(),
        };
        for port in &graph.inputs {
            memory.touch(graph, views, port.value, 0);
        }
        for (time, step) in memory.times.clone().into_iter().zip(steps) {
            for &(value, _) in step.inputs.iter().chain(&step.outputs) {
                memory.touch(graph, views, value, time);
            }
        }
        let mut owners: Vec<ValueId> = graph.inputs.iter().map(|port| views.root(port.value).0).collect();
        let mut time = memory.times.last().map_or(1, |last| last + 1);
        for port in &graph.outputs {
            let root = views.root(port.value).0;
            let is_own = graph.values[root.0 as usize].constant.is_none() && !owners.contains(&root);
            memory.touch(graph, views, port.value, time);
            memory.copies.push((!is_own).then_some(memory.buffers.len()));
            if is_own {
                owners.push(root);
            } else {
                memory.buffers.push(Buffer { bytes: bytes(graph, port.value), live: time..=time });
                time += 1;
            }
        }
        for (port, copy) in graph.outputs.iter().zip(memory.copies.clone()) {
            match copy {
                Some(index) => memory.extend(index, time),
                None => memory.touch(graph, views, port.value, time),
            }
        }
        memory.overlaps = memory.find_overlaps(graph, views, steps, strips);
        memory
    }

    /// The buffer of a value and its bytes in it; `None` for a constant.
    pub(super) fn part(&self, graph: &Graph<'_>, views: &Views, value: ValueId) -> Option<(usize, Range<usize>)> {
        let (root, start) = views.root(value);
        let bytes = self.kept.get(&root).copied().unwrap_or_else(|| bytes(graph, value));
        Some((self.indices[root.0 as usize]?, start..start + bytes))
    }

    /// Bytes that live at each time; those that an operand and the result over it can share are counted once.
    pub(super) fn loads(&self) -> Vec<usize> {
        let overlaps: Vec<Overlap> = self.overlaps.iter().map(|over| over.overlap).collect();
        loads(&self.buffers, &overlaps)
    }

    /// The overlaps without which more would live at one time than with all of them.
    pub(super) fn needed_overlaps(&self) -> Vec<Over> {
        let all: Vec<Overlap> = self.overlaps.iter().map(|over| over.overlap).collect();
        let (apart, least) = (loads(&self.buffers, &[]), lower_bound(&self.buffers, &all));
        self.overlaps.iter().copied().filter(|over| apart[self.times[over.step]] > least).collect()
    }

    fn touch(&mut self, graph: &Graph<'_>, views: &Views, value: ValueId, time: usize) {
        let root = views.root(value).0;
        if graph.values[root.0 as usize].constant.is_some() {
            return;
        }
        match self.indices[root.0 as usize] {
            Some(index) => self.extend(index, time),
            None => {
                self.indices[root.0 as usize] = Some(self.buffers.len());
                let bytes = self.kept.get(&root).copied().unwrap_or_else(|| bytes(graph, root));
                self.buffers.push(Buffer { bytes, live: time..=time });
            }
        }
    }

    fn extend(&mut self, index: usize, time: usize) {
        let live = &mut self.buffers[index].live;
        *live = *live.start()..=time.max(*live.end());
    }

    fn find_overlaps(&self, graph: &Graph<'_>, views: &Views, steps: &[Selected<'_>], strips: &[Strip]) -> Vec<Over> {
        let whole = |value: ValueId| {
            let (index, part) = self.part(graph, views, value)?;
            (part.len() == self.buffers[index].bytes).then_some(index)
        };
        let over = |(index, step): (usize, &Selected<'_>)| {
            if let Some(strip) = strips.iter().find(|strip| strip.steps.contains(&index)) {
                let (operand, below) = strip.over.filter(|_| index + 1 == strip.steps.end)?;
                let (operand, result) = (whole(operand)?, whole(strip.result())?);
                let above = self.buffers[operand].bytes.next_multiple_of(ALIGNMENT);
                return Some(Over { step: index, operand: 0, overlap: Overlap { operand, result, below, above } });
            }
            let time = self.times[index];
            let result = whole(step.outputs[0].0).filter(|&result| *self.buffers[result].live.start() == time)?;
            let candidates = step.inputs.iter().enumerate().filter_map(|(operand, &(value, _))| {
                let buffer = whole(value).filter(|&buffer| *self.buffers[buffer].live.end() == time)?;
                let readers = step.inputs.iter().filter_map(|&(value, _)| self.part(graph, views, value));
                let is_read_once = readers.filter(|&(other, _)| other == buffer).count() == 1;
                let sizes = [self.buffers[buffer].bytes, self.buffers[result].bytes];
                let [below, above] = in_place::gaps(step, operand, sizes).filter(|_| is_read_once)?;
                Some(Over { step: index, operand, overlap: Overlap { operand: buffer, result, below, above } })
            });
            // The first of those that share as much.
            let saved = |over: &Over| over.overlap.saved(&self.buffers);
            candidates.rev().max_by_key(saved).filter(|over| saved(over) > 0)
        };
        steps.iter().enumerate().filter_map(over).collect()
    }
}
