//! Where the reference material is.

use std::path::{Path, PathBuf};

/// A folder of the reference material: in `QUANTIZE_SHARED`, or in `shared` beside the repository.
///
/// `None`, after a word about it, where that is absent; with `CI=true` it has to be there.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("QUANTIZE_SHARED").map_or_else(beside, PathBuf::from).join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{} is missing", folder.display());
    println!("skipped: {} is missing", folder.display());
    None
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
