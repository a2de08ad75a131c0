use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", budget(flash = "96 KiB"))]
struct Kws;

fn main() {}
