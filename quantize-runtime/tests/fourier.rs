//! Fourier transforms against sums in double precision, within the bounds that TOSA sets for sums of products.

use quantize_runtime::Shape;
use quantize_runtime::graph::{ElementType, Graph, Node, Port, Value, ValueId};
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::ops::{Fft2d, Op, Rfft2d};
use std::f64::consts::TAU;

/// A sum of products and that of their absolute values.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: f64,
    bound: f64,
}

impl Sum {
    fn add(&mut self, product: f64) {
        self.value += product;
        self.bound += product.abs();
    }
}

/// cos and sin of a fraction of the circle, exact at its quarters.
fn direction(numerator: usize, denominator: usize) -> [f64; 2] {
    let numerator = numerator % denominator;
    match (4 * numerator).checked_rem(denominator) {
        Some(0) => [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]][4 * numerator / denominator],
        _ => {
            let angle = TAU * numerator as f64 / denominator as f64;
            [angle.cos(), angle.sin()]
        }
    }
}

/// Element `(oy, ox)` of the transform of a plane, by definition.
fn element([h, w]: [usize; 2], plane: [&[f32]; 2], sign: f64, [oy, ox]: [usize; 2]) -> [Sum; 2] {
    let mut parts = [Sum::default(); 2];
    for iy in 0..h {
        for ix in 0..w {
            let [real, imaginary] = plane.map(|part| f64::from(part[iy * w + ix]));
            let [cos, sin] = direction(iy * oy * w + ix * ox * h, h * w);
            let sin = sign * sin;
            parts[0].add(real * cos);
            parts[0].add(-imaginary * sin);
            parts[1].add(real * sin);
            parts[1].add(imaginary * cos);
        }
    }
    parts
}

/// The results of a transform of these operands.
fn run(op: Op, dims: [u32; 3], operands: &[&[f32]]) -> Vec<Vec<f32>> {
    let value = |shape| Value { element: ElementType::F32, shape, constant: None };
    let mut graph = Graph::default();
    graph.values.resize(operands.len(), value(Shape::new(&dims).expect("not empty")));
    let shape = op.infer(&graph, ElementType::F32).unwrap_or_else(|rule| panic!("{op:?}: {rule}"));
    graph.values.extend([(); 2].map(|()| value(shape)));
    let port = |id: usize| Port { name: format!("value_{id}"), value: ValueId(id as u32), unsigned: false };
    graph.inputs = (0..operands.len()).map(port).collect();
    graph.outputs = (operands.len()..operands.len() + 2).map(port).collect();
    graph.nodes.push(Node { op, outputs: graph.outputs.iter().map(|port| port.value).collect() });
    let inputs: Vec<Tensor> = operands.iter().map(|operand| Tensor::F32(operand.to_vec())).collect();
    let outputs = Interpreter::new(&graph).expect("a valid graph").run(&inputs).expect("defined for all inputs");
    let real = |output| if let Tensor::F32(elements) = output { elements } else { panic!("{output:?}") };
    outputs.into_iter().map(real).collect()
}

/// Checks results against those of the definition: each error, their sum and that of their squares.
///
/// Source: TOSA 1.0, dot product accuracy requirements.
fn check_accuracy(name: &str, terms: usize, results: &[(f32, Sum)]) {
    let (mut sum, mut squares) = (0.0, 0.0);
    for (result, exact) in results {
        let result = f64::from(*result);
        if exact.bound == 0.0 {
            assert_eq!((result, exact.value), (0.0, 0.0), "{name}");
            continue;
        }
        let unit = (exact.bound / 2_f64.powi(24)).max(f64::from(f32::MIN_POSITIVE));
        let error = (result - exact.value) / unit;
        assert!(error.abs() <= terms as f64, "{name}: {result}, not {}", exact.value);
        sum += error;
        squares += error * error;
    }
    let (terms, count) = (terms as f64, results.len() as f64);
    assert!(f64::abs(sum) <= 2.0 * (terms * count).sqrt(), "{name}: errors of {sum} in all");
    assert!(squares <= 0.4 * terms * count, "{name}: squares of errors of {squares} in all");
}

