#!/usr/bin/env python3
"""Time that the build script of `examples/digits` takes with its lock file and without samples.

    python tests/scripts/lock_time.py

Builds the crate outside the workspace, as a user without settings for speed does, and runs its build script ten times in empty folders.
Prints processor time, user and system, which other programs do not take away; the exit status says whether the median is less than 0.3 s.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples/digits"
FILES = ["src/main.rs", "src/npy.rs", "quantize.lock", "models/digits_cnn.onnx"]
FILES += [f"models/{name}.npy" for name in ("eval_x", "eval_y", "eval_float")]
LIMIT = 0.3
# Keeps what Cargo told it, so that it can be run again.
BUILD_SCRIPT = """fn main() {
    let folder = std::path::PathBuf::from(std::env::var_os("OUT_DIR").unwrap());
    let variables: Vec<_> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
    std::fs::write(folder.join("environment"), variables.join("\\0")).unwrap();
    quantize_build::compile();
}
"""


def write_crate(folder):
    dependency = lambda name, path: f'{name} = {{ path = "{REPOSITORY / path}" }}\n'
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "digits"\nversion = "0.1.0"\nedition = "2024"\n[workspace]\n'
        "[dependencies]\n" + dependency("quantize-runtime", "quantize-runtime")
        + "[build-dependencies]\n" + dependency("quantize-build", "build-support")
    )
    (folder / "build.rs").write_text(BUILD_SCRIPT)
    shutil.copy(REPOSITORY / "Cargo.lock", folder / "Cargo.lock")
    for file in FILES:
        (folder / file).parent.mkdir(exist_ok=True)
        shutil.copy(EXAMPLE / file, folder / file)


def build(folder):
    """The build script and its `OUT_DIR`."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder / "target"), "QUANTIZE_LOCK": "require"}
    command = ["cargo", "build", "--offline", "--quiet", "--message-format=json"]
    output = subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [message for message in map(json.loads, output.splitlines()) if "digits" in message.get("package_id", "")]
    program = next(name for message in messages for name in message.get("filenames", []) if "build-script" in name)
    out_dir = next(message["out_dir"] for message in messages if "out_dir" in message)
    return program, pathlib.Path(out_dir)


def processor_time(program, environment, folder):
    """Seconds of one run."""
    with tempfile.TemporaryDirectory() as out_dir:
        before = os.times()
        subprocess.run([program], cwd=folder, env={**environment, "OUT_DIR": out_dir}, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        write_crate(folder)
        program, out_dir = build(folder)
        environment = dict(entry.split("=", 1) for entry in (out_dir / "environment").read_text().split("\0"))
        times = sorted(processor_time(program, environment, folder) for _ in range(10))
    median = statistics.median(times)
    print(f"build script of digits without samples: {median:.2f} s, from {times[0]:.2f} to {times[-1]:.2f} s")
    sys.exit(median >= LIMIT)


if __name__ == "__main__":
    main()
