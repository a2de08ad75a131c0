use quantize_macros::quantize;

#[quantize(model = "kws.onnx", global = "", profile_from = small)]
struct Kws;

#[quantize(profile_from("small"), io = "careful" "other")]
struct Eye;

fn main() {}
