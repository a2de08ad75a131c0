use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", input = None)]
struct Kws;

fn main() {}
