//! What is not the name of a model of build.rs.

quantize_runtime::include_quantized!();
quantize_runtime::include_quantized!(Kws);
quantize_runtime::include_quantized!("key words");
quantize_runtime::include_quantized!("Kws", path = nn);
quantize_runtime::include_quantized!("Kws" pub);

fn main() {}
