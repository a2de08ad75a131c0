//! Writes ONNX files of networks that are quantized already, in QDQ form.

use std::collections::BTreeMap;

/// `TensorProto.DataType`.
#[derive(Clone, Copy)]
enum DataType {
    Float = 1,
    Int8 = 3,
    Int32 = 6,
    Int64 = 7,
}

/// An attribute of an operator.
pub(crate) enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
}

/// How a tensor is quantized.
#[derive(Clone, Copy)]
pub(crate) struct Codes {
    pub(crate) scale: f32,
    pub(crate) zero_point: i8,
}

/// A network with one input and one output.
pub(crate) struct Network {
    input: Vec<u8>,
    nodes: Vec<Vec<u8>>,
    initializers: Vec<Vec<u8>>,
    /// Values so far.
    count: usize,
    /// Operators so far, by name.
    operators: BTreeMap<String, usize>,
}

impl Network {
    /// A network with an input of this shape, and the name of the input with its parameters.
    pub(crate) fn new(shape: &[usize], codes: Codes) -> (Self, String) {
        let input = value_info("input", Some(shape));
        let mut network =
            Self { input, nodes: Vec::new(), initializers: Vec::new(), count: 0, operators: BTreeMap::new() };
        let input = network.quantized("input", codes);
        (network, input)
    }

    /// The value with these parameters.
    pub(crate) fn quantized(&mut self, value: &str, codes: Codes) -> String {
        let scale = self.floats(&[codes.scale]);
        let zero_point = self.initializer(DataType::Int8, &[], &codes.zero_point.to_le_bytes());
        let quantized = self.node("QuantizeLinear", &[value, &scale, &zero_point], &[]);
        self.node("DequantizeLinear", &[&quantized, &scale, &zero_point], &[])
    }

    /// Weights with one scale, or one for each slice along the first axis.
    pub(crate) fn weights(&mut self, shape: &[usize], codes: &[i8], scales: &[f32]) -> String {
        let bytes: Vec<u8> = codes.iter().map(|code| code.cast_unsigned()).collect();
        let codes = self.initializer(DataType::Int8, shape, &bytes);
        self.dequantized(&codes, scales)
    }

    /// Biases with one scale, or one for each.
    pub(crate) fn biases(&mut self, codes: &[i32], scales: &[f32]) -> String {
        let bytes: Vec<u8> = codes.iter().flat_map(|code| code.to_le_bytes()).collect();
        let codes = self.initializer(DataType::Int32, &[codes.len()], &bytes);
        self.dequantized(&codes, scales)
    }

    fn dequantized(&mut self, codes: &str, scales: &[f32]) -> String {
        let scale = self.floats(scales);
        self.node("DequantizeLinear", &[codes, &scale], &[("axis", Attribute::Int(0))])
    }

    /// Numbers of f32: one is a scalar.
    fn floats(&mut self, numbers: &[f32]) -> String {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let shape = [numbers.len()];
        self.initializer(DataType::Float, if numbers.len() == 1 { &[] } else { &shape }, &bytes)
    }

    /// A real number.
    pub(crate) fn number(&mut self, number: f32) -> String {
        self.floats(&[number])
    }

    /// A list of integers, such as a shape.
    pub(crate) fn integers(&mut self, integers: &[i64]) -> String {
        let bytes: Vec<u8> = integers.iter().flat_map(|integer| integer.to_le_bytes()).collect();
        self.initializer(DataType::Int64, &[integers.len()], &bytes)
    }

    /// An operator with one result.
    pub(crate) fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, Attribute<'_>)]) -> String {
        let result = self.name();
        let mut node = Vec::new();
        inputs.iter().for_each(|input| bytes(&mut node, 1, input.as_bytes()));
        bytes(&mut node, 2, result.as_bytes());
        let number = self.operators.entry(operator.to_owned()).or_default();
        bytes(&mut node, 3, format!("{operator}_{number}").as_bytes());
        *number += 1;
        bytes(&mut node, 4, operator.as_bytes());
        attributes.iter().for_each(|(name, value)| bytes(&mut node, 5, &attribute(name, value)));
        self.nodes.push(node);
        result
    }

    fn initializer(&mut self, data_type: DataType, shape: &[usize], data: &[u8]) -> String {
        let name = self.name();
        let mut tensor = Vec::new();
        shape.iter().for_each(|&dim| integer(&mut tensor, 1, dim as u64));
        integer(&mut tensor, 2, data_type as u64);
        bytes(&mut tensor, 8, name.as_bytes());
        bytes(&mut tensor, 9, data);
        self.initializers.push(tensor);
        name
    }

    fn name(&mut self) -> String {
        self.count += 1;
        format!("v{}", self.count)
    }

    /// The file, with this value as the output.
    pub(crate) fn finish(self, output: &str) -> Vec<u8> {
        let mut graph = Vec::new();
        self.nodes.iter().for_each(|node| bytes(&mut graph, 1, node));
        bytes(&mut graph, 2, b"network");
        self.initializers.iter().for_each(|tensor| bytes(&mut graph, 5, tensor));
        bytes(&mut graph, 11, &self.input);
        bytes(&mut graph, 12, &value_info(output, None));
        let mut opset = Vec::new();
        integer(&mut opset, 2, 17);
        let mut model = Vec::new();
        integer(&mut model, 1, 8); // version of the format
        bytes(&mut model, 7, &graph);
        bytes(&mut model, 8, &opset);
        model
    }
}

fn attribute(name: &str, value: &Attribute<'_>) -> Vec<u8> {
    let mut attribute = Vec::new();
    bytes(&mut attribute, 1, name.as_bytes());
    let kind = match value {
        Attribute::Int(number) => {
            integer(&mut attribute, 3, number.cast_unsigned());
            2
        }
        Attribute::Ints(numbers) => {
            numbers.iter().for_each(|number| integer(&mut attribute, 8, number.cast_unsigned()));
            7
        }
    };
    integer(&mut attribute, 20, kind);
    attribute
}

/// A `ValueInfoProto` of f32.
fn value_info(name: &str, shape: Option<&[usize]>) -> Vec<u8> {
    let mut tensor = Vec::new();
    integer(&mut tensor, 1, DataType::Float as u64);
    if let Some(shape) = shape {
        let mut dims = Vec::new();
        for &dim in shape {
            let mut dimension = Vec::new();
            integer(&mut dimension, 1, dim as u64);
            bytes(&mut dims, 1, &dimension);
        }
        bytes(&mut tensor, 2, &dims);
    }
    let mut kind = Vec::new();
    bytes(&mut kind, 1, &tensor);
    let mut info = Vec::new();
    bytes(&mut info, 1, name.as_bytes());
    bytes(&mut info, 2, &kind);
    info
}

/// A field of wire type 2.
fn bytes(message: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(message, field << 3 | 2);
    varint(message, content.len() as u64);
    message.extend(content);
}

/// A field of wire type 0.
fn integer(message: &mut Vec<u8>, field: u64, value: u64) {
    varint(message, field << 3);
    varint(message, value);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8); // below 0x80
}
