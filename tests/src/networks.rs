//! The networks under test, quantized by this package's build script.

use quantize_runtime::quantize;

/// The network of `examples/digits`.
#[quantize(
    model = "../examples/digits/models/digits_cnn.onnx",
    calibration = "../examples/digits/models/calib.npy",
    global = int8(per_channel)
)]
pub struct Digits;

/// Three linear layers, batch 4.
#[quantize(
    model = "data/goldens/mlp/model.onnx",
    calibration = "data/goldens/mlp/calib_in_0.npy",
    global = int8(per_channel)
)]
pub struct Mlp;

/// Convolutions with batch normalization, depthwise and pointwise ones, and a linear layer.
#[quantize(
    model = "data/goldens/convnet_per_channel/model.onnx",
    calibration = "data/goldens/convnet_per_channel/calib_in_0.npy",
    global = int8(per_channel)
)]
pub struct ConvNet;
