use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", layout = nhwc)]
struct Kws;

fn main() {}
