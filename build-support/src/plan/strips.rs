//! Chooses layers that are computed in turn, a row at a time, where an arena must be smaller than their tensors: see
//! [`quantize_runtime::strips`].
//!
//! A run of steps can be computed so whose tensors but the last are read in it only. Of all ways to cut the steps into such
//! runs and single steps, dynamic programming finds the one in which least lives at one time: what lives at the time of a run
//! does not hang on how the other steps are cut.

use super::fuse::Selected;
use super::memory::{Memory, Views, bytes};
use super::place::{ALIGNMENT, Buffer, Overlap};
use super::{Kernel, Parts, in_place};
use quantize_runtime::Shape;
use quantize_runtime::graph::{Graph, ValueId};
use quantize_runtime::steps::{Binary, RescaledBinary};
use quantize_runtime::strips::{Layer, Lines, MAX_LAYERS, Read, Rows, Strips, Turns};
use std::ops::Range;

/// Steps that are computed in turn.
#[derive(Clone, Debug)]
pub(super) struct Strip {
    /// Indices of the steps.
    pub(super) steps: Range<usize>,
    /// Operands of all, then the result of each.
    pub(super) tensors: Vec<Tensor>,
    /// What each step reads.
    pub(super) layers: Vec<Layer>,
    /// The operand over which the result can be written, and how many bytes before its start it must start then.
    pub(super) over: Option<(ValueId, usize)>,
    /// Bytes that are moved to make room for rows.
    pub(super) moved: usize,
}

/// A tensor of a [`Strip`].
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) value: ValueId,
    /// Rows that are kept.
    pub(super) rows: usize,
    pub(super) row_bytes: usize,
}

impl Strip {
    /// The tensors of which only some rows are kept.
    pub(super) fn lines(&self) -> &[Tensor] {
        let operands = self.tensors.len() - self.layers.len();
        &self.tensors[operands..self.tensors.len() - 1]
    }

    /// The result of all steps.
    pub(super) fn result(&self) -> ValueId {
        self.tensors[self.tensors.len() - 1].value
    }
}

/// All runs of steps that can be computed in turn, and the most that lives at the time of each and of each single step.
pub(super) struct Cuts {
    /// By the number of steps before a unit: its end, what lives then, and the run where it is one.
    units: Vec<Vec<Unit>>,
    /// Before the first step and after the last.
    around: usize,
}

struct Unit {
    end: usize,
    load: usize,
    strip: Option<Strip>,
}

impl Cuts {
    pub(super) fn new(graph: &Graph<'_>, views: &Views, steps: &[Selected<'_>]) -> Self {
        let memory = Memory::new(graph, views, steps, &[]);
        let loads = memory.loads();
        let around = loads.iter().enumerate().filter(|(time, _)| !(1..=steps.len()).contains(time));
        let around = around.map(|(_, &load)| load).max().unwrap_or(0);
        let context = Context { graph, views, steps, memory: &memory };
        let units = |start: usize| {
            let single = Unit { end: start + 1, load: loads[start + 1], strip: None };
            let ends = start + 2..=steps.len().min(start + MAX_LAYERS);
            let runs = ends.map_while(|end| context.layers(start..end).map(|run| (end, run)));
            let strips = runs.filter_map(|(end, run)| {
                let strip = context.strip(start..end, run)?;
                Some(Unit { end, load: context.load(&strip), strip: Some(strip) })
            });
            [single].into_iter().chain(strips).collect()
        };
        Self { units: (0..steps.len()).map(units).collect(), around }
    }

    /// The least that lives at one time with any cuts.
    pub(super) fn least(&self) -> usize {
        let mut least = vec![usize::MAX; self.units.len() + 1];
        least[0] = self.around;
        for (start, units) in self.units.iter().enumerate() {
            for unit in units {
                least[unit.end] = least[unit.end].min(least[start].max(unit.load));
            }
        }
        least[self.units.len()]
    }

    /// The strips with which no more than a limit lives at any time, of as few steps as possible. The limit is at least
    /// [`Cuts::least`].
    pub(super) fn within(&self, limit: usize) -> Vec<Strip> {
        // By the number of steps before it: how many of them are in strips, and the last unit with its start.
        let mut counts = vec![usize::MAX; self.units.len() + 1];
        let mut last: Vec<Option<(usize, &Unit)>> = vec![None; self.units.len() + 1];
        counts[0] = 0;
        for (start, units) in self.units.iter().enumerate() {
            if counts[start] == usize::MAX {
                continue;
            }
            for unit in units.iter().filter(|unit| unit.load <= limit) {
                let count = counts[start] + unit.strip.as_ref().map_or(0, |strip| strip.steps.len());
                if count < counts[unit.end] {
                    (counts[unit.end], last[unit.end]) = (count, Some((start, unit)));
                }
            }
        }
        let (mut chosen, mut end) = (Vec::new(), self.units.len());
        while let Some((start, unit)) = last[end] {
            chosen.extend(unit.strip.clone());
            end = start;
        }
        chosen.reverse();
        chosen
    }
}

