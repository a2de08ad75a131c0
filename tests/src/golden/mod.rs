//! Upstream's golden cases: what it was given, what it recorded, and ours made from the same.

pub mod align;
pub mod execute;
pub mod parity;
pub mod upstream;

use std::path::{Path, PathBuf};

use quantize_build::annotate::{Annotation, annotate};
use quantize_build::calibrate::{self, Dataset, dataset};
use quantize_build::config::{Config, Precedence, Recipe, Rule, Target};
use quantize_build::frontend::{self, Failure, Model, Shapes};
use quantize_build::graph::Graph;
use quantize_build::passes;
use quantize_build::quantize::{Params, QuantGraph, QuantParams, quantize};
use quantize_syntax::ArgPath;
use serde_json::Value;

use crate::{npy, outside, repository};

/// A case.
pub struct Case {
    /// Name of its folder.
    pub name: String,
    /// Where its files are.
    pub folder: PathBuf,
}

/// A network between annotation and calibration.
pub struct Annotated {
    /// After all passes.
    pub graph: Graph,
    /// What is observed where.
    pub annotation: Annotation,
}

impl Case {
    /// The cases of these names: committed ones, and others where the shared material is at hand.
    pub fn named(names: &[&str]) -> Vec<Self> {
        let folder = |name: &str| {
            let committed = repository("tests/data/goldens").join(name);
            if committed.is_dir() { Some(committed) } else { outside::shared(&format!("oracle/golden/{name}")) }
        };
        names.iter().filter_map(|name| Some(Self { name: (*name).to_owned(), folder: folder(name)? })).collect()
    }

    /// All cases in a folder, by name.
    pub fn all(folder: &Path) -> Vec<Self> {
        let entries =
            std::fs::read_dir(folder).expect("a folder of cases").map(|entry| entry.expect("readable").path());
        let mut cases: Vec<Self> = entries
            .filter(|path| path.join("config.json").is_file())
            .map(|folder| Self { name: folder.file_name().expect("a name").to_string_lossy().into_owned(), folder })
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    /// One of its JSON files. Panics where it is not there.
    pub fn json(&self, file: &str) -> Value {
        let text =
            std::fs::read_to_string(self.folder.join(file)).unwrap_or_else(|e| panic!("{}/{file}: {e}", self.name));
        serde_json::from_str(&text).expect("JSON")
    }

    /// The rules that upstream's quantizer was given.
    ///
    /// # Errors
    ///
    /// A configuration that this version does not have.
    pub fn recipe(&self) -> Result<Recipe, String> {
        let json = self.json("config.json");
        if json["qat"] == Value::Bool(true) {
            return Err("quantization-aware training".to_owned());
        }
        let text = |call: &Value, key: &str| call[key].as_str().unwrap_or_else(|| panic!("{key} of {call}")).to_owned();
        let rule = |call: &Value| {
            let target = match call["call"].as_str() {
                Some("set_global") => Target::Global,
                Some("set_io") => Target::Io,
                Some("set_module_name") => Target::Module(text(call, "name")),
                Some("set_module_type") => Target::Type(text(call, "type")),
                Some("set_node_name") => Target::Node(text(call, "name")),
                Some("set_node_target") => Target::Op(text(call, "target")),
                call => panic!("{}: {call:?}", self.name),
            };
            Ok(Rule { target, config: config(&call["config"])?, argument: ArgPath::Attribute })
        };
        let rules: Result<_, String> = json["calls"].as_array().expect("a list").iter().map(rule).collect();
        let precedence = if json["composable"] == Value::Bool(false) { Precedence::Legacy } else { Precedence::Last };
        Ok(Recipe { rules: rules?, precedence })
    }

    /// The annotated network from a model file.
    ///
    /// # Errors
    ///
    /// What the front-end does not read, and configurations that this version does not have.
    pub fn annotated(&self, file: &str) -> Result<Annotated, String> {
        Annotated::new(&self.folder, file, &self.recipe()?)
    }

    /// The stacked arrays `<prefix>_0.npy`, `<prefix>_1.npy`, … of any type.
    pub fn arrays(&self, prefix: &str) -> Vec<Vec<f64>> {
        let files = (0..).map(|index| self.folder.join(format!("{prefix}_{index}.npy")));
        files.take_while(|file| file.is_file()).map(npy::numbers).collect()
    }
}

impl Annotated {
    /// The annotated network of a model file.
    ///
    /// # Errors
    ///
    /// What the front-end does not read.
    pub fn new(folder: &Path, file: &str, recipe: &Recipe) -> Result<Self, String> {
        Ok(Self::of(import(folder, file, &Shapes::default())?, recipe))
    }

