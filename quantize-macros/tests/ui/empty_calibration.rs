use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = [])]
struct Kws;

fn main() {}
