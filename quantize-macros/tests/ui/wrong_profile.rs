use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", profile = float)]
struct Kws;

fn main() {}
