use quantize_macros::quantize;

#[quantize(model = "kws.onnx")]
struct Kws;

fn main() {}
