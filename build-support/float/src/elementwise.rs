//! Functions of elements, one by one.

use crate::threads::for_runs;
use crate::{Tensor, elements, tensor};

/// What a call of a function costs, in the unit of [`for_runs`].
const CALL: usize = 8;

/// `f(x)` for each element.
pub fn map(x: &Tensor, f: &(dyn Fn(f32) -> f32 + Sync)) -> Tensor {
    let mut output = elements(x).to_vec();
    let operations = output.len() * CALL;
    for_runs(&mut output, 1, operations, |_, run| run.iter_mut().for_each(|x| *x = f(*x)));
    tensor(x.shape(), output)
}

/// `f(a, b)` for each pair of elements of two tensors that broadcast to `shape`.
///
/// # Panics
///
/// When they don't.
pub fn zip(a: &Tensor, b: &Tensor, shape: &[usize], f: &(dyn Fn(f32, f32) -> f32 + Sync)) -> Tensor {
    if a.shape() != shape || b.shape() != shape {
        let [a, b] = [a, b].map(|operand| operand.broadcast(shape).expect("shapes broadcast"));
        return tensor(shape, a.iter().zip(&b).map(|(&a, &b)| f(a, b)).collect());
    }
    let b = elements(b);
    let mut output = elements(a).to_vec();
    let operations = output.len() * CALL;
    for_runs(&mut output, 1, operations, |first, run| {
        run.iter_mut().zip(&b[first..]).for_each(|(a, b)| *a = f(*a, *b));
    });
    tensor(shape, output)
}

/// Whether no element is infinite or not a number.
pub fn all_finite(values: &[f32]) -> bool {
    values.iter().all(|x| x.is_finite())
}

/// Smallest and largest value; infinities of the other sign where there is none.
pub fn extremes(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_broadcast() {
        let (a, b) = (tensor(&[2, 1], vec![1.0, 2.0]), tensor(&[3], vec![10.0, 20.0, 30.0]));
        let sums = zip(&a, &b, &[2, 3], &|a, b| a + b);
        assert_eq!(sums, tensor(&[2, 3], vec![11.0, 21.0, 31.0, 12.0, 22.0, 32.0]));
        assert_eq!(zip(&b, &b, &[3], &|a, b| a - 2.0 * b), tensor(&[3], vec![-10.0, -20.0, -30.0]));
    }
}
