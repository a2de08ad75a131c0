use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", profile = full)]
struct Kws;

fn main() {}
