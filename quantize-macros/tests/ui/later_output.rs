use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", output = None)]
struct Kws;

fn main() {}
