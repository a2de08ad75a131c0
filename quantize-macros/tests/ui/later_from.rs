use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", from(features = u8, layout = nhwc))]
struct Kws;

fn main() {}
