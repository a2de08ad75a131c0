//! The report on operators that could not be imported, the same for every format.

/// An operator that could not be imported.
pub(crate) struct Unsupported {
    /// `Gelu (opset 20)`, `aten.gelu.default`
    pub(crate) kind: String,
    /// What to do about it.
    pub(crate) advice: String,
    /// Name of the node and its module path.
    pub(crate) node: String,
}

/// One paragraph on all operators that could not be imported: kinds in order of appearance, with their nodes.
pub(crate) fn report_unsupported(shown: &str, unsupported: &[Unsupported]) -> String {
    let mut kinds: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for Unsupported { kind, advice, node } in unsupported {
        match kinds.iter_mut().find(|(k, a, _)| k == kind && a == advice) {
            Some((_, _, nodes)) => nodes.push(node),
            None => kinds.push((kind, advice, vec![node])),
        }
    }
    let plural = if kinds.len() == 1 { "1 kind of operator" } else { &format!("{} kinds of operator", kinds.len()) };
    let verb = if kinds.len() == 1 { "is" } else { "are" };
    let mut text = format!("{plural} in `{shown}` {verb} not supported");
    for (kind, advice, nodes) in kinds {
        let count = if nodes.len() == 1 { "1 node".to_owned() } else { format!("{} nodes", nodes.len()) };
        let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
        text += &format!("\n  {kind}, {count}: {}{advice}", quantize_syntax::diagnostic::list(&nodes, 3));
    }
    text
}
