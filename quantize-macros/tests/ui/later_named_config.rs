use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", global = "mine")]
struct Kws;

fn main() {}
