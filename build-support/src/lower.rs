//! Walks a quantized network and lets each operator's room write its TOSA form: on codes, or on real numbers where no rule
//! quantizes it.
//!
//! Source of all constants: oracle of the lowering, sections 1 to 7.

pub(crate) mod layer;
pub(crate) mod real;

use crate::config::{Dtype, Profile};
use crate::graph::{self, Data, Element, Graph, Node, NodeId, Tensor};
use crate::ops::Op;
use crate::passes;
use crate::quantize::{QuantGraph, QuantParams, multiplier_and_shift};
use crate::tosa::Lowered;
use quantize_runtime::Shape;
use quantize_runtime::graph::{ElementType, Port, ValueId};
use quantize_runtime::ops::{self, AccumulatorType};

/// From the exporter's layout of images to TOSA's.
pub(crate) const NCHW_TO_NHWC: &[usize] = &[0, 2, 3, 1];
/// Back again.
pub(crate) const NHWC_TO_NCHW: &[usize] = &[0, 3, 1, 2];

/// A tensor in the graph being written.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub(crate) id: ValueId,
    pub(crate) shape: Vec<usize>,
    /// What its codes stand for; `None` for real numbers, indices and truth values.
    pub(crate) params: Option<QuantParams>,
}

impl Operand {
    /// Parameters of a quantized operator's operand.
    pub(crate) fn params(&self) -> QuantParams {
        self.params.expect("every real operand of a quantized operator has parameters")
    }

    /// Type of its codes; f32 without.
    pub(crate) fn element(&self) -> ElementType {
        self.params.map_or(ElementType::F32, |params| params.dtype.element())
    }

    /// The code of zero; 0 for real numbers.
    pub(crate) fn zero_point(&self) -> i32 {
        self.params.map_or(0, |params| params.zero_point)
    }

    /// What a convolution of it adds up in, and the same as an attribute.
    pub(crate) fn accumulator(&self) -> (ElementType, AccumulatorType) {
        match self.params.map(|params| params.dtype) {
            None => (ElementType::F32, AccumulatorType::Fp32),
            Some(Dtype::Int16) => (ElementType::I48, AccumulatorType::Int48),
            Some(_) => (ElementType::I32, AccumulatorType::Int32),
        }
    }
}

impl Dtype {
    /// The type in a TOSA graph, which has no unsigned ones.
    pub(crate) fn element(self) -> ElementType {
        match self {
            Self::Int8 | Self::Uint8 => ElementType::I8,
            Self::Int16 => ElementType::I16,
            Self::Int32 => ElementType::I32,
        }
    }
}

/// One side of a RESCALE.
#[derive(Clone, Copy)]
struct Side {
    element: ElementType,
    /// Of an unsigned type the signed number with the same bits.
    zero_point: i32,
    unsigned: bool,
}

impl Side {
    /// Sums and products: no zero point.
    fn wide(element: ElementType) -> Self {
        Self { element, zero_point: 0, unsigned: false }
    }

    fn of(params: QuantParams) -> Self {
        let unsigned = params.dtype == Dtype::Uint8;
        let zero_point = if unsigned { (params.zero_point as u8).cast_signed().into() } else { params.zero_point };
        Self { element: params.dtype.element(), zero_point, unsigned }
    }
}

/// The i48 accumulator behind int16 codes: who wants i32 takes it from there, without the rounding to int16 between.
///
/// Source: oracle of the lowering, section 4.
#[derive(Clone)]
struct Accumulated {
    accumulator: ValueId,
    /// To the codes' scale, per channel or one.
    factors: Vec<f64>,
    /// What was done to the rescaled accumulator.
    transposes: Vec<Vec<usize>>,
    /// The codes that came of it.
    codes: ValueId,
}

/// The graph being written.
pub(crate) struct Lowering<'a> {
    source: &'a QuantGraph,
    output: Lowered,
    /// By [`graph::ValueId`]: what a tensor became.
    values: Vec<Option<ValueId>>,
    /// Tensors that were converted for a reader: the tensor, what for (`None` is real numbers), the result.
    converted: Vec<(ValueId, Option<QuantParams>, ValueId)>,
    accumulated: Vec<Accumulated>,
    label: String,
}