/// Steps in their order, and the buffers that they need one after another.
struct Context<'a, 'g> {
    graph: &'a Graph<'g>,
    views: &'a Views,
    steps: &'a [Selected<'g>],
    memory: &'a Memory,
}

/// The operands of a run in memory, and its layers.
struct Run {
    operands: Vec<Tensor>,
    results: Vec<Tensor>,
    /// Operands are numbered as [`Run::operands`], results from [`RESULTS`] on.
    layers: Vec<Layer>,
}

const RESULTS: usize = usize::MAX / 2;

impl Context<'_, '_> {
    /// The layers of a run of steps; `None` where one of them, or of more, cannot be computed by rows.
    fn layers(&self, range: Range<usize>) -> Option<Run> {
        let mut run = Run { operands: Vec::new(), results: Vec::new(), layers: Vec::new() };
        for step in &self.steps[range] {
            let [(output, _)] = step.outputs[..] else { return None };
            let known = step.inputs.iter().find_map(|&(value, _)| run.rows_of(self, value));
            let by_rows = by_rows(step, known)?;
            let mut reads = [None; 2];
            for ((&(value, _), by), read) in step.inputs.iter().zip(by_rows.reads).zip(&mut reads) {
                let (rows, count) = by?;
                match self.memory.part(self.graph, self.views, value) {
                    Some(_) => *read = Some(Read { tensor: run.tensor(self, value, count)?, rows }),
                    // The kernel of one row takes all of a constant.
                    None if rows.stride == 0 => {}
                    None => return None,
                }
            }
            let row_bytes = bytes(self.graph, output) / by_rows.count;
            run.results.push(Tensor { value: output, rows: by_rows.count, row_bytes });
            run.layers.push(Layer { reads, rows: by_rows.count });
        }
        Some(run)
    }

    /// A run as a strip, with the rows that are kept; `None` where one of its tensors is read elsewhere.
    fn strip(&self, range: Range<usize>, run: Run) -> Option<Strip> {
        let Run { operands, results, mut layers } = run;
        let times = range.start + 1..=range.end;
        let (inner, last) = (&results[..results.len() - 1], &results[results.len() - 1]);
        let is_inner = |tensor: &Tensor| {
            let buffer = self.whole(tensor.value);
            let live = buffer.map(|buffer| &self.memory.buffers[buffer].live);
            live.is_some_and(|live| times.contains(live.start()) && times.contains(live.end()))
        };
        if !inner.iter().all(is_inner) || is_inner(last) {
            return None;
        }
        for read in layers.iter_mut().flat_map(|layer| &mut layer.reads).flatten() {
            read.tensor = read.tensor.checked_sub(RESULTS).map_or(read.tensor, |result| operands.len() + result);
        }

        let (count, output_row) = (operands.len(), last.row_bytes);
        let mut tensors: Vec<Tensor> = operands.into_iter().chain(results).collect();
        let nowhere = vec![Lines { start: 0, rows: 0, row_bytes: 0 }; tensors.len()];
        let order = Strips { tensors: &nowhere, layers: &layers };
        let (mut turns, mut below) = (Turns::new(&order), vec![0; count]);
        let mut kept = vec![1; layers.len()];
        while let Some((layer, at)) = turns.due() {
            kept[layer] = kept[layer].max(at + 1 - turns.needed(count + layer).min(at));
            if layer + 1 == layers.len() {
                for (operand, below) in below.iter_mut().enumerate() {
                    let still_read = turns.needed(operand).saturating_mul(tensors[operand].row_bytes);
                    *below = (*below).max(((at + 1) * output_row).saturating_sub(still_read));
                }
            }
            turns.skip();
        }
        let last = tensors.len() - 1;
        for (tensor, kept) in tensors[count..last].iter_mut().zip(kept) {
            tensor.rows = kept;
        }
        let moved = moved(&tensors, &layers);
        let mut strip = Strip { steps: range, tensors, layers, over: None, moved };
        strip.over = self.over(&strip, &below);
        Some(strip)
    }

