//! One attribute through all stages: the list of section "Data flow" in ARCHITECTURE.md, top to bottom.

use crate::annotate::{Annotation, annotate};
use crate::calibrate::{self, Dataset, dataset, observe};
use crate::config::{Known, Profile, Recipe};
use crate::files::{Folder, Outputs, hash_file, hex};
use crate::frontend::{self, Model};
use crate::graph::{Element, Graph, ValueId};
use crate::lock::{self, LockFile, Origin};
use crate::quantize::{Params, QuantGraph, QuantParams, quantize};
use crate::scan::Site;
use crate::{cost, emit, lower, manifest, passes, plan, report, self_test, sensor, tosa, vgf};
use quantize_runtime::vgf::Vgf;
use quantize_syntax::attr::{Calibration, Embed, Layout};
use quantize_syntax::diagnostic::suggestion;
use quantize_syntax::lock as schema;
use quantize_syntax::manifest::{Body, Hashes, Head, Manifest, RUNTIME_ALIAS, VERSION};
use quantize_syntax::{ArgPath, Attr, Diagnostic, Diagnostics, Level};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What an attribute refers to.
pub struct Sources {
    /// Every file, existing or not.
    pub files: Vec<PathBuf>,
    model: io::Result<Model>,
    samples: Vec<SampleFile>,
    hashes: Hashes,
}

/// A sample file.
struct SampleFile {
    at: ArgPath,
    /// The input it is for; `None` for the only one.
    input: Option<String>,
    /// Path as the user wrote it.
    shown: String,
    path: PathBuf,
    error: Option<io::Error>,
}

impl Sources {
    /// Reads the model and hashes everything.
    pub fn read(crate_folder: &Path, attr: &Attr) -> Self {
        let model = Model::read(crate_folder, &attr.model.value);
        let mut samples: Vec<SampleFile> = Vec::new();
        let mut add = |at, input, shown: &str| {
            let (shown, path) = (shown.to_owned(), crate_folder.join(shown));
            samples.push(SampleFile { at, input, shown, path, error: None });
        };
        match attr.calibration.as_ref().map(|calibration| &calibration.value) {
            None => {}
            Some(Calibration::Files(files)) => {
                let index =
                    |index| if files.len() == 1 { ArgPath::Calibration } else { ArgPath::CalibrationFile(index) };
                files.iter().enumerate().for_each(|(i, file)| add(index(i), None, &file.value));
            }
            Some(Calibration::Named(files)) => {
                for (input, file) in files {
                    add(ArgPath::CalibrationInput(input.clone()), Some(input.clone()), &file.value);
                }
            }
        }
        let mut hashes = Hashes {
            model: model.as_ref().ok().map(|model| {
                let mut hasher = Sha256::new();
                model.contents().for_each(|bytes| hasher.update(bytes));
                hex(&hasher.finalize())
            }),
            tool: format!("quantize-build {}, abi {}", env!("CARGO_PKG_VERSION"), quantize_runtime::abi::VERSION),
            calibration: BTreeMap::new(),
            parameters: None,
        };
        for sample in &mut samples {
            match hash_file(&sample.path) {
                Ok(hash) => _ = hashes.calibration.insert(sample.shown.clone(), hash),
                Err(error) => sample.error = Some(error),
            }
        }
        // Without a model the folder itself would be watched.
        let named = Some(&attr.model.value).filter(|model| !model.is_empty());
        let mut files: Vec<PathBuf> = named.map(|model| crate_folder.join(model)).into_iter().collect();
        files.extend(model.iter().flat_map(Model::external_paths));
        files.extend(samples.iter().map(|sample| sample.path.clone()));
        Self { files, model, samples, hashes }
    }

    /// Whether all is there that parameters from this origin need.
    fn is_complete(&self, origin: &Origin<'_>) -> bool {
        self.model.is_ok() && (origin.entry().is_some() || self.has_samples())
    }

    fn has_samples(&self) -> bool {
        self.samples.iter().all(|sample| sample.error.is_none())
    }

