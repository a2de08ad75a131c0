//! Images sampled at the places that a grid names.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, NCHW_TO_NHWC, NHWC_TO_NCHW};
use quantize_runtime::graph::{ElementType, ValueId};
use quantize_runtime::ops;

/// `[N, C, H, W]` at places `[N, OH, OW, 2]`, each `(x, y)` from −1 to 1, with bilinear interpolation: `[N, C, OH, OW]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GridSampler {
    /// Whether −1 and 1 are the middles of the outermost pixels; else their outer edges.
    pub align_corners: bool,
    /// Whether places outside are moved to the border; else pixels outside are 0.
    pub border: bool,
}

/// f32 has every integer up to here, and indices of pixels are computed in it.
const MAX_PIXELS: usize = 1 << 24;

impl GridSampler {
    /// Factor and summand that take a coordinate from −1..=1 to pixels.
    fn scale(&self, size: usize) -> (f32, f32) {
        let size = size as f32;
        if self.align_corners { ((size - 1.0) / 2.0, (size - 1.0) / 2.0) } else { (size / 2.0, (size - 1.0) / 2.0) }
    }

    /// The two pixels around a coordinate, and the weight of the second; `None` for a pixel that counts as 0.
    fn neighbours(&self, coordinate: f32, size: usize) -> ([Option<usize>; 2], f32) {
        let (factor, summand) = self.scale(size);
        let mut place = coordinate * factor + summand;
        if self.border {
            place = place.clamp(0.0, (size - 1) as f32);
        }
        let first = libm::floorf(place);
        let inside = |at: f32| (at >= 0.0 && at <= (size - 1) as f32).then_some(at as usize); // an index of the axis
        ([inside(first), inside(first + 1.0)], place - first)
    }
}

impl Room for GridSampler {
    const NAME: &'static str = "grid_sampler";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        match (inputs[0], inputs[1]) {
            (&[n, c, h, w], &[m, height, width, 2]) if n == m && h > 0 && w > 0 && h * w <= MAX_PIXELS => {
                Ok(vec![n, c, height, width])
            }
            (image, grid) => Err(format!(
                "images {image:?} at places {grid:?}; expected [N, C, H, W] of at most 2^24 pixels and [N, OH, OW, 2]"
            )),
        }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let (image, grid) = (inputs[0], inputs[1]);
        let shape = self.infer(&[image.shape(), grid.shape()]).expect("checked at import");
        Tensor::from_shape_fn(shape, |at| {
            let (n, c, y, x) = (at[0], at[1], at[2], at[3]);
            let (columns, right) = self.neighbours(grid[[n, y, x, 0]], image.shape()[3]);
            let (rows, below) = self.neighbours(grid[[n, y, x, 1]], image.shape()[2]);
            let mut sum = 0.0;
            for (row, vertical) in rows.into_iter().zip([1.0 - below, below]) {
                for (column, horizontal) in columns.into_iter().zip([1.0 - right, right]) {
                    if let (Some(row), Some(column)) = (row, column) {
                        sum += image[[n, c, row, column]] * (horizontal * vertical);
                    }
                }
            }
            sum
        })
    }

    fn target(&self) -> &'static str {
        "aten.grid_sampler.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Float
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        Err(lowering.not_decomposed(node))
    }

    /// For each of the four pixels around a place a GATHER of `[N, H·W, C]`, times its weight.
    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let (image, grid) = (lowering.operand(node, 0)?, lowering.operand(node, 1)?);
        let &[n, c, h, w] = image.shape.as_slice() else { unreachable!("rank 4, checked at import") };
        let &[_, height, width, _] = grid.shape.as_slice() else { unreachable!("rank 4, checked at import") };
        let places = [n, height * width];
        let image = lowering.transpose(image.id, NCHW_TO_NHWC)?;
        let pixels = lowering.reshape(image, &[n, h * w, c])?;
        let columns = self.along(lowering, grid.id, 0, w, places)?;
        let rows = self.along(lowering, grid.id, 1, h, places)?;
        let mut sum: Option<ValueId> = None;
        for (row, vertical) in rows {
            for (column, horizontal) in columns {
                let mut formula = lowering.formula(&places);
                let weight = formula.mul(horizontal, vertical)?;
                let first = formula.mul(row, w as f32)?;
                let index = formula.add(first, column)?;
                let index = lowering.push(ops::Op::Cast(ops::Cast { input: index }), ElementType::I32, &places)?;
                let values = lowering.gather(pixels, index)?;
                let weight = lowering.reshape(weight, &[places[0], places[1], 1])?;
                let mut formula = lowering.formula(&[places[0], places[1], c]);
                let part = formula.mul(values, weight)?;
                sum = Some(match sum {
                    Some(sum) => formula.add(sum, part)?,
                    None => part,
                });
            }
        }
        let result = lowering.reshape(sum.expect("four pixels"), &[n, height, width, c])?;
        let result = lowering.transpose(result, NHWC_TO_NCHW)?;
        lowering.finish(node, result)
    }
}

