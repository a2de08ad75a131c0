"""Writes ONNX's tests of single operators, for `ONNX_NODE_TESTS` in build-support/src/frontend/onnx/node_tests.rs.

    pip install onnx==1.23.2
    python onnx_node_tests.py FOLDER
    ONNX_NODE_TESTS=FOLDER cargo test -p quantize-build node_tests -- --nocapture

The version is that of docs/onnx.md; `.ci/run` does this in a virtual environment.
"""
import argparse
import pathlib
import sys

import onnx
from onnx.backend.test import cmd_tools
from onnx.backend.test.loader import load_node_model_tests


def main():
    kept = []
    for case in load_node_model_tests():
        # Random tests have no expected outputs to compare with.
        if case.model is not None and case.data_sets:
            kept.append(case)
    cmd_tools.model_test.collect_testcases = lambda: kept
    cmd_tools.generate_data(argparse.Namespace(output=sys.argv[1]))
    pathlib.Path(sys.argv[1], "version").write_text(onnx.__version__)


main()