    /// The files whose change makes another build necessary. Samples that are missing and not needed are not among them, as Cargo
    /// runs a build script again and again for a file that is missing.
    fn watched(self, origin: &Origin<'_>) -> Vec<PathBuf> {
        let mut files = self.files;
        if origin.entry().is_some() {
            let missing = self.samples.iter().filter(|sample| sample.error.is_some());
            let missing: Vec<&PathBuf> = missing.map(|sample| &sample.path).collect();
            files.retain(|file| !missing.contains(&file));
        }
        files
    }

    /// What parameters depend on, as far as it is there, and the argument of each sample file.
    fn inputs(&self, attr: &Attr) -> (schema::Inputs, Vec<ArgPath>) {
        let Hashes { model, calibration, .. } = &self.hashes;
        let file = |file: &String, sha256: &String| schema::File { file: file.clone(), sha256: sha256.clone() };
        let present = || self.samples.iter().filter_map(|sample| Some((sample, calibration.get(&sample.shown)?)));
        let inputs = schema::Inputs {
            // Not the version of the interface to generated code, on which no parameter depends.
            tool: format!("quantize-build {}", env!("CARGO_PKG_VERSION")),
            configuration: attr.arguments_of_parameters().into_iter().map(|(_, text)| text).collect(),
            model: file(&attr.model.value, &model.clone().unwrap_or_default()),
            samples: present().map(|(sample, hash)| file(&sample.shown, hash)).collect(),
        };
        (inputs, present().map(|(sample, _)| sample.at.clone()).collect())
    }

    /// Hashes for the manifest: the same from samples and from the lock file.
    fn hashes(&self, origin: &Origin<'_>) -> Hashes {
        let Some(entry) = origin.entry() else { return self.hashes.clone() };
        let samples = entry.model.inputs.samples.iter();
        let calibration = samples.map(|sample| (sample.file.clone(), sample.sha256.clone())).collect();
        Hashes { calibration, parameters: Some(entry.checksum.clone()), ..self.hashes.clone() }
    }

    /// Whether the samples that `outcome` is from are those that `hashes` are of; the model was read once, into memory. Where
    /// calibration read them to their ends it is what it read that counts: a file may change and change back.
    fn are_unchanged(&self, outcome: &Outcome) -> io::Result<()> {
        let is_changed = |sample: &&SampleFile| {
            let expected = self.hashes.calibration.get(&sample.shown);
            match outcome {
                Outcome::Complete(product) => {
                    product.samples.iter().any(|(shown, hash)| *shown == sample.shown && Some(hash) != expected)
                }
                Outcome::Interface(_) | Outcome::Unknown => hash_file(&sample.path).ok().as_ref() != expected,
            }
        };
        match self.samples.iter().find(is_changed) {
            Some(sample) => Err(io::Error::other(format!("`{}` changed while it was read; build again", sample.shown))),
            None => Ok(()),
        }
    }
}

/// What became of one attribute.
pub(crate) struct Built {
    /// Head of its manifest.
    pub(crate) head: Head,
    /// Whether its parameters come from samples, now or in an earlier build.
    pub(crate) is_calibrated: bool,
    /// The files whose change makes another build necessary.
    pub(crate) watched: Vec<PathBuf>,
}

/// Brings the files of one attribute up to date.
///
/// # Errors
///
/// Only when the output folder cannot be written, or a sample file changed meanwhile; everything else is a diagnostic of the
/// manifest.
pub(crate) fn site(site: &Site, sources: Sources, lock: &LockFile, folder: &Folder) -> io::Result<Built> {
    let (inputs, samples) = sources.inputs(&site.attr);
    let origin = lock.origin(site, &inputs, &samples);
    let is_from_samples = matches!(origin, Origin::Samples);
    let built = |head, is_calibrated: bool, sources: Sources| Built {
        head,
        is_calibrated: is_calibrated && is_from_samples,
        watched: sources.watched(&origin),
    };
    if let Some((head, outputs)) = current(site, &sources, &origin, folder) {
        return Ok(built(head, outputs.lock.is_some(), sources));
    }
    let mut diagnostics = Diagnostics::default();
    let outcome = match site.attr.model.value.is_empty() {
        true => Outcome::Unknown,
        false => generate(site, &sources, inputs, &origin, &mut diagnostics),
    };
    if is_from_samples {
        sources.are_unchanged(&outcome)?;
    }
    let head = Head {
        version: VERSION,
        attribute: site.written.clone(),
        effective: site.attr.to_string(),
        origin: site.origins.texts(),
        source: site.source.clone(),
        hashes: Hashes { parameters: None, ..sources.hashes(&origin) },
        diagnostics: as_written(site, diagnostics),
        ..Head::default()
    };
    let (head, outputs) = files(site, head, outcome, folder);
    folder.write(&site.stem, &outputs)?;
    Ok(built(head, outputs.lock.is_some(), sources))
}

