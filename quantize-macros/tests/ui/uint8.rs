use quantize_macros::quantize;

#[quantize(
    model = "kws.onnx",
    calibration = "kws.npy",
    global = uint8,
    input = uint8(per_tensor),
    output = uint8(observer = minmax, eps = 1e-5),
    module(name = "a", config = uint8),
    op(target = "aten.add.Tensor", config = uint8(observer = mse))
)]
struct Kws;

fn main() {}