impl GridSampler {
    /// For all places the two pixels around coordinate `index` of the grid, as indices of an axis of this size, each with its
    /// weight, which is 0 for one outside.
    fn along(
        &self,
        lowering: &mut Lowering<'_>,
        grid: ValueId,
        index: usize,
        size: usize,
        places: [usize; 2],
    ) -> Result<[(ValueId, ValueId); 2], String> {
        let shape = lowering.shape_of(grid);
        let coordinates = lowering.slice(grid, &[0, 0, 0, index], &[shape[0], shape[1], shape[2], 1])?;
        let coordinates = lowering.reshape(coordinates, &places)?;
        let last = (size - 1) as f32;
        let (factor, summand) = self.scale(size);
        let mut formula = lowering.formula(&places);
        let scaled = formula.mul(coordinates, factor)?;
        let mut place = formula.add(scaled, summand)?;
        if self.border {
            place = formula.clamp(place, 0.0, last)?;
        }
        let first = formula.real(ops::Op::Floor(ops::Floor { input: place }))?;
        let second = formula.add(first, 1.0)?;
        let of_second = formula.sub(place, first)?;
        let of_first = formula.sub(1.0, of_second)?;
        let mut pixel = |at, weight| {
            let from_start = formula.greater_equal(at, 0.0)?;
            let weight = formula.select(from_start, weight, 0.0)?;
            let to_end = formula.greater_equal(last, at)?;
            let weight = formula.select(to_end, weight, 0.0)?;
            Ok::<_, String>((formula.clamp(at, 0.0, last)?, weight))
        };
        Ok([pixel(first, of_first)?, pixel(second, of_second)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(sampler: GridSampler, places: &[f32]) -> Vec<f32> {
        let image = Tensor::from_shape_vec(vec![1, 1, 1, 3], vec![1.0, 2.0, 4.0]).unwrap();
        let pairs: Vec<f32> = places.iter().flat_map(|&x| [x, 0.0]).collect();
        let grid = Tensor::from_shape_vec(vec![1, 1, places.len(), 2], pairs).unwrap();
        sampler.evaluate(&[&image, &grid]).into_raw_vec_and_offset().0
    }

    #[test]
    fn places_outside_are_zero_or_the_border() {
        let places = [-1.0, 0.0, 0.5, 1.5];
        let zeros = GridSampler { align_corners: true, border: false };
        assert_eq!(sample(zeros, &places), [1.0, 2.0, 3.0, 2.0]);
        assert_eq!(sample(GridSampler { border: true, ..zeros }, &places), [1.0, 2.0, 3.0, 4.0]);
        // −1 is the edge of the first pixel, half of which is outside.
        let edges = GridSampler { align_corners: false, border: false };
        assert_eq!(sample(edges, &[-1.0, 0.0]), [0.5, 2.0]);
    }
}
