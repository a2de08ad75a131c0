#!/usr/bin/env python3
"""Writes quantized.onnx, a small network quantized by ONNX Runtime in QDQ form, and its inputs and outputs there.

Needs numpy, onnx and onnxruntime. Random numbers are seeded; bytes may differ between versions of ONNX Runtime.
"""
import os
import tempfile

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, numpy_helper, save
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPE = [1, 3, 8, 8]


class Samples(CalibrationDataReader):
    def __init__(self, samples):
        self.samples = iter([{"x": sample} for sample in samples])

    def get_next(self):
        return next(self.samples, None)


def network():
    """Two convolutions with a shortcut, a pool and a linear layer."""
    rng = np.random.default_rng(5)
    draw = lambda *shape: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    arrays = {
        "c1.weight": draw(8, 3, 3, 3), "c1.bias": draw(8) * 0.1,
        "c2.weight": draw(8, 1, 3, 3), "c2.bias": draw(8) * 0.1,
        "fc.weight": draw(5, 8 * 4 * 4), "fc.bias": draw(5),
    }
    nodes = [
        helper.make_node("Conv", ["x", "c1.weight", "c1.bias"], ["conv1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv1"], ["relu1"], "relu1"),
        helper.make_node("Conv", ["relu1", "c2.weight", "c2.bias"], ["conv2"], "conv2", pads=[1, 1, 1, 1], group=8),
        helper.make_node("Add", ["relu1", "conv2"], ["sum"], "sum"),
        helper.make_node("MaxPool", ["sum"], ["pool"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pool"], ["flat"], "flat"),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["y"], "fc", transB=1),
    ]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", SHAPE), ("y", [1, 5]))]
    graph = helper.make_graph(nodes, "main_graph", info[:1], info[1:],
                              [numpy_helper.from_array(array, name) for name, array in arrays.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model


def main():
    rng = np.random.default_rng(6)
    samples = rng.standard_normal([24, *SHAPE]).astype(np.float32)
    for file, kind, per_channel in (("quantized.onnx", QuantType.QInt8, True), ("quantized_uint8.onnx", QuantType.QUInt8, False)):
        path = os.path.join(HERE, file)
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "float.onnx")
            save(network(), source)
            quantize_static(source, path, Samples(samples[:16]), quant_format=QuantFormat.QDQ, per_channel=per_channel,
                            activation_type=kind, weight_type=QuantType.QInt8)
        options = onnxruntime.SessionOptions()
        # Quantize, compute in float, dequantize: fused integer kernels round otherwise.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(path, options)
        outputs = np.stack([session.run(None, {"x": sample})[0] for sample in samples[16:]])
        np.save(path.replace(".onnx", "_out.npy"), outputs)
    np.save(os.path.join(HERE, "quantized_in.npy"), samples[16:])


main()
