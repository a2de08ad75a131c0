//! Moves TRANSPOSEs towards the outputs until they meet their inverse or an operator that depends on the layout.
//!
//! The graph is rebuilt node by node. A value of the old graph is known as a value of the new one and a permutation that
//! is still owed; operators that do not care about the order of dimensions work on the former and pass on the latter,
//! the others make it a TRANSPOSE first, or a RESHAPE where the order in memory stays the same.

use super::Lowered;
use quantize_runtime::Shape;
use quantize_runtime::graph::{ElementType, Node, Port, Value, ValueId};
use quantize_runtime::ops::{self, Clamp, NanMode, Op, Reshape, Transpose};

/// The graph with as few TRANSPOSEs as this finds; with `sink` they move through operators, without only chains merge.
pub(super) fn cancel_transposes(lowered: &Lowered, sink: bool) -> Lowered {
    let mut rewriter = Rewriter { new: Lowered::default(), views: vec![None; lowered.graph.values.len()] };
    for port in &lowered.graph.inputs {
        let value = &lowered.graph.values[port.value.0 as usize];
        let base = rewriter.new.input(port.name.as_str(), value.element, value.shape);
        rewriter.new.graph.inputs.last_mut().expect("just added").unsigned = port.unsigned;
        rewriter.views[port.value.0 as usize] = Some(View::plain(base, value.shape.rank()));
    }
    for (index, value) in lowered.graph.values.iter().enumerate() {
        if let Some(constant) = &value.constant {
            let base = rewriter.new.constant(value.element, value.shape, constant.data.to_vec());
            rewriter.views[index] = Some(View::plain(base, value.shape.rank()));
        }
    }
    for (node, label) in lowered.graph.nodes.iter().zip(&lowered.labels) {
        let views = rewriter.rewrite(lowered, node, label, sink);
        for (output, view) in node.outputs.iter().zip(views) {
            rewriter.views[output.0 as usize] = Some(view);
        }
    }
    for port in &lowered.graph.outputs {
        let view = rewriter.view(port.value);
        let value = rewriter.materialize(&view, &port.name);
        rewriter.new.graph.outputs.push(Port { value, ..port.clone() });
    }
    rewriter.new
}

/// Bytes that the TRANSPOSEs of a graph move.
pub(super) fn moved_bytes(lowered: &Lowered) -> usize {
    let transposes = lowered.graph.nodes.iter().filter(|node| matches!(node.op, Op::Transpose(_)));
    transposes
        .map(|node| &lowered.graph.values[node.output().0 as usize])
        .map(|value| value.shape.len() * value.element.size())
        .sum()
}

/// `TRANSPOSE(base, perms)`: dimension `i` is dimension `perms[i]` of `base`, a value of the new graph.
#[derive(Clone)]
struct View {
    base: ValueId,
    perms: Vec<usize>,
}

impl View {
    fn plain(base: ValueId, rank: usize) -> Self {
        Self { base, perms: (0..rank).collect() }
    }

    /// `TRANSPOSE(self, perms)`.
    fn transpose(&self, perms: &[usize]) -> Self {
        Self { base: self.base, perms: perms.iter().map(|&axis| self.perms[axis]).collect() }
    }

    fn is_plain(&self) -> bool {
        self.perms.is_sorted()
    }
}

struct Rewriter {
    new: Lowered,
    /// By value of the old graph; `None` before the node that makes it.
    views: Vec<Option<View>>,
}

impl Rewriter {
    fn view(&self, value: ValueId) -> View {
        self.views[value.0 as usize].clone().expect("nodes read values made before them")
    }

    /// The results of a node as views of values of the new graph.
    fn rewrite(&mut self, old: &Lowered, node: &Node, label: &str, sink: bool) -> Vec<View> {
        let view = self.moved(old, node, label).or_else(|| if sink { self.sink(old, node, label) } else { None });
        match view {
            Some(view) => vec![view],
            None => self.copied(old, node, label),
        }
    }

