//! Reads quantized LiteRT files and gives the same networks as ONNX in QDQ form.
//!
//! Field numbers are those of the official schema (schema.fbs, Apache-2.0).

use crate::onnx::{Attribute, Codes, Network};

/// The network of a file with one input and one output, in NCHW instead of NHWC. Panics where a part of it is not supported.
pub(crate) fn convert(file: &[u8]) -> Vec<u8> {
    let model = Table::root(file);
    let subgraph = &model.tables(2)[0];
    let graph = Graph {
        tensors: subgraph.tables(0),
        buffers: model.tables(4),
        operators: model.tables(1),
        steps: subgraph.tables(3),
    };
    let [input] = subgraph.i32s(1)[..] else { panic!("several inputs") };
    let [output] = subgraph.i32s(2)[..] else { panic!("several outputs") };
    let (network, name) = Network::new(&channels_first(&graph.shape(input)), graph.codes(input));
    let mut converter = Converter { graph, network, names: vec![(input, name)] };
    for step in 0..converter.graph.steps.len() {
        converter.step(step);
    }
    let output = converter.name(output);
    converter.network.finish(&output)
}

/// Rank and elements of the input.
pub(crate) fn input_shape(file: &[u8]) -> Vec<usize> {
    let model = Table::root(file);
    let subgraph = &model.tables(2)[0];
    let tensors = subgraph.tables(0);
    shape(&tensors[subgraph.i32s(1)[0] as usize])
}

struct Graph<'a> {
    tensors: Vec<Table<'a>>,
    buffers: Vec<Table<'a>>,
    /// The operators that steps name.
    operators: Vec<Table<'a>>,
    steps: Vec<Table<'a>>,
}

fn shape(tensor: &Table<'_>) -> Vec<usize> {
    tensor.i32s(0).iter().map(|&dim| dim as usize).collect()
}

impl<'a> Graph<'a> {
    fn tensor(&self, id: i32) -> &Table<'a> {
        &self.tensors[id as usize]
    }

    fn shape(&self, id: i32) -> Vec<usize> {
        shape(self.tensor(id))
    }

    fn data(&self, id: i32) -> &'a [u8] {
        self.buffers[self.tensor(id).number::<u32>(2) as usize].vector(0, 1)
    }

    fn scales(&self, id: i32) -> Vec<f32> {
        let quantization = self.tensor(id).table(4).expect("quantized");
        quantization.vector(2, 4).chunks_exact(4).map(|bytes| f32::from_le_bytes(array(bytes))).collect()
    }

    fn zero_points(&self, id: i32) -> Vec<i64> {
        let quantization = self.tensor(id).table(4).expect("quantized");
        quantization.vector(3, 8).chunks_exact(8).map(|bytes| i64::from_le_bytes(array(bytes))).collect()
    }

    fn codes(&self, id: i32) -> Codes {
        assert_eq!(self.tensor(id).number::<u8>(1), 9, "an activation is not int8");
        let ([scale], [zero_point]) =
            (self.scales(id)[..].try_into().expect("one"), self.zero_points(id)[..].try_into().expect("one"));
        Codes { scale, zero_point: i8::try_from(zero_point).expect("int8") }
    }
}

struct Converter<'a> {
    graph: Graph<'a>,
    network: Network,
    /// Activations so far, those of four dimensions with channels first.
    names: Vec<(i32, String)>,
}

