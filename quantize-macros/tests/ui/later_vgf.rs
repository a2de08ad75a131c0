use quantize_macros::quantize;

#[quantize(vgf = "kws.vgf")]
struct Kws;

fn main() {}
