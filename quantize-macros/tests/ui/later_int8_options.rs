use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", global = int8(dynamic), io = int8(qat))]
struct Kws;

fn main() {}