impl Converter<'_> {
    fn name(&self, id: i32) -> String {
        self.names.iter().find(|(known, _)| *known == id).expect("made before").1.clone()
    }

    fn step(&mut self, step: usize) {
        let step = &self.graph.steps[step];
        let operator = self.graph.operators[step.number::<u32>(0) as usize].number::<u8>(0);
        let (inputs, [output]) = (step.i32s(1), step.i32s(2)[..].try_into().expect("one result"));
        let options = step.table(4).unwrap_or(Table::EMPTY);
        let result = match operator {
            1 => self.average_pool(&inputs, &options),
            3 => self.convolution(&inputs, output, &options, false),
            4 => self.convolution(&inputs, output, &options, true),
            9 => self.fully_connected(&inputs, &options),
            22 => {
                // Its codes are those of the input.
                let reshaped = self.reshape(inputs[0], &self.graph.shape(output));
                self.names.push((output, reshaped));
                return;
            }
            25 => {
                let input = self.name(inputs[0]);
                self.network.node("Softmax", &[&input], &[("axis", Attribute::Int(-1))])
            }
            number => panic!("operator {number}"),
        };
        let quantized = self.network.quantized(&result, self.graph.codes(output));
        self.names.push((output, quantized));
    }

    fn convolution(&mut self, inputs: &[i32], output: i32, options: &Table<'_>, is_depthwise: bool) -> String {
        let [input, weights, biases] = inputs[..] else { panic!("a convolution without biases") };
        let (activation, dilation) = if is_depthwise { (4, [6, 5]) } else { (3, [5, 4]) };
        let dilation = dilation.map(|field| i64::from(options.number::<i32>(field).max(1)));
        let stride = [2, 1].map(|field| i64::from(options.number::<i32>(field)));
        let (from, dims) = (self.graph.shape(input), self.graph.shape(weights));
        let kernel = [dims[1] as i64, dims[2] as i64];
        let pads = pads(&from, kernel, stride, dilation, options.number::<u8>(0) == 0);
        // From [outputs, rows, columns, inputs], or [1, rows, columns, outputs] where each channel has kernels of its own.
        let (to, per) = if is_depthwise { (dims[3], 1) } else { (dims[0], dims[3]) };
        let data = self.graph.data(weights);
        let mut codes = Vec::with_capacity(data.len());
        for o in 0..to {
            for i in 0..per {
                for at in 0..dims[1] * dims[2] {
                    let at = if is_depthwise { at * to + o } else { (o * dims[1] * dims[2] + at) * per + i };
                    codes.push(data[at].cast_signed());
                }
            }
        }
        let group = if is_depthwise { from[3] as i64 } else { 1 };
        let [weights, biases] = self.layer(&[to, per, dims[1], dims[2]], &codes, weights, biases);
        let attributes = [
            ("group", Attribute::Int(group)),
            ("pads", Attribute::Ints(&pads)),
            ("strides", Attribute::Ints(&stride)),
            ("dilations", Attribute::Ints(&dilation)),
        ];
        let input = self.name(input);
        let result = self.network.node("Conv", &[&input, &weights, &biases], &attributes);
        assert_eq!(self.graph.shape(output)[3], to, "channels");
        self.activated(result, options.number(activation))
    }

    fn fully_connected(&mut self, inputs: &[i32], options: &Table<'_>) -> String {
        let [input, weights, biases] = inputs[..] else { panic!("a layer without biases") };
        let dims = self.graph.shape(weights);
        let codes: Vec<i8> = self.graph.data(weights).iter().map(|byte| byte.cast_signed()).collect();
        let flat = self.reshape(input, &[1, dims[1]]);
        let [weights, biases] = self.layer(&dims, &codes, weights, biases);
        let result = self.network.node("Gemm", &[&flat, &weights, &biases], &[("transB", Attribute::Int(1))]);
        self.activated(result, options.number(0))
    }

    fn layer(&mut self, dims: &[usize], codes: &[i8], weights: i32, biases: i32) -> [String; 2] {
        assert!(self.graph.zero_points(weights).iter().all(|&zero_point| zero_point == 0), "weights have zero points");
        let words = self.graph.data(biases).chunks_exact(4).map(|bytes| i32::from_le_bytes(array(bytes)));
        let words: Vec<i32> = words.collect();
        let (scales, of_biases) = (self.graph.scales(weights), self.graph.scales(biases));
        [self.network.weights(dims, codes, &scales), self.network.biases(&words, &of_biases)]
    }

    fn average_pool(&mut self, inputs: &[i32], options: &Table<'_>) -> String {
        let stride = [2, 1].map(|field| i64::from(options.number::<i32>(field)));
        let kernel = [4, 3].map(|field| i64::from(options.number::<i32>(field)));
        let pads = pads(&self.graph.shape(inputs[0]), kernel, stride, [1, 1], options.number::<u8>(0) == 0);
        let attributes = [
            ("kernel_shape", Attribute::Ints(&kernel)),
            ("pads", Attribute::Ints(&pads)),
            ("strides", Attribute::Ints(&stride)),
        ];
        let input = self.name(inputs[0]);
        let result = self.network.node("AveragePool", &[&input], &attributes);
        self.activated(result, options.number(5))
    }

    /// The activation function of a layer.
    fn activated(&mut self, value: String, function: u8) -> String {
        match function {
            0 => value,
            1 => self.network.node("Relu", &[&value], &[]),
            3 => {
                let [low, high] = [0.0, 6.0].map(|number| self.network.number(number));
                self.network.node("Clip", &[&value, &low, &high], &[])
            }
            number => panic!("activation {number}"),
        }
    }

    /// A tensor in another shape, of elements in the order of NHWC.
    fn reshape(&mut self, input: i32, dims: &[usize]) -> String {
        let mut value = self.name(input);
        if self.graph.shape(input).len() == 4 {
            value = self.network.node("Transpose", &[&value], &[("perm", Attribute::Ints(&[0, 2, 3, 1]))]);
        }
        let shape: Vec<i64> = dims.iter().map(|&dim| dim as i64).collect();
        let shape = self.network.integers(&shape);
        value = self.network.node("Reshape", &[&value, &shape], &[]);
        if dims.len() == 4 {
            value = self.network.node("Transpose", &[&value], &[("perm", Attribute::Ints(&[0, 3, 1, 2]))]);
        }
        value
    }
}

