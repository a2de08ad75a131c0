//! Variants of [`ConvNet`](crate::ConvNet), an image of 3×12×12 to 5 numbers: what they embed, and samples of sensors.

use quantize_runtime::quantize;

/// Without the SPIR-V, which no other of them has.
#[quantize(
    model = "data/goldens/convnet_per_channel/model.onnx",
    calibration = "data/goldens/convnet_per_channel/calib_in_0.npy",
    global = int8(per_tensor),
    embed = constants
)]
pub struct LeanNet;

/// With constants in the order of the target's kernels.
#[quantize(
    model = "data/goldens/convnet_per_channel/model.onnx",
    calibration = "data/goldens/convnet_per_channel/calib_in_0.npy",
    global = int8(per_tensor),
    layout = packed
)]
pub struct PackedNet;

/// Bytes of a camera.
#[quantize(
    model = "data/goldens/convnet_per_channel/model.onnx",
    calibration = "data/goldens/convnet_per_channel/calib_in_0.npy",
    global = int8,
    from(x = u8, mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225], layout = nhwc)
)]
pub struct CameraNet;

/// 16-bit samples, one channel after the other as exported.
#[quantize(
    model = "data/goldens/convnet_per_channel/model.onnx",
    calibration = "data/goldens/convnet_per_channel/calib_in_0.npy",
    global = int8,
    from(x = i16, mean = -0.125, std = [0.25, 0.5, 1.0])
)]
pub struct MicrophoneNet;

/// An unsigned input.
#[quantize(
    model = "data/goldens/convnet_per_channel/model.onnx",
    calibration = "data/goldens/convnet_per_channel/calib_in_0.npy",
    global = int8,
    input = uint8
)]
pub struct UnsignedNet;

/// An unsigned input from signed bytes.
#[quantize(
    model = "data/goldens/convnet_per_channel/model.onnx",
    calibration = "data/goldens/convnet_per_channel/calib_in_0.npy",
    global = int8,
    input = uint8,
    from(x = i8, full_scale = 1, std = 64, layout = nhwc)
)]
pub struct AccelerometerNet;

/// 16-bit activations.
#[quantize(
    model = "data/goldens/convnet_per_channel/model.onnx",
    calibration = "data/goldens/convnet_per_channel/calib_in_0.npy",
    global = a16w8
)]
pub struct WideNet;

/// 16-bit activations from bytes of a camera.
#[quantize(
    model = "data/goldens/convnet_per_channel/model.onnx",
    calibration = "data/goldens/convnet_per_channel/calib_in_0.npy",
    global = a16w8,
    from(x = u8, mean = 0.5, std = 0.25, layout = nhwc)
)]
pub struct WideCameraNet;
