use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", node(name = "linear_1", config = None))]
struct Kws;

fn main() {}