/// What is written about a model, with the manifest's head as written. Where not even the interface is known it is what an
/// earlier build left.
fn files(site: &Site, mut head: Head, outcome: Outcome, folder: &Folder) -> (Head, Outputs) {
    let (mut body, mut outputs) = (Body::default(), Outputs::default());
    let emitted = match outcome {
        Outcome::Complete(product) => {
            let Product { vgf, emitted, body: all, lock, .. } = *product;
            head.hashes.parameters = lock.as_ref().map(schema::Model::checksum);
            outputs.lock = lock.as_ref().map(|model| schema::to_toml([model]).into_bytes());
            outputs.vgf = Some(vgf);
            body = all;
            Some(emitted)
        }
        Outcome::Interface(emitted) => Some(emitted),
        Outcome::Unknown => None,
    };
    if let Some(emit::Emitted { code, exports, docs }) = emitted {
        outputs.code = Some(code.into_bytes());
        head = Head { code: Some(format!("{}.rs", site.stem)), exports, docs, ..head };
    } else if let Some((last, files)) = last(site, &head, folder) {
        outputs = Outputs { lock: None, ..files };
        head = Head { code: last.code, exports: last.exports, docs: last.docs, ..head };
    }
    outputs.manifest = Manifest { head: head.clone(), body }.to_toml().into_bytes();
    (head, outputs)
}

/// What is wrong with the attribute as written, in that of its arguments that users see.
fn as_written(site: &Site, found: Diagnostics) -> Vec<Diagnostic> {
    let found = found.into_vec().into_iter().map(|found| site.origins.as_written(found));
    site.problems.clone().into_vec().into_iter().chain(found).collect()
}

/// The files in the folder, if they have no errors and neither what they depend on nor what was written has changed since.
fn current(site: &Site, sources: &Sources, origin: &Origin<'_>, folder: &Folder) -> Option<(Head, Outputs)> {
    let (head, outputs) = written(site, folder)?;
    let mut hashes = sources.hashes(origin);
    match origin {
        Origin::Samples => hashes.parameters.clone_from(&head.hashes.parameters),
        Origin::Lock(entry) if entry.checksum == entry.model.checksum() => {}
        Origin::Lock(_) | Origin::Refused(_) => return None,
    }
    let is_attribute = head.attribute == site.written && head.effective == site.attr.to_string();
    let is_same = is_attribute && head.source == site.source && head.origin == site.origins.texts();
    let has_program = head.diagnostics.iter().all(|found| found.level != Level::Error) && site.is_complete;
    // The same configuration may now stand under another condition.
    let entry = |lock: &Vec<u8>| schema::parse(str::from_utf8(lock).ok()?).ok()?.pop();
    let has_entry =
        outputs.lock.as_ref().is_none_or(|lock| entry(lock).is_some_and(|entry| entry.model.key == lock::key(site)));
    (is_same && head.hashes == hashes && has_program && has_entry && sources.is_complete(origin))
        .then_some((head, outputs))
}

/// What an earlier build left for the struct: its code tells what the struct was like.
fn last(site: &Site, now: &Head, folder: &Folder) -> Option<(Head, Outputs)> {
    written(site, folder).filter(|(head, _)| head.source == now.source && head.hashes.tool == now.hashes.tool)
}

fn written(site: &Site, folder: &Folder) -> Option<(Head, Outputs)> {
    let outputs = folder.read(&site.stem)?;
    let head = Head::parse(str::from_utf8(&outputs.manifest).ok()?).ok()?;
    Some((head, outputs))
}

/// All files of one model.
struct Product {
    vgf: Vec<u8>,
    emitted: emit::Emitted,
    body: Body,
    /// SHA-256 of the sample files that calibration read, by path as shown.
    samples: Vec<(String, String)>,
    /// For the lock file; `None` for a model that brings its own parameters.
    lock: Option<schema::Model>,
}

