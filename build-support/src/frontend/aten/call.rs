//! A node of ATen with its arguments looked up.

use crate::graph::{Scope, ValueId};

/// An argument with its names looked up.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::frontend) enum Arg<'a> {
    None,
    Tensor(ValueId),
    Tensors(Vec<Option<ValueId>>),
    Int(i64),
    Ints(Vec<i64>),
    Float(f64),
    Floats(&'a [f64]),
    Bool(bool),
    Text(&'a str),
    DataType(i64),
    /// Of a kind that no operator here takes.
    Other,
}

/// A node of the program with its arguments looked up.
pub(in crate::frontend) struct Call<'a> {
    /// Name of the ATen node.
    pub(in crate::frontend) name: &'a str,
    /// Overload, `aten.conv2d.default`.
    pub(in crate::frontend) target: &'a str,
    pub(in crate::frontend) scopes: Vec<Scope>,
    pub(in crate::frontend) args: Vec<(&'a str, Arg<'a>)>,
    /// Names of its results; of a list of tensors those of its elements.
    pub(in crate::frontend) results: Vec<&'a str>,
}

impl Arg<'_> {
    /// The tensors in it.
    pub(in crate::frontend) fn tensors(&self) -> Vec<ValueId> {
        match self {
            Self::Tensor(id) => vec![*id],
            Self::Tensors(ids) => ids.iter().flatten().copied().collect(),
            _ => Vec::new(),
        }
    }
}

impl<'a> Call<'a> {
    /// Name, and the module it is in.
    pub(in crate::frontend) fn label(&self) -> String {
        match self.scopes.last() {
            Some(scope) if !scope.path.is_empty() => format!("{} in `{}`", self.name, scope.path),
            _ => self.name.to_owned(),
        }
    }

    /// An argument that is given.
    pub(in crate::frontend) fn arg(&self, name: &str) -> Option<&Arg<'a>> {
        let arg = self.args.iter().find(|(known, _)| *known == name).map(|(_, arg)| arg);
        arg.filter(|arg| !matches!(arg, Arg::None))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.arg(name).is_some()
    }

    pub(in crate::frontend) fn tensor(&self, name: &str) -> Result<ValueId, String> {
        match self.arg(name) {
            Some(Arg::Tensor(id)) => Ok(*id),
            _ => Err(format!("argument `{name}` is no tensor")),
        }
    }

    /// A tensor that may be absent.
    pub(super) fn optional(&self, name: &str) -> Result<Option<ValueId>, String> {
        self.arg(name).map(|_| self.tensor(name)).transpose()
    }

    pub(super) fn tensors(&self, name: &str) -> Result<Vec<ValueId>, String> {
        match self.arg(name) {
            Some(Arg::Tensors(ids)) => ids.iter().copied().collect(),
            _ => None,
        }
        .filter(|ids: &Vec<ValueId>| !ids.is_empty())
        .ok_or_else(|| format!("argument `{name}` is no list of tensors"))
    }

    /// The value of an argument, `default` where it is absent.
    pub(super) fn value<T>(&self, name: &str, default: T, read: impl Fn(&Arg<'a>) -> Option<T>) -> Result<T, String> {
        self.arg(name).map_or(Ok(default), |arg| {
            read(arg).ok_or_else(|| format!("argument `{name}` has a value that is not supported"))
        })
    }

    pub(in crate::frontend) fn int(&self, name: &str, default: i64) -> Result<i64, String> {
        self.value(name, default, |arg| if let Arg::Int(value) = arg { Some(*value) } else { None })
    }

    pub(super) fn ints(&self, name: &str, default: &[i64]) -> Result<Vec<i64>, String> {
        self.value(name, default.to_vec(), |arg| match arg {
            Arg::Ints(values) => Some(values.clone()),
            Arg::Int(value) => Some(vec![*value]),
            _ => None,
        })
    }

    pub(super) fn float(&self, name: &str, default: f64) -> Result<f64, String> {
        self.value(name, default, |arg| match arg {
            Arg::Float(value) => Some(*value),
            Arg::Int(value) => Some(*value as f64), // as Python converts it
            _ => None,
        })
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        self.value(name, default, |arg| if let Arg::Bool(value) = arg { Some(*value) } else { None })
    }

    pub(in crate::frontend) fn text(&self, name: &str, default: &'a str) -> Result<&'a str, String> {
        self.value(name, default, |arg| if let Arg::Text(text) = arg { Some(*text) } else { None })
    }

    /// An axis of a tensor of this rank, which may count from the end.
    pub(in crate::frontend) fn axis(&self, name: &str, default: i64, rank: usize) -> Result<usize, String> {
        wrap_axis(self.int(name, default)?, rank)
    }
}

/// Source: torch's `maybe_wrap_dim`, which takes a tensor without dimensions as one with one.
pub(super) fn wrap_axis(axis: i64, rank: usize) -> Result<usize, String> {
    let signed = rank.max(1) as i64; // ranks are small
    let wrapped = if axis < 0 { axis.checked_add(signed) } else { Some(axis) };
    let wrapped = wrapped.filter(|axis| (0..signed).contains(axis)).and_then(|axis| usize::try_from(axis).ok());
    wrapped.ok_or_else(|| format!("axis {axis} of a tensor of {rank} dimensions"))
}
