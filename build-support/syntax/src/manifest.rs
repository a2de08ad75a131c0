//! `<Name>.toml`, which the build script leaves beside the generated code: names, schema, reading.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;

/// Version of the schema; a macro reads only its own.
pub const VERSION: u32 = 1;

/// Begins the name, ending with the struct's, by which generated code finds a runtime crate that `crate = …` names.
pub const RUNTIME_ALIAS: &str = "__quantize_runtime_";

/// Folder of the manifests and the generated code, inside `OUT_DIR`.
pub const FOLDER: &str = "quantize";

/// What stands for the source file of models that the build script names.
pub const BUILD_SCRIPT: &str = "build.rs";

/// All of a manifest: the head, which the macro reads, and the rest, which is for people and tools.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// What the macro reads.
    pub head: Head,
    /// What came out of calibration and planning.
    pub body: Body,
}

/// The tables before the first `[[tensor]]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// Canonical text of the attribute that the generated code is for, as written.
    pub attribute: String,
    /// The same with what quantize.toml adds: configurations instead of their names, and the arguments of a profile.
    #[serde(default)]
    pub effective: String,
    /// Rust file of the struct, relative to the crate's folder, see [`source_path`].
    pub source: String,
    /// File name of the generated Rust code beside the manifest; absent when there is none because of errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Further public types of the generated code, such as `KwsInputs`.
    #[serde(default)]
    pub exports: Vec<String>,
    /// Markdown for the struct's documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Where each argument of `effective` comes from, by its [`ArgPath`](crate::ArgPath).
    #[serde(default)]
    pub origin: BTreeMap<String, String>,
    /// What the generated code was made from.
    #[serde(default)]
    pub hashes: Hashes,
    /// What was found; any error is raised by the macro.
    #[serde(default, rename = "diagnostic", skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
}

/// Content hashes, as hexadecimal text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// Of the model file; absent when it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Of the build script's libraries.
    #[serde(default)]
    pub tool: String,
    /// Of each sample file, by its path in the attribute.
    #[serde(default)]
    pub calibration: BTreeMap<String, String>,
    /// Of the model's entry in the lock file; absent for a model that brings its own parameters, and when there are errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<String>,
}

/// The tables after the head.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// One for each observer of an activation.
    #[serde(default, rename = "tensor", skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<Tensor>,
    /// One for each quantized weight.
    #[serde(default, rename = "weight", skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<Tensor>,
    /// One for each rule of the attribute, the global one last.
    #[serde(default, rename = "rule", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Decided>,
    /// Sizes; absent when nothing was generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Parts of the program in flash; absent when nothing was generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flash: Option<Flash>,
}

/// What a rule decided about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The rule, as an [`ArgPath`](crate::ArgPath).
    pub argument: String,
    /// Names of its operators in execution order.
    pub nodes: Vec<String>,
    /// Names of its model inputs, then of its model outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<String>,
    /// Those of its operators that are quantized because it names them, although upstream's quantizer leaves them in float.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beyond_upstream: Vec<String>,
}

/// How one tensor is quantized.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// Name of the node that makes or holds it.
    pub node: String,
    /// Path of the module the node is in.
    pub module: String,
    /// The argument that decided, as an [`ArgPath`](crate::ArgPath): `global`, `io`, `module[0]`.
    pub rule: String,
    /// `int8`, `uint8` or `int16`.
    pub dtype: String,
    /// Extents in the exporter's order.
    pub shape: Vec<usize>,
    /// Axis that `scale` and `zero_point` run along; absent when they are one for the whole tensor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<usize>,
    /// Real value of one quantum. Each is an `f32` widened, so that the decimal text is exact.
    pub scale: Vec<f64>,
    /// Quantized value of the real 0, one for each scale.
    pub zero_point: Vec<i32>,
}

/// Sizes in bytes, and the work of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Bytes of the arena.
    pub arena: usize,
    /// Bytes of constants in the VGF.
    pub constants: usize,
    /// Bytes that any arena needs: the most that is live at one step. What a result can share with an operand over which it
    /// can be written counts once.
    pub lower_bound: usize,
    /// Multiply-accumulate operations of one run.
    pub macs: u64,
    /// Bytes of the VGF file.
    pub vgf: usize,
    /// The tensors that are live at the step that needs most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peak: Vec<Live>,
    /// What `budget(ram = …)` changes; absent where nothing has to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_turn: Option<InTurn>,
    /// Bytes of stack that a run takes at most on microcontrollers, by the set of kernels for them, in programs at opt-level 3 with
    /// LTO; empty where the network has a step of a kind that was not counted there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stack: BTreeMap<String, usize>,
}

