//! The ZIP archive of `torch.export.save`: which layout it has, and its entries as slices of the file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::ops::Range;
use zip::{CompressionMethod, ZipArchive};

/// An archive of the layout that torch 2.9 and later write.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Folder that holds everything, with its slash; empty or named after the file.
    root: String,
    /// Name of the only model in it.
    model: String,
    /// Entries that were checked, and where they are.
    checked: BTreeMap<String, Range<usize>>,
}

/// What to do about an archive of another layout.
const EXPORT_AGAIN: &str =
    "export the model again with torch 2.9 or later: `torch.export.save(program, \"model.pt2\")`";

impl<'a> Archive<'a> {
    /// Opens an archive.
    ///
    /// # Errors
    ///
    /// What is wrong with it; for layouts that are not read, which version of torch writes them.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let zip =
            ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("is no readable ZIP archive: {error}"))?;
        let names: Result<Vec<_>, _> = zip.file_names().map(|name| name.map(Cow::into_owned)).collect();
        let names = names.map_err(|error| format!("has an entry without a name: {error}"))?;
        let root = |entry: &str| names.iter().find_map(|name| folder_before(name, entry)).map(str::to_owned);
        if root("serialized_exported_program.json").is_some() {
            return Err(format!("was saved by torch 2.7 or earlier, with pickled weights: {EXPORT_AGAIN}"));
        }
        let Some(root) = root("archive_format") else {
            if root("data.pkl").is_some() {
                return Err("holds pickled Python objects (`torch.save` or TorchScript), no exported program: \
                            export the model with `torch.export.save(torch.export.export(model, args), \"model.pt2\")`"
                    .to_owned());
            }
            return Err("is a ZIP archive, but no exported program".to_owned());
        };
        let folder = format!("{root}models/");
        let models: Vec<String> = names
            .iter()
            .filter_map(|name| name.strip_prefix(&folder)?.strip_suffix(".json"))
            .map(str::to_owned)
            .collect();
        let mut archive = Self { bytes, zip, root, model: String::new(), checked: BTreeMap::new() };
        let format = archive.text("archive_format")?;
        if format != "pt2" {
            return Err(format!("has archive format {format:?}; the supported one is \"pt2\""));
        }
        let version = if archive.has("archive_version") { archive.text("archive_version")? } else { "0" };
        if version != "0" {
            return Err(format!("has archive version {version:?}; the supported one is \"0\": {EXPORT_AGAIN}"));
        }
        if archive.has("byteorder") && archive.text("byteorder")? != "little" {
            return Err("was saved on a machine with big-endian numbers".to_owned());
        }
        archive.model = match <[String; 1]>::try_from(models) {
            Ok([model]) => model,
            Err(models) if models.is_empty() => {
                return Err("has no model; compiled packages of AOTInductor cannot be imported".to_owned());
            }
            Err(models) => {
                let models = quantize_syntax::diagnostic::list(&models, 8);
                return Err(format!("has several models ({models}); save one to a file"));
            }
        };
        if !archive.has(&archive.weights_config()) {
            return Err(format!("was saved by torch 2.8, with pickled weights: {EXPORT_AGAIN}"));
        }
        Ok(archive)
    }

    /// The program as JSON.
    pub(super) fn program(&mut self) -> Result<&'a [u8], String> {
        self.entry(&format!("models/{}.json", self.model))
    }

    /// The table of parameters and persistent buffers.
    pub(super) fn weights(&mut self) -> Result<&'a [u8], String> {
        self.entry(&self.weights_config())
    }

    fn weights_config(&self) -> String {
        format!("data/weights/{}_weights_config.json", self.model)
    }

    /// The table of constants and other buffers.
    pub(super) fn constants(&mut self) -> Result<&'a [u8], String> {
        self.entry(&format!("data/constants/{}_constants_config.json", self.model))
    }

    fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{}{name}", self.root)).is_some()
    }

    /// The bytes of an entry, whose checksum is right.
    pub(super) fn entry(&mut self, name: &str) -> Result<&'a [u8], String> {
        if let Some(range) = self.checked.get(name) {
            return Ok(&self.bytes[range.clone()]);
        }
        let broken = |error: &dyn std::fmt::Display| format!("has no readable entry `{name}`: {error}");
        let mut file = self.zip.by_name(&format!("{}{name}", self.root)).map_err(|error| broken(&error))?;
        if file.compression() != CompressionMethod::Stored {
            return Err(format!("has its entry `{name}` compressed; torch writes entries as they are: {EXPORT_AGAIN}"));
        }
        let start = file.data_start().ok_or_else(|| broken(&"it has no data"))?;
        let length = io::copy(&mut file, &mut io::sink()).map_err(|error| broken(&error))?;
        let range = usize::try_from(start).ok().zip(usize::try_from(length).ok());
        let range = range.and_then(|(start, length)| Some(start..start.checked_add(length)?));
        let range = range.filter(|range| range.end <= self.bytes.len()).ok_or_else(|| broken(&"it is cut off"))?;
        self.checked.insert(name.to_owned(), range.clone());
        Ok(&self.bytes[range])
    }

    fn text(&mut self, name: &str) -> Result<&'a str, String> {
        let bytes = self.entry(name)?;
        core::str::from_utf8(bytes).map(str::trim).map_err(|_| format!("has an entry `{name}` that is no text"))
    }
}

/// The folder of an entry: at the root of the archive, or in one folder of any name.
fn folder_before<'a>(name: &'a str, entry: &str) -> Option<&'a str> {
    let folder = name.strip_suffix(entry)?;
    (folder.is_empty() || folder.find('/') == Some(folder.len() - 1)).then_some(folder)
}
