//! Programs as packages of a workspace of their own, and their compilation.

use crate::core::{Core, output};
use crate::repository;
use crate::tflite;
use quantize_syntax::manifest::{FOLDER, Manifest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the workspace is.
pub(crate) struct Workspace {
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

/// A compiled program.
pub(crate) struct Built {
    pub(crate) program: PathBuf,
    /// `OUT_DIR` of its build script, if it has one.
    out_dir: Option<PathBuf>,
}

/// One step of a network.
pub(crate) struct Step {
    /// The module it was made from.
    pub(crate) module: String,
    /// TOSA operator.
    pub(crate) operator: String,
    /// Dimensions of its result.
    pub(crate) result: String,
    pub(crate) macs: u64,
}

/// What is generated for a network.
pub(crate) struct Generated {
    pub(crate) steps: Vec<Step>,
    pub(crate) macs: u64,
    /// Bytes of the input.
    pub(crate) input: u64,
    /// Bytes of the VGF file.
    pub(crate) vgf: usize,
    /// Bytes of the arena, and what any needs.
    pub(crate) arena: [usize; 2],
    /// Bytes of stack at most, by set of kernels.
    pub(crate) stack: BTreeMap<String, usize>,
    code: String,
    file: Vec<u8>,
}

const ROOT: &str = r#"[workspace]
resolver = "3"
members = ["programs/*"]

[profile.release]
opt-level = 3
lto = true
codegen-units = 1
panic = "abort"

[profile.release.package]
quantize-float.opt-level = 3
libm.opt-level = 3
sha2.opt-level = 3
quantize-runtime.opt-level = 3
"#;

const CONFIG: &str = r#"[target.'cfg(all(target_arch = "arm", target_os = "none"))']
rustflags = ["-C", "link-arg=-Tlink.x", "-C", "link-arg=--nmagic"]

[target.thumbv8m.main-none-eabihf]
rustflags = ["-C", "target-cpu=cortex-m55"]

[target.riscv32imac-unknown-none-elf]
rustflags = ["-C", "link-arg=-Tlink.x"]
"#;

impl Workspace {
    /// The workspace, with programs of earlier calls in it; `environment` is that of Cargo.
    pub(crate) fn new(environment: Vec<(String, String)>) -> Self {
        let workspace = Self { folder: repository("target/measure"), environment };
        workspace.write("Cargo.toml", ROOT.as_bytes());
        workspace.write(".cargo/config.toml", CONFIG.as_bytes());
        let lock = fs::read(repository("tests/measure/programs/Cargo.lock")).expect("it is in the repository");
        workspace.write("Cargo.lock", &lock);
        workspace
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.folder.join(path);
        // What is the same keeps its time, by which Cargo finds nothing to do.
        if fs::read(&path).is_ok_and(|old| old == content) {
            return;
        }
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder can be made");
        fs::write(path, content).expect("the file can be written");
    }

    /// Adds a package with this entry in its manifest and these files.
    fn add(&self, name: &str, dependencies: &str, files: &[(&str, &[u8])]) {
        let board = repository("tests/measure/board");
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [[bin]]\nname = \"{name}\"\npath = \"src/main.rs\"\ntest = false\nbench = false\n\n\
             [dependencies]\nmeasure-board.path = {board:?}\n{dependencies}\n\
             [target.'cfg(target_arch = \"arm\")'.dependencies]\ncortex-m-rt = \"0.7\"\n\n\
             [target.'cfg(target_arch = \"riscv32\")'.dependencies]\nriscv-rt = \"0.18\"\n"
        );
        self.write(&format!("programs/{name}/Cargo.toml"), manifest.as_bytes());
        for (file, content) in files {
            self.write(&format!("programs/{name}/{file}"), content);
        }
    }

    /// A package as a user has it: the attribute on a struct, with these arguments after those for the model's file.
    pub(crate) fn network(&self, name: &str, arguments: &str, files: &[(&str, &[u8])]) {
        let (runtime, build) = (repository("quantize-runtime"), repository("build-support"));
        let network = format!(
            "//! The network.\n\n/// The network.\n#[quantize_runtime::quantize(model = \"model.onnx\"{arguments})]\npub struct Network;\n"
        );
        let mut all: Vec<(&str, &[u8])> = vec![
            ("src/main.rs", include_bytes!("../programs/main.rs")),
            ("src/network.rs", network.as_bytes()),
            ("build.rs", b"fn main() {\n    quantize_build::compile();\n}\n"),
        ];
        all.extend(files);
        let dependencies = format!(
            "quantize-runtime = {{ path = {runtime:?}, features = [\"libm\"] }}\n\n[build-dependencies]\nquantize-build.path = {build:?}\n"
        );
        self.add(name, &dependencies, &all);
    }

    /// A package of the same program with a marker before each step and after the last.
    pub(crate) fn marked(&self, name: &str, generated: &Generated) {
        let network = "//! The network.\n\nuse quantize_runtime::Model;\n\n/// The network.\npub struct Network {\n    \
                       memory: &'static mut <Self as Model>::Memory,\n}\n\n#[allow(warnings)]\nmod steps {\n    \
                       include!(\"../Network.rs\");\n}\n";
        let code = mark(&generated.code, generated.steps.len());
        let runtime = repository("quantize-runtime");
        let files: [(&str, &[u8]); 4] = [
            ("src/main.rs", include_bytes!("../programs/main.rs")),
            ("src/network.rs", network.as_bytes()),
            ("Network.rs", code.as_bytes()),
            ("Network.vgf", &generated.file),
        ];
        self.add(name, &format!("quantize-runtime = {{ path = {runtime:?}, features = [\"libm\"] }}\n"), &files);
    }

    /// Adds a package of one of microflow's own models, run by microflow; the bytes of the model.
    pub(crate) fn peer(&self, name: &str) -> Vec<u8> {
        let peer = "microflow = \"=0.1.3\"\nmicroflow-macros = \"=0.1.1\"\n\
                    nalgebra = { version = \"0.32\", default-features = false, features = [\"macros\"] }\n";
        // Without the model, which only the package that this one needs has.
        let package = peer_name(name);
        if !self.folder.join("programs").join(&package).exists() {
            self.add(&package, peer, &[("src/main.rs", b"")]);
        }
        let mut cargo = Command::new("cargo");
        let said = output(cargo.args(["metadata", "--format-version", "1"]).current_dir(&self.folder));
        let metadata: Value = serde_json::from_str(&said).expect("metadata");
        let packages = metadata["packages"].as_array().expect("a list");
        let manifest = packages.iter().find(|package| package["name"] == "microflow").expect("a dependency");
        let manifest = Path::new(manifest["manifest_path"].as_str().expect("a path"));
        let path = manifest.with_file_name("models").join(format!("{name}.tflite"));
        let model = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));

        let shape = tflite::input_shape(&model);
        let input = match shape[..] {
            [1, rows, columns, channels] => format!(
                "[Buffer2D::<_, {rows}, {columns}>::from_fn(|row, column| \
                 core::array::from_fn::<_, {channels}, _>(|channel| INPUT[(row * {columns} + column) * {channels} + channel]))]"
            ),
            _ => "Buffer2D::from_fn(|row, column| INPUT[row + column])".to_owned(), // one of both is 0
        };
        let main = include_str!("../programs/microflow.rs")
            .replace("/* MODEL */", &format!("{:?}", path.display().to_string()))
            .replace("/* ELEMENTS */", &shape.iter().product::<usize>().to_string())
            .replace("/* INPUT */", &input);
        self.add(&package, peer, &[("src/main.rs", main.as_bytes())]);
        model
    }

    /// Compiles a package.
    pub(crate) fn build(&self, name: &str, core: &Core) -> Built {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["build", "--release", "--quiet", "--message-format=json-render-diagnostics"])
            .args(["--package", name, "--target", core.target])
            .current_dir(&self.folder)
            .env_remove("CARGO_TARGET_DIR")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let said = output(&mut cargo);
        let messages: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let package = format!("/programs/{name}#");
        let of_package =
            || messages.iter().filter(|message| message["package_id"].as_str().is_some_and(|id| id.contains(&package)));
        let text = |field: &str| of_package().find_map(|message| message[field].as_str()).map(PathBuf::from);
        Built { program: text("executable").expect("a program"), out_dir: text("out_dir") }
    }
}