/// What the stages make of a model.
enum Outcome {
    /// Everything.
    Complete(Box<Product>),
    /// The interface of a model whose errors lie behind the import.
    Interface(emit::Emitted),
    /// Not even its interface is known.
    Unknown,
}

/// The stages. They go on after an error while what they find still means something, so that all errors are in one report.
fn generate(
    site: &Site,
    sources: &Sources,
    inputs: schema::Inputs,
    origin: &Origin<'_>,
    diagnostics: &mut Diagnostics,
) -> Outcome {
    let attr = &site.attr;
    if site.is_of_build_script() {
        site.mistakes.iter().for_each(|mistake| diagnostics.error(ArgPath::Attribute, mistake));
    }
    let needed = sources.samples.iter().filter(|_| matches!(origin, Origin::Samples));
    for sample in needed {
        if let Some(error) = &sample.error {
            diagnostics.error(sample.at.clone(), cannot_read(&sample.shown, error));
        }
    }
    let mut recipe = Recipe::new(attr);
    let mut graph = match import(attr, sources, diagnostics) {
        Ok(graph) => graph,
        Err(None) => return Outcome::Unknown,
        Err(Some(ends)) => {
            if matches!(origin, Origin::Samples) {
                open_samples(site, &ends, sources, diagnostics);
            }
            let annotation = annotate(&ends, if site.is_complete { &recipe } else { recipe.default_global() });
            return Outcome::Interface(declare(site, &trial(ends, &annotation)));
        }
    };
    let is_quantized = graph.is_quantized();
    if is_quantized {
        let message = "the model brings its own parameters: this rule has no effect";
        recipe.rules.iter().for_each(|rule| diagnostics.warning(rule.argument.clone(), message));
        recipe = Recipe::given();
    }
    let dataset = match origin {
        _ if is_quantized => None,
        Origin::Samples => open_samples(site, &graph, sources, diagnostics),
        Origin::Lock(_) => None,
        Origin::Refused(reasons) => {
            diagnostics.extend(reasons.clone());
            None
        }
    };
    diagnostics.extend(sensor::check(attr, &graph));
    let Some(annotation) = decide(site, &mut graph, &mut recipe, diagnostics) else {
        let annotation = annotate(&graph, recipe.default_global());
        return Outcome::Interface(declare(site, &trial(graph, &annotation)));
    };
    let entry = origin.entry().filter(|_| !is_quantized);
    let params = match diagnostics.has_errors() || !site.is_complete {
        true => None,
        false => {
            parameters(&graph, &annotation, dataset, entry).map_err(|(at, message)| diagnostics.error(at, message)).ok()
        }
    };
    let Some(Parameters { params, warnings, samples, read }) = params else {
        let network = trial(graph, &annotation);
        if let Err(errors) = write_vgf(&network, attr.profile.unwrap_or_default()) {
            diagnostics.error(ArgPath::Model, errors.join("\n"));
        }
        return Outcome::Interface(declare(site, &network));
    };
    let network = quantize(graph, &annotation, &params);
    if let Some(Err(message)) = entry.map(|entry| lock::check(entry, &network)) {
        diagnostics.error(ArgPath::Attribute, message);
        return Outcome::Interface(declare(site, &network));
    }
    let lock = (!is_quantized).then(|| match entry {
        Some(entry) => entry.model.clone(),
        None => lock::model(site, inputs, &annotation, &params, &network, warnings),
    });
    for warning in lock.iter().flat_map(|model| &model.warnings) {
        diagnostics.warning(warning.at.clone(), &warning.message);
    }
    match program(site, &network, (&annotation, &params, &recipe)) {
        Ok(Program { vgf, emitted, body, warnings }) => {
            diagnostics.extend(warnings);
            let macs = body.size.as_ref().map_or(0, |size| size.macs);
            report::unoptimized(&site.name, macs * samples);
            Outcome::Complete(Box::new(Product { vgf, emitted, body, samples: read, lock }))
        }
        Err(errors) => {
            diagnostics.extend(errors);
            Outcome::Interface(declare(site, &network))
        }
    }
}