/// The shape with the channels first.
fn channels_first(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [n, h, w, c] => vec![n, c, h, w],
        _ => shape.to_vec(),
    }
}

/// Rows and columns before and after: none, or so many that there is a result for each stride.
fn pads(input: &[usize], kernel: [i64; 2], stride: [i64; 2], dilation: [i64; 2], is_same: bool) -> [i64; 4] {
    let mut pads = [0; 4];
    for axis in [0, 1] {
        let size = input[1 + axis] as i64;
        let steps = (size + stride[axis] - 1) / stride[axis] - 1;
        let total = (steps * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1 - size).max(0);
        if is_same {
            pads[axis] = total / 2;
            pads[2 + axis] = total - total / 2;
        }
    }
    pads
}

/// A table of a FlatBuffer.
#[derive(Clone, Copy)]
struct Table<'a> {
    file: &'a [u8],
    at: usize,
}

/// A number in a FlatBuffer; absent ones are 0.
trait Number: Default {
    fn read(bytes: &[u8]) -> Self;
}

impl Number for u8 {
    fn read(bytes: &[u8]) -> Self {
        bytes[0]
    }
}

impl Number for u32 {
    fn read(bytes: &[u8]) -> Self {
        Self::from_le_bytes(array(&bytes[..4]))
    }
}

impl Number for i32 {
    fn read(bytes: &[u8]) -> Self {
        Self::from_le_bytes(array(&bytes[..4]))
    }
}

fn array<const SIZE: usize>(bytes: &[u8]) -> [u8; SIZE] {
    bytes.try_into().expect("so many bytes")
}

impl<'a> Table<'a> {
    /// A table without fields.
    const EMPTY: Table<'static> = Table { file: &[4, 0, 4, 0, 4, 0, 0, 0], at: 4 };

    fn root(file: &'a [u8]) -> Self {
        Self { file, at: u32::read(file) as usize }
    }

    /// Where a field is; `None` where it is absent.
    fn field(&self, number: usize) -> Option<usize> {
        // What says where fields are may lie on either side.
        let table = self.at.wrapping_sub(i32::read(&self.file[self.at..]) as usize);
        let size = usize::from(u16::from_le_bytes(array(&self.file[table..table + 2])));
        let entry = 4 + 2 * number;
        let entry = self.file[table..table + size].get(entry..entry + 2)?;
        let offset = usize::from(u16::from_le_bytes(array(entry)));
        (offset > 0).then_some(self.at + offset)
    }

    fn number<T: Number>(&self, field: usize) -> T {
        self.field(field).map_or_else(T::default, |at| T::read(&self.file[at..]))
    }

    /// What the offset at this place leads to.
    fn target(&self, at: usize) -> usize {
        at + u32::read(&self.file[at..]) as usize
    }

    fn table(&self, field: usize) -> Option<Table<'a>> {
        Some(Table { file: self.file, at: self.target(self.field(field)?) })
    }

    /// The bytes of a vector of elements of this size.
    fn vector(&self, field: usize, size: usize) -> &'a [u8] {
        let Some(at) = self.field(field) else { return &[] };
        let at = self.target(at);
        let count = u32::read(&self.file[at..]) as usize;
        &self.file[at + 4..at + 4 + count * size]
    }

    fn i32s(&self, field: usize) -> Vec<i32> {
        self.vector(field, 4).chunks_exact(4).map(i32::read).collect()
    }

    fn tables(&self, field: usize) -> Vec<Table<'a>> {
        let Some(at) = self.field(field) else { return Vec::new() };
        let at = self.target(at) + 4;
        let count = self.vector(field, 4).len() / 4;
        (0..count).map(|index| Table { file: self.file, at: self.target(at + 4 * index) }).collect()
    }
}
