#!/usr/bin/env python3
"""Calibration of one model and samples: ours beside ONNX Runtime's static quantization, in one run.

    pip install onnx onnxruntime numpy
    cargo build --release --config profile.release.package.quantize-build.opt-level=0 -p quantize-tests --example calibrate
    python tests/scripts/calibration_time.py MODEL.onnx SAMPLES.npy

Ours is compiled as it is in a build script. Both read the same files, take one sample at a time, and end with quantized weights. Prints seconds and the peak of memory of
each; the exit status says whether ours took less time and less than 2 GB.
"""

import pathlib
import re
import subprocess
import sys

OURS = pathlib.Path(__file__).parents[2] / "target/release/examples/calibrate"
LIMIT_MIB = 2000

# Runs in a process of its own, so that its peak of memory is its own.
PEER = """
import resource, sys, tempfile, time
import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

model, samples = sys.argv[1:]
start = time.perf_counter()
shape = ort.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()[0]

class Reader(CalibrationDataReader):
    def __init__(self):
        self.samples = iter(np.load(samples, mmap_mode="r"))

    def get_next(self):
        sample = next(self.samples, None)
        return None if sample is None else {shape.name: np.ascontiguousarray(sample).reshape(shape.shape)}

with tempfile.TemporaryDirectory() as folder:
    quant_pre_process(model, folder + "/prepared.onnx", skip_symbolic_shape=True)
    quantize_static(folder + "/prepared.onnx", folder + "/quantized.onnx", Reader(), quant_format=QuantFormat.QDQ,
                    per_channel=True, activation_type=QuantType.QInt8, weight_type=QuantType.QInt8)
seconds = time.perf_counter() - start
print(f"{seconds:.2f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
"""


def measure(command):
    """Seconds and MiB that the command prints last."""
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(number) for number in re.findall(r"([\d.]+) (?:s|MiB)", output.splitlines()[-1])]


def main():
    files = sys.argv[1:]
    if len(files) != 2:
        sys.exit(__doc__)
    peer = measure([sys.executable, "-c", PEER, *files])
    ours = measure([OURS, *files])
    print(f"ours: {ours[0]:.2f} s, {ours[1]:.0f} MiB")
    print(f"ONNX Runtime: {peer[0]:.2f} s, {peer[1]:.0f} MiB")
    sys.exit(ours[0] >= peer[0] or ours[1] >= LIMIT_MIB)


if __name__ == "__main__":
    main()
