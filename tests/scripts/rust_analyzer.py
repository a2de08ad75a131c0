#!/usr/bin/env python3
"""What an editor shows of a model: asks rust-analyzer in a crate outside the workspace.

    cargo install --locked ra_ap_rust-analyzer@0.0.330
    python tests/scripts/rust_analyzer.py [RUST_ANALYZER]

Prints what it completes behind `kws.` and `Kws::`, and the errors that it shows for a rule that matches nothing. The exit status says
whether `run` and `new` are among them, and whether all errors are at the argument: the compiler's and rust-analyzer's own.
"""
import json
import os
import pathlib
import queue
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

REPOSITORY = pathlib.Path(__file__).parents[2]
MISTAKE = '"decoder.0"'
SOURCE = """use quantize_runtime::{Arena, quantize};

#[quantize(model = "models/net.onnx", calibration = "models/calib.npy", global = int8)]
struct Kws;

#[quantize(
    model = "models/net.onnx",
    calibration = "models/calib.npy",
    global = int8,
    module(name = %s, config = None),
)]
struct Wrong;

static ARENA: Arena<Kws> = Arena::new();
static OTHER: Arena<Wrong> = Arena::new();

fn main() {
    let mut kws = Kws::new(ARENA.take());
    let mut wrong = Wrong::new(OTHER.take());
    println!("{:?} {:?}", kws.run(&[0.0; 4]), wrong.run(&[0.0; 4]));
}
""" % MISTAKE
SECONDS = 600


def write_crate(folder):
    dependency = lambda name, path: f'{name} = {{ path = "{REPOSITORY / path}" }}\n'
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "editor"\nversion = "0.1.0"\nedition = "2024"\n[workspace]\n'
        "[dependencies]\n" + dependency("quantize-runtime", "quantize-runtime")
        + "[build-dependencies]\n" + dependency("quantize-build", "build-support")
    )
    (folder / "build.rs").write_text("fn main() {\n    quantize_build::compile();\n}\n")
    shutil.copy(REPOSITORY / "Cargo.lock", folder / "Cargo.lock")
    for name in ("src", "models"):
        (folder / name).mkdir()
    (folder / "src/main.rs").write_text(SOURCE)
    shutil.copy(REPOSITORY / "tests/data/models/small.onnx", folder / "models/net.onnx")
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (8, 4), }"
    header += b" " * (117 - len(header)) + b"\n"
    ramp = struct.pack("<32f", *(i / 15.5 - 1.0 for i in range(32)))
    (folder / "models/calib.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + ramp)


class Server:
    """rust-analyzer, spoken to by JSON-RPC over its standard input and output."""

    def __init__(self, program, folder):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder)
        self.messages = queue.Queue()
        self.diagnostics = []
        self.is_idle = False
        self.last = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while line := self.process.stdout.readline():
            length = int(line.split(b":")[1])
            while self.process.stdout.readline().strip():
                pass
            self.messages.put(json.loads(self.process.stdout.read(length)))

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def notify(self, method, params):
        self.send({"method": method, "params": params})

    def receive(self):
        """The next message; answers what the server asks, and notes what it publishes."""
        message = self.messages.get(timeout=SECONDS)
        method, params = message.get("method"), message.get("params")
        if method and "id" in message:
            self.send({"id": message["id"], "result": [None] if method == "workspace/configuration" else None})
        elif method == "textDocument/publishDiagnostics" and params["uri"].endswith("main.rs"):
            self.diagnostics = params["diagnostics"]
        elif method == "experimental/serverStatus":
            self.is_idle = params["quiescent"]
        return message

    def request(self, method, params):
        self.last += 1
        self.send({"id": self.last, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == self.last and "method" not in message:
                return message.get("result")

    def wait(self, condition):
        end = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > end:
                sys.exit("rust-analyzer did not finish")
            self.receive()


def position(text, marker):
    before = text[: text.index(marker) + len(marker)]
    return {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "rust-analyzer"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        write_crate(folder)
        os.environ.setdefault("CARGO_NET_OFFLINE", "true")
        server = Server(program, folder)
        server.request("initialize", {
            "processId": os.getpid(),
            "rootUri": folder.as_uri(),
            "capabilities": {"experimental": {"serverStatusNotification": True}},
        })
        server.notify("initialized", {})
        uri = (folder / "src/main.rs").as_uri()
        document = {"uri": uri, "languageId": "rust", "version": 1, "text": SOURCE}
        server.notify("textDocument/didOpen", {"textDocument": document})
        server.wait(lambda: server.is_idle)
        # As after any edit: the compiler runs when a file is saved.
        server.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        server.wait(lambda: any(found.get("severity") == 1 for found in server.diagnostics))
        errors = [found for found in server.diagnostics if found.get("severity") == 1]

        completions = {}
        for version, marker in enumerate(["kws.", "Kws::"], start=2):
            # As while it is typed: on disk is what the last build saw.
            text = SOURCE.replace("    println!", f"    {marker}\n    println!")
            change = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]}
            server.notify("textDocument/didChange", change)
            place = position(text, f"    {marker}")
            found = server.request("textDocument/completion", {"textDocument": {"uri": uri}, "position": place})
            items = found["items"] if isinstance(found, dict) else found or []
            completions[marker] = sorted(item["label"].split("(")[0] for item in items)
        server.process.kill()

    for marker, labels in completions.items():
        print(f"{marker} {', '.join(labels)}")
    argument = position(SOURCE, MISTAKE)
    for error in errors:
        start, end = error["range"]["start"], error["range"]["end"]
        print(f"{start['line'] + 1}:{start['character'] + 1}-{end['character'] + 1}: {error['message']}")
    is_shown = all(error["range"]["end"] == argument for error in errors)
    sys.exit(not ("run" in completions["kws."] and "new" in completions["Kws::"] and is_shown))


if __name__ == "__main__":
    main()