    /// The result of a node that only moves its operand, or does nothing.
    fn moved(&mut self, old: &Lowered, node: &Node, label: &str) -> Option<View> {
        let result = &old.graph.values[node.output().0 as usize];
        match &node.op {
            Op::Transpose(op) => {
                let perms: Vec<usize> = op.perms.iter().map(|&axis| axis as usize).collect();
                Some(self.view(op.input).transpose(&perms))
            }
            Op::Reshape(op) => {
                let view = self.view(op.input);
                if old.shape(op.input) == result.shape {
                    return Some(view);
                }
                let base = self.materialize(&view, label);
                Some(View::plain(self.reshape(base, result.shape, label), result.shape.rank()))
            }
            // A slice of everything, a bound on nothing.
            Op::Slice(op) if old.shape(op.input) == result.shape => Some(self.view(op.input)),
            Op::Clamp(op) if bounds_nothing(op, result.element) => Some(self.view(op.input)),
            _ => None,
        }
    }

    /// The results of the node on operands in their own layout.
    fn copied(&mut self, old: &Lowered, node: &Node, label: &str) -> Vec<View> {
        let mut op = node.op.clone();
        op.for_each_tensor(|operand| {
            let view = self.view(*operand);
            *operand = self.materialize(&view, label);
        });
        let &Value { element, shape, .. } = &old.graph.values[node.output().0 as usize];
        let results = self.new.push_all(op, element, shape, label);
        results.into_iter().map(|base| View::plain(base, shape.rank())).collect()
    }

    /// The node working on untransposed operands, if one of them is transposed and the others can follow for free.
    fn sink(&mut self, old: &Lowered, node: &Node, label: &str) -> Option<View> {
        let data = data_operands(&node.op);
        let perms = data.iter().map(|&operand| self.view(operand)).find(|view| !view.is_plain())?.perms;
        let mut op = node.op.clone();
        if !permute_attributes(&mut op, &perms) {
            return None;
        }
        let inverse = inverse(&perms);
        let pulled: Vec<ValueId> = data
            .iter()
            .map(|&operand| {
                let view = self.view(operand).transpose(&inverse);
                self.free(&view, label)
            })
            .collect::<Option<_>>()?;
        op.for_each_tensor(|operand| {
            *operand = match data.iter().position(|other| other == operand) {
                Some(index) => pulled[index],
                None => self.view(*operand).base,
            };
        });
        let value = &old.graph.values[node.output().0 as usize];
        let base = self.new.push(op, value.element, permuted(&value.shape, &inverse), label);
        Some(View { base, perms })
    }

    /// The view as a value, if that moves no memory at run time.
    fn free(&mut self, view: &View, label: &str) -> Option<ValueId> {
        let base = &self.new.graph.values[view.base.0 as usize];
        let (element, shape) = (base.element, base.shape);
        if view.is_plain() {
            return Some(view.base);
        }
        let result = permuted(&shape, &view.perms);
        if let Some(constant) = &base.constant {
            let data = permute_data(&constant.data, element.size(), &shape, &view.perms);
            return Some(self.new.constant(element, result, data));
        }
        let moving = view.perms.iter().filter(|&&axis| shape.dims()[axis] != 1);
        if moving.is_sorted() {
            return Some(self.reshape(view.base, result, label));
        }
        let transpose = transpose(view);
        let producer = self.producer(view.base).cloned();
        match producer {
            _ if self.find(&transpose).is_some() => self.find(&transpose),
            // A constant that is rescaled at run time.
            Some(Op::Rescale(mut op)) if !op.per_channel => {
                let input = View { base: op.input, perms: view.perms.clone() };
                self.new.graph.values[op.input.0 as usize].constant.as_ref()?;
                op.input = self.free(&input, label)?;
                Some(self.shared(Op::Rescale(op), view.base, result, label))
            }
            _ => None,
        }
    }

    /// The view as a value.
    fn materialize(&mut self, view: &View, label: &str) -> ValueId {
        self.free(view, label).or_else(|| self.padded(view, label)).unwrap_or_else(|| {
            let shape = permuted(&self.new.shape(view.base), &view.perms);
            self.shared(transpose(view), view.base, shape, label)
        })
    }