    /// The annotated form of a network.
    pub fn of(mut graph: Graph, recipe: &Recipe) -> Self {
        passes::run(&mut graph, recipe);
        let annotation = annotate(&graph, recipe);
        Self { graph, annotation }
    }

    /// The parameters that we find with these samples, a file for each input.
    ///
    /// # Errors
    ///
    /// Samples that do not fit, or make the network overflow.
    pub fn calibrated(&self, samples: impl Fn(usize) -> PathBuf) -> Result<Params, String> {
        let open = |(index, id): (usize, _)| {
            let files = [("samples".to_owned(), samples(index))];
            let files = files.each_ref().map(|(shown, path)| (shown.clone(), path.as_path()));
            dataset::Input::open(&self.graph.value(id).name, &self.graph.kinds(&[id]).remove(0), &files)
        };
        let inputs = self.graph.inputs.iter().copied().enumerate().map(open).collect::<Result<_, _>>()?;
        calibrate::calibrate(&self.graph, &self.annotation, &mut Dataset::new(inputs)?)
    }

    /// The network with these parameters.
    pub fn quantized(&self, params: Vec<QuantParams>) -> QuantGraph {
        quantize(self.graph.clone(), &self.annotation, &Params(params))
    }
}

/// The float network of a model file, with these shapes of inputs whose sizes are open.
///
/// # Errors
///
/// What the front-end does not read.
pub fn import(folder: &Path, file: &str, shapes: &Shapes) -> Result<Graph, String> {
    let model = Model::read(folder, file).map_err(|error| format!("{file}: {error}"))?;
    let import = frontend::import(&model, shapes);
    let messages = |failure: Failure| failure.problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>();
    Ok(import.map_err(|failure| messages(failure).join("; "))?.graph)
}

/// A configuration by its constructor's arguments.
fn config(json: &Value) -> Result<Option<Config>, String> {
    let given = |key: &str| json.get(key).filter(|value| !value.is_null());
    if json.is_null() {
        return Ok(None);
    }
    for key in ["is_dynamic", "is_qat"] {
        if given(key) == Some(&Value::Bool(true)) {
            return Err(format!("the configuration `{key}`"));
        }
    }
    let mut config = match json["kind"].as_str() {
        Some("int8") => Config::PER_CHANNEL,
        Some("snorm") => Config::SNORM,
        Some("a16w8") => Config::A16W8,
        Some("a8w4") => Config::A8W4,
        Some("uint8_io") => Config::UINT8,
        kind => return Err(format!("the configuration {kind:?}")),
    };
    config.weights.per_channel = given("is_per_channel") != Some(&Value::Bool(false));
    if let Some(eps) = given("eps") {
        let eps = eps.as_f64().expect("a number") as f32;
        (config.weights.eps, config.activation.eps) = (eps, eps);
    }
    if let Some(eps) = given("epsilon") {
        config.activation.eps = eps.as_f64().expect("a number") as f32;
    }
    let code = |key| given(key).map(|code| i32::try_from(code.as_i64().expect("a number")).expect("a code"));
    config.activation.qmin = code("act_qmin").unwrap_or(config.activation.qmin);
    config.activation.qmax = code("act_qmax").unwrap_or(config.activation.qmax);
    Ok(Some(config))
}
