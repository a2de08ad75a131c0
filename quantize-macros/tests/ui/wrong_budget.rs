use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", budget(flash = "96 KB", rom = "1 MiB", macs = 5))]
struct Kws;

fn main() {}
