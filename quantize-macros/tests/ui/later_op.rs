use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", op(target = "aten.sigmoid.default", config = None))]
struct Kws;

fn main() {}
