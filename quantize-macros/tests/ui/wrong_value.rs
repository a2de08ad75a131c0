use quantize_macros::quantize;

#[quantize(model = MODEL, calibration = 3, global = "small")]
struct Kws;

fn main() {}
