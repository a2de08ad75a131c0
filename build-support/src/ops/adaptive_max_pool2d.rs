//! Maximum over a fixed number of regions, and where it is.

use super::adaptive_avg_pool2d::AdaptiveAvgPool2d;
use super::max_pool2d::MaxPool2d;
use super::{Pattern, Room, shapes_of};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::{Lowering, Operand};
use ndarray::ArrayD;

/// Maximum of each of `output[0] × output[1]` regions of `[N, C, H, W]`, and its first index in the plane; upstream's quantizer
/// does not know it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdaptiveMaxPool2d {
    /// Rows and columns of the result.
    pub output: [usize; 2],
}

impl AdaptiveMaxPool2d {
    /// Row and column of the first largest element of the region of output `at`.
    fn largest(&self, input: &Tensor, at: &[usize]) -> [usize; 2] {
        let region = |axis: usize| AdaptiveAvgPool2d::region(at[2 + axis], input.shape()[2 + axis], self.output[axis]);
        let (rows, columns) = (region(0), region(1));
        let first = [rows.start, columns.start];
        let element = |[y, x]: [usize; 2]| input[[at[0], at[1], y, x]];
        rows.flat_map(|y| columns.clone().map(move |x| [y, x]))
            .fold(first, |best, here| if element(here) > element(best) { here } else { best })
    }
}

impl Room for AdaptiveMaxPool2d {
    const NAME: &'static str = "adaptive_max_pool2d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        AdaptiveAvgPool2d { output: self.output }.infer(inputs)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&[inputs[0].shape()]).expect("checked at import");
        Tensor::from_shape_fn(shape, |at| {
            let at = [at[0], at[1], at[2], at[3]];
            let [y, x] = self.largest(inputs[0], &at);
            inputs[0][[at[0], at[1], y, x]]
        })
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        let shape = self.infer(&shapes_of(inputs, Element::F32)?)?;
        Ok(vec![Type::real(shape.clone()), Type { element: Element::I64, shape }])
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let input = inputs[0].real().expect("checked at import");
        let maxima = self.evaluate(&[input]);
        let indices = ArrayD::from_shape_fn(maxima.shape(), |at| {
            let [y, x] = self.largest(input, &[at[0], at[1], at[2], at[3]]);
            (y * input.shape()[3] + x) as i64 // of a tensor in memory
        });
        vec![maxima.into(), indices.into()]
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.adaptive_max_pool2d.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Forgotten
    }

    /// SLICE and MAX_POOL2D for each region, and CONCATs; a reader of the index finds none.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let reads_index = |reader: &Node| reader.inputs.contains(&node.outputs[1]);
        let graph = lowering.graph();
        if graph.nodes.iter().any(reads_index) || graph.is_output(node.outputs[1]) {
            return Err("only the largest elements are supported, not their indices".to_owned());
        }
        let input = lowering.operand(node, 0)?;
        let [n, c, h, w] = input.shape[..] else { unreachable!("rank 4, checked at import") };
        let mut rows = Vec::new();
        for y in 0..self.output[0] {
            let mut cells = Vec::new();
            for x in 0..self.output[1] {
                let region_y = AdaptiveAvgPool2d::region(y, h, self.output[0]);
                let region_x = AdaptiveAvgPool2d::region(x, w, self.output[1]);
                let kernel = [region_y.len(), region_x.len()];
                let shape = vec![n, c, kernel[0], kernel[1]];
                let id = lowering.slice(input.id, &[0, 0, region_y.start, region_x.start], &shape)?;
                let pool = MaxPool2d { kernel, stride: [1, 1], pad: [[0, 0]; 2], dilation: [1, 1] };
                cells.push(pool.pooled(lowering, &Operand { id, shape, params: input.params })?);
            }
            rows.push(lowering.concat(&cells, 3)?);
        }
        let result = lowering.concat(&rows, 2)?;
        lowering.finish_with(node, result, &input)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_overlap_and_the_first_of_equal_elements_counts() {
        let x = Tensor::from_shape_vec(vec![1, 1, 2, 3], vec![1.0, 5.0, 5.0, 0.0, 2.0, 7.0]).unwrap();
        let pool = AdaptiveMaxPool2d { output: [2, 2] };
        let [maxima, indices] = &pool.evaluate_all(&[&x.into()])[..] else { panic!("two results") };
        assert_eq!(maxima.real().unwrap().as_slice().unwrap(), [5.0, 5.0, 2.0, 7.0]);
        assert_eq!(indices.integers().unwrap().as_slice().unwrap(), [1, 1, 4, 5]);
    }
}
