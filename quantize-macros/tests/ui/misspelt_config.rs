use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", global = int(per_channel), io = int8(per_chanel))]
struct Kws;

fn main() {}
