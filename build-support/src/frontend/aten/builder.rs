//! Adds what ATen nodes mean to a network, within a budget of elements for its constants.

use super::Call;
use crate::graph::{Data, Graph, Node, Type, ValueId};
use crate::ops::Op;

/// Most elements of a computed tensor: 8 GiB of real numbers.
pub(in crate::frontend) const MAX_ELEMENTS: usize = 1 << 31;

/// A network that a front-end builds.
pub(in crate::frontend) struct Builder<'a> {
    pub(in crate::frontend) graph: &'a mut Graph,
    /// Elements that further constants may have.
    pub(in crate::frontend) budget: &'a mut usize,
}

impl Builder<'_> {
    /// Adds an operator with its results; what reads constants alone becomes constants.
    pub(super) fn push(
        &mut self,
        call: &Call<'_>,
        op: impl Into<Op>,
        inputs: &[ValueId],
    ) -> Result<Vec<ValueId>, String> {
        self.push_named(call, call.name, op.into(), inputs)
    }

    /// Adds a piece of an operator that is several rooms.
    pub(super) fn push_piece(
        &mut self,
        call: &Call<'_>,
        piece: &str,
        op: impl Into<Op>,
        inputs: &[ValueId],
    ) -> Result<ValueId, String> {
        let results = self.push_named(call, &format!("{}.{piece}", call.name), op.into(), inputs)?;
        Ok(results[0])
    }

    fn push_named(&mut self, call: &Call<'_>, name: &str, op: Op, inputs: &[ValueId]) -> Result<Vec<ValueId>, String> {
        let kinds = op.infer(&self.graph.kinds(inputs))?;
        for Type { shape, .. } in &kinds {
            if shape.contains(&0) {
                return Err(format!("its result has shape {shape:?}"));
            }
            element_count(shape, MAX_ELEMENTS).map_err(|problem| format!("its result {problem}"))?;
        }
        let is_piece = name != call.name;
        let names = |index: usize| match call.results.get(index) {
            Some(result) if !is_piece => (*result).to_owned(),
            _ => name.to_owned(),
        };
        let makes_one = matches!(op, Op::Constant(_));
        let constants: Option<Vec<&Data>> = inputs.iter().map(|&id| self.graph.value(id).constant.as_ref()).collect();
        if let Some(constants) = constants
            && !makes_one
        {
            let elements: usize = kinds.iter().map(|kind| kind.shape.iter().product::<usize>()).sum();
            let shapes: Vec<&[usize]> = constants.iter().map(|data| data.shape()).collect();
            if elements.saturating_mul(op.work(&shapes)) > MAX_FOLDED_STEPS {
                return Err("computes a large tensor from constants; compute it before the export".to_owned());
            }
            let results = op.evaluate(&constants);
            for data in &results {
                self.spend(data.shape())?;
            }
            let constant = |(index, data)| self.graph.add_constant(names(index), data);
            return Ok(results.into_iter().enumerate().map(constant).collect());
        }
        let outputs: Vec<ValueId> =
            kinds.into_iter().enumerate().map(|(index, kind)| self.graph.add_value(names(index), kind)).collect();
        self.graph.nodes.push(Node {
            op,
            inputs: inputs.to_vec(),
            outputs: outputs.clone(),
            name: name.to_owned(),
            target: call.target.to_owned(),
            scopes: call.scopes.clone(),
        });
        Ok(outputs)
    }

    /// Adds a constant that an argument or the import makes.
    pub(super) fn constant(&mut self, name: String, data: impl Into<Data>) -> Result<ValueId, String> {
        let data = data.into();
        self.spend(data.shape())?;
        Ok(self.graph.add_constant(name, data))
    }

    pub(super) fn shape(&self, id: ValueId) -> &[usize] {
        &self.graph.value(id).shape
    }

    /// Takes the elements of a new constant from the budget.
    pub(in crate::frontend) fn spend(&mut self, shape: &[usize]) -> Result<(), String> {
        *self.budget -= element_count(shape, *self.budget)?;
        Ok(())
    }
}

/// Multiply-adds, and steps like them, that folding one operator may take.
const MAX_FOLDED_STEPS: usize = 1 << 30;

/// Dimensions of a tensor, at most: as many as numpy takes.
pub(in crate::frontend) const MAX_RANK: usize = 64;

/// Number of elements of these dimensions, at most `limit`.
pub(in crate::frontend) fn element_count(shape: &[usize], limit: usize) -> Result<usize, String> {
    if shape.len() > MAX_RANK {
        return Err(format!("has {} dimensions, which is more than {MAX_RANK}", shape.len()));
    }
    let count = shape.iter().try_fold(1_usize, |count, &dim| count.checked_mul(dim)).filter(|&count| count <= limit);
    count.ok_or_else(|| format!("has shape {shape:?}, which is more than this importer takes"))
}
