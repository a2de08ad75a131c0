//! Readers and runners that others wrote, and our own naive one, agree with the generated code on the embedded VGF.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use quantize_build::tosa::{Lowered, validate};
use quantize_build::vgf::{self, VgfImage};
use quantize_runtime::graph::ElementType;
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::ops::{Fft2d, Rfft2d};
use quantize_runtime::vgf::Vgf;
use quantize_runtime::{Arena, Shape};
use quantize_tests::{ConvNet, Digits, Mlp, npy, outside, repository};

/// Versions of Arm's VGF library on the package index.
const VGF_LIBRARIES: [&str; 4] = ["0.7.0", "0.8.0", "0.9.0", "0.11.0"];

/// Every embedded VGF, under its name.
const NETWORKS: [(&str, &[u8]); 3] = [("digits", Digits::VGF), ("mlp", Mlp::VGF), ("convnet", ConvNet::VGF)];

/// Images that the Vulkan runner sees; it takes about 0.3 s for each.
const VULKAN_IMAGES: usize = 100;

/// An evaluation image in int8 and the output of the generated code.
struct Case {
    input: [i8; 64],
    output: [i8; 10],
}

fn digits() -> &'static [Case] {
    static ARENA: Arena<Digits> = Arena::new();
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let mut network = Digits::new(ARENA.take());
        let pixels: Vec<f32> = npy::read(repository("examples/digits/models/eval_x.npy"));
        let images = pixels.as_chunks::<64>().0.iter();
        images
            .map(|image| {
                let input = image.map(|pixel| Digits::INPUT.quantize(pixel));
                Case { input, output: *network.run_quantized(&input) }
            })
            .collect()
    })
}

/// A new folder for the files of a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

fn write(path: PathBuf, bytes: impl AsRef<[u8]>) -> PathBuf {
    fs::write(&path, bytes).expect("the file can be written");
    path
}

/// Every network's VGF as a file, and that of [`fourier`].
fn vgf_files(test: &str) -> Vec<PathBuf> {
    let folder = folder(test);
    let networks = NETWORKS.iter().map(|(name, vgf)| write(folder.join(format!("{name}.vgf")), vgf));
    networks.chain([write(folder.join("fourier.vgf"), fourier().as_bytes())]).collect()
}

/// Dimensions of what [`fourier`] transforms.
const PLANES: [u32; 3] = [2, 4, 16];

/// RFFT2D of an input and the inverse FFT2D of two, whose parts are the outputs: the Vulkan layers of version 0.11 crash
/// where an operator reads one.
fn fourier() -> VgfImage {
    let [n, h, w] = PLANES;
    let [shape, half] = [w, w / 2 + 1].map(|w| Shape::new(&[n, h, w]).expect("not empty"));
    let mut lowered = Lowered::default();
    let [input_real, input_imaginary] = ["real", "imaginary"].map(|name| lowered.input(name, ElementType::F32, shape));
    let rfft2d = Rfft2d { input: input_real, ..Default::default() };
    let fft2d = Fft2d { inverse: true, input_real, input_imaginary, ..Default::default() };
    let parts = [
        lowered.push_all(rfft2d.into(), ElementType::F32, half, "rfft2d"),
        lowered.push_all(fft2d.into(), ElementType::F32, shape, "fft2d"),
    ];
    for (index, part) in parts.concat().into_iter().enumerate() {
        lowered.output(format!("part_{index}"), part);
    }
    vgf::write(&validate(lowered).expect("a valid graph"))
}

#[test]
fn the_format_checker_finds_no_fault() {
    let Some(checker) = outside::shared("vgf/vgf_check.py") else { return };
    outside::run(Command::new("python3").arg(checker).args(vgf_files("vgf-check")));
}

#[test]
fn every_version_of_vgf_dump_reads_the_file() {
    for vgf in vgf_files("vgf-dump") {
        for version in VGF_LIBRARIES {
            let program = format!("quantize-judges/vgf-library-{version}/vgf_lib/binaries/bin/vgf_dump");
            let Some(vgf_dump) = outside::installed(&program) else { return };
            let tables = outside::run(Command::new(vgf_dump).arg("-i").arg(&vgf).args(["-o", "-"]));
            assert!(tables.contains("\"constants\""), "{version} of {}:\n{tables}", vgf.display());
        }
    }
}

#[test]
fn spirv_val_accepts_the_module() {
    let Some(spirv_val) = outside::installed("quantize-vulkan/bin/spirv-val") else { return };
    let Some(vgf_dump) = outside::installed("quantize-vulkan/bin/vgf_dump") else { return };
    for vgf in vgf_files("spirv-val") {
        let module = vgf.with_extension("spv");
        outside::run(Command::new(&vgf_dump).arg("-i").arg(&vgf).args(["--dump-spirv", "0", "-o"]).arg(&module));
        outside::run(Command::new(&spirv_val).args(["--target-env", "spv1.6"]).arg(module));
    }
}

