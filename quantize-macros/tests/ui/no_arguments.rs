use quantize_macros::quantize;

#[quantize()]
struct Kws;

fn main() {}
