//! Networks of one layer, with random weights.

use crate::onnx::{Attribute, Codes, Network};

/// A layer; sizes are of no particular network.
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    kind: Kind,
    /// Of the attribute, after the model's file.
    pub(crate) arguments: &'static str,
}

enum Kind {
    /// Rows and columns of the input and of the kernel, stride, channels in and out, whether each channel has its own kernel.
    Convolution { size: usize, kernel: usize, stride: usize, channels: [usize; 2], depthwise: bool },
    /// Features in and out.
    FullyConnected([usize; 2]),
}

/// One of each kind, and one with packed constants.
pub(crate) const LAYERS: [Layer; 6] = [
    Layer {
        name: "pointwise",
        kind: Kind::Convolution { size: 10, kernel: 1, stride: 1, channels: [48, 72], depthwise: false },
        arguments: "",
    },
    Layer {
        name: "pointwise_packed",
        kind: Kind::Convolution { size: 10, kernel: 1, stride: 1, channels: [48, 72], depthwise: false },
        arguments: ", layout = packed",
    },
    Layer { name: "fully_connected", kind: Kind::FullyConnected([256, 96]), arguments: "" },
    Layer {
        name: "convolution",
        kind: Kind::Convolution { size: 12, kernel: 3, stride: 1, channels: [16, 24], depthwise: false },
        arguments: "",
    },
    Layer {
        name: "first_convolution",
        kind: Kind::Convolution { size: 24, kernel: 3, stride: 2, channels: [3, 16], depthwise: false },
        arguments: "",
    },
    Layer {
        name: "depthwise",
        kind: Kind::Convolution { size: 12, kernel: 3, stride: 1, channels: [40, 40], depthwise: true },
        arguments: "",
    },
];

const INPUT: Codes = Codes { scale: 0.04, zero_point: -7 };
const OUTPUT: Codes = Codes { scale: 0.06, zero_point: 11 };

impl Layer {
    /// The network as an ONNX file.
    pub(crate) fn model(&self) -> Vec<u8> {
        let mut random = Random(0x2545_F491_4F6C_DD1D);
        match self.kind {
            Kind::Convolution { size, kernel, stride, channels: [from, to], depthwise } => {
                let (mut network, input) = Network::new(&[1, from, size, size], INPUT);
                let shape = [to, if depthwise { 1 } else { from }, kernel, kernel];
                let [weights, biases] = random.layer(&mut network, &shape);
                let pad = ((kernel - 1) / 2) as i64;
                let attributes = [
                    ("group", Attribute::Int(if depthwise { from as i64 } else { 1 })),
                    ("pads", Attribute::Ints(&[pad; 4])),
                    ("strides", Attribute::Ints(&[stride as i64; 2])),
                ];
                let result = network.node("Conv", &[&input, &weights, &biases], &attributes);
                let output = network.quantized(&result, OUTPUT);
                network.finish(&output)
            }
            Kind::FullyConnected([from, to]) => {
                let (mut network, input) = Network::new(&[1, from], INPUT);
                let [weights, biases] = random.layer(&mut network, &[to, from]);
                let result = network.node("Gemm", &[&input, &weights, &biases], &[("transB", Attribute::Int(1))]);
                let output = network.quantized(&result, OUTPUT);
                network.finish(&output)
            }
        }
    }
}

/// Xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Weights, quantized per channel so that sums fill the range of the output, and biases.
    fn layer(&mut self, network: &mut Network, shape: &[usize]) -> [String; 2] {
        let terms = shape[1..].iter().product::<usize>();
        let scales: Vec<f32> =
            (0..shape[0]).map(|_| (8 + self.below(8)) as f32 / (2000.0 * (terms as f32).sqrt())).collect();
        let codes: Vec<i8> =
            (0..shape[0] * terms).map(|_| (self.below(255) as u8).wrapping_sub(127).cast_signed()).collect();
        let weights = network.weights(shape, &codes, &scales);
        let biases: Vec<i32> = scales.iter().map(|_| self.below(2000) as i32 - 1000).collect();
        let scales: Vec<f32> = scales.iter().map(|scale| scale * INPUT.scale).collect();
        [weights, network.biases(&biases, &scales)]
    }
}
