//! Module paths and classes that torch's exporter leaves in the metadata of nodes.

use crate::graph::Scope;
use std::collections::BTreeMap;

/// Call stack of modules, root first.
///
/// `nn_module_stack` is a list of `key,path,class` behind each other with `;` between them; brackets may hold commas of their own.
pub(super) fn read(metadata: &BTreeMap<String, String>) -> Vec<Scope> {
    let stack = metadata.get("nn_module_stack").map_or("", String::as_str);
    split(stack, ';').into_iter().filter_map(scope).collect()
}

fn scope(entry: &str) -> Option<Scope> {
    /// What torch writes for nodes that its passes made.
    const EMPTY: &str = "_empty_nn_module_stack_from_metadata_hook";
    match split(entry, ',')[..] {
        [key, path, class] if key != EMPTY => Some(Scope { path: path.to_owned(), class: class.to_owned() }),
        _ => None,
    }
}

/// Parts between separators outside of brackets.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_i32;
    let is_end = move |c: char| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        c == separator && depth == 0
    };
    text.split(is_end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stack: &str, expected: &[(&str, &str)]) {
        let scopes = read(&BTreeMap::from([("nn_module_stack".to_owned(), stack.to_owned())]));
        let found: Vec<_> = scopes.iter().map(|scope| (scope.path.as_str(), scope.class.as_str())).collect();
        assert_eq!(found, expected, "{stack}");
    }

    #[test]
    fn the_stack_has_paths_and_classes() {
        check(
            "L__self__,,cases.Net;L__self__fc@1,fc,torch.nn.modules.linear.Linear",
            &[("", "cases.Net"), ("fc", "torch.nn.modules.linear.Linear")],
        );
        check("L['self'].a[0, 1],a.f(x; y),cases.Net", &[("a.f(x; y)", "cases.Net")]);
    }

    #[test]
    fn nodes_of_passes_have_no_stack() {
        let empty = "_empty_nn_module_stack_from_metadata_hook";
        check(&format!("{empty},{empty},{empty}"), &[]);
        check("", &[]);
    }
}
