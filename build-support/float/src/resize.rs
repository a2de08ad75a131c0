//! Images of another size.

use crate::threads::for_runs;
use crate::{Tensor, elements, tensor};

/// What an output along one axis is computed from: two elements of the input, and the weight of the second.
pub type Place = ([usize; 2], f32);

/// `[N, C, H, W]` resized; an element whose weights are both 0 is copied.
pub fn resize(x: &Tensor, rows: &[Place], columns: &[Place]) -> Tensor {
    let &[n, c, h, w] = x.shape() else { panic!("an image of shape {:?}", x.shape()) };
    let size = rows.len() * columns.len();
    let input = elements(x);
    let mut output = vec![0.0; n * c * size];
    let operations = output.len() * 8;
    for_runs(&mut output, size, operations, |first, run| {
        for (plane, results) in (first..).zip(run.chunks_exact_mut(size)) {
            let plane = &input[plane * h * w..][..h * w];
            for (results, &(ys, ry)) in results.chunks_exact_mut(columns.len()).zip(rows) {
                let [upper, lower] = ys.map(|y| &plane[y * w..][..w]);
                for (result, &([x0, x1], rx)) in results.iter_mut().zip(columns) {
                    *result = if (ry, rx) == (0.0, 0.0) {
                        upper[x0]
                    } else {
                        let between = |row: &[f32]| row[x0] * (1.0 - rx) + row[x1] * rx;
                        between(upper) * (1.0 - ry) + between(lower) * ry
                    };
                }
            }
        }
    });
    tensor(&[n, c, rows.len(), columns.len()], output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_between_others_are_weighed() {
        let x = tensor(&[1, 1, 2, 2], vec![0.0, 4.0, 8.0, 12.0]);
        let places = [([0, 1], 0.0), ([0, 1], 0.25), ([1, 1], 0.0)];
        let expected = [0.0, 1.0, 4.0, 2.0, 3.0, 6.0, 8.0, 9.0, 12.0];
        assert_eq!(resize(&x, &places, &places), tensor(&[1, 1, 3, 3], expected.to_vec()));
    }
}
