//! Sums of products by labelled axes; decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// Each axis of an operand has a label; the result sums over all labels that it does not have itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Einsum {
    /// Labels of each operand's axes, each once; axes of one label are of one size, or of size 1.
    pub operands: Vec<Vec<u8>>,
    /// Labels of the result's axes, each once.
    pub result: Vec<u8>,
}

/// The first label of axes that `...` stands for; letters have smaller ones.
const ELLIPSIS: u8 = 128;

impl Einsum {
    /// Reads an equation, such as `"bij,bjk->bik"`, for operands of these ranks.
    ///
    /// # Errors
    ///
    /// An equation that torch refuses, and a label that an operand has twice.
    pub(crate) fn parse(equation: &str, ranks: &[usize]) -> Result<Self, String> {
        let wrong = |reason: &str| format!("equation `{equation}` {reason}");
        let text: String = equation.chars().filter(|c| *c != ' ').collect();
        let (left, right) = text.split_once("->").map_or((text.as_str(), None), |(left, right)| (left, Some(right)));
        let terms: Vec<&str> = left.split(',').collect();
        if terms.len() != ranks.len() {
            return Err(wrong("has another number of operands"));
        }
        let hidden = |(term, &rank): (&&str, &usize)| {
            let letters = term.bytes().filter(u8::is_ascii_alphabetic).count();
            rank.checked_sub(letters).filter(|&hidden| term.contains("...") || hidden == 0)
        };
        let hidden: Option<Vec<usize>> = terms.iter().zip(ranks).map(hidden).collect();
        let hidden = hidden.ok_or_else(|| wrong("has operands of other ranks"))?;
        let most = hidden.iter().copied().max().unwrap_or(0);
        if most > usize::from(u8::MAX - ELLIPSIS) {
            return Err(wrong("has too many axes"));
        }
        // The last of these axes are those that all operands have.
        let ellipsis = |count: usize| (most - count..most).map(|axis| ELLIPSIS + axis as u8); // checked just now
        let labels = |term: &str, hidden: usize| -> Option<Vec<u8>> {
            let (before, behind) = term.split_once("...").unwrap_or((term, ""));
            let all = before.bytes().chain(ellipsis(hidden)).chain(behind.bytes());
            let all: Vec<u8> = all.collect();
            let is_label = |label: &u8| label.is_ascii_alphabetic() || *label >= ELLIPSIS;
            let is_once = |label: &u8| all.iter().filter(|other| *other == label).count() == 1;
            all.iter().all(|label| is_label(label) && is_once(label)).then_some(all)
        };
        let operands: Option<Vec<Vec<u8>>> =
            terms.iter().zip(&hidden).map(|(term, &hidden)| labels(term, hidden)).collect();
        let operands = operands.ok_or_else(|| wrong("has an operand with something else than single letters"))?;
        let count = |label: u8| operands.iter().flatten().filter(|other| **other == label).count();
        let result = match right {
            Some(right) => labels(right, if right.contains("...") { most } else { 0 }),
            // Without a result it has the labels that occur once, in the order of the alphabet.
            None => Some(ellipsis(most).chain((b'A'..=b'z').filter(|&label| count(label) == 1)).collect()),
        };
        let result = result.filter(|result| result.iter().all(|&label| count(label) > 0));
        Ok(Self { operands, result: result.ok_or_else(|| wrong("has a result with other labels"))? })
    }

    /// The result's labels and behind them the others, in the order of the alphabet.
    pub(crate) fn labels(&self) -> Vec<u8> {
        let mut summed: Vec<u8> = self.operands.iter().flatten().copied().collect();
        summed.sort_unstable();
        summed.dedup();
        summed.retain(|label| !self.result.contains(label));
        [self.result.as_slice(), &summed].concat()
    }

    /// Sizes along [`Self::labels`].
    fn sizes(&self, inputs: &[&[usize]]) -> Option<Vec<usize>> {
        let size = |label: u8| {
            let axes = self.operands.iter().zip(inputs).flat_map(|(labels, shape)| labels.iter().zip(*shape));
            let mut sizes = axes.filter(|(other, size)| **other == label && **size != 1).map(|(_, &size)| size);
            let first = sizes.next().unwrap_or(1);
            sizes.all(|size| size == first).then_some(first)
        };
        self.labels().into_iter().map(size).collect()
    }
}

impl Room for Einsum {
    const NAME: &'static str = "einsum";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let ranks = inputs.len() == self.operands.len()
            && self.operands.iter().zip(inputs).all(|(labels, shape)| labels.len() == shape.len());
        let sizes = self.sizes(inputs).filter(|_| ranks);
        let sizes = sizes.ok_or_else(|| format!("operands of shapes {inputs:?} have no common sizes"))?;
        Ok(sizes[..self.result.len()].to_vec())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape()).collect();
        let (labels, sizes) = (self.labels(), self.sizes(&shapes).expect("checked at import"));
        let (outer, inner) = sizes.split_at(self.result.len());
        let axes: Vec<Vec<usize>> = self
            .operands
            .iter()
            .map(|operand| operand.iter().map(|label| labels.iter().position(|l| l == label).expect("listed")).collect())
            .collect();
        let mut at = vec![0; sizes.len()];
        Tensor::from_shape_fn(outer, |position| {
            (0..outer.len()).for_each(|axis| at[axis] = position[axis]);
            // Row by row over the labels that are summed.
            let mut sum = 0.0;
            for index in 0..inner.iter().product() {
                let mut rest = index;
                for (axis, size) in inner.iter().enumerate().rev() {
                    at[outer.len() + axis] = rest % size;
                    rest /= size;
                }
                let product = inputs.iter().zip(&axes).fold(1.0_f32, |product, (input, axes)| {
                    let place = axes.iter().zip(input.shape()).map(|(&axis, &size)| if size == 1 { 0 } else { at[axis] });
                    product * input[&place.collect::<Vec<_>>()[..]]
                });
                sum += product;
            }
            sum
        })
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        inputs.concat().into_iter().max().unwrap_or(1)
    }

    fn target(&self) -> &'static str {
        "aten.einsum.default"
    }

    composite!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_read_as_by_torch() {
        let parsed = |equation, ranks: &[usize]| Einsum::parse(equation, ranks).map(|einsum| (einsum.operands, einsum.result));
        assert_eq!(parsed("ij, jk -> ik", &[2, 2]).unwrap().1, b"ik");
        assert_eq!(parsed("ba,bC", &[2, 2]).unwrap().1, b"Ca");
        let (operands, result) = parsed("a...b,...b->...a", &[4, 2]).unwrap();
        assert_eq!(operands, [vec![b'a', 128, 129, b'b'], vec![129, b'b']]);
        assert_eq!(result, [128, 129, b'a']);
        for (equation, ranks) in [("ii->i", &[2][..]), ("ij->ik", &[2]), ("ij,jk", &[2]), ("ij", &[3]), ("i1->i", &[2])] {
            assert!(Einsum::parse(equation, ranks).is_err(), "{equation}");
        }
    }

    #[test]
    fn labels_that_the_result_lacks_are_summed() {
        let einsum = Einsum::parse("ij,jk->ki", &[2, 2]).unwrap();
        let a = Tensor::from_shape_vec(vec![2, 3], vec![1., 2., 3., 4., 5., 6.]).unwrap();
        let b = Tensor::from_shape_vec(vec![3, 2], vec![1., 0., 0., 1., 1., 1.]).unwrap();
        let result = einsum.evaluate(&[&a, &b]);
        assert_eq!(result.as_slice().unwrap(), [4., 10., 5., 11.]);
    }
}
