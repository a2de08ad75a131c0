//! Turns a decoded graph into steps of fused kernels and gives every tensor between them a place in the arena.

mod boundary;
mod convolution;
#[cfg(test)]
pub(crate) mod execute;
mod fuse;
mod in_place;
mod memory;
mod operator;
mod order;
mod place;
mod strips;

pub use convolution::{Convolution, Epilogue, MatMul, Weights, Window};
use fuse::Selected;
pub use in_place::Parts;
use memory::{Memory, Over, Views};
use place::Overlap;
use quantize_runtime::graph::{ElementType, Graph, Port, Scalar, ValueId};
use quantize_runtime::operators::any;
use quantize_runtime::rescale::{GeneralRescale, Rescale};
use quantize_runtime::strips::{Layer, Lines};
use quantize_runtime::{Shape, fourier, steps};
use std::collections::BTreeMap;
use std::ops::Range;
use strips::Cuts;

/// A program: straight-line steps over one arena.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// In execution order.
    pub steps: Vec<Step<'a>>,
    /// Steps that are computed in turn, a row at a time; none without a limit of the arena.
    pub strips: Vec<Strip>,
    /// By [`BufferId`]: bytes of the arena.
    pub places: Vec<Range<usize>>,
    /// Where the caller puts the inputs, in order; no two are the same.
    pub inputs: Vec<BufferId>,
    /// Where the outputs are found, in order; no two are the same, and none is an input's.
    pub outputs: Vec<BufferId>,
    /// Exact size of the arena.
    pub arena_bytes: usize,
    /// The most bytes that live at one time: no placement of these steps needs less. What a result may share with an operand
    /// over which it can be written is counted once, whether it is or not.
    pub lower_bound: usize,
    /// The tensors that live at the first time with so many bytes.
    pub peak: Vec<Live>,
    /// Multiply-accumulates of one run.
    pub macs: u64,
    /// Size of the arena if no steps were computed in turn.
    pub without_strips: usize,
}

/// Neighbouring steps that are computed in turn, a row at a time, as [`quantize_runtime::strips`] describes. The places of
/// their results are those of the rows that are kept; operators on two tensors are those of one row.
#[derive(Clone, Debug)]
pub struct Strip {
    /// Indices of the steps, one for each layer.
    pub steps: Range<usize>,
    /// The operands of all, then the result of each.
    pub tensors: Vec<Lines>,
    /// What each step reads.
    pub layers: Vec<Layer>,
    /// Bytes that are moved to make room for rows.
    pub moved: usize,
}

/// Index of a place in [`Plan::places`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BufferId(pub u32);

/// A call of a kernel.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// What is computed.
    pub kernel: Kernel<'a>,
    /// The tensors that the kernel takes as slices, with the shapes it sees.
    pub inputs: Vec<Operand<'a>>,
    /// The tensors it writes, at least one.
    pub outputs: Vec<Operand<'a>>,
    /// The operand that it writes its result over, by its index, and in which parts.
    pub in_place: Option<(usize, Parts)>,
    /// The operator of the graph which stands for this step: a convolution rather than the rescale behind it.
    /// `None` for the copy of an output.
    pub node: Option<usize>,
    /// Multiply-accumulates.
    pub macs: u64,
}

impl<'a> Step<'a> {
    /// The first tensor it writes, of most steps the only one.
    pub fn output(&self) -> &Operand<'a> {
        &self.outputs[0]
    }
}

/// A tensor that lives at the time at which the arena is fullest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Live {
    /// The tensor, of those in one buffer the first; `None` for the copy of an output.
    pub value: Option<ValueId>,
    /// Its size.
    pub bytes: usize,
}

/// A tensor of a step.
#[derive(Clone, Debug)]
pub struct Operand<'a> {
    /// Where it is.
    pub source: Source<'a>,
    /// Element type.
    pub element: ElementType,
    /// Shape.
    pub shape: Shape,
}

/// Where a tensor is.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// In the arena.
    Buffer(BufferId),
    /// In the VGF file, whose bytes these are.
    Constant(&'a [u8]),
}

