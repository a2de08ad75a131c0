use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration(a = "a.npy", a = "b.npy"))]
struct Kws;

fn main() {}
