use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", from(x = f32), from(y = u8, mean = "0.5", std = [0.0], layout = hwc))]
struct Kws;

fn main() {}