    /// The operand with which the result shares most when it is written over it.
    fn over(&self, strip: &Strip, below: &[usize]) -> Option<(ValueId, usize)> {
        let times = strip.steps.start + 1..=strip.steps.end;
        let result = self.whole(strip.result()).filter(|&result| times.contains(self.live(result).start()))?;
        let operands = &strip.tensors[..below.len()];
        let candidates = operands.iter().zip(below).filter_map(|(operand, &below)| {
            let buffer = self.whole(operand.value).filter(|&buffer| times.contains(self.live(buffer).end()))?;
            let part = |tensor: &Tensor| self.memory.part(self.graph, self.views, tensor.value);
            let is_once = operands.iter().filter_map(part).filter(|&(other, _)| other == buffer).count() == 1;
            let below = below.next_multiple_of(ALIGNMENT);
            let saved = self.overlap(buffer, result, below).saved(&self.memory.buffers);
            (is_once && saved > 0).then_some((saved, (operand.value, below)))
        });
        candidates.rev().max_by_key(|&(saved, _)| saved).map(|(_, over)| over)
    }

    /// What lives at the time of a strip.
    fn load(&self, strip: &Strip) -> usize {
        let times = strip.steps.start + 1..=strip.steps.end;
        let lives = |buffer: &&Buffer| buffer.live.start() <= times.end() && buffer.live.end() >= times.start();
        let all: usize = self.memory.buffers.iter().filter(lives).map(|buffer| buffer.bytes).sum();
        let lines = strip.lines().iter();
        let saved: usize = lines.map(|line| bytes(self.graph, line.value) - line.rows * line.row_bytes).sum();
        let buffers = strip.over.and_then(|(operand, below)| {
            Some(self.overlap(self.whole(operand)?, self.whole(strip.result())?, below).saved(&self.memory.buffers))
        });
        all - saved - buffers.unwrap_or(0)
    }

    fn overlap(&self, operand: usize, result: usize, below: usize) -> Overlap {
        Overlap { operand, result, below, above: self.memory.buffers[operand].bytes.next_multiple_of(ALIGNMENT) }
    }

    fn live(&self, buffer: usize) -> &std::ops::RangeInclusive<usize> {
        &self.memory.buffers[buffer].live
    }

    /// The buffer that a tensor fills.
    fn whole(&self, value: ValueId) -> Option<usize> {
        let (buffer, part) = self.memory.part(self.graph, self.views, value)?;
        (part.len() == self.memory.buffers[buffer].bytes).then_some(buffer)
    }
}

/// Bytes that are moved to make room for rows.
fn moved(tensors: &[Tensor], layers: &[Layer]) -> usize {
    let lines = |tensor: &Tensor| Lines { start: 0, rows: tensor.rows, row_bytes: tensor.row_bytes };
    let tensors: Vec<Lines> = tensors.iter().map(lines).collect();
    let order = Strips { tensors: &tensors, layers };
    let (mut turns, mut moved) = (Turns::new(&order), 0);
    while let Some((layer, at)) = turns.due() {
        let rows = turns.moved(layer, at).map_or(0, |rows| rows.len());
        moved += rows * tensors[tensors.len() - layers.len() + layer].row_bytes;
        turns.skip();
    }
    moved
}

