use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy")]
struct Kws {
    frames: usize,
}

fn main() {}
