use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", global = a16w8, io = uint8, module(name = "a", config = a8w4), module(name = "c", config = "mine"))]
struct Kws;

fn main() {}
