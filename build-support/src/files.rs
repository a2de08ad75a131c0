//! The output folder: files are replaced as a whole, and used again only where they are what this program wrote.

use quantize_syntax::lock::{Key, VARIANTS, variants_to_toml};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Extension of what is being written.
const TEMPORARY: &str = "tmp";

/// Extension of a model's seal.
const SEAL: &str = "seal";

/// The files of a model.
#[derive(Default)]
pub(crate) struct Outputs {
    /// `<stem>.rs`; absent where errors leave nothing to write.
    pub(crate) code: Option<Vec<u8>>,
    /// `<stem>.lock`, for the lock file; absent where there are errors or nothing is calibrated.
    pub(crate) lock: Option<Vec<u8>>,
    /// `<stem>.toml`
    pub(crate) manifest: Vec<u8>,
    /// `<stem>.vgf`; absent where there are errors.
    pub(crate) vgf: Option<Vec<u8>>,
}

impl Outputs {
    fn by_extension(&self) -> [(&'static str, Option<&[u8]>); 4] {
        let Self { code, lock, manifest, vgf } = self;
        [("rs", code.as_deref()), ("lock", lock.as_deref()), ("toml", Some(manifest)), ("vgf", vgf.as_deref())]
    }
}

/// `OUT_DIR/quantize`.
///
/// The files of a model have one stem, and a seal: hashes of all of them and of the program that wrote them. Whatever befalls
/// the folder (a build that is killed, a full disk, a cache of another version) the seal does not fit, and they are made anew.
pub(crate) struct Folder {
    path: PathBuf,
    /// [`fingerprint`] of this program. While our own sources change the version does not: what another program wrote is not trusted.
    program: String,
}

impl Folder {
    /// Makes the folder where it is missing, and removes what a killed build left half written.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path).map_err(|error| at(path, &error))?;
        for file in files(path)? {
            if file.extension().is_some_and(|extension| extension == TEMPORARY) {
                remove(&file)?;
            }
        }
        Ok(Self { path: path.to_owned(), program: fingerprint(&fs::read(std::env::current_exe()?)?) })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Replaces all files of a model; those that it has no more go.
    pub(crate) fn write(&self, stem: &str, outputs: &Outputs) -> io::Result<()> {
        for (extension, content) in outputs.by_extension() {
            let path = self.path(&format!("{stem}.{extension}"));
            match content {
                Some(content) => replace(&path, content)?,
                None => remove(&path)?,
            }
        }
        replace(&self.path(&format!("{stem}.{SEAL}")), self.seal(outputs).as_bytes())
    }

    /// The files of a model if they are what this program wrote.
    pub(crate) fn read(&self, stem: &str) -> Option<Outputs> {
        let file = |extension: &str| fs::read(self.path(&format!("{stem}.{extension}"))).ok();
        let outputs = Outputs { code: file("rs"), lock: file("lock"), manifest: file("toml")?, vgf: file("vgf") };
        (file(SEAL)? == self.seal(&outputs).as_bytes()).then_some(outputs)
    }

    fn seal(&self, outputs: &Outputs) -> String {
        let hash = |(extension, content)| Some(format!("{extension} {}\n", hex(&Sha256::digest(content?))));
        let hashes: String = outputs.by_extension().into_iter().filter_map(hash).collect();
        format!("program {}\n{hashes}", self.program)
    }

    /// Notes which models any build of the same sources may have.
    pub(crate) fn write_variants(&self, variants: &[Key]) -> io::Result<()> {
        replace(&self.path(VARIANTS), variants_to_toml(variants).as_bytes())
    }

    /// Removes what other attributes left, files of other stems; the rest, sorted, is not newer than the newest of `sources`.
    ///
    /// Cargo takes what is newer than the start of the build script for a change. Files with a time before that can be watched,
    /// so that the next build repairs what something else does to them.
    pub(crate) fn finish(&self, stems: &[&str], sources: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
        let program = std::env::current_exe()?;
        let times = sources.iter().chain([&program]).filter_map(|file| fs::metadata(file).ok()?.modified().ok());
        let newest = times.max().unwrap_or(SystemTime::UNIX_EPOCH);
        let mut kept = Vec::new();
        for file in files(&self.path)? {
            let is_of_model = file.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stems.contains(&stem));
            if !is_of_model && file != self.path(VARIANTS) {
                remove(&file)?;
                continue;
            }
            if fs::metadata(&file)?.modified()? > newest {
                File::options().write(true).open(&file)?.set_modified(newest)?;
            }
            kept.push(file);
        }
        kept.sort();
        Ok(kept)
    }
}

/// What is wrong with a file that begins like this: it may be what Git LFS leaves in place of one that was not fetched.
pub(crate) fn pointer(shown: &str, start: &[u8]) -> Option<String> {
    start
        .starts_with(b"version https://git-lfs.github.com/spec/")
        .then(|| format!("`{shown}` is a pointer of Git LFS in place of the file; run `git lfs pull`"))
}

