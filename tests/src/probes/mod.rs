//! Probes: a small network for each API that upstream documents, and the programs made from it.

mod onnx;
mod program;

pub mod executors;

use std::path::PathBuf;

use serde_json::Value;

pub use program::{Form, Origin, Outcome, Probe, Program};

use crate::repository;

/// An API of PyTorch that upstream documents.
pub struct Api {
    /// Name and other names, as documented.
    pub names: Vec<String>,
    /// Documented profiles: `FP`, `INT`.
    pub profiles: Vec<String>,
    /// Documented combinations of activations and weights: `8x8`, `16x8`, `8x4`.
    pub modes: Vec<String>,
    /// Name of its probe.
    pub probe: String,
}

impl Api {
    /// The forms that are documented.
    pub fn documented(&self) -> Vec<&'static str> {
        let mode = |mode: &str| self.modes.iter().any(|known| known == mode);
        let forms = [
            (Form::Int8, mode("8x8")),
            (Form::Int16, mode("16x8")),
            (Form::Int4, mode("8x4")),
            (Form::Real, self.profiles.iter().any(|profile| profile == "FP")),
        ];
        forms.into_iter().filter(|(_, is_documented)| *is_documented).map(|(form, _)| form.name()).collect()
    }
}

/// All of them, in the document's order.
pub fn apis() -> Vec<Api> {
    let text = std::fs::read_to_string(folder().join("apis.json")).expect("committed");
    let list: Value = serde_json::from_str(&text).expect("JSON");
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().expect("a list").iter().map(|text| text.as_str().expect("text").to_owned()).collect()
    };
    let api = |entry: &Value| Api {
        names: [entry["api"].as_str().expect("text").to_owned()].into_iter().chain(texts(&entry["aliases"])).collect(),
        profiles: texts(&entry["profiles"]),
        modes: texts(&entry["quant_modes"]),
        probe: entry["probe"].as_str().expect("text").to_owned(),
    };
    list["apis"].as_array().expect("a list").iter().map(api).collect()
}

/// Where the list and the probes are.
pub fn folder() -> PathBuf {
    repository("tests/data/probes")
}
