#!/usr/bin/env python3
"""Writes the small ONNX files beside it. Needs numpy and onnx; the bytes are the same on every run."""
import os

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

HERE = os.path.dirname(os.path.abspath(__file__))


def node(op_type, inputs, output, module, kind, aten, **attributes):
    """A node with the module path and the classes that torch's exporter writes."""
    path = module.split(".")
    scopes = [""] + [".".join(path[: i + 1]) for i in range(len(path))] + [output]
    classes = ["__main__.Net"] + ["torch.nn.modules.container.Sequential"] * (len(path) - 1) + [kind, aten]
    made = helper.make_node(op_type, inputs, [output], name=f"node_{output}", **attributes)
    for key, value in (("name_scopes", scopes), ("class_hierarchy", classes)):
        made.metadata_props.add(key=f"pkg.torch.onnx.{key}", value=str(value))
    return made


def linear(x, output, module):
    return node("Gemm", [x, f"{module}.weight", f"{module}.bias"], output, module, "torch.nn.modules.linear.Linear",
                "aten.linear.default", alpha=1.0, beta=1.0, transA=0, transB=1)


def write(file, nodes, shapes, arrays):
    """`shapes`: those of the graph's input and output."""
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph(nodes, "main_graph", info[:1], info[1:],
                              [numpy_helper.from_array(array, name) for name, array in arrays.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    checker.check_model(model)
    save(model, os.path.join(HERE, file))


def parameters(rng, module, n_in, n_out):
    draw = lambda *shape: rng.uniform(-1.0, 1.0, shape).astype(np.float32)
    return {f"{module}.weight": draw(n_out, n_in), f"{module}.bias": draw(n_out)}


def small(file, seed):
    """x 1×4 → encoder.fc → relu → head → y 1×3; the seed changes the parameters only."""
    rng = np.random.default_rng(seed)
    nodes = [linear("x", "linear", "encoder.fc"),
             node("Relu", ["linear"], "relu", "encoder.act", "torch.nn.modules.activation.ReLU", "aten.relu.default"),
             linear("relu", "y", "head")]
    write(file, nodes, {"x": [1, 4], "y": [1, 3]}, parameters(rng, "encoder.fc", 4, 6) | parameters(rng, "head", 6, 3))


def unsupported(file):
    """Five nodes of two kinds that draw random numbers, which no program has, between layers that are supported."""
    rng = np.random.default_rng(3)
    nodes, arrays, x = [], {}, "x"
    for i in range(4):
        arrays |= parameters(rng, f"blocks.{i}.fc", 4, 4)
        nodes += [linear(x, f"linear_{i}", f"blocks.{i}.fc"),
                  node("Bernoulli", [f"linear_{i}"], f"bernoulli_{i}", f"blocks.{i}.act", "__main__.Coin",
                       "aten.bernoulli.default")]
        x = f"bernoulli_{i}"
    nodes += [node("RandomNormalLike", [x], "noise", "mixer", "__main__.Mixer", "aten.randn_like.default"),
              node("Erf", ["noise"], "y", "head", "__main__.Head", "aten.erf.default")]
    write(file, nodes, {"x": [1, 4], "y": [1, 4]}, arrays)


def island(file):
    """An activation that upstream's quantizer does not know, between layers that it does."""
    rng = np.random.default_rng(4)
    nodes = [linear("x", "linear", "encoder.fc"),
             node("Softplus", ["linear"], "softplus", "encoder.act", "torch.nn.modules.activation.Softplus",
                  "aten.softplus.default"),
             linear("softplus", "y", "head")]
    write(file, nodes, {"x": [1, 4], "y": [1, 3]}, parameters(rng, "encoder.fc", 4, 6) | parameters(rng, "head", 6, 3))


def product(file):
    """A reduction that has no integer form, between layers that have one."""
    rng = np.random.default_rng(5)
    nodes = [linear("x", "linear", "encoder.fc"),
             node("ReduceProd", ["linear", "axes"], "prod", "encoder.act", "__main__.Product", "aten.prod.dim_int",
                  keepdims=1),
             linear("prod", "y", "head")]
    arrays = parameters(rng, "encoder.fc", 4, 6) | parameters(rng, "head", 1, 3) | {"axes": np.array([1])}
    write(file, nodes, {"x": [1, 4], "y": [1, 3]}, arrays)


small("small.onnx", 1)
small("small_retrained.onnx", 2)
unsupported("unsupported.onnx")
island("island.onnx")
product("product.onnx")