impl Run {
    /// The rows of a tensor that a layer of the run makes or reads.
    fn rows_of(&self, context: &Context<'_, '_>, value: ValueId) -> Option<usize> {
        let part = context.memory.part(context.graph, context.views, value)?;
        let mut tensors = self.results.iter().chain(&self.operands);
        let is_same = |tensor: &&Tensor| {
            context.memory.part(context.graph, context.views, tensor.value).as_ref() == Some(&part) && tensor.rows > 1
        };
        tensors.find(is_same).map(|tensor| tensor.rows)
    }

    /// The index of a tensor that is read in so many rows; `None` where a layer makes it otherwise.
    fn tensor(&mut self, context: &Context<'_, '_>, value: ValueId, rows: usize) -> Option<usize> {
        let part = context.memory.part(context.graph, context.views, value)?;
        let place = |tensor: &Tensor| context.memory.part(context.graph, context.views, tensor.value);
        let of_same_buffer = |tensor: &Tensor| place(tensor).is_some_and(|(buffer, _)| buffer == part.0);
        if let Some(made) = self.results.iter().position(of_same_buffer) {
            let result = &self.results[made];
            return (place(result).as_ref() == Some(&part) && result.rows == rows).then_some(RESULTS + made);
        }
        let is_same = |tensor: &Tensor| place(tensor).as_ref() == Some(&part) && tensor.rows == rows;
        Some(self.operands.iter().position(is_same).unwrap_or_else(|| {
            self.operands.push(Tensor { value, rows, row_bytes: part.1.len() / rows });
            self.operands.len() - 1
        }))
    }
}

/// How a step is computed by rows.
struct ByRows {
    /// By operand: the rows that a row of the result is made from, and how many the operand has.
    reads: [Option<(Rows, usize)>; 2],
    /// Rows of the result.
    count: usize,
}

/// How a step is computed by rows, where one of its operands is known to be in so many; `None` where it cannot be.
fn by_rows(step: &Selected<'_>, known: Option<usize>) -> Option<ByRows> {
    let (first, output) = (step.inputs.first()?.1, step.outputs[0].1);
    if let Some(shapes) = pairs(&step.kernel) {
        let axis = axis(&output, known.or_else(|| natural(&output))?)?;
        let count = rows_to(&output, axis);
        let read = |shape: &Shape| match rows_to(shape, axis) {
            1 => Some((Rows { input: 1, output: count, stride: 0, extent: 1, before: 0 }, 1)),
            rows => (rows == count).then_some((same(count), count)),
        };
        let [first, second] = shapes.each_ref().map(read);
        return Some(ByRows { reads: [Some(first?), Some(second?)], count });
    }
    match in_place::parts(&step.kernel) {
        Some(Parts::Rows(windows)) => {
            let read = (windows.rows(), windows.input_count());
            Some(ByRows { reads: [Some(read), None], count: windows.count() })
        }
        Some(Parts::Elements) => elementwise(&first, known),
        _ if matches!(step.kernel, Kernel::Rescale(_) | Kernel::GeneralRescale(_)) => elementwise(&first, known),
        _ => None,
    }
}

fn elementwise(shape: &Shape, known: Option<usize>) -> Option<ByRows> {
    let count = known.or_else(|| natural(shape))?;
    // Parameters per channel belong to the last axis.
    let last = *shape.dims().last()? as usize;
    shape.len().is_multiple_of(count * last).then_some(ByRows { reads: [Some((same(count), count)), None], count })
}

/// Each row from the one with the same index.
fn same(count: usize) -> Rows {
    Rows { input: count, output: count, stride: 1, extent: 1, before: 0 }
}

