//! Whatever befalls the output folder or the sources, the next build is right, and what is not whole is never used.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use quantize_tests::fixture::Fixture;
use quantize_tests::script::{Files, NOTING_SCRIPT, Script, files};
use quantize_tests::{npy, outside, repository};

const SOURCE: &str = r#"//! A user's crate.

#[quantize_runtime::quantize(model = "models/net.onnx", calibration = "models/calib.npy", global = int8)]
struct Net;

fn main() {
    println!("{:?}", Net::VGF.iter().fold(0_u64, |sum, &byte| sum * 31 % (1 << 40) + u64::from(byte)));
}
"#;

fn user_crate(place: &str) -> Fixture {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), place, "outputs");
    fixture.write("build.rs", NOTING_SCRIPT);
    fixture.write("src/main.rs", SOURCE);
    fixture.copy("tests/data/models/small.onnx", "models/net.onnx");
    fixture.write("models/calib.npy", samples(1.0, 8));
    fixture
}

fn samples(largest: f32, count: usize) -> Vec<u8> {
    let ramp: Vec<f32> = (0..4 * count).map(|i| largest * (i as f32 / (2 * count) as f32 - 1.0)).collect();
    npy::bytes(&[count, 4], &ramp)
}

/// Builds; the files of the build script, and what the program says about the one that it embeds.
#[track_caller]
fn artifacts(fixture: &Fixture) -> (Files, String) {
    let build = fixture.build();
    (files(&build.out_dir), outside::run(&mut Command::new(fixture.target().join("debug/outputs"))))
}

fn set_time(file: &Path, time: SystemTime) {
    File::options().write(true).open(file).and_then(|file| file.set_modified(time)).expect("a file of ours");
}

fn time(file: &Path) -> SystemTime {
    fs::metadata(file).and_then(|data| data.modified()).expect("a file with a time")
}

