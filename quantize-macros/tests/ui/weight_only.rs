use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", global = int8(weight_only), module(name = "head", config = weight_only))]
struct Kws;

fn main() {}
