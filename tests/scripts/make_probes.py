#!/usr/bin/env python3
"""Writes a probe for each API of tests/data/probes/apis.json beside that file: a small network as an exported program and as
ONNX, samples, and torch's results.

    ../shared/oracle/scripts/setup.sh VENV
    VENV/bin/python tests/scripts/make_probes.py [PROBE...]

Each probe calls its API once, with as little around it as makes a network: real inputs, and results that depend on them. The
files are the same on every run.
"""
import io
import json
import pathlib
import sys
import zipfile

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data/probes"
SAMPLES = 8
PROBES = {}


class Probe(nn.Module):
    """A function of tensors as a network; `constants` are its parameters and come last."""

    def __init__(self, function, constants=()):
        super().__init__()
        self.function = function
        self.constants = nn.ParameterList(nn.Parameter(constant, requires_grad=False) for constant in constants)

    def forward(self, *inputs):
        return self.function(*inputs, *self.constants)


def real(*shape, low=-2.0, high=2.0):
    return lambda random: (low + (high - low) * torch.rand(shape, generator=random))


def whole(*shape, low=0, high, dtype=torch.int64):
    return lambda random: torch.randint(low, high, shape, generator=random, dtype=dtype)


def distinct(count, high):
    return lambda random: torch.randperm(high, generator=random)[:count]


def weights(*shape):
    count = int(np.prod(shape))
    return torch.sin(torch.arange(count) * 1.7).reshape(shape) / 2


def add(name, function, *inputs, constants=()):
    model = function if isinstance(function, nn.Module) else Probe(function, constants)
    for parameter in model.parameters() if model is function else ():
        parameter.data = weights(*parameter.shape)
    PROBES[name] = model.eval(), inputs


X, Y = real(3, 8), real(3, 8)
POSITIVE, IMAGE = real(3, 8, low=0.25, high=4.0), real(1, 4, 8, 8)
NUMBERS = whole(3, 8, low=-100, high=100, dtype=torch.int32)

# Functions of one number.
for name in "abs asinh atan ceil cos cosh erf exp expm1 floor neg relu round sigmoid sign sin sinh tanh".split():
    add(name, getattr(torch, name), X)
for name in "log log10 reciprocal rsqrt sqrt".split():
    add(name, getattr(torch, name), POSITIVE)
for name in "acos asin atanh erfinv".split():
    add(name, getattr(torch, name), real(3, 8, low=-0.95, high=0.95))
add("acosh", torch.acosh, real(3, 8, low=1.05, high=4.0))
add("log1p", torch.log1p, real(3, 8, low=-0.5, high=3.0))
add("logit", torch.logit, real(3, 8, low=0.05, high=0.95))
add("tan", torch.tan, real(3, 8, low=-1.2, high=1.2))
add("clamp", lambda x: torch.clamp(x, -1.0, 1.5), X)
add("pow", lambda x: torch.pow(x, 2), X)
add("remainder", lambda x: torch.remainder(x, 0.75), X)

# Functions of two.
for name in "add sub mul maximum minimum rsub eq ge gt le lt ne".split():
    add(name, getattr(torch, name), X, Y)
add("div", torch.div, X, POSITIVE)
add("div_operator", lambda x, y: x / y, X, POSITIVE)
add("floor_divide", torch.floor_divide, X, POSITIVE)
for name in "and or xor".split():
    function = getattr(torch, f"logical_{name}")
    add(f"logical_{name}", lambda x, y, function=function: function(x > 0, y > 0), X, Y)
    add(f"bitwise_{name}", getattr(torch, f"bitwise_{name}"), NUMBERS, NUMBERS)
add("logical_not", lambda x: torch.logical_not(x > 0), X)
add("bitwise_not", torch.bitwise_not, NUMBERS)
for name in "left right".split():
    function = getattr(torch, f"bitwise_{name}_shift")
    add(f"bitwise_{name}_shift", function, NUMBERS, whole(3, 8, high=8, dtype=torch.int32))
add("where", lambda x, y: torch.where(x > 0, x, y), X, Y)
add("masked_fill", lambda x: torch.masked_fill(x, x > 1, -0.5), X)

# Products and convolutions.
add("addmm", torch.addmm, real(8), real(3, 5), real(5, 8))
add("bmm", torch.bmm, real(2, 3, 5), real(2, 5, 4))
add("matmul", torch.matmul, real(2, 3, 5), real(5, 4))
add("mm", torch.mm, real(3, 5), real(5, 8))
add("conv1d", torch.conv1d, real(1, 4, 12), constants=[weights(6, 4, 3), weights(6)])
add("conv2d", torch.conv2d, IMAGE, constants=[weights(6, 4, 3, 3), weights(6)])
add("conv3d", torch.conv3d, real(1, 2, 4, 5, 6), constants=[weights(3, 2, 2, 3, 3), weights(3)])
add("conv_transpose2d", lambda x, w, b: torch.conv_transpose2d(x, w, b, stride=2), real(1, 4, 5, 5),
    constants=[weights(4, 3, 3, 3), weights(3)])