/// A kernel with everything but the tensors it is called with; constants are the file's own bytes.
#[derive(Clone, Debug)]
pub enum Kernel<'a> {
    /// A convolution; the element types of the operands tell that of its sums.
    Convolution(Convolution<'a>),
    /// A product of matrices.
    MatMul(MatMul<'a>),
    /// AVG_POOL2D.
    AvgPool2d(steps::AvgPool2d),
    /// MAX_POOL2D.
    MaxPool2d(steps::MaxPool2d),
    /// MAX_POOL2D of f32 in which NaN loses.
    MaxPool2dNumber(steps::MaxPool2d),
    /// ARGMAX.
    ArgMax(steps::ArgMax),
    /// ARGMAX of f32 in which NaN loses.
    ArgMaxNumber(steps::ArgMax),
    /// RESIZE by the nearest element.
    ResizeNearest(steps::Resize),
    /// RESIZE by weighing four elements.
    ResizeBilinear(steps::Resize),
    /// GATHER.
    Gather(steps::Gather),
    /// SCATTER.
    Scatter(steps::Scatter),
    /// FFT2D; a table of cosines is made for it.
    Fft2d {
        /// `[N, H, W]`.
        shape: Shape,
        /// Whether it is the inverse transform.
        inverse: bool,
    },
    /// RFFT2D, likewise.
    Rfft2d {
        /// `[N, H, W]`.
        input: Shape,
    },
    /// REVERSE.
    Reverse(steps::Reverse),
    /// TILE.
    Tile(steps::Tile),
    /// CLAMP of i8.
    Clamp(steps::Clamp),
    /// CLAMP of i16.
    ClampI16(steps::Clamp<i16>),
    /// CLAMP of f32 that keeps NaN.
    ClampF32(steps::Clamp<f32>),
    /// CLAMP of f32 that makes NaN the lower bound.
    ClampNumber(steps::Clamp<f32>),
    /// TABLE of i8.
    Table(steps::Table<'a>),
    /// TABLE of i16.
    TableI16(steps::TableI16<'a>),
    /// RESCALE between i8 and i32; the element types of the operands tell which.
    Rescale(Rescale<'a>),
    /// Any other RESCALE.
    GeneralRescale(GeneralRescale<'a>),
    /// An operator on one tensor of integers or truth values.
    Unary(any::UnaryI32),
    /// An operator on one tensor of f32.
    UnaryF32(any::UnaryF32),
    /// An operator on two tensors of integers or truth values.
    Binary(steps::Binary<any::BinaryI32>),
    /// An operator on two tensors of f32.
    BinaryF32(steps::Binary<any::BinaryF32>),
    /// A comparison of f32.
    CompareF32(steps::Binary<any::CompareF32>),
    /// A binary operator on i8.
    RescaledBinary(steps::RescaledBinary<'a, any::BinaryI32>),
    /// SELECT.
    Select(steps::Select),
    /// CAST; the element types of the operands tell which.
    Cast,
    /// f32 to i8 or i16.
    Quantize(steps::Quantize),
    /// i8 or i16 to f32.
    Dequantize(steps::Dequantize),
    /// A reduction of integers or truth values.
    Reduce(steps::Reduce<any::BinaryI32>),
    /// A reduction of f32.
    ReduceF32(steps::Reduce<any::BinaryF32>),
    /// A sum over i8.
    RescaledSum(steps::RescaledSum<'a>),
    /// One input of CONCAT.
    Concat(steps::Concat),
    /// PAD.
    Pad(steps::Pad<Scalar>),
    /// SLICE.
    Slice(steps::Slice),
    /// TRANSPOSE.
    Transpose(steps::Transpose),
    /// The elements as they are.
    Copy,
}

/// Plans a graph that the VGF reader has decoded and checked.
///
/// # Errors
///
/// The operator that no step can compute, and why.
pub fn plan<'a>(graph: &'a Graph<'a>) -> Result<Plan<'a>, String> {
    plan_within(graph, usize::MAX)
}

/// The same with an arena of at most so many bytes, or of the least that there is: where the arena would be larger, steps are
/// computed in turn.
///
/// # Errors
///
/// As [`plan`].
pub fn plan_within<'a>(graph: &'a Graph<'a>, most: usize) -> Result<Plan<'a>, String> {
    let mut selected = fuse::select(graph)?;
    let mut views = Views::new(graph);
    views.extend(graph, &mut selected);
    let selected = order::reorder(graph, &views, selected);
    views.transpose_in_place(graph, &selected, usize::MAX);
    let memory = Memory::new(graph, &views, &selected, &[]);
    let (places, over) = place(&memory);
    let layout = Layout { views, memory, strips: Vec::new(), places, over };
    let without_strips = layout.end();
    let layout = if without_strips > most { layout.within(graph, &selected, most) } else { layout };
    Ok(layout.plan(graph, selected, without_strips))
}

/// Where everything lies.
struct Layout {
    views: Views,
    memory: Memory,
    strips: Vec<strips::Strip>,
    /// By buffer.
    places: Vec<Range<usize>>,
    /// The steps whose result lies over an operand.
    over: Vec<Over>,
}

impl Layout {
    /// Placements that are tried for a limit.
    const TRIES: usize = 4;

    fn end(&self) -> usize {
        self.places.iter().map(|place| place.end).max().unwrap_or(0)
    }

    /// The layout with steps in turn that has at most so many bytes, or the smallest one that is found.
    fn within(self, graph: &Graph<'_>, selected: &[Selected<'_>], most: usize) -> Self {
        let mut views = self.views.clone();
        views.transpose_in_place(graph, selected, most);
        let cuts = Cuts::new(graph, &views, selected);
        let least = cuts.least();
        let (mut best, mut limit) = (self, most.max(least));
        for turn in 1..=Self::TRIES {
            let strips = cuts.within(limit);
            let memory = Memory::new(graph, &views, selected, &strips);
            let (places, over) = place(&memory);
            let other = Self { views: views.clone(), memory, strips, places, over };
            // Starts that are aligned may take more than what lives.
            let excess = other.end().saturating_sub(most);
            if other.end() < best.end() {
                best = other;
            }
            if excess == 0 || limit == least {
                break;
            }
            limit = if turn + 1 == Self::TRIES { least } else { limit.saturating_sub(excess).max(least) };
        }
        best
    }

    fn plan<'a>(self, graph: &'a Graph<'a>, selected: Vec<Selected<'a>>, without_strips: usize) -> Plan<'a> {
        let (arena_bytes, Self { views, memory, strips, places: buffer_places, over }) = (self.end(), self);
        let mut places = Places { of_buffers: &buffer_places, ids: BTreeMap::new(), list: Vec::new() };
        let mut placed = |&(value, shape): &(ValueId, Shape)| Operand {
            source: match (memory.part(graph, &views, value), &graph.values[views.root(value).0.0 as usize].constant) {
                (Some((buffer, part)), _) => Source::Buffer(places.id(buffer, part)),
                (None, Some(constant)) => Source::Constant(&constant.data),
                (None, None) => unreachable!("a valid graph makes operands before their use"),
            },
            element: graph.values[value.0 as usize].element,
            shape,
        };
        let whole = |port: &Port| (port.value, graph.values[port.value.0 as usize].shape);
        let mut steps: Vec<Step<'_>> = Vec::with_capacity(selected.len());
        for (index, step) in selected.into_iter().enumerate() {
            let strip = strips.iter().find(|strip| strip.steps.contains(&index));
            let over = over.iter().find(|over| over.step == index).map(|over| over.operand);
            let part = |operands: &[(ValueId, Shape)]| memory.part(graph, &views, operands.first()?.0);
            let is_one =
                in_place::parts(&step.kernel) == Some(Parts::Whole) && part(&step.inputs) == part(&step.outputs);
            let operand = over.or(is_one.then_some(0)).filter(|_| strip.is_none());
            let start = |&(value, _): &(ValueId, Shape)| {
                let (buffer, part) = memory.part(graph, &views, value)?;
                Some(buffer_places[buffer].start + part.start)
            };
            let in_place = operand.and_then(|operand| {
                let distance = start(&step.inputs[operand])?.abs_diff(start(&step.outputs[0])?);
                Some((operand, in_place::parts_at(&step.kernel, distance)?))
            });
            steps.push(Step {
                inputs: step.inputs.iter().map(&mut placed).collect(),
                outputs: step.outputs.iter().map(&mut placed).collect(),
                in_place,
                kernel: match strip {
                    Some(strip) => strips::row(step.kernel, strip.layers[index - strip.steps.start].rows),
                    None => step.kernel,
                },
                node: Some(step.node),
                macs: step.macs,
            });
        }
        let inputs: Vec<Operand<'_>> = graph.inputs.iter().map(|port| placed(&whole(port))).collect();
        let mut outputs: Vec<Operand<'_>> = graph.outputs.iter().map(|port| placed(&whole(port))).collect();
        for (output, copy) in outputs.iter_mut().zip(&memory.copies) {
            let &Some(buffer) = copy else { continue };
            let id = places.id(buffer, 0..memory.buffers[buffer].bytes);
            let copied = Operand { source: Source::Buffer(id), ..output.clone() };
            steps.push(Step {
                kernel: Kernel::Copy,
                inputs: vec![std::mem::replace(output, copied.clone())],
                outputs: vec![copied],
                in_place: None,
                node: None,
                macs: 0,
            });
        }

        let ids = |operands: Vec<Operand<'_>>| {
            let id = |operand: Operand<'_>| match operand.source {
                Source::Buffer(id) => id,
                Source::Constant(_) => unreachable!("inputs are written, and constants among the outputs copied"),
            };
            operands.into_iter().map(id).collect()
        };
        let lines = |tensor: &strips::Tensor| {
            let (buffer, part) = memory.part(graph, &views, tensor.value).expect("a strip has no constants in memory");
            let start = buffer_places[buffer].start + part.start;
            Lines { start, rows: tensor.rows, row_bytes: tensor.row_bytes }
        };
        let strip = |strip: &strips::Strip| Strip {
            steps: strip.steps.clone(),
            tensors: strip.tensors.iter().map(lines).collect(),
            layers: strip.layers.clone(),
            moved: strip.moved,
        };
        Plan {
            macs: steps.iter().map(|step| step.macs).sum(),
            arena_bytes,
            lower_bound: memory.loads().into_iter().max().unwrap_or(0),
            peak: peak(graph, &views, &memory),
            steps,
            strips: strips.iter().map(strip).collect(),
            inputs: ids(inputs),
            outputs: ids(outputs),
            places: places.list,
            without_strips,
        }
    }
}

/// Places by buffer, and the steps whose result lies over an operand there: no more of them than make the arena smaller, as
/// a kernel takes longer in parts.
fn place(memory: &Memory) -> (Vec<Range<usize>>, Vec<Over>) {
    let of = |overs: &[Over]| overs.iter().map(|over| over.overlap).collect::<Vec<Overlap>>();
    let end = |places: &[Range<usize>]| places.iter().map(|place| place.end).max();
    let bound = place::aligned_bound(&memory.buffers, &of(&memory.overlaps));
    let mut overs = memory.needed_overlaps();
    let mut places = place::place(&memory.buffers, &of(&overs));
    if end(&places) > Some(bound) && overs.len() < memory.overlaps.len() {
        let others = place::place(&memory.buffers, &of(&memory.overlaps));
        if end(&others) < end(&places) {
            (places, overs) = (others, memory.overlaps.clone());
        }
    }
    overs.retain(|over| {
        let [operand, result] = [over.overlap.operand, over.overlap.result].map(|buffer| &places[buffer]);
        operand.start < result.end && result.start < operand.end
    });
    (places, overs)
}

/// The tensors that live at the first time at which most does.
fn peak(graph: &Graph<'_>, views: &Views, memory: &Memory) -> Vec<Live> {
    let loads = memory.loads();
    let most = loads.iter().max();
    let time = loads.iter().position(|load| Some(load) == most).unwrap_or_default();
    let value = |index: usize| {
        let values = (0..).map(ValueId).take(graph.values.len());
        let mut roots = values.filter(|&value| views.root(value).0 == value);
        roots.find(|&value| memory.part(graph, views, value).is_some_and(|(buffer, _)| buffer == index))
    };
    let live = memory.buffers.iter().enumerate().filter(|(_, buffer)| buffer.live.contains(&time));
    live.map(|(index, buffer)| Live { value: value(index), bytes: buffer.bytes }).collect()
}

/// Numbers the parts of buffers that operands are.
struct Places<'a> {
    of_buffers: &'a [Range<usize>],
    ids: BTreeMap<(usize, usize, usize), BufferId>,
    list: Vec<Range<usize>>,
}

impl Places<'_> {
    fn id(&mut self, buffer: usize, part: Range<usize>) -> BufferId {
        let start = self.of_buffers[buffer].start;
        *self.ids.entry((buffer, part.start, part.end)).or_insert_with(|| {
            self.list.push(start + part.start..start + part.end);
            BufferId(u32::try_from(self.list.len() - 1).expect("fewer parts than values"))
        })
    }
}

