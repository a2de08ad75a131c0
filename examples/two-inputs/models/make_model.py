#!/usr/bin/env python3
"""Trains the pump monitor and writes its ONNX file, calibration samples and the windows of ../src/windows.rs.

Needs numpy and onnx. Everything is seeded; the BLAS behind numpy may still change the last bits.

Two sensors give features of the same window of time: `vibration`, the energy of 8 frequency bands, and `current`, the
amplitude of 6 harmonics of the motor's supply. Each has an encoder of its own; a shared layer takes both to one space:

    u = shared(relu(encode_vibration(vibration)))
    v = shared(relu(encode_current(current)))
    condition = judge(u + v)        # one score each for idle, running, worn
    state = maximum(u, v)           # features for a trend over days

The node metadata are those of torch's exporter: module paths and classes, which the rules of `#[quantize]` can name.
"""
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HERE = os.path.dirname(os.path.abspath(__file__))
CONDITIONS = ["idle", "running", "worn"]
VIBRATION = np.array([[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
                      [0.3, 1.6, 0.9, 0.5, 0.3, 0.2, 0.2, 0.1],
                      [0.3, 1.5, 1.1, 0.6, 0.9, 1.2, 0.8, 0.4]])
CURRENT = np.array([[0.2, 0.0, 0.1, 0.0, 0.1, 0.0],
                    [2.0, 0.2, 0.5, 0.1, 0.2, 0.1],
                    [2.3, 0.4, 0.7, 0.3, 0.5, 0.3]])
LAYERS = {"encode_vibration": (8, 8), "encode_current": (6, 8), "shared": (8, 8), "judge": (8, 3)}


def windows(rng, count):
    """Features of `count` windows, f32 rounded to two decimals, and the condition of each."""
    label = rng.integers(0, len(CONDITIONS), count)
    load = rng.uniform(0.7, 1.3, (count, 1))
    sample = lambda mean: np.abs(mean[label] * load + rng.normal(0.0, 0.12, (count, mean.shape[1])))
    return [np.round(sample(mean), 2).astype(np.float32) for mean in (VIBRATION, CURRENT)], label


def train(rng):
    """Parameters (weight, bias) of each layer, by plain gradient descent on the cross entropy of `condition`."""
    layers = {name: [rng.normal(0.0, 0.5, (n_out, n_in)), np.zeros(n_out)] for name, (n_in, n_out) in LAYERS.items()}
    (vibration, current), label = windows(rng, 600)
    linear = lambda name, x: x @ layers[name][0].T + layers[name][1]
    for _ in range(1500):
        inputs = {"encode_vibration": vibration, "encode_current": current}
        hidden = {name: np.maximum(linear(name, x), 0.0) for name, x in inputs.items()}
        fused = sum(linear("shared", h) for h in hidden.values())
        scores = linear("judge", fused)
        probability = np.exp(scores - scores.max(1, keepdims=True))
        probability /= probability.sum(1, keepdims=True)
        error = (probability - np.eye(len(CONDITIONS))[label]) / len(label)
        gradients = {name: [0.0, 0.0] for name in layers}

        def backward(name, x, error):
            gradients[name][0] += error.T @ x
            gradients[name][1] += error.sum(0)
            return error @ layers[name][0]

        fused_error = backward("judge", fused, error)
        for name, x in inputs.items():
            hidden_error = backward("shared", hidden[name], fused_error)
            backward(name, x, hidden_error * (hidden[name] > 0.0))
        for name, (weight, bias) in gradients.items():
            layers[name][0] -= 0.3 * weight
            layers[name][1] -= 0.3 * bias
    return {name: [array.astype(np.float32) for array in pair] for name, pair in layers.items()}


def model(layers):
    """The ONNX model, batch 1."""
    nodes, used = [], {}

    def node(op_type, aten, inputs, module=None, output=None, **attributes):
        base = aten.split(".")[1]
        count = used[base] = used.get(base, -1) + 1
        name = base + (f"_{count}" if count else "")
        scopes = [""] + ([module] if module else []) + [name]
        classes = ["__main__.PumpMonitor"] + (["torch.nn.modules.linear.Linear"] if module else []) + [aten]
        made = helper.make_node(op_type, inputs, [output or name], name=f"node_{name}", **attributes)
        for key, value in (("name_scopes", scopes), ("class_hierarchy", classes)):
            made.metadata_props.add(key=f"pkg.torch.onnx.{key}", value=str(value))
        nodes.append(made)
        return made.output[0]

    def linear(module, x, output=None):
        return node("Gemm", "aten.linear.default", [x, f"{module}.weight", f"{module}.bias"], module, output,
                    alpha=1.0, beta=1.0, transA=0, transB=1)

    def encode(module, x):
        return linear("shared", node("Relu", "aten.relu.default", [linear(module, x)]))

    u, v = encode("encode_vibration", "vibration"), encode("encode_current", "current")
    linear("judge", node("Add", "aten.add.Tensor", [u, v]), "condition")
    node("Max", "aten.maximum.default", [u, v], output="state")
    tensor = lambda name, size: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
    initializers = [numpy_helper.from_array(array, f"{name}.{kind}")
                    for name, pair in layers.items() for kind, array in zip(("weight", "bias"), pair)]
    graph = helper.make_graph(nodes, "main_graph", [tensor("vibration", 8), tensor("current", 6)],
                              [tensor("condition", 3), tensor("state", 8)], initializers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(made)
    return made


def rust(numbers):
    """A Rust array, four decimals at most."""
    return "[" + ", ".join(str(round(float(x), 4)) for x in numbers) + "]"


def main():
    rng = np.random.default_rng(20)
    made = model(train(rng))
    onnx.save(made, os.path.join(HERE, "pump.onnx"))
    (vibration, current), _ = windows(rng, 64)
    np.save(os.path.join(HERE, "calib_vibration.npy"), vibration)
    np.save(os.path.join(HERE, "calib_current.npy"), current)

    (vibration, current), label = windows(rng, 200)
    session = ReferenceEvaluator(made)
    outputs = [session.run(None, {"vibration": x[None], "current": y[None]}) for x, y in zip(vibration, current)]
    print("accuracy", np.mean([condition.argmax() == k for (condition, _), k in zip(outputs, label)]))
    with open(os.path.join(HERE, "..", "src", "windows.rs"), "w") as file:
        file.write("//! Measured windows, one of each condition, with the outputs of the float network. "
                   "Written by `models/make_model.py`.\n\n"
                   "/// Features of both sensors over one window of time and what the float network gives for them.\n"
                   "pub(crate) struct Window {\n"
                   "    pub(crate) label: &'static str,\n"
                   "    pub(crate) vibration: [f32; 8],\n"
                   "    pub(crate) current: [f32; 6],\n"
                   "    pub(crate) condition: [f32; 3],\n"
                   "    pub(crate) state: [f32; 8],\n"
                   "}\n\n"
                   "/// One window of each condition.\n"
                   f"pub(crate) const WINDOWS: [Window; {len(CONDITIONS)}] = [\n")
        for k, name in enumerate(CONDITIONS):
            i = int(np.argmax(label == k))
            condition, state = outputs[i]
            file.write(f"    Window {{\n        label: \"{name}\",\n        vibration: {rust(vibration[i])},\n"
                       f"        current: {rust(current[i])},\n        condition: {rust(condition[0])},\n"
                       f"        state: {rust(state[0])},\n    }},\n")
        file.write("];\n")


if __name__ == "__main__":
    main()