    /// The view of a PAD as the PAD of a view: that moves less, and a window that follows can take the border in.
    fn padded(&mut self, view: &View, label: &str) -> Option<ValueId> {
        let Some(Op::Pad(mut op)) = self.producer(view.base).cloned() else { return None };
        let shape = permuted(&self.new.shape(view.base), &view.perms);
        let sides = op.padding.as_chunks::<2>().0.to_vec();
        op.padding = view.perms.iter().flat_map(|&axis| sides[axis]).collect();
        op.input = self.materialize(&View { base: op.input, perms: view.perms.clone() }, label);
        Some(self.shared(Op::Pad(op), view.base, shape, label))
    }

    /// The value in another shape: of a chain of RESHAPEs only the last stays.
    fn reshape(&mut self, value: ValueId, shape: Shape, label: &str) -> ValueId {
        let input = match self.producer(value) {
            Some(Op::Reshape(op)) => op.input,
            _ => value,
        };
        let base = &self.new.graph.values[input.0 as usize];
        if base.shape == shape {
            return input;
        }
        if let Some(constant) = &base.constant {
            let (element, data) = (base.element, constant.data.to_vec());
            return self.new.constant(element, shape, data);
        }
        let op = Reshape { input, shape: shape.dims().iter().map(|&dim| dim as i32).collect() };
        self.shared(Op::Reshape(op), input, shape, label)
    }

    /// The result of this operator, which has the element type of `like`; an equal one is not made twice.
    fn shared(&mut self, op: Op, like: ValueId, shape: Shape, label: &str) -> ValueId {
        let element = self.new.graph.values[like.0 as usize].element;
        self.find(&op).unwrap_or_else(|| self.new.push(op, element, shape, label))
    }

    fn find(&self, op: &Op) -> Option<ValueId> {
        self.new.graph.nodes.iter().find(|node| node.op == *op).map(Node::output)
    }

    fn producer(&self, value: ValueId) -> Option<&Op> {
        self.new.graph.nodes.iter().find(|node| node.outputs.contains(&value)).map(|node| &node.op)
    }
}

/// Whether a CLAMP of this element type changes no element.
fn bounds_nothing(op: &Clamp, element: ElementType) -> bool {
    let limits = match element {
        ElementType::I8 => (i32::from(i8::MIN).into(), i32::from(i8::MAX).into()),
        ElementType::I16 => (i32::from(i16::MIN).into(), i32::from(i16::MAX).into()),
        _ => (f32::NEG_INFINITY.into(), f32::INFINITY.into()),
    };
    // To ignore NaN changes it to a bound.
    (op.min, op.max) == limits && (element != ElementType::F32 || op.nan_mode == NanMode::Propagate)
}

fn transpose(view: &View) -> Op {
    Op::Transpose(Transpose { perms: view.perms.iter().map(|&axis| axis as i32).collect(), input: view.base })
}

/// The operands whose dimensions are those of the result.
fn data_operands(op: &Op) -> Vec<ValueId> {
    match op {
        Op::Table(op) => vec![op.input],
        Op::Rescale(op) => vec![op.input],
        _ => op.inputs(),
    }
}

