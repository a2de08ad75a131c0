use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", shape(features = [1, 0, 96], mask = 3, tokens))]
struct Kws;

#[quantize(model = "kws.onnx", calibration = "kws.npy", shape = [1, 3])]
struct Unnamed;

fn main() {}