/// Writes the TOSA graph of a network, with inputs and outputs in the exporter's layout and order.
///
/// Those that are quantized are integers; with [`Profile::Full`] they are real numbers, and quantized inside.
///
/// # Errors
///
/// Numbers that TOSA cannot express, each with its node.
pub fn lower(source: &QuantGraph, profile: Profile) -> Result<Lowered, Vec<String>> {
    let decomposed = source.float.contains(&true).then(|| passes::decompose_float(source.clone()));
    let source = decomposed.as_ref().unwrap_or(source);
    let mut lowering = Lowering {
        source,
        output: Lowered::default(),
        values: vec![None; source.graph.value_count()],
        converted: Vec::new(),
        accumulated: Vec::new(),
        label: String::new(),
    };
    let mut errors = Vec::new();
    for &input in &source.graph.inputs {
        if let Err(error) = lowering.add_input(input, profile) {
            errors.push(error);
        }
    }
    let fused: Vec<NodeId> = source.fused.iter().copied().flatten().collect();
    for id in source.graph.node_ids().filter(|id| !fused.contains(id)) {
        let node = source.graph.node(id);
        let is_cut_off =
            |id: &graph::ValueId| lowering.values[id.index()].is_none() && source.graph.value(*id).constant.is_none();
        if !errors.is_empty() && node.inputs.iter().any(is_cut_off) {
            continue; // what it reads was reported
        }
        lowering.label = node.label();
        let result = match source.float[id.index()] {
            true => node.op.lower_float(&mut lowering, node),
            false => node.op.lower(&mut lowering, node),
        };
        if let Err(error) = result {
            errors.push(format!("`{}` ({}): {error}", node.label(), node.op.name()));
        }
    }
    if errors.is_empty() {
        errors.extend(lowering.add_outputs(profile).err());
    }
    if errors.is_empty() { Ok(lowering.output) } else { Err(errors) }
}

impl<'a> Lowering<'a> {
    fn add_input(&mut self, id: graph::ValueId, profile: Profile) -> Result<(), String> {
        let value = self.graph().value(id);
        let shape = runtime_shape(&value.shape)?;
        let name = value.name.clone();
        let params = self.source.stored[id.index()];
        let codes = params.filter(|_| profile == Profile::Int).map(Side::of);
        let (element, unsigned) = match (value.element, codes) {
            (Element::F32, Some(Side { element, unsigned, .. })) => (element, unsigned),
            (Element::F32, None) => (ElementType::F32, false),
            (Element::I64, _) => (ElementType::I32, false),
            (Element::Bool, _) => (ElementType::Bool, false),
        };
        let mut lowered = self.output.input(name, element, shape);
        self.output.graph.inputs.last_mut().expect("just added").unsigned = unsigned;
        if let Some(params) = params.filter(|_| profile == Profile::Full) {
            self.label = value.name.clone();
            lowered = self.quantize(lowered, params)?;
        }
        self.values[id.index()] = Some(lowered);
        Ok(())
    }

    fn add_outputs(&mut self, profile: Profile) -> Result<(), String> {
        for (output, &params) in self.source.graph.outputs.iter().zip(&self.source.returned) {
            self.label = output.name.clone();
            let mut value = self.read(output.value, params)?;
            let codes = params.filter(|_| profile == Profile::Int);
            if let Some(params) = params.filter(|_| codes.is_none()) {
                value = self.dequantize(value, params)?;
            }
            let unsigned = codes.is_some_and(|params| params.dtype == Dtype::Uint8);
            self.output.graph.outputs.push(Port { name: output.name.clone(), value, unsigned });
        }
        Ok(())
    }

