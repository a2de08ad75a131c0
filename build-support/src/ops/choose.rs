//! Elements of one tensor or another, by truth values: `where`.

use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;
use ndarray::ArrayD;
use quantize_runtime::ops;

/// `a` where the condition holds, else `b`, with broadcasting; operands: condition, `a`, `b`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Choose;

impl Room for Choose {
    const NAME: &'static str = "where";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let shape = inputs.iter().try_fold(Vec::new(), |shape, input| broadcast_shape(&shape, input));
        shape.ok_or_else(|| format!("shapes {inputs:?} do not broadcast"))
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        let [condition, a, b] = inputs else { return Err(format!("{} operands", inputs.len())) };
        if condition.element != Element::Bool || a.element != b.element {
            return Err("its first operand holds no truth values, or the others differ in type".to_owned());
        }
        let shape = self.infer(&[&condition.shape, &a.shape, &b.shape])?;
        Ok(vec![Type { element: a.element, shape }])
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("one operand holds truth values")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let condition = inputs[0].truths().expect("checked at import");
        let result = match (inputs[1], inputs[2]) {
            (Data::F32(a), Data::F32(b)) => self.choose(condition, a, b).into(),
            (Data::I64(a), Data::I64(b)) => self.choose(condition, a, b).into(),
            (Data::Bool(a), Data::Bool(b)) => self.choose(condition, a, b).into(),
            _ => unreachable!("checked at import"),
        };
        vec![result]
    }

    fn target(&self) -> &'static str {
        "aten.where.self"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// SELECT on codes: all have the same parameters.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let shape = &lowering.graph().value(node.output()).shape;
        let mut operand = |index| {
            let operand = lowering.operand(node, index)?;
            lowering.lift(operand.id, shape.len())
        };
        let (condition, if_true, if_false) = (operand(0)?, operand(1)?, operand(2)?);
        let op = ops::Op::Select(ops::Select { condition, if_true, if_false });
        let result = lowering.push(op, lowering.element_of(if_true), shape)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

impl Choose {
    fn choose<T: Copy>(&self, condition: &ArrayD<bool>, a: &ArrayD<T>, b: &ArrayD<T>) -> ArrayD<T> {
        let shape = self.infer(&[condition.shape(), a.shape(), b.shape()]).expect("checked at import");
        let condition = condition.broadcast(shape.clone()).expect("checked at import");
        let (a, b) = (a.broadcast(shape.clone()), b.broadcast(shape));
        let (a, b) = (a.expect("checked at import"), b.expect("checked at import"));
        let chosen = ndarray::Zip::from(condition).and(a).and(b).map_collect(|&c, &a, &b| if c { a } else { b });
        chosen.as_standard_layout().into_owned()
    }
}
