use quantize_macros::quantize;

#[quantize(calibration = "kws.npy")]
struct Kws;

fn main() {}
