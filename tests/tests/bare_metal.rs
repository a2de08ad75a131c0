//! What a program for a microcontroller links of networks: nothing that panics.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use quantize_tests::{outside, repository};

/// Targets with kernels of their own, and what the compiler is told about the core.
const TARGETS: [(&str, &str); 5] = [
    ("thumbv6m-none-eabi", ""),
    ("thumbv7m-none-eabi", ""),
    ("thumbv7em-none-eabihf", ""),
    ("thumbv8m.main-none-eabihf", "-Ctarget-cpu=cortex-m55"),
    ("riscv32imac-unknown-none-elf", ""),
];

/// Networks of this package: layers of all kinds, codes of 8 and 16 bits, samples of a sensor.
const NETWORKS: [&str; 4] = ["Mlp", "ConvNet", "CameraNet", "WideNet"];

/// The network `NAME`, whose panic handler calls what no library has: it links if, and only if, the handler is not reached.
const PROGRAM: &str = r#"#![no_std]
#![no_main]

use core::cell::UnsafeCell;
use core::hint::black_box;
use core::panic::PanicInfo;
use quantize_runtime::Model;

pub struct NAME {
    memory: &'static mut <NAME as Model>::Memory,
}

#[allow(warnings)]
mod network {
    include!("../NAME.rs");
}

struct Memory(UnsafeCell<<NAME as Model>::Memory>);

// SAFETY: there is one thread.
unsafe impl Sync for Memory {}

static MEMORY: Memory = Memory(UnsafeCell::new(NAME::EMPTY));

unsafe extern "C" {
    fn this_program_can_panic() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: it does not exist.
    unsafe { this_program_can_panic() }
}

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    // SAFETY: this function runs once.
    let mut network = NAME::new(unsafe { &mut *MEMORY.0.get() });
    loop {
        black_box(network.run(black_box(&[Default::default(); LEN])));
        BODY
    }
}

const LEN: usize = {
    let (mut len, mut axis) = (1, 0);
    while axis < NAME::INPUT.shape.len() {
        len *= NAME::INPUT.shape[axis];
        axis += 1;
    }
    len
};
"#;

/// A crate outside the workspace with a program for each network, and one that panics.
struct Firmware {
    folder: PathBuf,
}

impl Firmware {
    fn new() -> Self {
        let firmware = Self { folder: repository("target/bare-metal") };
        let runtime = repository("quantize-runtime");
        let manifest = format!(
            "[package]\nname = \"bare-metal\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             quantize-runtime = {{ path = {runtime:?}, default-features = false }}\n\n[profile.release]\nlto = true\n"
        );
        firmware.write("Cargo.toml", &manifest);
        for name in NETWORKS {
            firmware.program(name, name, "");
            for extension in ["rs", "vgf"] {
                let file = Path::new(env!("OUT_DIR")).join("quantize").join(name).with_extension(extension);
                let copy = firmware.folder.join("src").join(name).with_extension(extension);
                fs::copy(file, copy).expect("the build script of this package made it");
            }
        }
        firmware.program("panics", "Mlp", "black_box(&black_box([0_u8; 4])[black_box(7)..]);");
        firmware
    }

    /// Writes a program of a network with this in its loop.
    fn program(&self, binary: &str, name: &str, body: &str) {
        let program = PROGRAM.replace("NAME", name).replace("BODY", body);
        self.write(&format!("src/bin/{binary}.rs"), &program);
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a writable folder");
        fs::write(path, text).expect("a writable folder");
    }

    /// Links these programs.
    fn link(&self, compiler: &str, (target, flags): (&str, &str), opt_level: &str, binaries: &[&str]) -> Output {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--release", "--quiet", "--offline", "--target", target]).current_dir(&self.folder);
        cargo.args(binaries.iter().flat_map(|binary| ["--bin", binary]));
        cargo.env("RUSTC", compiler).env("RUSTFLAGS", flags);
        cargo.env(
            format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace(['-', '.'], "_")),
            outside::bundled_linker(),
        );
        cargo.env("CARGO_TARGET_DIR", self.folder.join("target")).env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level);
        cargo.output().expect("Cargo runs")
    }
}

#[test]
fn no_run_can_panic() {
    let firmware = Firmware::new();
    for target in TARGETS {
        let Some(compiler) = outside::compiler_for(target.0) else { continue };
        // The compiler knows least of what cannot happen where it inlines least; one target shows that.
        let opt_levels: &[&str] = if target.0.starts_with("thumbv7em") { &["3", "s"] } else { &["3"] };
        for opt_level in opt_levels {
            let output = firmware.link(compiler, target, opt_level, &NETWORKS);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{} at opt-level {opt_level}: {said}", target.0);
        }
        // A panic would be found.
        let output = firmware.link(compiler, target, "s", &["panics"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("undefined symbol: this_program_can_panic"), "{said}");
    }
}
