"""Compares each operator of graphs with the reference interpreter of TOSA, `tosa_ref.py`.

Call: reference.py FOLDER_OF_THE_INTERPRETER FOLDER_OF_GRAPHS

Each graph is a folder with `model.vgf` and three files of `.npy` arrays, one behind the other: `inputs`, `results` of
all operators in their order, and `outputs`. Printed are the names of graphs of which an operator's result is another
than the interpreter's from the same operands: those recorded, so that no difference is carried on and integers are
equal behind floats too. An output is the recorded result that the file names.

f32 is computed in f64, and a recorded number within a bound of that:

* equal, rounded to f32, where TOSA asks for the nearest number;
* for sums, the error of rounding each of their terms and additions, relative to the sum of magnitudes;
* for functions, ulps, and 0 for subnormal numbers.

No bound is known where sums or products leave the range of f32 on their way.
"""

import os
import sys

import numpy as np

sys.path.insert(0, sys.argv[1])
import tosa_ref
import vgf_check

HALF_ULP = 2.0**-24
SMALLEST, LARGEST = 2.0**-126, 2.0**128

# ulps of functions; TOSA's own bounds for the transcendental ones are wider.
ULPS = {"RECIPROCAL": 1, "RSQRT": 2, "COS": 4, "ERF": 4, "EXP": 4, "LOG": 4, "POW": 4, "SIGMOID": 4, "SIN": 4, "TANH": 4}

# Those for which the interpreter knows no NaN mode, or TOSA no result of NaN.
NO_NAN = {"ARGMAX", "CAST", "CLAMP", "MAXIMUM", "MAX_POOL2D", "MINIMUM", "REDUCE_MAX", "REDUCE_MIN"}

# The interpreter knows no operator of several results: each becomes an operator of its own, which numpy computes.
TRANSFORMS = {5: "FFT2D", 8: "RFFT2D"}
PARTS = {(number, part): 100 + 2 * number + part for number in TRANSFORMS for part in (0, 1)}
for (number, part), opcode in PARTS.items():
    tosa_ref.NAMES[opcode] = dict(tosa_ref.NAMES[number], name=(TRANSFORMS[number], part))

reference = tosa_ref.run


def transform(operator, part, operands):
    if operator == "RFFT2D":
        result = np.fft.rfft2(operands["input_real"])
    else:
        elements = operands["input_real"] + 1j * operands["input_imag"]
        result = np.fft.ifft2(elements, norm="forward") if operands["inverse"] else np.fft.fft2(elements)
    # Each result has a term of each element, also those parts that numpy knows to be 0.
    has_nan = np.isnan(magnitudes((operator, part), operands))
    return np.where(has_nan, np.nan, result.imag if part else result.real)


def terms(name, operands):
    """Roundings between a term of a sum and the result; None for operators that are no sums."""
    if isinstance(name, tuple):
        # Of each of the butterflies: a root of unity, a product, two additions.
        return 4 * np.log2(operands["input_real"][0].size) + 4
    if name in ("CONV2D", "CONV3D", "TRANSPOSE_CONV2D"):
        return operands["weight"][0].size + 2
    if name == "DEPTHWISE_CONV2D":
        return operands["weight"][:, :, 0, 0].size + 2
    if name == "MATMUL":
        return operands["A"].shape[-1] + 1
    if name == "AVG_POOL2D":
        return np.prod(operands["kernel"]) + 1
    if name == "REDUCE_SUM":
        return operands["input"].shape[operands["axis"]]
    if name == "RESIZE" and operands["mode"] == 2:
        return 10
    return None


def magnitudes(name, operands, *types):
    """The sum of the magnitudes of what is added."""
    operands = {key: abs(operand) if is_real(operand) else operand for key, operand in operands.items()}
    if isinstance(name, tuple):
        return sum(operand for operand in operands.values() if is_real(operand)).sum((1, 2), keepdims=True)
    return reference(name, operands, *types)


def is_real(operand):
    return isinstance(operand, np.ndarray) and operand.dtype == np.float64


