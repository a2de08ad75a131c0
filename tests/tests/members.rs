//! A workspace with a program for the host and one for a microcontroller has the same network in both, however it is built.

use std::path::PathBuf;
use std::process::Command;

use quantize_tests::fixture::{BUILD_SCRIPT, Fixture, manifest};
use quantize_tests::{npy, outside, texts};

const TARGET: &str = "thumbv7em-none-eabihf";

const MODEL: &str = "use quantize_runtime::{Arena, quantize};

#[quantize(model = \"../models/net.onnx\", calibration = \"../models/calib.npy\", global = int8)]
struct Net;

static ARENA: Arena<Net> = Arena::new();
";

const HOST: &str = "
fn main() {
    print!(\"{:?}\", Net::new(ARENA.take()).run(&[0.5; 4]));
}
";

/// Without an allocator, so that it links only where nothing needs one.
const FIRMWARE: &str = "
#[unsafe(no_mangle)]
extern \"C\" fn _start() -> ! {
    core::hint::black_box(Net::new(ARENA.take()).run(&core::hint::black_box([0.5; 4])));
    core::hint::black_box(Net::VGF);
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
";

/// Everything is compiled for this test alone, by the compiler that has the target: no slower than it must be.
const PROFILE: &str = "[profile.dev]\ndebug = false\nincremental = false\n";

/// The workspace and what compiles for its microcontroller.
struct Workspace {
    fixture: Fixture,
    compiler: &'static str,
    linker: PathBuf,
}

impl Workspace {
    /// `None` where no compiler is there.
    fn new() -> Option<Self> {
        let compiler = outside::compiler_for(TARGET)?;
        let fixture = Fixture::uncompiled(env!("CARGO_TARGET_TMPDIR"), "members");
        for (member, head, main) in [("host", "", HOST), ("firmware", "#![no_std]\n#![no_main]\n\n", FIRMWARE)] {
            let program = format!("[[bin]]\nname = {member:?}\npath = \"src/main.rs\"\ntest = false\n");
            fixture.write(&format!("{member}/Cargo.toml"), manifest(member, &[]) + &program);
            fixture.write(&format!("{member}/build.rs"), BUILD_SCRIPT);
            fixture.write(&format!("{member}/src/main.rs"), format!("{head}{MODEL}{main}"));
        }
        fixture.copy("tests/data/models/small.onnx", "models/net.onnx");
        let ramp: Vec<f32> = (0..32).map(|i| i as f32 / 15.5 - 1.0).collect();
        fixture.write("models/calib.npy", npy::bytes(&[8, 4], &ramp));
        Some(Self { fixture, compiler, linker: outside::bundled_linker() })
    }

    fn use_resolver(&self, resolver: &str) {
        let members = "members = [\"host\", \"firmware\"]";
        self.fixture.write("Cargo.toml", format!("[workspace]\nresolver = \"{resolver}\"\n{members}\n\n{PROFILE}"));
    }

    /// `build.target` of Cargo's configuration, which `--target` overrides.
    fn use_target(&self, target: &str) {
        self.fixture.write(".cargo/config.toml", format!("[build]\n{target}\n"));
    }

    /// Cargo with a member.
    fn cargo(&self, command: &str, member: &str, options: &[&str]) -> Command {
        let mut cargo = self.fixture.command(&[command, "--package", member]);
        // Flags reach build scripts only without `--target`, so that everything would be compiled for both.
        cargo.args(options).env("RUSTC", self.compiler).env("RUSTFLAGS", "");
        cargo.env("CARGO_TARGET_THUMBV7EM_NONE_EABIHF_LINKER", &self.linker);
        cargo
    }

    /// The VGF file that a build of a member leaves, which its program in this folder of the target folder has.
    #[track_caller]
    fn artifact(&self, member: &str, options: &[&str], folder: &str) -> Vec<u8> {
        let vgf = self.fixture.build_with(&mut self.cargo("build", member, options)).output("Net.vgf");
        let path = self.fixture.target().join(folder).join(member);
        let program = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(program.windows(vgf.len()).any(|bytes| bytes == vgf), "{}: another network", path.display());
        vgf
    }
}

#[test]
fn members_for_host_and_microcontroller_have_the_same_network() {
    let Some(workspace) = Workspace::new() else { return };
    let target = format!("target = {TARGET:?}");
    let (mut artifacts, mut outputs) = (Vec::new(), Vec::new());
    // The resolvers that keep features of build dependencies apart compile each dependency once for both.
    for resolver in ["2", "3"] {
        workspace.use_resolver(resolver);
        for (profile, folder) in [("dev", "debug"), ("release", "release")] {
            let profile = ["--profile", profile];
            let (firmware, cross) = ([&profile[..], &["--target", TARGET]].concat(), format!("{TARGET}/{folder}"));
            workspace.use_target("");
            artifacts.push(workspace.artifact("host", &profile, folder));
            artifacts.push(workspace.artifact("firmware", &firmware, &cross));
            outputs.push(outside::run(workspace.cargo("run", "host", &profile).arg("--quiet")));
            workspace.use_target(&target);
            artifacts.push(workspace.artifact("firmware", &profile, &cross));
        }
    }
    workspace.use_target(&target);
    let host = ["--quiet", "--target", "host-tuple"];
    outputs.push(outside::run(&mut workspace.cargo("run", "host", &host)));
    assert!(artifacts.iter().all(|artifact| *artifact == artifacts[0]), "the networks differ");
    assert!(outputs[0].starts_with('[') && outputs.iter().all(|output| *output == outputs[0]), "{outputs:?}");

    // The first resolver gives firmware what only the build needs.
    workspace.use_resolver("1");
    workspace.use_target("");
    assert!(workspace.artifact("host", &[], "debug") == artifacts[0], "the networks differ");
    let output = workspace.cargo("build", "firmware", &["--target", TARGET]).output().expect("Cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("no global memory allocator found"), "{said}");
    let warning = said.lines().find_map(|line| line.strip_prefix("warning: firmware@0.1.0: quantize-runtime"));
    let warning = format!("quantize-runtime{}", warning.unwrap_or_default());
    texts::compare("tests/data/configuration/merged_features.txt", &warning).unwrap_or_else(|fault| panic!("{fault}"));
}
