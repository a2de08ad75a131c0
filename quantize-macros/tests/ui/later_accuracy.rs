use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", accuracy(min_sqnr = 25.0))]
struct Kws;

fn main() {}
