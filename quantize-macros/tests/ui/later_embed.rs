use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", embed = constants)]
struct Kws;

fn main() {}
