use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", module(name = "head", type = "Softmax", config = None))]
struct Kws;

fn main() {}