/// What can befall a file, and how it is done.
type Spoil = (&'static str, fn(&Path));

#[test]
fn a_spoilt_output_is_made_again() {
    let fixture = user_crate("outputs/spoilt");
    let right = artifacts(&fixture);
    let folder = fixture.build().out_dir.join("quantize");
    let spoil: [Spoil; 4] = [
        ("truncated", |file| {
            let content = fs::read(file).expect("an output");
            fs::write(file, &content[..content.len() / 2]).expect("an output");
        }),
        ("empty", |file| fs::write(file, "").expect("an output")),
        ("removed", |file| fs::remove_file(file).expect("an output")),
        // Nothing shows that, until the build script has another reason to run.
        ("altered, with its time", |file| {
            let (mut content, before) = (fs::read(file).expect("an output"), time(file));
            let middle = content.len() / 2;
            content[middle] ^= 1;
            fs::write(file, content).expect("an output");
            set_time(file, before);
        }),
    ];
    for (what, spoil) in spoil {
        for output in ["Net.rs", "Net.toml", "Net.vgf", "Net.seal"] {
            spoil(&folder.join(output));
            if what.starts_with("altered") {
                fixture.write("src/main.rs", format!("{SOURCE}// {output}\n"));
            }
            assert!(artifacts(&fixture) == right, "{output} {what}");
            assert!(fixture.build().fresh, "{output} {what}: the second build was not empty");
        }
    }
}

#[test]
fn results_of_another_time_are_not_used() {
    let fixture = user_crate("outputs/times");
    let first = artifacts(&fixture);
    let folder = fixture.build().out_dir.join("quantize");
    let kept = fixture.path("kept");
    fs::create_dir_all(&kept).expect("the folder can be made");
    for entry in fs::read_dir(&folder).expect("the build script made it") {
        let entry = entry.expect("readable");
        fs::copy(entry.path(), kept.join(entry.file_name())).expect("it can be copied");
    }
    fixture.write("models/calib.npy", samples(3.0, 8));
    let second = artifacts(&fixture);
    assert!(first.0["Net.vgf"] != second.0["Net.vgf"] && first.1 != second.1, "the samples make no difference");

    // As from a cache of an older state, newer than everything.
    let later = SystemTime::now() + Duration::from_secs(3600);
    for entry in fs::read_dir(&kept).expect("it was made") {
        let entry = entry.expect("readable");
        fs::copy(entry.path(), folder.join(entry.file_name())).expect("it can be copied");
        set_time(&folder.join(entry.file_name()), later);
    }
    assert!(artifacts(&fixture) == second, "results of other samples were used");

    // What another program made, whichever of the two is newer.
    fixture.write("build.rs", format!("{NOTING_SCRIPT}// Another program.\n"));
    assert!(artifacts(&fixture) == second);

    // Sources from the future, and from long ago.
    set_time(&fixture.path("models/calib.npy"), later);
    set_time(&fixture.path("models/net.onnx"), SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    assert!(artifacts(&fixture) == second);
    fixture.write("models/calib.npy", samples(1.0, 8));
    assert!(artifacts(&fixture) == first);
    assert!(fixture.build().fresh);
}

#[test]
fn samples_that_change_while_they_are_read_are_not_mixed() {
    let fixture = user_crate("outputs/replaced");
    let clean: Vec<Files> = [1.0, 3.0]
        .iter()
        .map(|&largest| {
            fixture.write("models/calib.npy", samples(largest, 400));
            artifacts(&fixture).0
        })
        .collect();
    let script = Script::of(&fixture);
    let is_over = AtomicBool::new(false);
    let runs: Vec<(Output, Files)> = thread::scope(|scope| {
        scope.spawn(|| {
            for largest in [1.0, 3.0].iter().cycle().take_while(|_| !is_over.load(Ordering::Relaxed)) {
                fixture.write("models/new.npy", samples(*largest, 400));
                fs::rename(fixture.path("models/new.npy"), fixture.path("models/calib.npy"))
                    .expect("it can be renamed");
                thread::sleep(Duration::from_millis(20));
            }
        });
        let run = |index: usize| {
            let out_dir = script.out_dir.join(format!("run-{index}"));
            (script.run(&[], &out_dir), files(&out_dir))
        };
        let runs = (0..8).map(run).collect();
        is_over.store(true, Ordering::Relaxed);
        runs
    });
    for (output, files) in &runs {
        let said = String::from_utf8_lossy(&output.stdout);
        let refusal = "cargo::error=`models/calib.npy` changed while it was read; build again";
        if output.status.success() {
            assert!(clean.contains(files), "two sample files were mixed");
        } else {
            assert!(said.lines().any(|line| line == refusal), "{said}{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    println!(
        "{} of {} runs went through",
        runs.iter().filter(|(output, _)| output.status.success()).count(),
        runs.len()
    );
    fixture.write("models/calib.npy", samples(1.0, 400));
    assert!(artifacts(&fixture).0 == clean[0]);
}

#[test]
fn builds_at_once_do_not_disturb_each_other() {
    let (first, other) = (user_crate("outputs/first"), user_crate("outputs/other"));
    other.write(
        "Cargo.toml",
        fs::read_to_string(other.path("Cargo.toml")).expect("it has one").replace("\"outputs\"", "\"other\""),
    );
    other.write("models/calib.npy", samples(3.0, 8));
    // One target folder for both packages, and one package twice.
    let cargo = |fixture: &Fixture| {
        fixture.command(&["build", "--quiet"]).env("CARGO_TARGET_DIR", first.target()).spawn().expect("Cargo runs")
    };
    for mut build in [cargo(&first), cargo(&first), cargo(&other), cargo(&other)] {
        assert!(build.wait().expect("it is ours").success());
    }
    let right = artifacts(&first);
    let with_target = |fixture: &Fixture| {
        files(&fixture.build_with(fixture.command(&["build"]).env("CARGO_TARGET_DIR", first.target())).out_dir)
    };
    assert!(right.0 == artifacts(&user_crate("outputs/alone")).0);
    assert!(with_target(&other)["Net.vgf"] != right.0["Net.vgf"]);

    // Cargo has no lock on some file systems: several build scripts may have one folder.
    let script = Script::of(&first);
    for round in 0..20 {
        let out_dir = script.out_dir.join(format!("round-{round}"));
        let runs = thread::scope(|scope| {
            [(); 3].map(|()| scope.spawn(|| script.run(&[], &out_dir))).map(|run| run.join().expect("no panic"))
        });
        for run in runs {
            assert!(
                run.status.success(),
                "{}{}",
                String::from_utf8_lossy(&run.stdout),
                String::from_utf8_lossy(&run.stderr)
            );
        }
        assert!(files(&out_dir) == right.0, "round {round}");
    }
}

/// Every file in `out_dir` is whole: it is what it was, or what it will be.
#[track_caller]
fn check_whole(out_dir: &Path, before: &Files, after: &Files) {
    for (name, content) in files(out_dir) {
        assert!(before.get(&name) == Some(&content) || after.get(&name) == Some(&content), "{name} is not whole");
    }
}

/// Runs the build script where it cannot write all that it has to: it says so, leaves nothing half, and is right afterwards.
#[track_caller]
fn check_full(script: &Script, before: &[&str], out_dir: &Path, right: &Files, reason: &str) {
    let run = script.run(before, out_dir);
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(!run.status.success(), "{said}");
    let error = said.lines().find(|line| line.starts_with("cargo::error=")).unwrap_or_else(|| panic!("{said}"));
    assert!(error.contains("cannot write") && error.contains(reason), "{error}");
    check_whole(out_dir, &Files::new(), right);
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_half_file() {
    let fixture = user_crate("outputs/full");
    let right = artifacts(&fixture).0;
    let script = Script::of(&fixture);
    let largest = right.values().map(Vec::len).max().expect("there are files");

    // No file may be larger than this. A program that is not told of the signal gets an error instead.
    let limits = [&format!("--fsize={}", largest / 2), "--fsize=1"];
    for (index, limit) in limits.into_iter().enumerate() {
        let out_dir = script.out_dir.join(format!("limit-{index}"));
        let before = ["env", "--ignore-signal=XFSZ", "prlimit", limit];
        check_full(&script, &before, &out_dir, &right, "File too large");
        assert!(script.run(&[], &out_dir).status.success());
        assert!(files(&out_dir) == right);
    }

    let disk = script.out_dir.join("disk");
    fs::create_dir_all(&disk).expect("the folder can be made");
    let mount = |arguments: &[&str]| {
        Command::new("mount").args(arguments).arg(&disk).status().is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=4k", "none"]) {
        println!("skipped: a disk of its own needs the right to mount one");
        return;
    }
    let check = || {
        check_full(&script, &[], &disk, &right, "No space left on device");
        assert!(mount(&["-o", "remount,size=1m"]));
        assert!(script.run(&[], &disk).status.success());
        files(&disk) == right
    };
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
    assert!(Command::new("umount").arg(&disk).status().is_ok_and(|status| status.success()));
    assert!(result.expect("see above"), "the files are not right once there is space");
}

#[test]
fn an_old_model_in_place_of_a_new_one_is_seen_by_content() {
    let fixture = user_crate("outputs/old-model");
    fs::copy(repository("tests/data/models/small_retrained.onnx"), fixture.path("models/old.onnx"))
        .expect("it can be copied");
    set_time(&fixture.path("models/old.onnx"), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
    let first = artifacts(&fixture);
    fs::rename(fixture.path("models/old.onnx"), fixture.path("models/net.onnx")).expect("it can be renamed");
    // Cargo compares times, and finds none that is new; any reason to run the build script will do.
    fixture.write("src/main.rs", format!("{SOURCE}// Edited.\n"));
    assert!(artifacts(&fixture) != first, "the old results were used");
}
