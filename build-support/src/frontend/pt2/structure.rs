//! Names for the leaves of what a model returns, from torch's description of its structure.

use super::schema::NamedTuple;
use serde_json::Value;
use std::collections::BTreeMap;

/// A name for each leaf: keys and field names on the way to it and the places in lists between them, joined by `_`. `None` for
/// leaves without a key on their way.
///
/// `spec` is a tree of `{type, context, children_spec}` as JSON, leaves without a type. Anything else gives no names.
pub(super) fn leaf_names(spec: &str, fields: &BTreeMap<String, NamedTuple>) -> Vec<Option<String>> {
    let mut names = Vec::new();
    if let Ok(Value::Array(spec)) = serde_json::from_str(spec)
        && let [_, tree] = spec.as_slice()
    {
        walk(tree, fields, &mut Vec::new(), false, &mut names);
    }
    names
}

fn walk(
    tree: &Value,
    fields: &BTreeMap<String, NamedTuple>,
    path: &mut Vec<String>,
    is_named: bool,
    names: &mut Vec<Option<String>>,
) {
    let children = tree["children_spec"].as_array().map_or(&[][..], Vec::as_slice);
    if tree["type"].is_null() {
        names.push(is_named.then(|| path.join("_")));
        return;
    }
    let keys = keys(tree, fields).filter(|keys| keys.len() == children.len());
    for (index, child) in children.iter().enumerate() {
        path.push(keys.as_ref().map_or_else(|| index.to_string(), |keys| keys[index].clone()));
        walk(child, fields, path, is_named || keys.is_some(), names);
        path.pop();
    }
}

/// Keys of a dictionary, fields of a data class or named tuple; `None` for lists and tuples.
fn keys(tree: &Value, fields: &BTreeMap<String, NamedTuple>) -> Option<Vec<String>> {
    let context: Value = serde_json::from_str(tree["context"].as_str()?).ok()?;
    let named = [tree["type"].as_str(), context.as_str()].into_iter().flatten().find_map(|name| fields.get(name));
    if let Some(named) = named {
        return Some(named.field_names.clone());
    }
    // A data class has two lists: fields with a value, and fields that are None.
    let list = context.as_array()?;
    let list = list.first().and_then(Value::as_array).unwrap_or(list);
    let key = |key: &Value| match key {
        Value::String(key) => Some(key.clone()),
        Value::Number(key) => Some(key.to_string()),
        _ => None,
    };
    list.iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: &str = r#"{"type": null, "context": null, "children_spec": []}"#;

    fn check(tree: &str, expected: &[Option<&str>]) {
        let fields =
            BTreeMap::from([("my.Point".to_owned(), NamedTuple { field_names: vec!["x".into(), "y".into()] })]);
        let spec = format!("[1, {}]", tree.replace("LEAF", LEAF));
        let names = leaf_names(&spec, &fields);
        assert_eq!(names.iter().map(Option::as_deref).collect::<Vec<_>>(), expected, "{tree}");
    }

    #[test]
    fn leaves_are_named_after_keys_and_places() {
        check("LEAF", &[None]);
        check(r#"{"type": "builtins.tuple", "context": "null", "children_spec": [LEAF, LEAF]}"#, &[None, None]);
        check(
            r#"{"type": "builtins.dict", "context": "[\"logits\", \"aux\"]", "children_spec":
                [LEAF, {"type": "builtins.list", "context": "null", "children_spec": [LEAF, LEAF]}]}"#,
            &[Some("logits"), Some("aux_0"), Some("aux_1")],
        );
        check(
            r#"{"type": "builtins.tuple", "context": "null", "children_spec":
                [LEAF, {"type": "builtins.dict", "context": "[\"k\"]", "children_spec": [LEAF]}]}"#,
            &[None, Some("1_k")],
        );
    }

    #[test]
    fn fields_of_data_classes_and_named_tuples_are_names() {
        check(
            r#"{"type": "Output", "context": "[[\"logits\", \"hidden\"], [\"loss\"]]", "children_spec": [LEAF, LEAF]}"#,
            &[Some("logits"), Some("hidden")],
        );
        check(
            r#"{"type": "collections.namedtuple", "context": "\"my.Point\"", "children_spec": [LEAF, LEAF]}"#,
            &[Some("x"), Some("y")],
        );
    }

    #[test]
    fn nonsense_gives_no_names() {
        assert_eq!(leaf_names("[", &BTreeMap::new()), []);
        assert_eq!(leaf_names("[1, 2, 3]", &BTreeMap::new()), []);
    }
}
