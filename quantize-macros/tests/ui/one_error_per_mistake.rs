use quantize_macros::quantize;

#[quantize(model = "kws.onnx", calibration = "kws.npy", globl = int8)]
pub struct Kws;

/// The struct exists in spite of the error, so this is none.
pub fn size(_: &Kws) -> usize {
    size_of::<Kws>()
}

fn main() {}
