//! What a user compiles stays small.

use std::collections::BTreeSet;
use std::process::Command;

use quantize_tests::{outside, repository};

#[test]
fn the_digits_example_needs_fewer_than_75_packages() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(repository("")).args(["tree", "--offline", "--package", "digits", "--prefix", "none"]);
    let tree = outside::run(cargo.args(["--edges", "normal,build", "--format", "{p}"]));
    // A package has one line for each use: name, version, then where it lies or a star.
    let packages: BTreeSet<Vec<&str>> = tree.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    assert!(packages.len() < 75, "{} packages:\n{tree}", packages.len());
    println!("{} packages", packages.len());
}