/// The file has this content afterwards, or what it had before: never a part. An equal file is left as it is.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    // Cargo runs one build script in a folder at a time, but not where the file system has no locks: then another may be writing
    // the same file, and take ours for one that a killed build left.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.{TEMPORARY}", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = loop {
        let written = write_through(&temporary, content).and_then(|()| fs::rename(&temporary, path));
        if written.as_ref().err().is_none_or(|error| error.kind() != io::ErrorKind::NotFound) {
            break written;
        }
    };
    written.map_err(|error| {
        // The disk may be full because of it; that it may be left is no further error.
        _ = fs::remove_file(&temporary);
        at(path, &error)
    })
}

/// A full disk may show no earlier than at the end; and the name must not reach the disk before the content.
fn write_through(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Removes the file where there is one.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path, &error)),
        _ => Ok(()),
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}

/// SHA-256 of a file, as hexadecimal text.
pub(crate) fn hash_file(path: &Path) -> io::Result<String> {
    let mut file = Hashing::new(File::open(path)?);
    io::copy(&mut file, &mut io::sink())?;
    Ok(file.hash())
}

/// Hashes what is read.
#[derive(Debug)]
pub(crate) struct Hashing<R> {
    inner: R,
    hasher: Sha256,
}

impl<R> Hashing<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, hasher: Sha256::new() }
    }

    /// SHA-256 of all that was read.
    pub(crate) fn hash(self) -> String {
        hex(&self.hasher.finalize())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}

/// What tells programs apart: a hash of words of 8 bytes, each of which changes all later states.
///
/// SHA-256 of a build script, which is some 30 MB large and mostly not optimized, would take more time than all the rest of a build
/// from the lock file.
fn fingerprint(program: &[u8]) -> String {
    let (words, rest) = program.as_chunks::<8>();
    let mut hash: u64 = 0;
    // The multiplier is 2^64 divided by the golden ratio; the rotation brings high bits, which it only moves up, down again.
    let mut add = |word: u64| hash = (hash.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for word in words {
        add(u64::from_le_bytes(*word));
    }
    rest.iter().for_each(|byte| add((*byte).into()));
    format!("{hash:016x} of {} bytes", program.len())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs() -> Outputs {
        Outputs { code: Some(b"code".to_vec()), manifest: b"manifest".to_vec(), ..Outputs::default() }
    }

    /// A new folder with the files of a model.
    fn written(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("quantize-files-{}-{name}", std::process::id()));
        let folder = Folder::open(&path).expect("temporary folder");
        folder.write("Net", &outputs()).expect("temporary files");
        folder
    }

    #[test]
    fn nothing_but_what_was_written_is_read() {
        let folder = written("seal");
        let check = |file: &str, content: &str, is_read: bool| {
            fs::write(folder.path(file), content).expect("temporary file");
            assert_eq!(folder.read("Net").is_some(), is_read, "{file}: {content}");
        };
        check("Net.rs", "code", true);
        check("Net.rs", "cod", false);
        check("Net.rs", "code", true);
        check("Net.vgf", "", false);
        let other = Folder { program: "another".to_owned(), path: folder.path.clone() };
        other.write("Net", &outputs()).expect("temporary files");
        assert!(other.read("Net").is_some() && folder.read("Net").is_none());
        fs::remove_dir_all(&folder.path).expect("temporary folder");
    }

    #[test]
    fn each_change_of_a_program_changes_its_fingerprint() {
        let program = *b"of two words and a rest";
        let changed = |bits: &[(usize, u8)]| {
            let mut program = program;
            bits.iter().for_each(|&(at, bit)| program[at] ^= bit);
            fingerprint(&program)
        };
        // The highest bits of two words, which a multiplication alone would let cancel each other.
        for bits in [&[][..], &[(3, 1)], &[(7, 0x80)], &[(7, 0x80), (15, 0x80)], &[(22, 1)]] {
            assert_eq!(changed(bits) == fingerprint(&program), bits.is_empty(), "{bits:?}");
        }
        assert_ne!(fingerprint(&program[..22]), fingerprint(&program));
    }

    #[test]
    fn what_a_killed_build_left_and_files_of_others_go() {
        let folder = written("left");
        folder.write("Old", &outputs()).expect("temporary files");
        fs::write(folder.path("Net.vgf.7.tmp"), "half").expect("temporary file");
        let folder = Folder::open(&folder.path).expect("temporary folder");
        assert!(!folder.path("Net.vgf.7.tmp").exists());
        let kept = folder.finish(&["Net"], &[]).expect("temporary folder");
        assert_eq!(kept, ["Net.rs", "Net.seal", "Net.toml"].map(|name| folder.path(name)));
        assert!(!folder.path("Old.rs").exists());
        fs::remove_dir_all(&folder.path).expect("temporary folder");
    }

    #[test]
    fn what_was_just_written_gets_the_time_of_its_newest_source() {
        let folder = written("times");
        let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).expect("a file with a time");
        folder.finish(&["Net"], &[]).expect("temporary folder");
        assert_eq!(modified(&folder.path("Net.rs")), modified(&std::env::current_exe().expect("a test")));
        fs::remove_dir_all(&folder.path).expect("temporary folder");
    }
}
