//! The output folder: files are replaced as a whole, and only when their content changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// `OUT_DIR/quantize`.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder where it is missing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self { path: path.to_owned() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The file has this content afterwards, or what it had before: never a part. An equal file is left as it is.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let is_same = fs::read(self.path(name)).is_ok_and(|old| old == content);
        if is_same { Ok(()) } else { self.replace(name, content) }
    }

    /// As [`Folder::write`], but the file's time is new even where its content is not.
    pub(crate) fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        // Another build of the same package can write at the same time: a name of our own until the rename.
        let temporary = self.path(&format!("{name}.{}.tmp", std::process::id()));
        fs::write(&temporary, content)?;
        fs::rename(&temporary, self.path(name))
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what other attributes left: files whose name without extension is not in `stems`.
    pub(crate) fn remove_others(&self, stems: &[&str]) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let is_kept = path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stems.contains(&stem));
            let is_temporary = path.extension().is_some_and(|extension| extension == "tmp");
            if !is_kept && !is_temporary {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}
