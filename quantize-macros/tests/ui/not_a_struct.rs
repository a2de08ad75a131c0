use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy")]
fn kws() {}

fn main() {}
