//! The ATen node that torch's exporter writes as text beside each ONNX node.
//!
//! `%gelu : [num_users=1] = call_function[target=torch.ops.aten.gelu.default](args = (%x,), kwargs = {approximate: tanh})`

/// An ATen node.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Call<'a> {
    /// Its own name, `gelu`.
    pub(super) name: &'a str,
    /// Overload, `aten.gelu.default`.
    pub(super) target: &'a str,
    pub(super) args: Vec<Value<'a>>,
    pub(super) kwargs: Vec<(&'a str, Value<'a>)>,
}

/// An argument.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A string, or something of torch's such as `torch.float32`.
    Word(&'a str),
    /// The result of another node.
    Node(&'a str),
    List(Vec<Value<'a>>),
}

/// Lists in lists: more is no operator's argument.
const MAX_DEPTH: usize = 8;

impl<'a> Call<'a> {
    /// Reads the text; `None` where it has another form.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (head, rest) = text.split_once("call_function[target=")?;
        let name = head.trim_start().strip_prefix('%')?.split_whitespace().next()?;
        let (target, rest) = rest.split_once("](args = ")?;
        let mut reader = Reader { rest };
        let Value::List(args) = reader.value(MAX_DEPTH)? else { return None };
        reader.skip(", kwargs = ")?;
        let kwargs = reader.dictionary()?;
        (reader.rest.trim() == ")").then_some(Self {
            name,
            target: target.strip_prefix("torch.ops.").unwrap_or(target),
            args,
            kwargs,
        })
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        let close = match self.rest.chars().next()? {
            '[' => ']',
            '(' => ')',
            _ => return Some(self.word()).filter(|text| !text.is_empty()).map(word),
        };
        if depth == 0 {
            return None;
        }
        self.rest = &self.rest[1..];
        let mut items = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            if self.rest.starts_with(close) {
                self.rest = &self.rest[1..];
                return Some(Value::List(items));
            }
            items.push(self.value(depth - 1)?);
            self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
            if self.rest.is_empty() {
                return None;
            }
        }
    }

    /// Text up to what ends an argument.
    fn word(&mut self) -> &'a str {
        let end = self.rest.find([',', ')', ']', '}']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn dictionary(&mut self) -> Option<Vec<(&'a str, Value<'a>)>> {
        self.skip("{")?;
        let mut items = Vec::new();
        while !self.rest.starts_with('}') {
            let (key, rest) = self.rest.split_once(": ")?;
            self.rest = rest;
            items.push((key, self.value(MAX_DEPTH)?));
            self.rest = self.rest.strip_prefix(", ").unwrap_or(self.rest);
        }
        self.skip("}")?;
        Some(items)
    }
}

/// What a word stands for in Python.
fn word(text: &str) -> Value<'_> {
    match text {
        "None" => Value::None,
        "True" => Value::Bool(true),
        "False" => Value::Bool(false),
        "inf" => Value::Float(f64::INFINITY),
        "-inf" => Value::Float(f64::NEG_INFINITY),
        "nan" => Value::Float(f64::NAN),
        text if text.starts_with('%') => Value::Node(&text[1..]),
        text if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => match text.parse() {
            Ok(value) => Value::Int(value),
            Err(_) => text.parse().map_or(Value::Word(text), Value::Float),
        },
        text => Value::Word(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_every_kind_are_read() {
        let text = "%lstm : [num_users=1] = call_function[target=torch.ops.aten.lstm.input](args = (%x, [%h, %c], \
                    [], True, 1, 0.5, -1, None, -inf, 1e-05), kwargs = {dtype: torch.float32, mode: tanh, sizes: [1, 2]})";
        let call = Call::parse(text).unwrap();
        assert_eq!((call.name, call.target), ("lstm", "aten.lstm.input"));
        let states = Value::List(vec![Value::Node("h"), Value::Node("c")]);
        let expected = [
            Value::Node("x"),
            states,
            Value::List(vec![]),
            Value::Bool(true),
            Value::Int(1),
            Value::Float(0.5),
            Value::Int(-1),
            Value::None,
            Value::Float(f64::NEG_INFINITY),
            Value::Float(1e-5),
        ];
        assert_eq!(call.args, expected);
        let sizes = Value::List(vec![Value::Int(1), Value::Int(2)]);
        let expected = [("dtype", Value::Word("torch.float32")), ("mode", Value::Word("tanh")), ("sizes", sizes)];
        assert_eq!(call.kwargs, expected);
    }

    #[test]
    fn one_argument_has_a_comma_behind_it() {
        let text =
            "%relu : [num_users=1] = call_function[target=torch.ops.aten.relu.default](args = (%x,), kwargs = {})";
        assert_eq!(Call::parse(text).unwrap().args, [Value::Node("x")]);
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in [
            "",
            "%x : [num_users=1] = placeholder[target=x]",
            "%a : = call_function[target=t](args = (%x",
            "%a = call_function[target=t](args = ([[[[[[[[[[1]]]]]]]]]],), kwargs = {})",
        ] {
            assert_eq!(Call::parse(text), None, "{text}");
        }
    }
}