/// Rewrites an operator on `TRANSPOSE(base, perms)` to work on `base`; whether that can be done.
fn permute_attributes(op: &mut Op, perms: &[usize]) -> bool {
    let permute_list = |list: &mut Vec<i32>, per_axis: usize| {
        let old = list.clone();
        for (axis, part) in perms.iter().zip(old.chunks_exact(per_axis)) {
            list[axis * per_axis..][..per_axis].copy_from_slice(part);
        }
    };
    match op {
        Op::Abs(_)
        | Op::Add(_)
        | Op::ArithmeticRightShift(_)
        | Op::BitwiseAnd(_)
        | Op::BitwiseNot(_)
        | Op::BitwiseOr(_)
        | Op::BitwiseXor(_)
        | Op::Cast(_)
        | Op::Ceil(_)
        | Op::Clamp(_)
        | Op::Clz(_)
        | Op::Cos(_)
        | Op::Equal(_)
        | Op::Erf(_)
        | Op::Exp(_)
        | Op::Floor(_)
        | Op::Greater(_)
        | Op::GreaterEqual(_)
        | Op::IntDiv(_)
        | Op::Log(_)
        | Op::LogicalAnd(_)
        | Op::LogicalLeftShift(_)
        | Op::LogicalNot(_)
        | Op::LogicalOr(_)
        | Op::LogicalRightShift(_)
        | Op::LogicalXor(_)
        | Op::Maximum(_)
        | Op::Minimum(_)
        | Op::Mul(_)
        | Op::Negate(_)
        | Op::Pow(_)
        | Op::Reciprocal(_)
        | Op::Rsqrt(_)
        | Op::Select(_)
        | Op::Sigmoid(_)
        | Op::Sin(_)
        | Op::Sub(_)
        | Op::Table(_)
        | Op::Tanh(_) => true,
        // Parameters per channel belong to the last axis.
        Op::Rescale(op) => !op.per_channel || perms.last() == Some(&(perms.len() - 1)),
        Op::ReduceAll(ops::ReduceAll { axis, .. })
        | Op::ReduceAny(ops::ReduceAny { axis, .. })
        | Op::ReduceMax(ops::ReduceMax { axis, .. })
        | Op::ReduceMin(ops::ReduceMin { axis, .. })
        | Op::ReduceProduct(ops::ReduceProduct { axis, .. })
        | Op::ReduceSum(ops::ReduceSum { axis, .. })
        | Op::Concat(ops::Concat { axis, .. }) => {
            *axis = perms[*axis as usize] as u32;
            true
        }
        Op::Reverse(op) => {
            op.axis = perms[op.axis as usize] as u32;
            true
        }
        Op::Tile(op) => {
            permute_list(&mut op.multiples, 1);
            true
        }
        Op::Pad(op) => {
            permute_list(&mut op.padding, 2);
            true
        }
        Op::Slice(op) => {
            permute_list(&mut op.start, 1);
            permute_list(&mut op.size, 1);
            true
        }
        Op::ArgMax(_)
        | Op::AvgPool2d(_)
        | Op::Conv2d(_)
        | Op::Conv3d(_)
        | Op::DepthwiseConv2d(_)
        | Op::Fft2d(_)
        | Op::Gather(_)
        | Op::MatMul(_)
        | Op::MaxPool2d(_)
        | Op::Reshape(_)
        | Op::Resize(_)
        | Op::Rfft2d(_)
        | Op::Scatter(_)
        | Op::TransposeConv2d(_)
        | Op::Transpose(_) => false,
    }
}

fn inverse(perms: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; perms.len()];
    for (i, &axis) in perms.iter().enumerate() {
        inverse[axis] = i;
    }
    inverse
}

fn permuted(shape: &Shape, perms: &[usize]) -> Shape {
    let dims: Vec<u32> = perms.iter().map(|&axis| shape.dims()[axis]).collect();
    Shape::new(&dims).expect("a permutation of valid dimensions")
}

/// The elements of a tensor in the order of the transposed one.
fn permute_data(data: &[u8], element_bytes: usize, shape: &Shape, perms: &[usize]) -> Vec<u8> {
    let mut strides = vec![element_bytes; shape.rank()];
    for axis in (1..shape.rank()).rev() {
        strides[axis - 1] = strides[axis] * shape.dims()[axis] as usize;
    }
    let mut offsets = vec![0];
    for &axis in perms {
        let positions = 0..shape.dims()[axis] as usize;
        offsets = offsets
            .iter()
            .flat_map(|offset| positions.clone().map(move |i| (offset, i)))
            .map(|(offset, i)| offset + i * strides[axis])
            .collect();
    }
    offsets.into_iter().flat_map(|offset: usize| &data[offset..][..element_bytes]).copied().collect()
}