add("nn_conv2d", nn.Conv2d(4, 6, 3, stride=2, padding=1), IMAGE)
add("nn_linear", nn.Linear(8, 5), X)
add("nn_embedding", nn.Embedding(10, 6), whole(2, 4, high=10))

# Normalizations.
CHANNELS = [weights(4) + 1, weights(4), weights(4), weights(4) + 1]
add("batch_norm", lambda x, w, b, m, v: torch.batch_norm(x, w, b, m, v, False, 0.1, 1e-5, False), IMAGE,
    constants=CHANNELS)
add("nn_batchnorm2d", nn.BatchNorm2d(4), IMAGE)
add("group_norm", lambda x, w, b: torch.group_norm(x, 2, w, b), IMAGE, constants=CHANNELS[:2])
add("nn_groupnorm", nn.GroupNorm(2, 4), IMAGE)
add("layer_norm", lambda x, w, b: torch.layer_norm(x, [8], w, b), X, constants=[weights(8) + 1, weights(8)])
add("softmax", lambda x: torch.softmax(x, 1), X)
add("log_softmax", lambda x: torch.log_softmax(x, 1), X)
add("nn_softmax", nn.Softmax(1), X)
add("nn_logsoftmax", nn.LogSoftmax(1), X)

# Activations.
for module in (nn.CELU, nn.ELU, nn.GELU, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.SELU, nn.SiLU):
    add(f"nn_{module.__name__.lower()}", module(), real(3, 8, low=-4.0, high=4.0))

# Reductions and pools.
add("amax", lambda x: torch.amax(x, 1), X)
add("amin", lambda x: torch.amin(x, 1), X)
add("any", lambda x: torch.any(x > 1, 1), X)
add("argmax", lambda x: torch.argmax(x, 1), X)
add("cumsum", lambda x: torch.cumsum(x, 1), X)
add("max", torch.max, X)
add("min", torch.min, X)
add("mean", lambda x: torch.mean(x, 1), X)
add("sum", lambda x: torch.sum(x, 1), X)
add("var", lambda x: torch.var(x, 1), X)
add("max_pool1d", lambda x: torch.max_pool1d(x, 2), real(1, 4, 12))
add("max_pool2d", lambda x: torch.max_pool2d(x, 2), IMAGE)
add("nn_maxpool2d", nn.MaxPool2d(3, stride=2, padding=1), IMAGE)
add("nn_avgpool2d", nn.AvgPool2d(2), IMAGE)
add("nn_adaptiveavgpool2d", nn.AdaptiveAvgPool2d(4), IMAGE)
GRID = real(1, 3, 5, 2, low=-1, high=1)
add("grid_sampler", lambda x, grid: torch.grid_sampler(x, grid, 0, 0, False), real(1, 4, 6, 6), GRID)
add("grid_sampler_2d", lambda x, grid: torch.grid_sampler_2d(x, grid, 0, 0, True), real(1, 4, 6, 6), GRID)

# Movement.
add("alias_copy", torch.alias_copy, X)
add("as_strided_copy", lambda x: torch.as_strided_copy(x, (3, 4), (8, 2)), X)
add("cat", lambda x, y: torch.cat([x, y], 1), X, Y)
add("clone", torch.clone, X)
add("flip", lambda x: torch.flip(x, [1]), X)
add("gather", lambda x, index: torch.gather(x, 1, index), X, whole(3, 5, high=8))
add("index_put", lambda x, rows, values: torch.clone(x).index_put_((rows,), values), real(6, 4), distinct(2, 6), real(2, 4))
add("index_select", lambda x, rows: torch.index_select(x, 0, rows), real(6, 4), whole(3, high=6))
add("nn_pad", lambda x: F.pad(x, (1, 2, 0, 1), value=0.5), IMAGE)
add("permute", lambda x: torch.permute(x, (0, 2, 3, 1)), IMAGE)
add("pixel_shuffle", lambda x: torch.pixel_shuffle(x, 2), IMAGE)
add("pixel_unshuffle", lambda x: torch.pixel_unshuffle(x, 2), IMAGE)
add("repeat_interleave", lambda x: torch.repeat_interleave(x, 2, 1), X)
add("select", lambda x: torch.select(x, 1, 2), X)
add("select_scatter", lambda x, y: torch.select_scatter(x, y, 1, 2), X, real(3))
add("slice_scatter", lambda x, y: torch.slice_scatter(x, y, 1, 2, 6), X, real(3, 4))
add("split", lambda x: torch.split(x, 4, 1), X)
add("squeeze", torch.squeeze, real(3, 1, 8))
add("squeeze_method", lambda x: x.squeeze(1), real(3, 1, 8))
add("stack", lambda x, y: torch.stack([x, y]), X, Y)
add("t", torch.t, X)
add("tensor_index", lambda x, rows: x[rows], real(6, 4), whole(3, high=6))
add("tensor_slice", lambda x: x[:, 1:7:2], X)
add("tensor_expand", lambda x: x.expand(3, 4, 8), real(3, 1, 8))
add("tensor_repeat", lambda x: x.repeat(2, 3), X)
add("tensor_unfold", lambda x: x.unfold(1, 4, 2), X)
add("tensor_view", lambda x: x.view(4, 6), X)
add("transpose", lambda x: torch.transpose(x, 1, 3), IMAGE)
add("tril", torch.tril, X)
add("unbind", lambda x: torch.unbind(x, 0), X)
add("unflatten", lambda x: torch.unflatten(x, 1, (2, 4)), X)
add("unsqueeze", lambda x: torch.unsqueeze(x, 1), X)


