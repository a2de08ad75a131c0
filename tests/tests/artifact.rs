//! What a program embeds of its VGF file, samples of sensors, and the self test.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use quantize_runtime::Arena;
use quantize_runtime::vgf::Vgf;
use quantize_syntax::manifest::{Flash, Manifest};
use quantize_tests::{
    AccelerometerNet, CameraNet, ConvNet, Digits, LeanNet, MicrophoneNet, PackedNet, UnsignedNet, WideCameraNet,
    WideNet,
};

/// A file that the build script wrote for a network.
fn output(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("OUT_DIR")).join("quantize").join(file)).expect("the build script wrote it")
}

/// What a network takes in flash.
fn flash(name: &str) -> Flash {
    let text = String::from_utf8(output(&format!("{name}.toml"))).expect("manifests are text");
    Manifest::parse(&text).expect("a manifest").body.flash.expect("a program")
}

/// Where the constants are in a file.
fn constants(vgf: &[u8]) -> Range<usize> {
    let graph = Vgf::new(vgf).and_then(|file| file.graph()).expect("a file of ours");
    let ranges = || graph.values.iter().filter_map(|value| value.constant.as_ref()?.range.clone());
    let start = ranges().map(|range| range.start).min().expect("a constant");
    start..ranges().map(|range| range.end).max().expect("a constant")
}

/// Rows and columns of the networks' images, which have three channels.
const SIDE: usize = 12;
const PIXELS: usize = SIDE * SIDE;
const SIZE: usize = 3 * PIXELS;

static LEAN_NET: Arena<LeanNet> = Arena::new();

#[test]
fn a_program_of_constants_holds_no_spirv() {
    let vgf = output("LeanNet.vgf");
    let lean = flash("LeanNet");
    let expected =
        Flash { embed: "constants".to_owned(), embedded: lean.constants, vgf: vgf.len(), tables: 0, ..lean.clone() };
    assert_eq!(lean, expected);
    // Biases that contain a zero point are there in that form only.
    let constants = constants(&vgf);
    assert!(lean.copies > 0 && lean.constants < constants.len(), "{lean:?} of {constants:?}");
    let whole = flash("ConvNet");
    assert_eq!((whole.embed.as_str(), whole.embedded), ("vgf", whole.vgf));

    assert_eq!(LeanNet::new(LEAN_NET.take()).self_test(), Ok(()));
    let program = fs::read(std::env::current_exe().expect("a program")).expect("a program");
    let holds = |part: &[u8]| program.windows(part.len()).any(|bytes| bytes == part);
    assert_eq!((holds(&vgf[constants.start..][..lean.constants / 2]), holds(&vgf[..constants.start])), (true, false));
}

#[test]
fn packed_constants_give_the_same_numbers_without_the_file() {
    static LEAN: Arena<LeanNet> = Arena::new();
    static PACKED: Arena<PackedNet> = Arena::new();
    let (packed, lean) = (flash("PackedNet"), flash("LeanNet"));
    assert_eq!([packed.layout.as_str(), &lean.layout, &packed.embed], ["packed", "canonical", "constants"]);
    // The manifest of each says what the other would take.
    assert_eq!((packed.embedded + packed.copies, packed.packed), (lean.packed, lean.packed));
    assert_eq!((packed.vgf, output("PackedNet.vgf")), (lean.vgf, output("LeanNet.vgf")));
    assert!(packed.embedded < packed.constants + packed.copies && packed.copies > lean.copies, "{packed:?}");

    let (mut packed, mut lean) = (PackedNet::new(PACKED.take()), LeanNet::new(LEAN.take()));
    for first in 0..8 {
        let input: [f32; SIZE] = std::array::from_fn(|i| ((first * 31 + i * 7) % 64) as f32 / 16.0 - 2.0);
        assert_eq!(packed.run(&input), lean.run(&input));
    }
    assert_eq!(packed.self_test(), Ok(()));
}

/// Compares a network with one that takes samples: every byte comes in every channel.
macro_rules! check {
    ($sensor:ident, $sample:ty, $real:ident, |$channel:ident, $value:ident| $real_of:expr) => {{
        static SENSOR: Arena<$sensor> = Arena::new();
        static REAL: Arena<$real> = Arena::new();
        let (mut sensor, mut real) = ($sensor::new(SENSOR.take()), $real::new(REAL.take()));
        for first in [0, PIXELS] {
            let byte = |pixel: usize, channel: usize| (first + pixel + 85 * channel) as u8;
            let samples = std::array::from_fn(|i| <$sample>::from_le_bytes([byte(i / 3, i % 3)]));
            let reals: [f32; SIZE] = std::array::from_fn(|i| {
                let ($channel, $value) = (i / PIXELS, samples[i % PIXELS * 3 + i / PIXELS]);
                $real_of
            });
            assert_eq!(sensor.run(&samples), real.run(&reals));
        }
        assert_eq!(sensor.self_test(), Ok(()));
    }};
}

#[test]
fn samples_give_what_their_real_numbers_give() {
    let (mean, std) = ([0.485_f32, 0.456, 0.406], [0.229_f32, 0.224, 0.225]);
    check!(CameraNet, u8, ConvNet, |channel, byte| (f32::from(byte) / 255.0 - mean[channel]) / std[channel]);
    check!(AccelerometerNet, i8, UnsignedNet, |_channel, sample| f32::from(sample) / 64.0);
    check!(WideCameraNet, u8, WideNet, |_channel, byte| (f32::from(byte) / 255.0 - 0.5) / 0.25);
    assert_eq!([flash("CameraNet").tables, flash("WideCameraNet").tables], [3 * 256, 2 * 256]);
}

#[test]
fn samples_of_16_bits_give_the_codes_of_their_real_numbers() {
    static ARENA: Arena<MicrophoneNet> = Arena::new();
    let mut network = MicrophoneNet::new(ARENA.take());
    let std = [0.25_f32, 0.5, 1.0];
    let samples: [i16; SIZE] = std::array::from_fn(|i| (i * 7919) as i16);
    let codes = std::array::from_fn(|i| {
        MicrophoneNet::INPUT.quantize((f32::from(samples[i]) / 32_768.0 + 0.125) / std[i / PIXELS])
    });
    let expected = network.run_quantized(&codes).map(|code| MicrophoneNet::OUTPUT.dequantize(code));
    assert_eq!(network.run(&samples), &expected);
    let tables = flash("MicrophoneNet").tables;
    assert!((2..=3 * 2 * 255).contains(&tables), "{tables}");
}

static DIGITS: Arena<Digits> = Arena::new();

#[test]
fn the_self_test_passes() {
    assert_eq!(Digits::new(DIGITS.take()).self_test(), Ok(()));
}

#[test]
fn a_flipped_bit_of_a_weight_fails_the_self_test() {
    let vgf = output("Digits.vgf");
    let constants = constants(&vgf);
    let mut program = fs::read(std::env::current_exe().expect("a program")).expect("a program");
    let place = program.windows(vgf.len()).position(|part| part == vgf).expect("the program embeds it");
    // Those of the first layer, which has one channel, are there in another order too: the middle lies in a larger layer.
    program[place + constants.start + constants.len() / 2] ^= 0x40;
    let altered = Path::new(env!("CARGO_TARGET_TMPDIR")).join("altered");
    fs::write(&altered, program).expect("a writable folder");
    let executable = fs::metadata(std::env::current_exe().expect("a program")).expect("a program").permissions();
    fs::set_permissions(&altered, executable).expect("a file of ours");
    let output = Command::new(altered).args(["--exact", "the_self_test_passes"]).output().expect("a program");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("Mismatch { output: "), "{said}");
}
