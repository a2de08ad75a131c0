//! Runs a quantized network on stacked samples: through lowering, the VGF file, the reader and the interpreter.

use quantize_build::config::{Dtype, Profile};
use quantize_build::quantize::{QuantGraph, QuantParams};
use quantize_build::{lower, tosa, vgf};
use quantize_runtime::graph::{ElementType, Port};
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::ops::Op;
use quantize_runtime::vgf::Vgf;

/// A program as its file.
pub struct Program {
    /// The file.
    pub image: vgf::VgfImage,
    /// What each node was made from.
    pub labels: Vec<String>,
    /// By model input: `None` for one that takes what the model takes.
    inputs: Vec<Option<QuantParams>>,
    /// By model output.
    outputs: Vec<Option<QuantParams>>,
}

impl Program {
    /// Lowers a network and writes its file.
    ///
    /// # Errors
    ///
    /// What this version does not lower.
    pub fn new(network: &QuantGraph, profile: Profile) -> Result<Self, String> {
        let lowered = lower::lower(network, profile).map_err(|errors| errors.join("; "))?;
        let valid = tosa::validate(tosa::rewrite(&lowered)).map_err(|errors| errors.join("; "))?;
        let codes = |params: Option<QuantParams>| params.filter(|_| profile == Profile::Int);
        let inputs = network.graph.inputs.iter().map(|&id| codes(network.stored[id.0 as usize])).collect();
        let outputs = network.returned.iter().copied().map(codes).collect();
        Ok(Self { image: vgf::write(&valid), labels: valid.labels().to_vec(), inputs, outputs })
    }

    /// Outputs for stacked inputs as the model takes them: quantizes, runs and dequantizes where the program has codes.
    ///
    /// # Errors
    ///
    /// Values for which TOSA leaves the result open.
    pub fn run(&self, inputs: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, String> {
        let codes = self.codes(inputs);
        let dequantize = |(codes, params): (Vec<f64>, &Option<QuantParams>)| match params {
            Some(params) => {
                let code = |bits: f64| if params.dtype == Dtype::Uint8 { bits.rem_euclid(256.0) } else { bits };
                codes.into_iter().map(|bits| params.dequantize(code(bits) as i32).into()).collect()
            }
            None => codes,
        };
        Ok(self.run_codes(&codes)?.into_iter().zip(&self.outputs).map(dequantize).collect())
    }

    /// Stacked inputs as the program takes them, of those that the model takes.
    pub fn codes(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let quantize = |(reals, params): (&Vec<f64>, &Option<QuantParams>)| match params {
            Some(params) => reals.iter().map(|&real| params.quantize(real as f32).into()).collect(),
            None => reals.clone(),
        };
        inputs.iter().zip(&self.inputs).map(quantize).collect()
    }

    /// How many TRANSPOSE operators it has.
    pub fn transposes(&self) -> usize {
        let graph = Vgf::new(self.image.as_bytes()).and_then(|file| file.graph()).expect("a sound file");
        graph.nodes.iter().filter(|node| matches!(node.op, Op::Transpose(_))).count()
    }

    /// Outputs for stacked inputs as the program takes and gives them; of unsigned ones the signed numbers of the same bits.
    ///
    /// # Errors
    ///
    /// Values for which TOSA leaves the result open.
    pub fn run_codes(&self, inputs: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, String> {
        let mut outputs = vec![Vec::new(); self.outputs.len()];
        for [_, results] in self.run_samples(inputs)? {
            outputs.iter_mut().zip(&results).for_each(|(output, result)| output.extend(numbers(result)));
        }
        Ok(outputs)
    }

    /// By sample: its inputs, of stacked ones as the program takes them, and its outputs.
    ///
    /// # Errors
    ///
    /// Values for which TOSA leaves the result open.
    pub fn run_samples(&self, inputs: &[Vec<f64>]) -> Result<Vec<[Vec<Tensor>; 2]>, String> {
        let graph = Vgf::new(self.image.as_bytes()).and_then(|file| file.graph()).expect("a sound file");
        let interpreter = Interpreter::new(&graph).expect("a valid graph");
        let value = |port: &Port| &graph.values[port.value.0 as usize];
        let lengths: Vec<usize> = graph.inputs.iter().map(|port| value(port).shape.len()).collect();
        let samples = inputs.first().map_or(1, |input| input.len() / lengths[0]);
        let run = |sample: usize| {
            let of_sample = |(index, port): (usize, &Port)| {
                tensor(value(port).element, &inputs[index][sample * lengths[index]..][..lengths[index]])
            };
            let tensors: Vec<Tensor> = graph.inputs.iter().enumerate().map(of_sample).collect();
            let results = interpreter.run(&tensors).map_err(|error| error.to_string())?;
            Ok([tensors, results])
        };
        (0..samples).map(run).collect()
    }
}

/// Elements of this type with these values; an unsigned one is its bits.
fn tensor(element: ElementType, numbers: &[f64]) -> Tensor {
    let codes = numbers.iter().map(|&number| number as i64);
    match element {
        ElementType::I8 => Tensor::I8(codes.map(|code| code as i8).collect()),
        ElementType::I16 => Tensor::I16(codes.map(|code| code as i16).collect()),
        ElementType::I32 => Tensor::I32(codes.map(|code| code as i32).collect()),
        ElementType::I48 => Tensor::I48(codes.collect()),
        ElementType::F32 => Tensor::F32(numbers.iter().map(|&number| number as f32).collect()),
        ElementType::Bool => Tensor::Bool(numbers.iter().map(|&number| number != 0.0).collect()),
    }
}

/// The elements as numbers.
pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    match tensor {
        Tensor::I8(codes) => codes.iter().map(|&code| code.into()).collect(),
        Tensor::I16(codes) => codes.iter().map(|&code| code.into()).collect(),
        Tensor::I32(codes) => codes.iter().map(|&code| code.into()).collect(),
        Tensor::I48(codes) => codes.iter().map(|&code| code as f64).collect(),
        Tensor::F32(reals) => reals.iter().map(|&real| real.into()).collect(),
        Tensor::Bool(truths) => truths.iter().map(|&truth| truth.into()).collect(),
    }
}