impl Generated {
    /// What the build script of a network's package has left.
    pub(crate) fn read(built: &Built) -> Self {
        let folder = built.out_dir.as_ref().expect("it has a build script").join(FOLDER);
        let read = |file: &str| fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let text = |file: &str| String::from_utf8(read(file)).expect("text");
        let manifest = Manifest::parse(&text("Network.toml")).expect("a manifest");
        let size = manifest.body.size.expect("there is a program");
        let docs = manifest.head.docs.expect("there is a program");
        Self {
            steps: steps(&docs),
            macs: size.macs,
            input: input(&docs),
            vgf: size.vgf,
            arena: [size.arena, size.lower_bound],
            stack: size.stack,
            code: text("Network.rs"),
            file: read("Network.vgf"),
        }
    }
}

/// The package of a network that microflow runs.
pub(crate) fn peer_name(network: &str) -> String {
    format!("microflow-{network}")
}

/// The elements of the input in the documentation of a network.
fn input(docs: &str) -> u64 {
    let row = docs.lines().find(|line| line.starts_with("| input |")).expect("there is an input");
    let dims = row.split('|').map(str::trim).nth(3).expect("a shape").split('×');
    dims.map(|dim| dim.parse::<u64>().expect("a dimension")).product()
}

/// The table of steps in the documentation of a network.
fn steps(docs: &str) -> Vec<Step> {
    let rows = docs.lines().skip_while(|line| !line.starts_with("| step |")).skip(2);
    let rows = rows.map_while(|row| row.strip_prefix('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, module, operator, result, macs, ..] = cells[..] else { panic!("{row}") };
        let digits: String = macs.chars().filter(char::is_ascii_digit).collect();
        Step {
            module: module.trim_matches('`').to_owned(),
            operator: operator.to_owned(),
            result: result.to_owned(),
            macs: digits.parse().unwrap_or(0),
        }
    })
    .collect()
}

/// Generated code that splits regions before each step, whose first statement borrows its parts of the arena, and at the end.
fn mark(code: &str, steps: usize) -> String {
    let split = "        measure_board::split();\n";
    let mut marked = String::new();
    let (mut is_inside, mut found) = (false, 0);
    for line in code.lines() {
        let begins = is_inside && line.starts_with("        let (");
        found += usize::from(begins);
        if begins || is_inside && line == "    }" {
            marked += split;
        }
        _ = writeln!(marked, "{line}");
        is_inside = (is_inside || line.starts_with("    fn infer(")) && line != "    }";
    }
    assert_eq!(found, steps, "steps in generated code");
    marked
}

/// A file that the checkout has beside it, or `None` after saying that its network is left out.
pub(crate) fn present(path: &Path) -> Option<Vec<u8>> {
    let content = fs::read(path).ok();
    if content.is_none() {
        eprintln!("{} is missing: left out", path.display());
    }
    content
}
