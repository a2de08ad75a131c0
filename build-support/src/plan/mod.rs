//! Turns a decoded graph into steps of fused kernels and gives every tensor between them a place in the arena.

mod boundary;
mod convolution;
#[cfg(test)]
pub(crate) mod execute;
mod fuse;
mod operator;
mod place;

pub use convolution::{Convolution, Epilogue, MatMul, Window};
use place::Buffer;
use quantize_runtime::graph::{ElementType, Graph, Scalar, ValueId};
use quantize_runtime::operators::any;
use quantize_runtime::ops::Op;
use quantize_runtime::rescale::{GeneralRescale, Rescale};
use quantize_runtime::{Shape, fourier, steps};
use std::ops::Range;

/// A program: straight-line steps over one arena.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// In execution order.
    pub steps: Vec<Step<'a>>,
    /// By [`BufferId`]: bytes of the arena, from a multiple of 16.
    pub places: Vec<Range<usize>>,
    /// Where the caller puts the inputs, in order; no two are the same.
    pub inputs: Vec<BufferId>,
    /// Where the outputs are found, in order; no two are the same, and none is an input's.
    pub outputs: Vec<BufferId>,
    /// Exact size of the arena.
    pub arena_bytes: usize,
    /// The most bytes that live at one time: no placement of these steps needs less.
    pub lower_bound: usize,
    /// Multiply-accumulates of one run.
    pub macs: u64,
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
    let selected = fuse::select(graph)?;
    let mut buffers = Buffers { graph, roots: roots(graph), ids: vec![None; graph.values.len()], list: Vec::new() };

    // Time 0 is the caller's, who writes the inputs; step i runs at time i + 1; outputs are read when all are done.
    let inputs: Vec<BufferId> = graph.inputs.iter().map(|port| buffers.write(port.value, 0)).collect();
    let mut steps = Vec::with_capacity(selected.len());
    for (time, step) in (1..).zip(selected) {
        let operands = step.inputs.iter().map(|&(value, shape)| Operand {
            source: buffers.read(value, time),
            element: graph.values[value.0 as usize].element,
            shape,
        });
        let inputs = operands.collect();
        let operands = step.outputs.iter().map(|&(value, shape)| Operand {
            source: Source::Buffer(buffers.write(value, time)),
            element: graph.values[value.0 as usize].element,
            shape,
        });
        let outputs = operands.collect();
        steps.push(Step { kernel: step.kernel, inputs, outputs, node: Some(step.node), macs: step.macs });
    }

    let mut outputs: Vec<BufferId> = Vec::new();
    for port in &graph.outputs {
        let value = &graph.values[port.value.0 as usize];
        let time = steps.len() + 1;
        let id = match buffers.read(port.value, time) {
            Source::Buffer(id) if !inputs.contains(&id) && !outputs.contains(&id) => id,
            // An input, a constant, or what another output already is: each output has memory of its own.
            source => {
                let id = buffers.add(value.shape.len() * value.element.size(), time);
                let operand = |source| Operand { source, element: value.element, shape: value.shape };
                let (input, output) = (operand(source), operand(Source::Buffer(id)));
                steps.push(Step {
                    kernel: Kernel::Copy,
                    inputs: vec![input],
                    outputs: vec![output],
                    node: None,
                    macs: 0,
                });
                id
            }
        };
        outputs.push(id);
    }
    for id in &outputs {
        buffers.extend(*id, steps.len() + 1);
    }

    let places = place::place(&buffers.list);
    Ok(Plan {
        macs: steps.iter().map(|step| step.macs).sum(),
        arena_bytes: places.iter().map(|place| place.end).max().unwrap_or(0),
        lower_bound: place::lower_bound(&buffers.list),
        steps,
        places,
        inputs,
        outputs,
    })
}

/// The table of a Fourier transform of tensors `[N, H, W]`.
pub(crate) fn cosines(shape: &Shape) -> Vec<f32> {
    let [_, h, w] = shape.sizes();
    fourier::cosines(h.max(w))
}

/// For each value the one whose memory it shares: a RESHAPE moves nothing.
fn roots(graph: &Graph<'_>) -> Vec<ValueId> {
    let mut roots: Vec<ValueId> = (0..).map(ValueId).take(graph.values.len()).collect();
    for node in &graph.nodes {
        if let Op::Reshape(op) = &node.op {
            roots[node.output().0 as usize] = roots[op.input.0 as usize];
        }
    }
    roots
}

/// The buffers of a graph and how long each lives, filled while the steps are gone through in order.
struct Buffers<'a> {
    graph: &'a Graph<'a>,
    roots: Vec<ValueId>,
    /// By root value.
    ids: Vec<Option<BufferId>>,
    list: Vec<Buffer>,
}

impl<'a> Buffers<'a> {
    fn add(&mut self, bytes: usize, time: usize) -> BufferId {
        self.list.push(Buffer { bytes, live: time..=time });
        BufferId(u32::try_from(self.list.len() - 1).expect("fewer buffers than values"))
    }

    fn extend(&mut self, id: BufferId, time: usize) {
        let live = &mut self.list[id.0 as usize].live;
        *live = *live.start()..=time.max(*live.end());
    }

    fn read(&mut self, value: ValueId, time: usize) -> Source<'a> {
        let root = self.roots[value.0 as usize].0 as usize;
        match (&self.graph.values[root].constant, self.ids[root]) {
            (Some(constant), _) => Source::Constant(&constant.data),
            (None, Some(id)) => {
                self.extend(id, time);
                Source::Buffer(id)
            }
            (None, None) => unreachable!("a valid graph makes operands before their use"),
        }
    }

    fn write(&mut self, value: ValueId, time: usize) -> BufferId {
        let root = self.roots[value.0 as usize].0 as usize;
        match self.ids[root] {
            Some(id) => {
                self.extend(id, time);
                id
            }
            None => {
                let value = &self.graph.values[root];
                let id = self.add(value.shape.len() * value.element.size(), time);
                self.ids[root] = Some(id);
                id
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tosa::samples::{self, Random, interpret};
    use crate::tosa::{Lowered, rewrite};
    use quantize_runtime::interpreter::Tensor;

    fn check(seed: u64, lowered: &Lowered) -> Option<()> {
        let inputs = Random::new(seed).inputs(lowered);
        let expected = interpret(lowered, &inputs)?;
        let plan = plan(&lowered.graph).unwrap();
        assert!(plan.arena_bytes >= plan.lower_bound);
        let elements = lowered.graph.outputs.iter().map(|port| lowered.graph.values[port.value.0 as usize].element);
        let outputs = execute::execute(&plan, &inputs).into_iter().zip(elements);
        let outputs: Vec<_> =
            outputs.map(|(bytes, element)| samples::bits(&Tensor::from_le_bytes(element, &bytes))).collect();
        assert_eq!(outputs, expected, "seed {seed}");
        Some(())
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
            assert!(matches!(kernels[..], [Kernel::Dequantize(_), Kernel::Quantize(_)]), "{kernels:?}");
            check(0, &builder.lowered).unwrap();
        }
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
