//! What a tool says, beside what it said when somebody last read that.

use std::fs;

use crate::repository;

/// Compares a text with a file of the repository but for the end of the last line; with `BLESS` in the environment writes it.
///
/// # Errors
///
/// Both texts, where they differ.
pub fn compare(file: &str, text: &str) -> Result<(), String> {
    let (path, text) = (repository(file), format!("{}\n", text.trim_end()));
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, text).expect("the file can be written");
        return Ok(());
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if text == expected { Ok(()) } else { Err(format!("{file}: expected\n{expected}\nfound\n{text}")) }
}
