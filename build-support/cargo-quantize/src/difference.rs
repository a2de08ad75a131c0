//! Two versions of an entry → what differs, field by field, for people.

use quantize_syntax::diagnostic::list;
use quantize_syntax::lock::{Entry, Field, Model, Tensor, Weight};
use std::collections::BTreeMap;

/// How many tensors are shown.
const SHOWN: usize = 8;

/// A headline, then the differences.
pub(crate) fn lines(old: &Entry, new: &Model) -> Vec<String> {
    let mut lines = Vec::new();
    for change in old.model.inputs.changes(&new.inputs) {
        let name = match change.field {
            Field::Tool => "tool: ".to_owned(),
            Field::Model => format!("{}: sha256 ", new.inputs.model.file),
            Field::Sample(index) => format!("{}: sha256 ", new.inputs.samples[index].file),
            Field::Order => "arguments: ".to_owned(),
            Field::Argument(_) => String::new(),
        };
        lines.extend(change.old.map(|text| format!("- {name}{text}")));
        lines.extend(change.new.map(|text| format!("+ {name}{text}")));
    }
    let tensors =
        |model: &Model| by_name(model.tensors.iter().map(|tensor| (tensor.node.clone(), tensor_text(tensor))));
    lines.extend(parameters("tensors", &tensors(&old.model), &tensors(new)));
    let weights =
        |model: &Model| by_name(model.weights.iter().map(|weight| (weight.node.clone(), weight_text(weight))));
    lines.extend(parameters("weights", &weights(&old.model), &weights(new)));
    let warnings =
        |model: &Model| by_name(model.warnings.iter().map(|warning| (warning.at.to_string(), warning.message.clone())));
    lines.extend(parameters("warnings", &warnings(&old.model), &warnings(new)));
    let is_edited = old.checksum != old.model.checksum();
    let headline = match (lines.is_empty(), is_edited) {
        (true, false) if old.model == *new => "unchanged",
        (true, false) => "changed in the order of its lines",
        (true, true) => "changed in its checksum",
        (false, _) => "changed",
    };
    lines.insert(0, headline.to_owned());
    lines
}

fn tensor_text(tensor: &Tensor) -> String {
    format!("{}, scale {:?}, zero point {}", tensor.dtype, tensor.scale, tensor.zero_point)
}

fn weight_text(weight: &Weight) -> String {
    let scales: Vec<String> = weight.scale.iter().map(|scale| format!("{scale:?}")).collect();
    format!("scale {}", list(&scales, 4))
}

/// Texts by name; the second and further ones of a name get a number.
fn by_name(items: impl Iterator<Item = (String, String)>) -> BTreeMap<(String, usize), String> {
    let mut named: BTreeMap<(String, usize), String> = BTreeMap::new();
    for (name, text) in items {
        let number = named.keys().filter(|(other, _)| *other == name).count();
        named.insert((name, number), text);
    }
    named
}

/// The differences of a list, the first few in full.
fn parameters(
    what: &str,
    old: &BTreeMap<(String, usize), String>,
    new: &BTreeMap<(String, usize), String>,
) -> Vec<String> {
    let mut changes = Vec::new();
    for (key, text) in old.iter().filter(|(key, text)| new.get(*key) != Some(*text)) {
        changes.push(match new.get(key) {
            Some(now) => format!("  `{}`: {text} → {now}", key.0),
            None => format!("  `{}`: {text} → nothing", key.0),
        });
    }
    let added = new.iter().filter(|(key, _)| !old.contains_key(*key));
    changes.extend(added.map(|(key, text)| format!("  `{}`: nothing → {text}", key.0)));
    if changes.is_empty() {
        return changes;
    }
    let mut lines = vec![format!("{what}: {} of {} changed", changes.len(), old.len().max(new.len()))];
    let more = changes.len().saturating_sub(SHOWN);
    lines.extend(changes.into_iter().take(SHOWN));
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use quantize_syntax::lock::{File, Inputs, Key, parse, to_toml};

    fn model(scales: &[f32], global: &str) -> Model {
        let tensor = |(index, &scale): (usize, &f32)| Tensor {
            node: format!("t{index}"),
            dtype: "int8".to_owned(),
            scale,
            zero_point: 0,
        };
        Model {
            key: Key { name: "Net".to_owned(), source: "src/lib.rs".to_owned(), when: None },
            inputs: Inputs {
                tool: "tool 1".to_owned(),
                configuration: vec![global.to_owned()],
                model: File { file: "m.onnx".to_owned(), sha256: "00".to_owned() },
                samples: Vec::new(),
            },
            tensors: scales.iter().enumerate().map(tensor).collect(),
            weights: vec![Weight { node: "fc".to_owned(), scale: vec![0.5; 6] }],
            warnings: Vec::new(),
        }
    }

    fn check(old: &str, new: &Model, expected: &[&str]) {
        let old = parse(old).expect("a sound file").remove(0);
        assert_eq!(lines(&old, new), expected);
    }

    #[test]
    fn each_field_is_shown_before_and_after() {
        let old = to_toml([&model(&[0.5, 1.0], "global = int8")]);
        let mut new = model(&[0.25, 1.0, 2.0], "global = a16w8");
        new.inputs.model.sha256 = "11".to_owned();
        new.weights.clear();
        check(
            &old,
            &new,
            &[
                "changed",
                "- global = int8",
                "+ global = a16w8",
                "- m.onnx: sha256 00",
                "+ m.onnx: sha256 11",
                "tensors: 2 of 3 changed",
                "  `t0`: int8, scale 0.5, zero point 0 → int8, scale 0.25, zero point 0",
                "  `t2`: nothing → int8, scale 2.0, zero point 0",
                "weights: 1 of 1 changed",
                "  `fc`: scale 0.5, 0.5, 0.5, 0.5 and 2 more → nothing",
            ],
        );
    }

    #[test]
    fn many_changes_are_counted() {
        let old = to_toml([&model(&[0.5; 10], "global = int8")]);
        let new = model(&[0.25; 10], "global = int8");
        let shown = lines(&parse(&old).expect("a sound file")[0], &new);
        assert_eq!(shown.len(), 1 + 1 + SHOWN + 1);
        assert_eq!(shown.last().map(String::as_str), Some("  and 2 more"));
    }

    #[test]
    fn what_is_equal_is_unchanged() {
        let model = model(&[0.5], "global = int8");
        let text = to_toml([&model]);
        check(&text, &model, &["unchanged"]);
        let edited = text.replace(&model.checksum(), "0000");
        check(&edited, &model, &["changed in its checksum"]);
    }
}