/// The table of a Fourier transform of tensors `[N, H, W]`.
pub(crate) fn cosines(shape: &Shape) -> Vec<f32> {
    let [_, h, w] = shape.sizes();
    fourier::cosines(h.max(w))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tosa::samples::{self, Random, interpret};
    use crate::tosa::{Lowered, rewrite};
    use quantize_runtime::interpreter::Tensor;
    use quantize_runtime::ops::{self, Op};

    fn check(seed: u64, lowered: &Lowered) -> Option<()> {
        let plan = check_within(seed, lowered, usize::MAX)?;
        assert!(plan.strips.is_empty() && plan.without_strips == plan.arena_bytes);
        Some(())
    }

    fn check_within(seed: u64, lowered: &Lowered, most: usize) -> Option<Plan<'_>> {
        let inputs = Random::new(seed).inputs(lowered);
        let expected = interpret(lowered, &inputs)?;
        let plan = plan_within(&lowered.graph, most).unwrap();
        assert!(plan.arena_bytes >= plan.lower_bound);
        let elements = lowered.graph.outputs.iter().map(|port| lowered.graph.values[port.value.0 as usize].element);
        let outputs = execute::execute(&plan, &inputs).into_iter().zip(elements);
        let outputs: Vec<_> =
            outputs.map(|(bytes, element)| samples::bits(&Tensor::from_le_bytes(element, &bytes))).collect();
        assert_eq!(outputs, expected, "seed {seed}");
        Some(plan)
    }

    #[test]
    fn steps_give_the_results_of_the_operators() {
        let mut compared = 0;
        for seed in 0..1500 {
            let lowered = samples::random(seed, 12);
            compared += usize::from(check(seed, &lowered).is_some());
            check(seed, &rewrite(&lowered));
        }
        assert!(compared > 1200, "{compared}");
        assert!(check(0, &samples::all_operators()).is_some());
    }

    #[test]
    fn layers_in_turn_give_the_results_of_the_operators() {
        let (mut in_turn, mut needed, mut without) = (0, 0, 0);
        for seed in 0..100 {
            let lowered = samples::random_layers(seed);
            let Some(plan) = check_within(seed, &lowered, 0) else { continue };
            assert!(plan.arena_bytes <= plan.without_strips);
            in_turn += usize::from(!plan.strips.is_empty());
            (needed, without) = (needed + plan.arena_bytes, without + plan.without_strips);
            // Half of what can be saved.
            let most = usize::midpoint(plan.arena_bytes, plan.without_strips);
            let other = check_within(seed, &lowered, most).expect("as with another limit");
            assert!(other.arena_bytes <= most, "seed {seed}");
        }
        assert!(in_turn > 30 && needed * 100 < without * 85, "{in_turn}: {needed} of {without}");
    }

    #[test]
    fn operators_that_belong_together_are_one_step() {
        let lowered = samples::all_operators();
        let plan = plan(&lowered.graph).unwrap();
        let count = |is: fn(&Kernel<'_>) -> bool| plan.steps.iter().filter(|step| is(&step.kernel)).count();
        assert_eq!(count(|kernel| matches!(kernel, Kernel::RescaledBinary(_))), 5);
        assert_eq!(count(|kernel| matches!(kernel, Kernel::Binary(_))), 0);
        // The accumulated sum is an output too, so it is stored and rescaled on its own.
        assert_eq!(count(|kernel| matches!(kernel, Kernel::Rescale(_))), 2);
        assert_eq!(count(|kernel| matches!(kernel, Kernel::Reduce(_))), 2);
        // The RESHAPE of an input is an output, which has memory of its own.
        assert_eq!(count(|kernel| matches!(kernel, Kernel::Copy)), 1);
    }

    #[test]
    fn borders_of_float_regions_are_one_step() {
        for element in [ElementType::I8, ElementType::I16] {
            let mut builder = samples::Builder::new(0);
            let codes = builder.input("codes", element, &[1, 3, 2, 2]);
            let real = builder.input("real", ElementType::F32, &[1, 3, 2, 2]);
            let dequantized = builder.dequantize(codes).expect("valid");
            let quantized = builder.quantize(real, element).expect("valid");
            builder.lowered.output("dequantized", dequantized);
            builder.lowered.output("quantized", quantized);
            let plan = plan(&builder.lowered.graph).unwrap();
            let kernels: Vec<_> = plan.steps.iter().map(|step| &step.kernel).collect();
            // The one that makes a tensor smaller comes first.
            assert!(matches!(kernels[..], [Kernel::Quantize(_), Kernel::Dequantize(_)]), "{kernels:?}");
            check(0, &builder.lowered).unwrap();
        }
    }

    #[test]
    fn windows_take_in_borders_and_what_is_cut_off() {
        let mut fused = 0;
        for seed in 0..300 {
            let mut builder = samples::Builder::new(seed);
            let x = builder.input("x", ElementType::I8, &[1, 6, 7, 2]);
            let border = if seed % 3 == 0 { -128 } else { builder.random.between(-128, 127) };
            let mut padding = vec![0; 8];
            padding[2..6].fill_with(|| builder.random.between(0, 2));
            let pad = ops::Pad { input: x, padding: padding.clone(), pad_const: border.into() };
            let padded = builder.push(pad, ElementType::I8).unwrap();
            let [h, w] = [6 + padding[2] + padding[3], 7 + padding[4] + padding[5]];
            let [h, w] = [h, w].map(|size| size - builder.random.between(0, 1));
            let slice = ops::Slice { input: padded, start: vec![0; 4], size: vec![1, h, w, 2] };
            let cut = builder.push(slice, ElementType::I8).unwrap();
            let result = match seed % 3 {
                0 => builder.pool(cut, false),
                remainder => builder.convolution(cut, remainder == 1),
            };
            let Some(result) = result else { continue };
            for node in &mut builder.lowered.graph.nodes {
                match &mut node.op {
                    Op::Conv2d(op) => op.input_zero_point = border,
                    Op::DepthwiseConv2d(op) => op.input_zero_point = border,
                    _ => {}
                }
            }
            builder.lowered.output("result", result);
            check(seed, &builder.lowered);
            let plan = plan(&builder.lowered.graph).unwrap();
            fused += usize::from(plan.steps.len() == 1);
        }
        assert!(fused > 30, "{fused}");
    }

    #[test]
    fn windows_take_in_borders_that_are_added_in_another_layout() {
        let mut builder = samples::Builder::new(0);
        let x = builder.input("x", ElementType::I8, &[1, 2, 6, 6]);
        let padding = vec![0, 0, 0, 0, 0, 1, 0, 1];
        let padded = builder.push(ops::Pad { input: x, padding, pad_const: (-128).into() }, ElementType::I8).unwrap();
        let perms = vec![0, 2, 3, 1];
        let moved = builder.push(ops::Transpose { input: padded, perms }, ElementType::I8).unwrap();
        let pool = ops::MaxPool2d { input: moved, kernel: [3, 3], stride: [2, 2], ..Default::default() };
        let pooled = builder.push(pool, ElementType::I8).unwrap();
        builder.lowered.output("pooled", pooled);
        let lowered = rewrite(&builder.lowered);
        let plan = plan(&lowered.graph).unwrap();
        let kernels: Vec<_> = plan.steps.iter().map(|step| &step.kernel).collect();
        assert!(matches!(kernels[..], [Kernel::Transpose(_), Kernel::MaxPool2d(_)]), "{kernels:?}");
        check(0, &lowered).unwrap();
    }

    #[test]
    fn parts_of_tensors_lie_in_their_memory() {
        let mut builder = samples::Builder::new(0);
        let x = builder.input("x", ElementType::I8, &[1, 6, 32]);
        let slice = |first| ops::Slice { input: x, start: vec![0, first, 0], size: vec![1, 3, 32] };
        let [input1, input2] = [0, 3].map(|start| builder.push(slice(start), ElementType::I8).unwrap());
        let and = builder.push(ops::BitwiseAnd { input1, input2 }, ElementType::I8).unwrap();
        let or = builder.push(ops::BitwiseOr { input1, input2 }, ElementType::I8).unwrap();
        let joined = builder.push(ops::Concat { axis: 1, inputs: vec![and, or] }, ElementType::I8).unwrap();
        builder.lowered.output("joined", joined);
        let plan = plan(&builder.lowered.graph).unwrap();
        let kernels: Vec<_> = plan.steps.iter().map(|step| &step.kernel).collect();
        assert!(matches!(kernels[..], [Kernel::Binary(_), Kernel::Binary(_)]), "{kernels:?}");
        assert_eq!((plan.arena_bytes, plan.lower_bound), (12 * 32, 12 * 32));
        check(0, &builder.lowered).unwrap();
    }

    #[test]
    fn layouts_change_in_place_where_that_makes_the_arena_smaller() {
        let mut builder = samples::Builder::new(0);
        let x = builder.input("x", ElementType::I8, &[1, 3, 7, 9]);
        let moved = builder.push(ops::Transpose { input: x, perms: vec![0, 2, 3, 1] }, ElementType::I8).unwrap();
        let pool = ops::MaxPool2d { input: moved, kernel: [7, 9], stride: [1, 1], ..Default::default() };
        let pooled = builder.push(pool, ElementType::I8).unwrap();
        builder.lowered.output("pooled", pooled);
        let plan = plan(&builder.lowered.graph).unwrap();
        assert_eq!(plan.steps[0].in_place, Some((0, Parts::Whole)));
        assert_eq!(plan.lower_bound, 3 * 7 * 9 + 3);
        check(0, &builder.lowered).unwrap();
    }

    #[test]
    fn results_are_written_over_operands_where_that_makes_the_arena_smaller() {
        let mut builder = samples::Builder::new(0);
        let x = builder.input("x", ElementType::I8, &[1, 8, 8, 4]);
        let clamp = |input, max: i32| ops::Clamp { input, min: (-100).into(), max: max.into(), ..Default::default() };
        let first = builder.push(clamp(x, 100), ElementType::I8).unwrap();
        let second = builder.push(clamp(first, 90), ElementType::I8).unwrap();
        let kernel = [3, 3];
        let pool = ops::MaxPool2d { input: second, kernel, stride: [1, 1], pad: [1; 4], ..Default::default() };
        let pooled = builder.push(pool, ElementType::I8).unwrap();
        builder.lowered.output("pooled", pooled);
        let plan = plan(&builder.lowered.graph).unwrap();
        let parts: Vec<_> = plan.steps.iter().map(|step| step.in_place.map(|(operand, _)| operand)).collect();
        assert_eq!(parts, [Some(0); 3]);
        // A window is still in the row above when a row is written, so that two rows of 32 bytes more are needed.
        assert_eq!((plan.arena_bytes, plan.lower_bound), (256 + 64, 256 + 64));
        check(0, &builder.lowered).unwrap();
    }

    #[test]
    fn each_output_has_memory_of_its_own() {
        let mut lowered = Lowered::default();
        let shape = Shape::new(&[4]).unwrap();
        let x = lowered.input("x", ElementType::I8, shape);
        let constant = lowered.constant_i8(shape, vec![1, 2, 3, 4]);
        for (name, value) in [("a", x), ("b", x), ("c", constant)] {
            lowered.output(name, value);
        }
        let plan = plan(&lowered.graph).unwrap();
        assert_eq!(plan.steps.len(), 3);
        // The third output lies where the input was.
        assert_eq!((plan.arena_bytes, plan.lower_bound), (36, 12));
        check(0, &lowered).unwrap();
    }
}
