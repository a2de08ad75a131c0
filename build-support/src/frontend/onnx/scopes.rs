//! Module paths that torch's exporter leaves in the metadata of ONNX nodes.

use super::proto;
use crate::graph::Scope;

/// Where a node comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Scopes {
    /// Call stack of modules, root first.
    pub(super) modules: Vec<Scope>,
    /// Name of the ATen node.
    name: Option<String>,
    /// Overload of the ATen operator, `aten.conv2d.default`.
    pub(super) target: Option<String>,
    /// Arguments of the ATen node as text, `(%x, [2, 2])`.
    pub(super) arguments: Option<String>,
}

impl Scopes {
    /// Reads `pkg.torch.onnx.name_scopes` and `class_hierarchy`: parallel lists whose last entries are the ATen node's own.
    pub(super) fn read(node: &proto::Node) -> Self {
        let property = |key: &str| {
            let key = format!("pkg.torch.onnx.{key}");
            node.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
        };
        let arguments = property("fx_node").and_then(|text| {
            let start = text.find("(args = ")? + "(args = ".len();
            let end = text[start..].find(", kwargs = ")? + start;
            Some(text[start..end].to_owned())
        });
        let lists = property("name_scopes").zip(property("class_hierarchy"));
        let Some((Some(mut paths), Some(mut classes))) = lists.map(|(a, b)| (string_list(a), string_list(b))) else {
            return Self { arguments, ..Self::default() };
        };
        let (name, target) = (paths.pop(), classes.pop());
        Self { modules: super::scope_list(paths, classes), name, target, arguments }
    }

    /// Whether the exporter wrote nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.modules.is_empty() && self.name.is_none()
    }

    /// Name of the ATen node, else of the ONNX node, else of its result.
    pub(super) fn name(&self, node: &proto::Node) -> String {
        let own = [Some(&node.name), node.output.first()].into_iter().flatten().find(|name| !name.is_empty());
        self.name.clone().or_else(|| own.cloned()).unwrap_or_else(|| node.op_type.clone())
    }

    /// Name, and the module it is in.
    pub(super) fn label(&self, node: &proto::Node) -> String {
        match self.modules.last() {
            Some(scope) if !scope.path.is_empty() => format!("{} in `{}`", self.name(node), scope.path),
            _ => self.name(node),
        }
    }

    /// Class of the innermost module.
    pub(super) fn class(&self) -> &str {
        self.modules.last().map_or("", |scope| &scope.class)
    }
}

/// A Python list of strings, as `repr` prints it.
fn string_list(text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
    let mut items = Vec::new();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|quote| ['\'', '"'].contains(quote))?;
        let end = rest[1..].find(quote)? + 1;
        items.push(rest[1..end].to_owned());
        rest = rest[end + 1..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::string_list;

    #[test]
    fn python_lists_are_read() {
        let expected = vec![String::new(), "block1.conv".to_owned(), "it's".to_owned()];
        assert_eq!(string_list("['', 'block1.conv', \"it's\"]"), Some(expected));
        assert_eq!(string_list("[]"), Some(vec![]));
        assert_eq!(string_list("['open"), None);
    }
}