/// The shapes of an elementwise step on two operands.
fn pairs(kernel: &Kernel<'_>) -> Option<[Shape; 2]> {
    match kernel {
        Kernel::Binary(step) => Some(step.inputs),
        Kernel::BinaryF32(step) => Some(step.inputs),
        Kernel::CompareF32(step) => Some(step.inputs),
        Kernel::RescaledBinary(step) => Some(step.binary.inputs),
        _ => None,
    }
}

/// The kernel for one row of so many, where it is not made from the kernel of the whole when it runs.
pub(super) fn row<'a>(kernel: Kernel<'a>, rows: usize) -> Kernel<'a> {
    fn row<P: Copy>(step: &Binary<P>, rows: usize) -> Binary<P> {
        let axis = axis(&step.output, rows).expect("rows were found along an axis");
        let row = |shape: &Shape| {
            let dims = shape.dims().iter().enumerate().map(|(index, &dim)| if index <= axis { 1 } else { dim });
            Shape::new(&dims.collect::<Vec<_>>()).expect("no larger than the whole")
        };
        Binary { operator: step.operator, inputs: step.inputs.each_ref().map(row), output: row(&step.output) }
    }
    match kernel {
        Kernel::Binary(step) => Kernel::Binary(row(&step, rows)),
        Kernel::BinaryF32(step) => Kernel::BinaryF32(row(&step, rows)),
        Kernel::CompareF32(step) => Kernel::CompareF32(row(&step, rows)),
        Kernel::RescaledBinary(step) => {
            Kernel::RescaledBinary(RescaledBinary { binary: row(&step.binary, rows), ..step })
        }
        other => other,
    }
}

/// Rows of an NHWC tensor: images of one row are cut into their columns.
fn natural(shape: &Shape) -> Option<usize> {
    match *shape.dims() {
        [n, 1, w, _] => Some((n * w) as usize),
        [n, h, _, _] => Some((n * h) as usize),
        _ => None,
    }
}

/// The axis of an NHWC tensor at which rows of so many end.
fn axis(shape: &Shape, rows: usize) -> Option<usize> {
    (shape.rank() == 4).then(|| [1, 2].into_iter().find(|&axis| rows_to(shape, axis) == rows)).flatten()
}

/// Elements of the axes up to one.
fn rows_to(shape: &Shape, axis: usize) -> usize {
    shape.dims().iter().take(axis + 1).map(|&dim| dim as usize).product()
}

#[cfg(test)]
mod tests {
    use crate::plan::plan_within;
    use crate::tosa::samples::Builder;
    use quantize_runtime::Shape;
    use quantize_runtime::graph::ElementType::I8;
    use quantize_runtime::ops;

    #[test]
    fn the_rows_that_windows_read_are_kept() {
        let mut builder = Builder::new(0);
        let input1 = builder.input("x", I8, &[1, 16, 16, 1]);
        let shape = Shape::new(&[1, 1, 1, 8]).unwrap();
        let input2 = builder.lowered.constant_i8(shape, vec![1, 2, 4, 8, 16, 32, 64, -1]);
        let bits = builder.push(ops::BitwiseAnd { input1, input2 }, I8).unwrap();
        let (kernel, stride, pad) = ([3, 3], [2, 2], [0, 1, 0, 1]);
        let pool = ops::MaxPool2d { input: bits, kernel, stride, pad, ..Default::default() };
        let pooled = builder.push(pool, I8).unwrap();
        builder.lowered.output("y", pooled);

        let whole = plan_within(&builder.lowered.graph, 2304).unwrap();
        assert_eq!((whole.arena_bytes, whole.strips.len()), (256 + 2048, 0));
        let plan = plan_within(&builder.lowered.graph, 2303).unwrap();
        let strips: Vec<_> = plan.strips.iter().map(|strip| (strip.steps.clone(), strip.moved)).collect();
        // Each window but the first needs one row of the one before it.
        assert_eq!(strips, [(0..2, 7 * 128)]);
        // Three rows, and the result, in which the operand lies.
        assert_eq!((plan.arena_bytes, plan.lower_bound), (3 * 128 + 512, 3 * 128 + 512));
        assert_eq!((plan.without_strips, plan.macs), (whole.arena_bytes, whole.macs));
    }
}
