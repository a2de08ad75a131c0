//! Findings of the build script on their way to the compiler's output, and the wording they share.

use serde::{Deserialize, Serialize};

use crate::path::ArgPath;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The crate must not compile.
    Error,
    /// The program works, perhaps not as meant.
    Warning,
}

/// Something the user should know, at the argument that caused it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// The argument that caused it.
    pub at: ArgPath,
    /// One line, then details on further lines; lower case, no final stop.
    pub message: String,
}

/// Collects what the stages find, in order.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds an error.
    pub fn error(&mut self, at: ArgPath, message: impl Into<String>) {
        self.0.push(Diagnostic { level: Level::Error, at, message: message.into() });
    }

    /// Adds a warning.
    pub fn warning(&mut self, at: ArgPath, message: impl Into<String>) {
        self.0.push(Diagnostic { level: Level::Warning, at, message: message.into() });
    }

    /// Adds what was collected apart.
    pub fn extend(&mut self, others: Diagnostics) {
        self.0.extend(others.0);
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.level == Level::Error)
    }

    /// All of them, in the order they were found.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }
}

/// The candidates most like `word`, best first, at most three; none when all are quite different.
///
/// Likeness is the edit distance regardless of case, at most half of the longer text; candidates that contain `word` as a whole
/// also count, and come last.
pub fn nearest(word: &str, candidates: &[impl AsRef<str>]) -> Vec<String> {
    let word = word.to_lowercase();
    let mut near: Vec<(usize, &str)> = Vec::new();
    for candidate in candidates.iter().map(AsRef::as_ref) {
        let lower = candidate.to_lowercase();
        let distance = edit_distance(&word, &lower);
        let like = distance <= word.chars().count().max(lower.chars().count()) / 2;
        if like || lower.contains(&word) {
            near.push((distance, candidate));
        }
    }
    near.sort();
    near.dedup();
    near.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one text into the other (optimal string alignment).
fn edit_distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let substitution = above[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut distance = substitution.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                distance = distance.min(before[j - 2] + 1);
            }
            row.push(distance);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[to.len()]
}

/// `` `a`, `b` or `c` ``
pub fn alternatives(words: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Asks for the nearest of `words`, or lists all when none is near.
pub fn suggestion(word: &str, words: &[impl AsRef<str>], all: &str) -> String {
    let near = nearest(word, words);
    match near.is_empty() {
        true => format!("{all} {}", alternatives(words).replace(" or ", " and ")),
        false => format!("did you mean {}?", alternatives(&near)),
    }
}

/// The first `at_most` items, then how many more there are: `a, b, c and 1 more`.
pub fn list(items: &[impl AsRef<str>], at_most: usize) -> String {
    let shown: Vec<&str> = items.iter().take(at_most).map(AsRef::as_ref).collect();
    match items.len().saturating_sub(at_most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_a_swap_as_one() {
        for (from, to, distance) in
            [("", "abc", 3), ("model", "modle", 1), ("int8", "int9", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edit_distance(from, to), distance, "{from} {to}");
        }
    }

    #[test]
    fn nearest_names_come_best_first() {
        let modules = ["blocks.0", "blocks.1", "blocks.10", "blocks.0.conv", "head", "blocks.2"];
        assert_eq!(nearest("block.1", &modules), ["blocks.1", "blocks.0", "blocks.10"]);
        assert_eq!(nearest("conv", &modules), ["blocks.0.conv"]);
        assert_eq!(nearest("none", &["int8", "None"]), ["None"]);
        assert!(nearest("tail_of_it", &modules).is_empty());
    }

    #[test]
    fn lists_say_how_many_are_left_out() {
        assert_eq!(list(&["a", "b"], 3), "a, b");
        assert_eq!(list(&["a", "b", "c", "d"], 3), "a, b, c and 1 more");
        assert_eq!(alternatives(&["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
