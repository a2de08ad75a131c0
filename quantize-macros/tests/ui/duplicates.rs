use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", model = "other.onnx", global = int8, global = None)]
struct Kws;

fn main() {}
