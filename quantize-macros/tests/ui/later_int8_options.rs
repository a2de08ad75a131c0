use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", global = int8(dynamic), io = int8(qat), module(name = "a", config = int8(observer = minmax, eps = 1.5e-5)))]
struct Kws;

fn main() {}
