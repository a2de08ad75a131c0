use quantize_macros::quantize;

#[quantize(modle = "kws.onnx", calibration = "kws.npy", bits = 8)]
struct Kws;

fn main() {}
