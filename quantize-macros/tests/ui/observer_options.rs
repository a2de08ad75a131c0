use quantize_macros::quantize;

#[quantize(
    model = "kws.onnx",
    calibration = "kws.npy",
    global = int8(observer = histogramm),
    io = int8(observer = percentile),
    input = int8(observer = percentile(101)),
    output = int8(eps = 0),
    module(name = "a", config = snorm(observer = mse, observer = mse)),
    module(name = "b", config = int8(observer = minmax(3), epsilon = 1e-5))
)]
struct Kws;

fn main() {}
