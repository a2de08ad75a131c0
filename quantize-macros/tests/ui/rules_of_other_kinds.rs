use quantize_macros::quantize;

#[quantize(
    model = "kws.onnx",
    calibration = "kws.npy",
    node(target = "linear_1", config = None),
    op(name = "aten.sigmoid.default", config = None),
    node(config = int8),
    input = int9,
    precedence = newest
)]
struct Kws;

fn main() {}
