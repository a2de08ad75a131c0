use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", precedence = legacy)]
struct Kws;

fn main() {}
