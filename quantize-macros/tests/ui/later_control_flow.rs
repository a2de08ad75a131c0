use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", control_flow = select)]
struct Kws;

fn main() {}
