use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", embed = spirv)]
struct Kws;

fn main() {}