/// Layers that are computed in turn, a row at a time, so that less of the tensors between them is in RAM. No row is computed
/// twice, so that the multiply-accumulates of a run stay the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InTurn {
    /// Operators that these layers are made from.
    pub layers: Vec<String>,
    /// Bytes by which the arena is smaller than without.
    pub saved: usize,
    /// Bytes that are moved in a run to make room for rows.
    pub moved: usize,
}

/// A tensor in the arena.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The model's name of an input, or that of the operator that makes it.
    pub tensor: String,
    /// Its size.
    pub bytes: usize,
}

/// Bytes of a model in flash, by part, as far as a build script can know them: machine code is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// The value of `embed`.
    pub embed: String,
    /// Bytes that it embeds.
    pub embedded: usize,
    /// Bytes with `embed = vgf`.
    pub vgf: usize,
    /// Bytes with `embed = constants`, which are those that the program reads.
    pub constants: usize,
    /// Bytes of further constants, which are made from those of the file when the program is compiled.
    pub copies: usize,
    /// Bytes of the tables of `from`.
    pub tables: usize,
    /// The value of `layout`.
    pub layout: String,
    /// Bytes with `layout = packed`, of embedded and further constants.
    pub packed: usize,
}

impl Manifest {
    /// Text of the file.
    #[cfg(feature = "write")]
    pub fn to_toml(&self) -> String {
        let head = toml::to_string(&self.head).expect("a head has string keys only");
        let body = toml::to_string(&self.body).expect("a body has string keys only");
        format!("{head}\n{body}")
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// A message, when the text is not a manifest of this [`VERSION`].
    pub fn parse(text: &str) -> Result<Manifest, String> {
        let head = Head::parse(text)?;
        let body = toml::from_str(text).map_err(|error| error.to_string())?;
        Ok(Manifest { head, body })
    }
}

impl Head {
    /// Reads the tables before the first table of the [`Body`]; what follows them may be megabytes and is not looked at.
    ///
    /// # Errors
    ///
    /// A message, when the text is not a manifest of this [`VERSION`].
    pub fn parse(text: &str) -> Result<Head, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let table = parse_head(text)?;
        let Version { version } = table.clone().try_into().map_err(|error| error.to_string())?;
        if version != VERSION {
            return Err(format!("it has version {version}, this is version {VERSION}"));
        }
        table.try_into().map_err(|error| error.to_string())
    }
}

/// The tables before the first of the body.
fn parse_head(text: &str) -> Result<toml::Table, String> {
    let starts_body = |line: &str| ["[[tensor]]", "[[weight]]", "[size]"].contains(&line.trim_end());
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        // A line inside a string of several lines may look like a table; a text cut there does not parse.
        if starts_body(line)
            && let Ok(table) = toml::from_str(&text[..end])
        {
            return Ok(table);
        }
        end += line.len();
    }
    toml::from_str(text).map_err(|error| error.to_string())
}

/// Path of a source file relative to the crate's folder, with `/` between the parts: the same text in macro and build script.
///
/// Both paths must be absolute or relative to the current folder. Links are followed where the file exists.
pub fn source_path(manifest_dir: &Path, file: &Path) -> String {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (folder, file) = (real(manifest_dir), real(file));
    let shared = folder.components().zip(file.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| "..".to_owned());
    let down = file.components().skip(shared).map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<String>>().join("/")
}

/// File names, without extension, for the generated files of structs given by name and [`source_path`].
///
/// A name of its own is kept; names shared by several structs (files of one program, or several programs of one crate) get
/// a hash of the path. Names that differ only in case count as shared, because some file systems take them as one.
pub fn stems(structs: &[(&str, &str)]) -> Vec<String> {
    let lower = |name: &str| name.to_lowercase();
    let shared = |name: &str| structs.iter().filter(|(other, _)| lower(other) == lower(name)).count() > 1;
    structs
        .iter()
        .map(|(name, source)| if shared(name) { hashed_stem(name, source) } else { (*name).to_owned() })
        .collect()
}

fn hashed_stem(name: &str, source: &str) -> String {
    // FNV-1a, 32 bits: equal on every host and version of Rust.
    let hash = format!("{source}\0{name}")
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{name}-{hash:08x}")
}