/// What each rule decides about, after the passes; `None` where the rules do not tell how anything is quantized.
fn decide(site: &Site, graph: &mut Graph, recipe: &mut Recipe, diagnostics: &mut Diagnostics) -> Option<Annotation> {
    let mut wrong_rules = Diagnostics::default();
    recipe.complete_types(graph, &mut wrong_rules);
    let imported = Known::new(graph);
    let before = report::Decisions::new(graph, &annotate(graph, recipe), recipe);
    passes::run(graph, recipe);
    recipe.check(&imported, graph, &mut wrong_rules);
    let annotation = annotate(graph, recipe);
    // What a misspelt rule was for would be reported as left in float, or as what cannot be lowered.
    let are_rules_known = site.is_complete && !wrong_rules.has_errors();
    let is_anything_quantized = !annotation.observers.is_empty();
    if are_rules_known && is_anything_quantized {
        diagnostics.extend(report::float_operators(graph, &annotation, recipe));
        diagnostics.extend(report::shadowed_rules(&site.attr, recipe, &before, (graph, &annotation)));
    } else if are_rules_known {
        let advice = site.spelling("global = int8", ".global(Config::int8())");
        diagnostics.error(ArgPath::Attribute, format!("no rule quantizes anything: write `{advice}`"));
    }
    diagnostics.extend(wrong_rules);
    (are_rules_known && is_anything_quantized).then_some(annotation)
}

/// The parameters of a network, and what finding them has shown.
struct Parameters {
    params: Params,
    warnings: Vec<schema::Warning>,
    /// How many samples were computed.
    samples: u64,
    /// SHA-256 of the files that they were read from, by path as shown.
    read: Vec<(String, String)>,
}

/// From the samples or the entry of the lock file; without either the model brings them.
fn parameters(
    graph: &Graph,
    annotation: &Annotation,
    dataset: Option<Dataset>,
    entry: Option<&schema::Entry>,
) -> Result<Parameters, (ArgPath, String)> {
    let (mut warnings, mut samples, mut read) = (Vec::new(), 0, Vec::new());
    let params = match (dataset, entry) {
        (Some(mut dataset), _) => {
            let calibrated =
                observe(graph, annotation, &mut dataset).map_err(|message| (ArgPath::Calibration, message))?;
            warnings = report::samples(graph, annotation, &calibrated);
            samples = calibrated.samples;
            read = dataset.hashes();
            calibrated.params
        }
        (None, Some(entry)) => {
            lock::params(entry, graph, annotation).map_err(|message| (ArgPath::Attribute, message))?
        }
        (None, None) => calibrate::given(graph, annotation),
    };
    Ok(Parameters { params, warnings, samples, read })
}

/// What the network is for a device and for people.
struct Program {
    vgf: Vec<u8>,
    emitted: emit::Emitted,
    body: Body,
    warnings: Diagnostics,
}

/// The stages behind quantization: once the file is written, only what is in it counts.
fn program(
    site: &Site,
    network: &QuantGraph,
    (annotation, params, recipe): (&Annotation, &Params, &Recipe),
) -> Result<Program, Diagnostics> {
    let of_model = |message: String| {
        let mut diagnostics = Diagnostics::default();
        diagnostics.error(ArgPath::Model, message);
        diagnostics
    };
    let written = write_vgf(network, site.attr.profile.unwrap_or_default());
    let (valid, image) = written.map_err(|errors| of_model(errors.join("\n")))?;
    let decoded = Vgf::new(image.as_bytes()).and_then(|file| file.graph());
    let decoded = decoded.expect("quantize-build writes files that quantize-runtime reads");
    let interface = interface(site, network);
    let mut faults = sensor::check_content(&interface);
    faults.extend(contradictions(&site.attr));
    if faults.has_errors() {
        return Err(faults);
    }
    let plan = plan::plan_within(&decoded, cost::most_arena_bytes(&site.attr, &interface)).map_err(of_model)?;
    let file = image.as_bytes();
    let image = |choice| emit::Image::new(choice, file, &decoded, valid.labels(), &plan);
    let packed = image((Embed::Constants, Layout::Packed));
    let image = image((interface.embed, interface.layout));
    let expected = self_test::expected(&decoded, plan.macs);
    let expected = expected.as_deref();
    let program = emit::Program { file, image: &image, expected, graph: &decoded, labels: valid.labels(), plan: &plan };
    let exceeded = cost::check(&site.attr, &interface, program);
    if exceeded.has_errors() {
        return Err(exceeded);
    }
    let emitted = emit::emit(&interface, program, &format!("{}.vgf", site.stem));
    let flash = cost::flash(&interface, [&image, &packed], file);
    let body = manifest::body(network, annotation, params, recipe, &plan, (&decoded, valid.labels()), flash);
    Ok(Program { vgf: file.to_vec(), emitted, body, warnings: faults })
}

