//! A build that is killed at any moment leaves nothing wrong: the next one gives what a clean one does.
//!
//! `QUANTIZE_KILLS=200` kills that many builds.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use quantize_tests::fixture::Fixture;
use quantize_tests::script::{Files, files};
use quantize_tests::{npy, outside};

/// The user's build script, which also tells when ours starts and ends.
const TELLING_SCRIPT: &str = r#"use std::{env, fs, path::PathBuf};

fn main() {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    fs::write(folder.join("started"), "").unwrap();
    quantize_build::compile();
    fs::write(folder.join("ended"), "").unwrap();
}
"#;

/// What a crate is made from: its model, and the largest of its samples.
const SOURCES: [(&str, f32); 2] = [("small", 1.0), ("small_retrained", 3.0)];

/// Several models, so that there is more to write.
const MODELS: usize = 6;

fn user_crate(place: &str) -> Fixture {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), place, "killed");
    fixture.write("build.rs", TELLING_SCRIPT);
    let model = |index: usize| {
        format!(
            "#[quantize_runtime::quantize(model = \"models/net.onnx\", calibration = \"models/calib.npy\", global = int8)]\n\
             struct Net{index};\n"
        )
    };
    let sum = |index: usize| {
        format!(
            "    println!(\"{{:?}}\", Net{index}::VGF.iter().fold(0_u64, |a, &b| a * 31 % (1 << 40) + u64::from(b)));\n"
        )
    };
    let models: String = (0..MODELS).map(model).collect();
    let sums: String = (0..MODELS).map(sum).collect();
    fixture.write("src/main.rs", format!("{models}\nfn main() {{\n{sums}}}\n"));
    fixture
}

fn set_sources(fixture: &Fixture, (model, largest): (&str, f32)) {
    fixture.copy(&format!("tests/data/models/{model}.onnx"), "models/net.onnx");
    let ramp: Vec<f32> = (0..32).map(|i| largest * (i as f32 / 15.5 - 1.0)).collect();
    fixture.write("models/calib.npy", npy::bytes(&[8, 4], &ramp));
}

/// Builds; the files of the build script, and what the program says about those that it embeds.
#[track_caller]
fn artifacts(fixture: &Fixture) -> (Files, String) {
    let build = fixture.build();
    (files(&build.out_dir), outside::run(&mut Command::new(fixture.target().join("debug/killed"))))
}

/// Random numbers (xorshift), the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }

    fn part_of(&mut self, time: Duration) -> Duration {
        time * self.below(1000) as u32 / 1000
    }
}

/// Starts a build and kills it, with all its processes, at a random moment; whether it was still running.
fn kill(fixture: &Fixture, random: &mut Random, times: (Duration, Duration)) -> bool {
    let started = fixture.path("started");
    fs::remove_file(&started).expect("the last build made it");
    let mut cargo = fixture.command(&["build", "--quiet"]);
    let mut cargo = cargo.process_group(0).stderr(Stdio::null()).spawn().expect("Cargo runs");
    let (script, build) = times;
    // Most of them while files are written; the others at any time.
    if random.below(4) == 0 {
        sleep(random.part_of(build));
    } else {
        while !started.exists() && cargo.try_wait().expect("it is ours").is_none() {
            sleep(Duration::from_millis(1));
        }
        sleep(random.part_of(script));
    }
    let group = format!("-{}", cargo.id());
    // It fails where all of them have ended.
    let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    fs::write(&started, "").expect("the folder can be written");
    cargo.wait().expect("it is ours").signal().is_some()
}

#[test]
fn a_killed_build_leaves_nothing_wrong() {
    let clean = SOURCES.map(|sources| {
        let fixture = user_crate("killed/clean");
        set_sources(&fixture, sources);
        artifacts(&fixture)
    });
    assert!(
        clean[0].0["Net0.vgf"] != clean[1].0["Net0.vgf"] && clean[0].1 != clean[1].1,
        "the sources make no difference"
    );

    let fixture = user_crate("killed/again");
    set_sources(&fixture, SOURCES[0]);
    artifacts(&fixture);
    set_sources(&fixture, SOURCES[1]);
    let start = Instant::now();
    artifacts(&fixture);
    let build = start.elapsed();
    let time =
        |file| fs::metadata(fixture.path(file)).and_then(|data| data.modified()).expect("the build script made it");
    let script = time("ended").duration_since(time("started")).expect("in this order");
    println!("a build takes {build:?}, its build script {script:?}");

    let count = std::env::var("QUANTIZE_KILLS").map_or(12, |count| count.parse().expect("a number"));
    let (mut random, mut killed) = (Random(0x9e37_79b9_7f4a_7c15), 0);
    let mut now = 1;
    for moment in 0..count {
        now = 1 - now;
        set_sources(&fixture, SOURCES[now]);
        killed += usize::from(kill(&fixture, &mut random, (script, build)));
        if random.below(2) == 0 {
            now = 1 - now;
            set_sources(&fixture, SOURCES[now]);
        }
        assert!(artifacts(&fixture) == clean[now], "after {moment} builds, {killed} of them killed");
    }
    println!("{killed} of {count} builds were killed before they ended; the next was right each time");
    assert!(2 * killed > count, "{killed} of {count} builds were killed before they ended");
}
