use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", layout = packed)]
struct Kws;

fn main() {}