/// An error where the attribute asks for a file that its layout leaves out.
fn contradictions(attr: &Attr) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let chosen = (attr.embed.as_ref().map(|embed| embed.value), attr.layout.as_ref().map(|layout| layout.value));
    if chosen == (Some(Embed::Vgf), Some(Layout::Packed)) {
        let message = "`layout = packed` leaves the VGF file out of the program, which `embed = vgf` puts there; remove one of them";
        diagnostics.error(ArgPath::Layout, message);
    }
    diagnostics
}

/// The network with scale 1 for every tensor: all that does not depend on samples is as it will be.
fn trial(graph: Graph, annotation: &Annotation) -> QuantGraph {
    let params = match graph.is_quantized() {
        true => calibrate::given(&graph, annotation),
        false => calibrate::unseen(annotation),
    };
    quantize(graph, annotation, &params)
}

/// Code with the interface of the network and no program.
fn declare(site: &Site, network: &QuantGraph) -> emit::Emitted {
    emit::declare(&interface(site, network))
}

fn cannot_read(shown: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("`{shown}` does not exist; paths start at the folder of Cargo.toml"),
        _ => format!("cannot read `{shown}`: {error}"),
    }
}

/// The network; the error has its inputs and outputs, where the file tells these.
fn import(attr: &Attr, sources: &Sources, diagnostics: &mut Diagnostics) -> Result<Graph, Option<Graph>> {
    let shown = &attr.model.value;
    let model = match &sources.model {
        Ok(model) => model,
        Err(error) => {
            diagnostics.error(ArgPath::Model, cannot_read(shown, error));
            return Err(None);
        }
    };
    let shapes = attr.shapes.iter().map(|(input, dims)| (input.clone(), dims.value.clone())).collect();
    match frontend::import(model, &shapes) {
        Ok(import) => {
            import.warnings.into_iter().for_each(|warning| diagnostics.warning(ArgPath::Model, warning));
            Ok(import.graph)
        }
        Err(failure) => {
            failure.problems.into_iter().for_each(|problem| diagnostics.error(problem.at, problem.message));
            Err(failure.ends)
        }
    }
}

/// Opens the samples of every input; reports all files that do not fit.
fn open_samples(site: &Site, graph: &Graph, sources: &Sources, diagnostics: &mut Diagnostics) -> Option<Dataset> {
    let names: Vec<&str> = graph.inputs.iter().map(|&id| graph.value(id).name.as_str()).collect();
    if sources.samples.is_empty() {
        // What could not be read may have named them.
        if site.is_complete {
            let message = site.spelling(
                "`#[quantize]` names no samples; add `calibration = \"models/….npy\"`",
                "the model has no samples; add `.calibration(\"models/….npy\")`",
            );
            diagnostics.error(ArgPath::Attribute, message);
        }
        return None;
    }
    let mut problems = Diagnostics::default();
    let dataset = match_samples(site, &names, graph, sources, &mut problems);
    diagnostics.extend(problems);
    dataset
}