def bound(name, operands, types, exact):
    """How far from `exact` a result may be; infinity where no bound is known."""
    count = terms(name, operands)
    if count is not None:
        sums = magnitudes(name, operands, *types)
        return np.where(sums >= LARGEST, np.inf, count * HALF_ULP * (sums + SMALLEST))
    if name == "REDUCE_PRODUCT":
        products = np.cumprod(abs(operands["input"]), operands["axis"])
        low, high = (f(products, operands["axis"], keepdims=True) for f in (np.min, np.max))
        count = operands["input"].shape[operands["axis"]]
        return np.where((low < SMALLEST) | (high >= LARGEST), np.inf, count * HALF_ULP * abs(exact))
    size = np.minimum(abs(exact), LARGEST)
    ulps = np.where(size < SMALLEST, SMALLEST, ULPS[name] * 2 * HALF_ULP * size)
    if name == "POW":
        base, exponent = operands["input1"], operands["input2"]
        ulps = np.where((base < 0) | ((base == 0) & (exponent <= 0)), np.inf, ulps)
    return ulps


def agrees(name, operands, types, recorded):
    """Whether a recorded result is one that these operands may give."""
    operands = {key: widen(operand) for key, operand in operands.items()}
    if isinstance(name, tuple):
        expected = transform(*name, operands)
    else:
        if name in NO_NAN and any(np.isnan(operand).any() for operand in operands.values() if is_real(operand)):
            return True
        expected = reference(name, operands, *types)
    if recorded.dtype != np.float32:
        return (recorded == expected).all()
    if name not in ULPS and name != "REDUCE_PRODUCT" and terms(name, operands) is None:
        return np.array_equal(recorded, expected.astype(np.float32), equal_nan=True)
    limit = bound(name, operands, types, expected)
    # Beyond the range lies infinity, as far from the largest number as the next one would.
    recorded, expected = (np.clip(numbers.astype(float), -LARGEST, LARGEST) for numbers in (recorded, expected))
    same = np.isnan(recorded) & np.isnan(expected)
    return (same | (abs(recorded - expected) <= limit) | np.isposinf(limit)).all()


def widen(operand):
    if isinstance(operand, list):
        return [widen(element) for element in operand]
    if isinstance(operand, (np.ndarray, np.float32)) and operand.dtype == np.float32:
        return operand.astype(float)
    return operand


class Module(tosa_ref.Module):
    """A graph whose operators read recorded results."""

    def __init__(self, words, const):
        words, at, transforms = list(words), 5, {}
        while at < len(words):
            count, number = words[at] >> 16, words[at] & 0xFFFF
            operands = words[at + 1 : at + count]
            split = []
            if number == 12 and operands[3] in TRANSFORMS:
                transforms[operands[1]] = operands
            elif number == 81:
                kind, result, of, part = operands
                _, _, instructions, number, *rest = transforms[of]
                split = [12, kind, result, instructions, PARTS[number, part], *rest]
                split[0] |= len(split) << 16
            else:
                at += count
                continue
            words[at : at + count] = split
            at += len(split)
        super().__init__(words, const)


tosa_ref.Module = Module


class Differs(Exception):
    pass


def arrays(path):
    """The arrays of a file, one after the other."""
    with open(path, "rb") as file:
        while file.peek(1):
            yield np.load(file)


def check(folder):
    """Raises `Differs` with the first operator whose result is another one."""
    with open(f"{folder}/model.vgf", "rb") as file:
        model, faults = vgf_check.load(file.read())
    assert not faults, (folder, faults)
    results = arrays(f"{folder}/results")

    def run(name, operands, *types):
        recorded = next(results)
        if not agrees(name, operands, types, recorded):
            raise Differs(name)
        return recorded

    tosa_ref.run = run
    outputs = tosa_ref.execute(model, list(arrays(f"{folder}/inputs")))
    assert next(results, None) is None, f"{folder}: more results than operators"
    for index, (found, recorded) in enumerate(zip(outputs, arrays(f"{folder}/outputs"), strict=True)):
        if found.dtype != recorded.dtype or not np.array_equal(found, recorded, equal_nan=found.dtype == np.float32):
            raise Differs(f"output {index}")


np.seterr(all="ignore")
for graph in sorted(os.listdir(sys.argv[2])):
    try:
        check(os.path.join(sys.argv[2], graph))
    except Differs as difference:
        print(graph, *difference.args)