/// Numbers of −1 to 1.
fn noise(len: usize) -> Vec<f32> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

fn check_transforms(name: &str, [n, h, w]: [usize; 3], [real, imaginary]: [&[f32]; 2]) {
    let (dims, area) = ([n, h, w].map(|dim| dim as u32), h * w);
    let check = |terms, width, sign, operands: [&[f32]; 2], results: &[Vec<f32>]| {
        let mut pairs = Vec::new();
        for plane in 0..n {
            for oy in 0..h {
                for ox in 0..width {
                    let inputs = operands.map(|part| &part[plane * area..(plane + 1) * area]);
                    let exact = element([h, w], inputs, sign, [oy, ox]);
                    let at = (plane * h + oy) * width + ox;
                    pairs.extend([0, 1].map(|part| (results[part][at], exact[part])));
                }
            }
        }
        check_accuracy(name, terms, &pairs);
    };
    for (inverse, sign) in [(false, -1.0), (true, 1.0)] {
        let op = Fft2d { inverse, input_real: ValueId(0), input_imaginary: ValueId(1), ..Default::default() };
        check(2 * area, w, sign, [real, imaginary], &run(op.into(), dims, &[real, imaginary]));
    }
    let results = run(Rfft2d { input: ValueId(0), ..Default::default() }.into(), dims, &[real]);
    check(area, w / 2 + 1, -1.0, [real, &vec![0.0; real.len()]], &results);
}

#[test]
fn transforms_are_as_accurate_as_sums_of_products_must_be() {
    for dims in [[1, 1, 1], [2, 1, 2], [3, 2, 1], [1, 4, 4], [2, 8, 16], [1, 1, 512], [1, 256, 2], [1, 32, 32]] {
        let [real, imaginary] = [0, 1].map(|part| noise(2 * dims.iter().product::<usize>())[part..].to_vec());
        let len = dims.iter().product();
        check_transforms(&format!("{dims:?}"), dims, [&real[..len], &imaginary[..len]]);
    }
}

/// Where few inputs are not zero, the bounds are small and nothing averages out.
#[test]
fn transforms_of_impulses_are_as_accurate() {
    for dims in [[1, 1, 8], [1, 8, 1], [1, 1, 64], [1, 4, 8]] {
        let len: usize = dims.iter().product();
        for position in 0..len {
            let mut impulse = vec![0.0; len];
            impulse[position] = 3.0;
            check_transforms(&format!("{dims:?} at {position}"), dims, [&impulse, &vec![0.0; len]]);
        }
    }
}

#[test]
fn only_powers_of_two_are_transformed() {
    let rule = |dims: &[u32], other: &[u32]| {
        let value =
            |dims| Value { element: ElementType::F32, shape: Shape::new(dims).expect("not empty"), constant: None };
        let graph = Graph { values: vec![value(dims), value(other)], ..Default::default() };
        let op = Fft2d { input_real: ValueId(0), input_imaginary: ValueId(1), ..Default::default() };
        let real = Rfft2d { input: ValueId(0), ..Default::default() };
        [Op::from(op), real.into()].map(|op| op.infer(&graph, ElementType::F32).err())
    };
    let both = |rule| [Some(rule); 2];
    assert_eq!(rule(&[1, 6, 8], &[1, 6, 8]), both("height or width is not a power of two"));
    assert_eq!(rule(&[1, 8, 5], &[1, 8, 5]), both("height or width is not a power of two"));
    assert_eq!(rule(&[1, 1, 16_384], &[1, 1, 16_384]), both("height or width is above 8192"));
    assert_eq!(rule(&[8, 8], &[8, 8]), both("an operand has the wrong rank"));
    assert_eq!(rule(&[1, 8, 8], &[2, 8, 8]), [Some("real and imaginary parts have different shapes"), None]);
}
