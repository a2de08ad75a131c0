use quantize_macros::quantize;

#[quantize(model = "kws.onnx", crate = "path::to::runtime")]
struct Text;

#[quantize(model = "kws.onnx", crate = path.to.runtime)]
struct Dots;

#[quantize(model = "kws.onnx", crate)]
struct Bare;

#[quantize(model = "kws.onnx", crate = nn::<u8>)]
struct Generic;

fn main() {}