def copied(x, y):
    z = torch.clone(x)
    z.copy_(y)
    return x + z


def assigned(x, rows):
    z = torch.clone(x)
    z[rows] = 0.5
    z[:, 1:3] = x[:, :2]
    return z


add("tensor_copy", copied, X, Y)
add("tensor_assign", assigned, real(6, 4), distinct(2, 6))
add("fill", lambda x: x * torch.clone(x).fill_(0.5), X)

# Constants, which meet the input.
add("arange", lambda x: x + torch.arange(8), X)
add("eye", lambda x: x + torch.eye(3, 8), X)
add("full", lambda x: x * torch.full((8,), 0.75), X)
add("full_like", lambda x: x * torch.full_like(x, 0.75), X)
add("linspace", lambda x: x * torch.linspace(-1, 1, 8), X)
add("ones", lambda x: x + torch.ones(3, 8), X)
add("scalar_tensor", lambda x: x * torch.scalar_tensor(0.75), X)
add("zeros", lambda x: torch.maximum(x, torch.zeros(3, 8)), X)

# Control flow.
add("cond", lambda x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,)), X)
add("while_loop", lambda x: torch.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 0.5), (torch.tensor(0), x))[1], X)



# A size that is open when the program is exported.
def asserted(x):
    torch._check(x.shape[1] != 5)
    return x + 1.0


add("assert_scalar", asserted, X)
OPEN = {"assert_scalar": {"inputs": ({1: torch.export.Dim("columns", min=2, max=64)},)}}


def strip(program):
    """Leaves out what nothing reads: where the source code was, and sample inputs."""
    if isinstance(program, dict):
        unread = ("stack_trace", "torch_fn", "source_fn_stack")
        return {key: strip(value) for key, value in program.items() if key not in unread}
    return [strip(value) for value in program] if isinstance(program, list) else program


def repacked(archive):
    """The archive with the entries that matter, at a time that is always the same."""
    packed = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            if "/sample_inputs/" in name or "/.data/" in name:
                continue
            content = old.read(name)
            if name.endswith("/models/model.json"):
                content = json.dumps(strip(json.loads(content)), separators=(",", ":")).encode()
            new.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def write_onnx(name, model, inputs):
    """The same network by the other exporter, which does not know every operator."""
    path = FOLDER / f"{name}.onnx"
    path.unlink(missing_ok=True)
    try:
        network = torch.onnx.export(model, inputs, dynamo=True, optimize=False, verbose=False).model_proto
    except torch.onnx.errors.OnnxExporterError as error:
        print(f"{name}: no ONNX: {type(error).__name__}", file=sys.stderr)
        return
    for node in network.graph.node:
        kept = [entry for entry in node.metadata_props if not entry.key.endswith(".stack_trace")]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    del network.graph.metadata_props[:]
    path.write_bytes(network.SerializeToString(deterministic=True))


def write(name):
    model, inputs = PROBES[name]
    random = torch.Generator().manual_seed(0)
    samples = [[draw(random) for draw in inputs] for _ in range(SAMPLES)]
    program = torch.export.export(model, tuple(samples[0]), strict=False, dynamic_shapes=OPEN.get(name),
                                  prefer_deferred_runtime_asserts_over_guards=name in OPEN)
    archive = io.BytesIO()
    torch.export.save(program, archive)
    archive.seek(0)
    (FOLDER / f"{name}.pt2").write_bytes(repacked(archive))
    write_onnx(name, model, tuple(samples[0]))
    outputs = []
    for sample in samples:
        result = model(*[tensor.clone() for tensor in sample])
        outputs.append([result] if isinstance(result, torch.Tensor) else list(result))
    for kind, arrays in (("in", samples), ("out", outputs)):
        for index, tensors in enumerate(zip(*arrays)):
            np.save(FOLDER / f"{name}_{kind}_{index}.npy", torch.stack(tensors).numpy())


def main():
    listed = [entry["probe"] for entry in json.loads((FOLDER / "apis.json").read_text())["apis"]]
    assert sorted(listed) == sorted(PROBES), sorted(set(listed) ^ set(PROBES))
    torch.set_grad_enabled(False)
    failed = []
    for name in sys.argv[1:] or listed:
        try:
            write(name)
        except Exception as error:
            failed.append((name, error))
    for name, error in failed:
        print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}", file=sys.stderr)
    return len(failed) > 0


if __name__ == "__main__":
    sys.exit(main())
