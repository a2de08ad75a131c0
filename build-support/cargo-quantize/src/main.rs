//! `cargo quantize`: the lock files of crates whose networks `quantize-build` compiles.

mod cargo;
mod difference;
mod lock;

use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;

/// What Cargo calls: `cargo-quantize quantize …`.
#[derive(Parser)]
#[command(name = "cargo", bin_name = "cargo")]
enum Cli {
    Quantize(Quantize),
}

/// Keeps the lock files of crates whose networks quantize-build compiles.
#[derive(Args)]
#[command(version)]
struct Quantize {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Lock(lock::Arguments),
}

fn main() -> ExitCode {
    let Cli::Quantize(Quantize { command: Command::Lock(arguments) }) = Cli::parse();
    match lock::run(&arguments) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
