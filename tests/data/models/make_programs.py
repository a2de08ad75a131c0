#!/usr/bin/env python3
"""Writes the exported programs (.pt2) beside it. Needs torch 2.13; values are the same on every run."""
import os

import torch
from torch import nn
from torch.export import Dim, export, save

HERE = os.path.dirname(os.path.abspath(__file__))


def write(file, model, args, kwargs=None, **options):
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -1.0, 1.0)
    program = export(model.eval(), args, kwargs, **options)
    for module in program.graph_module.modules():
        for node in getattr(getattr(module, "graph", None), "nodes", ()):
            node.meta.pop("stack_trace", None)  # it has paths of this machine
    save(program, os.path.join(HERE, file))


class Nested(nn.Module):
    """Nested inputs and outputs, every kind of constant, a weight that is another one transposed, an unused input."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 6)
        self.square = nn.Linear(6, 6, bias=False)
        self.shared = nn.Parameter(self.square.weight.data.t())
        self.offset = torch.tensor([1.0, 2.0, 3.0, 4.0])
        self.register_buffer("gain", torch.full((6,), 2.0))
        self.register_buffer("table", torch.arange(6.0), persistent=False)

    def forward(self, x, extra, unused, flag=True):
        logits = self.fc(x + self.offset) + self.table * self.gain
        if flag:
            logits = torch.relu(logits)
        aux = nn.functional.linear(self.square(logits), self.shared)
        return {"logits": logits, "aux": [aux, extra["bias"] * 2], "table": self.table, "nothing": None}


class Dynamic(nn.Module):
    """Sizes are open, and computed with."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        x = self.conv(x)
        n, c, h, w = x.shape
        x = x.reshape(n, c, h * w).mean(2)
        steps = torch.arange(n * c).reshape(n, c) * 2
        return self.fc(x + steps + torch.full((n, c), 0.5))


class Branch(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))


class Counter(nn.Module):
    """Keeps state."""

    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.count += 1
        return x + self.count


write("nested.pt2", Nested(), (torch.ones(2, 4), {"bias": torch.ones(3)}, torch.ones(1, dtype=torch.int32)), {"flag": False})
sizes = {"x": {0: Dim("n", max=16), 2: Dim("h", min=4, max=64), 3: Dim.AUTO}}
write("dynamic.pt2", Dynamic(), (torch.ones(2, 3, 8, 8),), dynamic_shapes=sizes)
write("half.pt2", nn.Linear(4, 3).half(), (torch.ones(1, 4).half(),))
write("double.pt2", nn.Linear(4, 3).double(), (torch.ones(1, 4).double(),))
write("branch.pt2", Branch(), (torch.ones(3),))
write("counter.pt2", Counter(), (torch.ones(1),))