    /// The network being lowered.
    pub(crate) fn graph(&self) -> &'a Graph {
        &self.source.graph
    }

    fn index_of(&self, node: &Node) -> usize {
        let index = self.graph().nodes.iter().position(|other| other.outputs == node.outputs);
        index.expect("the node is in the network")
    }

    /// Operand `index` of a node in the form in which the node works; a constant is quantized with the parameters of its
    /// observer.
    pub(crate) fn operand(&mut self, node: &Node, index: usize) -> Result<Operand, String> {
        let (id, reader) = (node.inputs[index], self.index_of(node));
        let shape = self.graph().value(id).shape.clone();
        let params = self.source.read[reader][index];
        let read = self.read(id, params)?;
        Ok(match params.filter(|_| self.source.float[reader]) {
            // It works on real numbers, of which this one is observed all the same.
            Some(params) => Operand { id: self.real_of(read, params)?, shape, params: None },
            None => Operand { id: read, shape, params },
        })
    }

    /// A constant that is not quantized.
    fn plain(&mut self, id: graph::ValueId) -> Result<ValueId, String> {
        let constant = self.graph().value(id).constant.as_ref();
        self.plain_constant(constant.expect("nodes are lowered in execution order"))
    }

    /// Elements as they are.
    pub(crate) fn plain_constant(&mut self, data: &Data) -> Result<ValueId, String> {
        match data {
            Data::F32(data) => self.constant_f32(data.shape(), data.iter().copied().collect()),
            Data::I64(data) => {
                let words =
                    data.iter().map(|&x| i32::try_from(x).map_err(|_| format!("the integer {x} is beyond 32 bits")));
                let words = words.collect::<Result<_, _>>()?;
                self.constant_i32(data.shape(), words)
            }
            Data::Bool(data) => self.constant_bool(data.shape(), data.iter().map(|&x| u8::from(x)).collect()),
        }
    }

    /// Operand `index` of a node as indices of an axis of this size; negative constants count from its end.
    pub(crate) fn indices(&mut self, node: &Node, index: usize, size: usize) -> Result<ValueId, String> {
        let id = node.inputs[index];
        if let Some(value) = self.values[id.index()] {
            return Ok(value);
        }
        let value = self.graph().value(id);
        let data = value.constant.as_ref().and_then(Data::integers).expect("nodes are lowered in execution order");
        let inside = |&index: &i64| {
            let position = if index < 0 { index + size as i64 } else { index };
            let inside = usize::try_from(position).ok().filter(|&position| position < size);
            inside.map(|position| position as i32).ok_or_else(|| format!("index {index} of an axis of size {size}"))
        };
        let positions = data.iter().map(inside).collect::<Result<_, _>>()?;
        self.constant_i32(&value.shape, positions)
    }

    /// A quantized operand with other parameters.
    pub(crate) fn rescaled(&mut self, operand: &Operand, params: QuantParams) -> Result<Operand, String> {
        let (from, to) = (operand.params(), params);
        if from == to {
            return Ok(operand.clone());
        }
        let factor = f64::from(from.scale) / f64::from(to.scale);
        let id = self.rescale(operand.id, Side::of(from), &[factor], Side::of(to))?;
        Ok(Operand { id, params: Some(to), ..operand.clone() })
    }

    /// A tensor with these parameters, or in real numbers: as it is stored, or converted once for all who want the same.
    fn read(&mut self, id: graph::ValueId, params: Option<QuantParams>) -> Result<ValueId, String> {
        let Some(value) = self.values[id.index()] else {
            return match params {
                Some(params) => self.constant(id, params),
                None => self.plain(id),
            };
        };
        match (self.source.stored[id.index()], params) {
            (stored, wanted) if stored == wanted => Ok(value),
            (Some(stored), None) => self.real_of(value, stored),
            (stored, Some(params)) => {
                if let Some(converted) = self.converted(value, Some(params)) {
                    return Ok(converted);
                }
                let converted = match stored {
                    None => self.quantize(value, params)?,
                    Some(stored) => {
                        let factor = f64::from(stored.scale) / f64::from(params.scale);
                        self.rescale(value, Side::of(stored), &[factor], Side::of(params))?
                    }
                };
                self.converted.push((value, Some(params), converted));
                Ok(converted)
            }
            (None, None) => unreachable!("equal"),
        }
    }

    /// The real numbers that codes with these parameters stand for, computed once.
    fn real_of(&mut self, codes: ValueId, params: QuantParams) -> Result<ValueId, String> {
        if let Some(real) = self.converted(codes, None) {
            return Ok(real);
        }
        let real = self.dequantize(codes, params)?;
        self.converted.push((codes, None, real));
        Ok(real)
    }

    fn converted(&self, value: ValueId, form: Option<QuantParams>) -> Option<ValueId> {
        let found = self.converted.iter().find(|(from, to, _)| (*from, *to) == (value, form));
        found.map(|(.., converted)| *converted)
    }

    fn constant(&mut self, id: graph::ValueId, params: QuantParams) -> Result<ValueId, String> {
        let data = self.graph().value(id).real().expect("nodes are lowered in execution order");
        self.quantized_constant(data, params)
    }

    /// Parameters of a node's result.
    pub(crate) fn result_params(&self, node: &Node) -> QuantParams {
        self.source.stored(node.output())
    }

    fn fused_activation(&self, node: &Node) -> Option<&'a Node> {
        self.source.fused[self.index_of(node)].map(|id| self.graph().node(id))
    }

    /// Declares `value` to be the node's result; reshapes it where only the dimensions differ, and quantizes real numbers that
    /// are stored as codes.
    pub(crate) fn finish(&mut self, node: &Node, value: ValueId) -> Result<(), String> {
        let mut value = self.reshape(value, &self.graph().value(node.output()).shape)?;
        if let Some(params) = self.source.stored[node.output().index()]
            && self.element_of(value) == ElementType::F32
        {
            value = self.quantize(value, params)?;
        }
        self.values[node.output().index()] = Some(value);
        Ok(())
    }

    /// Like [`Self::finish`] for a value in the form of an operand: codes get the parameters of the result.
    pub(crate) fn finish_with(&mut self, node: &Node, value: ValueId, like: &Operand) -> Result<(), String> {
        let value = match like.params {
            Some(_) => self.rescaled(&Operand { id: value, ..like.clone() }, self.result_params(node))?.id,
            None => value,
        };
        self.finish(node, value)
    }

    /// Like [`Self::finish`] for a layer: the fused activation's result too.
    ///
    /// A range that starts at zero has the zero point -128, so that int8 saturation is the activation. Other parameters,
    /// which a shared observer can bring, need a clamp.
    pub(crate) fn finish_fused(&mut self, node: &Node, value: ValueId) -> Result<(), String> {
        let Some(activation) = self.fused_activation(node) else { return self.finish(node, value) };
        let Op::Clamp(clamp) = &activation.op else { unreachable!("only clamps are fused") };
        let [min, max] = clamp.quantized_bounds(self, activation);
        let value = self.clamp(value, min, max)?;
        self.finish(activation, value)
    }

    /// Why a composite operator cannot be lowered: the passes did not take it apart.
    pub(crate) fn not_decomposed(&self, node: &Node) -> String {
        format!("bug in quantize-build: {} reached the lowering undecomposed; please report it", node.op.name())
    }

    // What rooms build with.

    pub(crate) fn constant_i8(&mut self, shape: &[usize], codes: Vec<i8>) -> Result<ValueId, String> {
        Ok(self.output.constant_i8(runtime_shape(shape)?, codes))
    }

    /// Real numbers as a constant of codes.
    pub(crate) fn quantized_constant(&mut self, real: &Tensor, params: QuantParams) -> Result<ValueId, String> {
        let codes: Vec<i32> = real.iter().map(|&real| params.quantize(real)).collect();
        self.codes(real.shape(), params.dtype, &codes)
    }

    fn codes(&mut self, shape: &[usize], dtype: Dtype, codes: &[i32]) -> Result<ValueId, String> {
        let size = dtype.element().size();
        // Little endian: the low bytes come first.
        let bytes = codes.iter().flat_map(|code| code.to_le_bytes().into_iter().take(size)).collect();
        Ok(self.output.constant(dtype.element(), runtime_shape(shape)?, bytes))
    }

    /// Integers of this type, i32 or i48, in which layers add up.
    pub(crate) fn integers(
        &mut self,
        element: ElementType,
        shape: &[usize],
        values: &[i32],
    ) -> Result<ValueId, String> {
        let size = element.size();
        let bytes = values.iter().flat_map(|&value| i64::from(value).to_le_bytes().into_iter().take(size)).collect();
        Ok(self.output.constant(element, runtime_shape(shape)?, bytes))
    }

    pub(crate) fn constant_i32(&mut self, shape: &[usize], values: Vec<i32>) -> Result<ValueId, String> {
        Ok(self.output.constant_i32(runtime_shape(shape)?, values))
    }

    pub(crate) fn constant_f32(&mut self, shape: &[usize], values: Vec<f32>) -> Result<ValueId, String> {
        Ok(self.output.constant_f32(runtime_shape(shape)?, values))
    }

    /// Truth values, 0 or 1 each.
    pub(crate) fn constant_bool(&mut self, shape: &[usize], values: Vec<u8>) -> Result<ValueId, String> {
        Ok(self.output.constant(ElementType::Bool, runtime_shape(shape)?, values))
    }

    pub(crate) fn push(&mut self, op: ops::Op, element: ElementType, shape: &[usize]) -> Result<ValueId, String> {
        let shape = runtime_shape(shape)?;
        Ok(self.output.push(op, element, shape, &self.label))
    }

    /// An operator with several results, each of this element type and shape.
    pub(crate) fn push_all(
        &mut self,
        op: ops::Op,
        element: ElementType,
        shape: &[usize],
    ) -> Result<Vec<ValueId>, String> {
        let shape = runtime_shape(shape)?;
        Ok(self.output.push_all(op, element, shape, &self.label))
    }

    pub(crate) fn shape_of(&self, id: ValueId) -> Vec<usize> {
        self.output.graph.values[id.0 as usize].shape.dims().iter().map(|&dim| dim as usize).collect()
    }

    pub(crate) fn element_of(&self, id: ValueId) -> ElementType {
        self.output.graph.values[id.0 as usize].element
    }

    pub(crate) fn reshape(&mut self, input: ValueId, shape: &[usize]) -> Result<ValueId, String> {
        let shape = with_dimensions(shape);
        if self.shape_of(input) == shape {
            return Ok(input);
        }
        let op = ops::Reshape { input, shape: shape.iter().map(|&dim| dim as i32).collect() };
        self.push(ops::Op::Reshape(op), self.element_of(input), shape)
    }

    pub(crate) fn transpose(&mut self, input: ValueId, perms: &[usize]) -> Result<ValueId, String> {
        if perms.is_empty() {
            return Ok(input);
        }
        let from = self.shape_of(input);
        let shape: Vec<usize> = perms.iter().map(|&axis| from[axis]).collect();
        let op = ops::Transpose { input, perms: perms.iter().map(|&axis| axis as i32).collect() };
        let result = self.push(ops::Op::Transpose(op), self.element_of(input), &shape)?;
        if let Some(mut accumulated) = self.accumulated(input) {
            accumulated.transposes.push(perms.to_vec());
            accumulated.codes = result;
            self.accumulated.push(accumulated);
        }
        Ok(result)
    }

    fn accumulated(&self, codes: ValueId) -> Option<Accumulated> {
        self.accumulated.iter().find(|accumulated| accumulated.codes == codes).cloned()
    }

    pub(crate) fn transposed(&mut self, operand: &Operand, perms: &[usize]) -> Result<Operand, String> {
        let id = self.transpose(operand.id, perms)?;
        Ok(Operand { id, shape: self.shape_of(id), params: operand.params })
    }

    pub(crate) fn slice(&mut self, input: ValueId, start: &[usize], size: &[usize]) -> Result<ValueId, String> {
        if self.shape_of(input) == size {
            return Ok(input);
        }
        let list = |values: &[usize]| values.iter().map(|&value| value as i32).collect();
        let op = ops::Slice { input, start: list(start), size: list(size) };
        self.push(ops::Op::Slice(op), self.element_of(input), size)
    }

    /// Some channels of a tensor whose last axis they are.
    pub(crate) fn channels(&mut self, operand: &Operand, start: usize, count: usize) -> Result<Operand, String> {
        let (mut shape, mut from) = (operand.shape.clone(), vec![0; operand.shape.len()]);
        let last = shape.len() - 1;
        (shape[last], from[last]) = (count, start);
        let id = self.slice(operand.id, &from, &shape)?;
        Ok(Operand { id, shape, params: operand.params })
    }

    pub(crate) fn concat(&mut self, inputs: &[ValueId], axis: usize) -> Result<ValueId, String> {
        if let [alone] = inputs {
            return Ok(*alone);
        }
        let mut shape = self.shape_of(inputs[0]);
        shape[axis] = inputs.iter().map(|&input| self.shape_of(input)[axis]).sum();
        let op = ops::Concat { axis: axis as u32, inputs: inputs.to_vec() };
        self.push(ops::Op::Concat(op), self.element_of(inputs[0]), &shape)
    }

    /// The tensor several times in a row on each axis.
    pub(crate) fn tile(&mut self, input: ValueId, multiples: &[usize]) -> Result<ValueId, String> {
        if multiples.iter().all(|&multiple| multiple == 1) {
            return Ok(input);
        }
        let shape: Vec<usize> = self.shape_of(input).iter().zip(multiples).map(|(dim, count)| dim * count).collect();
        let op = ops::Tile { input, multiples: multiples.iter().map(|&multiple| multiple as i32).collect() };
        self.push(ops::Op::Tile(op), self.element_of(input), &shape)
    }

    pub(crate) fn reverse(&mut self, input: ValueId, axis: usize) -> Result<ValueId, String> {
        let shape = self.shape_of(input);
        self.push(ops::Op::Reverse(ops::Reverse { axis: axis as u32, input }), self.element_of(input), &shape)
    }

    /// Rows `[N, W, C]` of a tensor `[N, K, C]` at indices `[N, W]`.
    pub(crate) fn gather(&mut self, values: ValueId, indices: ValueId) -> Result<ValueId, String> {
        let (of, at) = (self.shape_of(values), self.shape_of(indices));
        let op = ops::Gather { values, indices };
        self.push(ops::Op::Gather(op), self.element_of(values), &[at[0], at[1], of[2]])
    }

    /// TABLE of a function: int8 codes have an entry each, of int16 codes every 128th has one.
    ///
    /// Between int16 entries TABLE interpolates and gives 7 fractional bits, so that a RESCALE follows.
    ///
    /// Source: oracle of the lowering, section 5.
    pub(crate) fn table(
        &mut self,
        input: &Operand,
        output: QuantParams,
        function: impl Fn(f32) -> f32,
    ) -> Result<ValueId, String> {
        let (params, shape) = (input.params(), self.shape_of(input.id));
        let entry = |code: i32| output.quantize(function(params.dequantize(code)));
        let wide = params.dtype == Dtype::Int16;
        let entries: Vec<i32> = match wide {
            // The last one stands for the code beyond the largest.
            true => (-256..=256).map(|block| entry(block * 128)).collect(),
            false => {
                (i8::MIN.into()..=i8::MAX.into()).map(|code: i32| entry(code.clamp(params.qmin, params.qmax))).collect()
            }
        };
        let table = self.codes(&[entries.len()], output.dtype, &entries)?;
        let op = ops::Op::Table(ops::Table { input: input.id, table });
        if !wide {
            return self.push(op, ElementType::I8, &shape);
        }
        let result = self.push(op, ElementType::I32, &shape)?;
        self.narrow(result, &[1.0 / 128.0], output)
    }

    pub(crate) fn clamp(&mut self, input: ValueId, min: i32, max: i32) -> Result<ValueId, String> {
        let element = self.element_of(input);
        let limits = match element {
            ElementType::I16 => Dtype::Int16.limits(),
            _ => Dtype::Int8.limits(),
        };
        if [min, max] == limits {
            return Ok(input);
        }
        let shape = self.shape_of(input);
        let op = ops::Clamp { min: min.into(), max: max.into(), input, ..Default::default() };
        self.push(ops::Op::Clamp(op), element, &shape)
    }

    /// A tensor with leading dimensions of 1 up to `rank`.
    pub(crate) fn lift(&mut self, input: ValueId, rank: usize) -> Result<ValueId, String> {
        let shape = self.shape_of(input);
        let mut lifted = vec![1; rank.saturating_sub(shape.len())];
        lifted.extend(shape);
        self.reshape(input, &lifted)
    }

    /// Real numbers without their fractions, as TOSA's casts round.
    pub(crate) fn truncate(&mut self, input: ValueId, shape: &[usize]) -> Result<ValueId, String> {
        let zero = self.constant_f32(&vec![1; shape.len()], vec![0.0])?;
        let op = ops::Op::GreaterEqual(ops::GreaterEqual { input1: input, input2: zero });
        let condition = self.push(op, ElementType::Bool, shape)?;
        let if_true = self.push(ops::Op::Floor(ops::Floor { input }), ElementType::F32, shape)?;
        let if_false = self.push(ops::Op::Ceil(ops::Ceil { input }), ElementType::F32, shape)?;
        self.push(ops::Op::Select(ops::Select { condition, if_true, if_false }), ElementType::F32, shape)
    }

    /// Codes to i32 without zero point, times `factor`, with leading dimensions of 1 up to `rank`.
    pub(crate) fn widen(&mut self, operand: &Operand, factor: f64, rank: usize) -> Result<ValueId, String> {
        if let Some(accumulated) = self.accumulated(operand.id) {
            let wide = self.widen_accumulator(&accumulated, factor)?;
            return self.lift(wide, rank);
        }
        let input = self.lift(operand.id, rank)?;
        self.rescale(input, Side::of(operand.params()), &[factor], Side::wide(ElementType::I32))
    }

    fn widen_accumulator(&mut self, accumulated: &Accumulated, factor: f64) -> Result<ValueId, String> {
        let Accumulated { accumulator, factors, transposes, .. } = accumulated;
        let (long, wide) = (Side::wide(ElementType::I48), Side::wide(ElementType::I32));
        // A transpose of the network's own may move the channels, so that upstream rescales again behind it.
        let combined = transposes.len() < 2;
        let factors: Vec<f64> = factors.iter().map(|scale| if combined { scale * factor } else { *scale }).collect();
        let mut result = self.rescale(*accumulator, long, &factors, wide)?;
        for perms in transposes {
            result = self.transpose(result, perms)?;
        }
        if combined { Ok(result) } else { self.rescale(result, wide, &[factor], wide) }
    }

    /// i32 or i48 to codes, times one factor, or one per element of the last dimension.
    pub(crate) fn narrow(&mut self, input: ValueId, factors: &[f64], output: QuantParams) -> Result<ValueId, String> {
        self.rescale(input, Side::wide(self.element_of(input)), factors, Side::of(output))
    }

    /// A layer's sums to codes; those of i48 stay at hand for readers that want i32.
    fn narrow_sums(&mut self, sums: ValueId, factors: Vec<f64>, result: QuantParams) -> Result<ValueId, String> {
        let codes = self.narrow(sums, &factors, result)?;
        if self.element_of(sums) == ElementType::I48 {
            self.accumulated.push(Accumulated { accumulator: sums, factors, transposes: Vec::new(), codes });
        }
        Ok(codes)
    }

    fn rescale(&mut self, input: ValueId, from: Side, factors: &[f64], to: Side) -> Result<ValueId, String> {
        let scale32 = from.element != ElementType::I48;
        let bits = if scale32 { 31 } else { 15 };
        let pairs = factors
            .iter()
            .map(|&factor| {
                multiplier_and_shift(factor, bits).ok_or_else(|| {
                    format!("a scale factor of {factor:e} is outside what RESCALE expresses (2^-62 to 2^{})", bits - 2)
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let (multipliers, shifts): (Vec<i32>, Vec<i8>) = pairs.into_iter().unzip();
        let dtype = if scale32 { Dtype::Int32 } else { Dtype::Int16 };
        let op = ops::Rescale {
            scale32,
            per_channel: factors.len() > 1,
            input_unsigned: from.unsigned,
            output_unsigned: to.unsigned,
            input,
            multiplier: self.codes(&[multipliers.len()], dtype, &multipliers)?,
            shift: self.constant_i8(&[shifts.len()], shifts)?,
            input_zero_point: from.zero_point,
            output_zero_point: to.zero_point,
            ..Default::default()
        };
        let shape = self.shape_of(input);
        self.push(ops::Op::Rescale(op), to.element, &shape)
    }

    /// Padding with which windows over an NHWC tensor end exactly at its border, as TOSA demands: what the exporter's floor
    /// division ignores is taken from the padding after the last element, then from the input.
    pub(crate) fn fit_windows(
        &mut self,
        input: &Operand,
        kernel: &[usize],
        stride: [usize; 2],
        dilation: [usize; 2],
        pad: [[usize; 2]; 2],
    ) -> Result<(Operand, [i32; 4]), String> {
        let mut size = input.shape.clone();
        let mut fitted = [0; 4];
        for axis in 0..2 {
            let [before, after] = pad[axis];
            let rest = (size[1 + axis] + before + after - dilation[axis] * (kernel[axis] - 1) - 1) % stride[axis];
            fitted[2 * axis] = before as i32;
            fitted[2 * axis + 1] = after.saturating_sub(rest) as i32;
            size[1 + axis] -= rest.saturating_sub(after);
        }
        let id = self.slice(input.id, &[0; 4], &size)?;
        Ok((Operand { id, shape: size, params: input.params }, fitted))
    }
}

/// The dimensions of a tensor in the program, which has no tensors without: a number is a tensor of shape `[1]`.
pub(crate) fn with_dimensions(shape: &[usize]) -> &[usize] {
    if shape.is_empty() { &[1] } else { shape }
}

fn runtime_shape(shape: &[usize]) -> Result<Shape, String> {
    let dims: Option<Vec<u32>> = with_dimensions(shape).iter().map(|&dim| u32::try_from(dim).ok()).collect();
    dims.as_deref()
        .and_then(Shape::new)
        .ok_or_else(|| format!("shape {shape:?}: at most 6 dimensions, each at least 1"))
}