#[test]
fn the_vulkan_runner_gives_the_bytes_of_the_generated_code() {
    let Some(runner) = outside::shared("vgf/run_vgf.sh") else { return };
    let Some(_stack) = outside::installed("quantize-vulkan/.done") else { return };
    let folder = folder("vulkan");
    let vgf = write(folder.join("digits.vgf"), Digits::VGF);
    let cases = &digits()[..VULKAN_IMAGES];
    // Most of the time is the start of processes: two at once.
    thread::scope(|scope| {
        for (half, cases) in cases.chunks(VULKAN_IMAGES.div_ceil(2)).enumerate() {
            let (runner, vgf, folder) = (&runner, &vgf, folder.join(half.to_string()));
            scope.spawn(move || {
                fs::create_dir(&folder).expect("the folder can be made");
                for (i, case) in cases.iter().enumerate() {
                    let input = write(folder.join("in0.npy"), npy::bytes(Digits::INPUT.shape, &case.input));
                    outside::run(Command::new(runner).args([vgf, &folder, &input]));
                    assert_eq!(npy::read::<i8>(folder.join("out0.npy")), case.output, "image {i} of half {half}");
                }
            });
        }
    });
}

#[test]
fn the_vulkan_runner_gives_the_parts_of_fourier_transforms() {
    let Some(runner) = outside::shared("vgf/run_vgf.sh") else { return };
    let Some(_stack) = outside::installed("quantize-vulkan/.done") else { return };
    let (folder, image, dims) = (folder("vulkan-fourier"), fourier(), PLANES.map(|dim| dim as usize));
    let inputs = [7, 11]
        .map(|step| (0..dims.iter().product()).map(|i: usize| (i * step % 31) as f32 - 15.0).collect::<Vec<_>>());
    let files = inputs.each_ref().map(|input| npy::bytes(&dims, input));
    let [real, imaginary] = [0, 1].map(|i| write(folder.join(format!("in{i}.npy")), &files[i]));
    let vgf = write(folder.join("fourier.vgf"), image.as_bytes());
    outside::run(Command::new(runner).args([&vgf, &folder, &real, &imaginary]));

    let graph = Vgf::new(image.as_bytes()).and_then(|file| file.graph()).expect("our own file is sound");
    let outputs = Interpreter::new(&graph).expect("our own graph is valid").run(&inputs.map(Tensor::F32));
    // Both may be off by 2^−24 of the sum of the terms' absolute values for each of the terms.
    let terms = 2.0 * (dims[1] * dims[2]) as f32;
    let limit = 2.0 * terms * (terms * 15.0) / 2_f32.powi(24);
    for (index, output) in outputs.expect("defined for all inputs").into_iter().enumerate() {
        let Tensor::F32(output) = output else { panic!("part {index} is {output:?}") };
        let found = npy::read::<f32>(folder.join(format!("out{index}.npy")));
        assert_eq!(found.len(), output.len());
        for (found, expected) in found.iter().zip(output) {
            assert!((found - expected).abs() <= limit, "part {index}: {found}, not {expected}");
        }
    }
}

#[test]
fn the_reference_interpreter_gives_the_bytes_of_the_generated_code() {
    let Some(tosa_ref) = outside::shared("vgf/tosa_ref.py") else { return };
    let Some(python) = outside::installed("quantize-vulkan/bin/vgf-python") else { return };
    let folder = folder("tosa-ref");
    let folders = digits().iter().enumerate().map(|(i, case)| {
        let folder = folder.join(i.to_string());
        fs::create_dir(&folder).expect("the folder can be made");
        write(folder.join("model-0.4.3.vgf"), Digits::VGF);
        write(folder.join("in0.npy"), npy::bytes(Digits::INPUT.shape, &case.input));
        write(folder.join("out0.npy"), npy::bytes(Digits::OUTPUT.shape, &case.output));
        folder
    });
    outside::run(Command::new(python).arg(tosa_ref).args(folders));
}

#[test]
fn the_interpreter_gives_the_bytes_of_the_generated_code() {
    let vgf = Vgf::new(Digits::VGF).expect("our own file is sound");
    let graph = vgf.graph().expect("our own graph is known");
    let interpreter = Interpreter::new(&graph).expect("our own graph is valid");
    for (i, case) in digits().iter().enumerate() {
        let outputs = interpreter.run(&[Tensor::I8(case.input.to_vec())]);
        assert_eq!(outputs, Ok(vec![Tensor::I8(case.output.to_vec())]), "image {i}");
    }
}
