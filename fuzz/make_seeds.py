#!/usr/bin/env python3
"""Writes the seeds, from the models of the tests and a few arrays: small, so that a mutation costs little."""
import glob
import json
import os
import shutil
import struct
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "tests", "data")
# Bytes of the longest input, `-max_len`.
LARGEST = 16384


def models(extension):
    """Networks of the tests by name; the probes have one for each operator."""
    paths = sorted(glob.glob(os.path.join(DATA, "*s", f"*.{extension}")))
    return {os.path.basename(path).removesuffix(f".{extension}"): path for path in paths}


def folder(target):
    path = os.path.join(HERE, "seeds", target)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def parts(path):
    """The parts of a program as target `pt2` takes them; of several storages only the first."""
    archive = zipfile.ZipFile(path)
    root = archive.namelist()[0].split("/")[0]
    program = json.loads(archive.read(f"{root}/models/model.json"))
    for node in program["graph_module"]["graph"]["nodes"]:
        node["metadata"].pop("torch_fn", None)
    configs = []
    for kind, name in (("weights", "weight_0"), ("constants", "tensor_0")):
        config = json.loads(archive.read(f"{root}/data/{kind}/model_{kind}_config.json"))
        for payload in config["config"].values():
            payload["path_name"] = name
        configs.append(config)
    sizes = [info.file_size for info in archive.infolist() if "/data/weights/weight_" in info.filename]
    storage = bytes(max(sizes, default=0))
    dumped = [json.dumps(part, separators=(",", ":")).encode() for part in (program, *configs)]
    return b"\n---\n".join([*dumped, storage])


programs = folder("pt2")
archives = folder("pt2_archive")
for name, path in models("pt2").items():
    with open(os.path.join(programs, name), "wb") as file:
        file.write(parts(path))
    if os.path.getsize(path) <= LARGEST:
        shutil.copy(path, os.path.join(archives, name))

graphs = folder("onnx")
for name, path in models("onnx").items():
    if os.path.getsize(path) <= LARGEST:
        shutil.copy(path, os.path.join(graphs, name))

arrays = folder("npy")
for kind, (descr, shape, data) in enumerate([
    ("<f4", (2, 4), struct.pack("<8f", *range(8))),
    ("<i8", (2, 4), struct.pack("<8q", *range(8))),
    ("|b1", (2, 4), bytes(8)),
    ("|u1", (3, 2, 2), bytes(12)),
]):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (53 - len(header) % 64) + b"\n"
    with open(os.path.join(arrays, descr.strip("<|")), "wb") as file:
        file.write(bytes([kind]) + b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)