/// Finds the manifest of a struct among the build script's results: its file and text.
///
/// Without a `source` (some editors know none) a name of its own is enough.
pub fn find(folder: &Path, name: &str, source: Option<&str>) -> Option<(PathBuf, String)> {
    let read = |stem: String| {
        let file = folder.join(format!("{stem}.toml"));
        std::fs::read_to_string(&file).ok().map(|text| (file, text))
    };
    if let Some(source) = source
        && let Some(found) = read(hashed_stem(name, source))
    {
        return Some(found);
    }
    let (file, text) = read(name.to_owned())?;
    // A manifest that cannot be read is the struct's own as far as anyone can tell: its reader says what is wrong.
    let other = |head: Head| source.is_some_and(|source| head.source != source);
    if Head::parse(&text).is_ok_and(other) { None } else { Some((file, text)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::RuleList;
    use crate::path::SelectorKey;

    #[test]
    fn head_ends_before_the_body() {
        let text = "version = 1\nattribute = 'a'\nsource = 's'\ndocs = \"\"\"\nx\n[size]\ny\"\"\"\n[[tensor]]\nthis is not toml";
        let head = Head::parse(text).expect("a head");
        assert_eq!(head.docs.as_deref(), Some("x\n[size]\ny"));
    }

    #[test]
    fn another_version_is_named() {
        assert_eq!(Head::parse("version = 7\nelse = 1"), Err("it has version 7, this is version 1".to_owned()));
    }

    #[test]
    fn shared_names_get_a_hash_of_the_path() {
        let stems = stems(&[("Kws", "src/a.rs"), ("Eye", "src/a.rs"), ("kws", "src/b.rs")]);
        assert_eq!(stems[1], "Eye");
        assert!(stems[0].starts_with("Kws-") && stems[2].starts_with("kws-"), "{stems:?}");
        assert_eq!(stems[0], hashed_stem("Kws", "src/a.rs"));
    }

    #[test]
    fn source_paths_are_relative_to_the_crate() {
        let check =
            |file: &str, expected: &str| assert_eq!(source_path(Path::new("/no/crate"), Path::new(file)), expected);
        check("/no/crate/src/main.rs", "src/main.rs");
        check("/no/shared/net.rs", "../shared/net.rs");
    }

    #[cfg(feature = "write")]
    #[test]
    fn written_manifests_read_back() {
        use crate::{Diagnostics, path::ArgPath};

        let mut diagnostics = Diagnostics::default();
        diagnostics
            .error(ArgPath::Selector(RuleList::Module, 0, SelectorKey::Name), "no module `a`\n  did you mean `b`?");
        diagnostics.warning(ArgPath::Model, "\n[[tensor]]\n'\"");
        let tensor = Tensor {
            node: "conv".to_owned(),
            module: "blocks.0".to_owned(),
            rule: ArgPath::Global.to_string(),
            dtype: "int8".to_owned(),
            shape: vec![1, 3, 8, 8],
            axis: None,
            scale: vec![f64::from(0.1_f32)],
            zero_point: vec![-128],
        };
        let head = Head {
            version: VERSION,
            attribute: r#"profile_from = "m""#.to_owned(),
            effective: r#"model = "m""#.to_owned(),
            origin: BTreeMap::from([("model".to_owned(), "profile `m` of quantize.toml:3".to_owned())]),
            source: "src/main.rs".to_owned(),
            code: Some("Kws.rs".to_owned()),
            exports: vec!["KwsInputs".to_owned()],
            docs: Some("| a |\n|---|\n[[tensor]]\n".to_owned()),
            hashes: Hashes {
                model: Some("00".to_owned()),
                tool: "11".to_owned(),
                calibration: BTreeMap::from([("a.b/c.npy".to_owned(), "22".to_owned())]),
                parameters: Some("33".to_owned()),
            },
            diagnostics: diagnostics.into_vec(),
        };
        let weight = Tensor { axis: Some(0), scale: vec![0.5, 0.25], zero_point: vec![0, 0], ..tensor.clone() };
        let peak = vec![Live { tensor: "x".to_owned(), bytes: 16 }];
        let in_turn = Some(InTurn { layers: vec!["conv".to_owned(), "pool".to_owned()], saved: 48, moved: 96 });
        let stack = BTreeMap::from([("mve".to_owned(), 1024)]);
        let size = Size { arena: 16, constants: 32, lower_bound: 16, macs: 1 << 40, vgf: 64, peak, in_turn, stack };
        let flash = Flash {
            embed: "constants".to_owned(),
            embedded: 32,
            vgf: 64,
            constants: 32,
            copies: 8,
            tables: 256,
            layout: "canonical".to_owned(),
            packed: 40,
        };
        let rule = Decided {
            argument: "module[0]".to_owned(),
            nodes: vec!["relu".to_owned()],
            ends: vec!["x".to_owned()],
            beyond_upstream: Vec::new(),
        };
        let body = Body {
            rules: vec![rule],
            tensors: vec![tensor],
            weights: vec![weight],
            size: Some(size),
            flash: Some(flash),
        };
        let manifest = Manifest { head, body };
        let text = manifest.to_toml();
        assert_eq!(Manifest::parse(&text), Ok(manifest.clone()), "{text}");
        assert_eq!(Head::parse(&text), Ok(manifest.head), "{text}");
    }
}
