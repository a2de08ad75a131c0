use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", module(name = "head"), module(config = None), module(nmae = "head", config = None))]
struct Kws;

fn main() {}