fn match_samples(
    site: &Site,
    names: &[&str],
    graph: &Graph,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Dataset> {
    let is_named = sources.samples.iter().any(|sample| sample.input.is_some());
    if names.len() > 1 && !is_named {
        let argument = names.iter().map(|name| format!("{name} = \"….npy\"")).collect::<Vec<_>>().join(", ");
        let argument = format!("calibration({argument})");
        let call = names.iter().map(|name| format!(".calibration_of({name:?}, \"….npy\")")).collect::<String>();
        let message = format!("the model has {} inputs: write `{}`", names.len(), site.spelling(&argument, &call));
        diagnostics.error(ArgPath::Calibration, message);
        return None;
    }
    for sample in &sources.samples {
        if let Some(input) = &sample.input
            && !names.contains(&input.as_str())
        {
            let message = format!("the model has no input `{input}`; {}", suggestion(input, names, "its inputs are"));
            diagnostics.error(sample.at.clone(), message);
        }
    }
    // One that is misspelt is for an input without samples.
    let is_misspelt = diagnostics.has_errors();
    let mut inputs = Vec::new();
    for &id in &graph.inputs {
        let (value, kind) = (graph.value(id), graph.kinds(&[id]).remove(0));
        let is_for = |sample: &&SampleFile| sample.input.as_ref().is_none_or(|input| *input == value.name);
        let files: Vec<&SampleFile> = sources.samples.iter().filter(is_for).collect();
        if files.is_empty() && !is_misspelt {
            diagnostics.error(ArgPath::Calibration, format!("no samples for the model's input `{}`", value.name));
        }
        for file in files.iter().filter(|file| file.error.is_none()) {
            match dataset::Input::open(&value.name, &kind, &[(file.shown.clone(), &file.path)]) {
                Ok(_) => {}
                Err(message) => diagnostics.error(file.at.clone(), message),
            }
        }
        let paths: Vec<(String, &Path)> = files.iter().map(|file| (file.shown.clone(), file.path.as_path())).collect();
        inputs.extend(dataset::Input::open(&value.name, &kind, &paths));
    }
    if diagnostics.has_errors() || !sources.has_samples() {
        return None;
    }
    Dataset::new(inputs).map_err(|message| diagnostics.error(ArgPath::Calibration, message)).ok()
}

fn write_vgf(network: &QuantGraph, profile: Profile) -> Result<(tosa::Valid, vgf::VgfImage), Vec<String>> {
    let valid = tosa::validate(tosa::rewrite(&lower::lower(network, profile)?))?;
    let image = vgf::write(&valid);
    Ok((valid, image))
}

/// Names, shapes and parameters of inputs and outputs.
fn interface(site: &Site, network: &QuantGraph) -> emit::Interface {
    let graph = &network.graph;
    let port = |name: &str, id: ValueId, params: Option<QuantParams>| {
        let value = graph.value(id);
        let params = params.filter(|_| site.attr.profile != Some(Profile::Full));
        let content = match (value.element, params) {
            (Element::F32, Some(QuantParams { dtype, scale, zero_point, qmin, .. })) => {
                emit::Content::Quantized(emit::Codes { dtype, scale, zero_point, min: qmin })
            }
            (Element::F32, None) => emit::Content::Real,
            (Element::I64, _) => emit::Content::Integers,
            (Element::Bool, _) => emit::Content::Truths,
        };
        let shape = lower::with_dimensions(&value.shape).to_vec();
        emit::PortInfo { name: name.to_owned(), shape, content, sensor: None }
    };
    let inputs = graph.inputs.iter().map(|&id| {
        let name = &graph.value(id).name;
        let sensor = site.attr.sensors.iter().find(|sensor| sensor.input.value == *name).cloned();
        emit::PortInfo { sensor, ..port(name, id, network.stored[id.0 as usize]) }
    });
    let outputs = graph.outputs.iter().zip(&network.returned);
    let layout = site.attr.layout.as_ref().map_or(Layout::default(), |layout| layout.value);
    emit::Interface {
        struct_name: site.name.clone(),
        model_path: site.attr.model.value.clone(),
        // A build script does not know the path, which is written where its model is included.
        runtime: match site.attr.runtime.is_some() || site.is_of_build_script() {
            true => format!("super::{RUNTIME_ALIAS}{}", site.name),
            false => emit::RUNTIME.to_owned(),
        },
        embed: match (&site.attr.embed, layout) {
            (Some(embed), _) => embed.value,
            (None, Layout::Canonical) => Embed::default(),
            (None, Layout::Packed) => Embed::Constants,
        },
        layout,
        inputs: inputs.collect(),
        outputs: outputs.map(|(output, &params)| port(&output.name, output.value, params)).collect(),
    }
}
