use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", crate = path::to::runtime)]
struct Kws;

fn main() {}
