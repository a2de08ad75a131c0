use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", profile_from = "small")]
struct Kws;

fn main() {}
