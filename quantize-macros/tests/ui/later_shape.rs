use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", shape(features = [1, 3, 96, 96]))]
struct Kws;

fn main() {}
