//! Dimensions that an export leaves open, pinned by the attribute's `shape(…)`.

use super::Problem;
use quantize_syntax::ArgPath;
use quantize_syntax::diagnostic::{list, suggestion};
use std::collections::BTreeMap;

/// Dimensions of inputs by name, as `shape(features = [1, 3, 96, 96])` gives them.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// An input as the file declares it.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) dims: Vec<Dim>,
}

/// A dimension of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dim {
    Fixed(usize),
    /// Open in the export; dimensions of the same symbol are equal.
    Dynamic {
        symbol: Option<String>,
        /// Size in the example that was exported.
        example: Option<usize>,
        /// Smallest and largest size that the export is valid for.
        range: [usize; 2],
    },
}

impl Dim {
    /// An open dimension of any size.
    pub(crate) fn any(symbol: Option<String>) -> Self {
        Self::Dynamic { symbol, example: None, range: [0, usize::MAX] }
    }
}

/// The shape of each input, `None` where it stays unknown, and all that is wrong with `shapes`.
pub(crate) fn resolve(declared: &[Declared], shapes: &Shapes) -> (Vec<Option<Vec<usize>>>, Vec<Problem>) {
    let mut problems = Vec::new();
    for input in shapes.keys().filter(|name| !declared.iter().any(|input| input.name == **name)) {
        let names: Vec<&str> = declared.iter().map(|input| input.name.as_str()).collect();
        let message = format!("the model has no input `{input}`; {}", suggestion(input, &names, "its inputs are"));
        problems.push(Problem { at: ArgPath::Shape(input.clone()), message });
    }
    let mut symbols: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let mut is_wrong = vec![false; declared.len()];
    for (input, is_wrong) in declared.iter().zip(&mut is_wrong) {
        let Some(given) = shapes.get(&input.name) else { continue };
        if let Err(message) = bind(input, given, &mut symbols) {
            problems.push(Problem { at: ArgPath::Shape(input.name.clone()), message });
            *is_wrong = true;
        }
    }
    let mut resolve = |(input, is_wrong): (&Declared, bool)| {
        if is_wrong {
            return None;
        }
        if let Some(given) = shapes.get(&input.name) {
            return Some(given.clone());
        }
        let size = |dim: &Dim| match dim {
            Dim::Fixed(size) => Some(*size),
            Dim::Dynamic { symbol, .. } => symbols.get(symbol.as_deref()?).map(|(size, _)| *size),
        };
        let sizes: Option<Vec<usize>> = input.dims.iter().map(size).collect();
        if sizes.is_none() {
            problems.push(open(input).into());
        }
        sizes
    };
    let resolved = declared.iter().zip(is_wrong).map(&mut resolve).collect();
    (resolved, problems)
}

/// Checks the given dimensions of an input against the file and those of the other inputs.
fn bind<'a>(
    input: &'a Declared,
    given: &[usize],
    symbols: &mut BTreeMap<&'a str, (usize, &'a str)>,
) -> Result<(), String> {
    let name = &input.name;
    if given.len() != input.dims.len() {
        let (count, rank) = (given.len(), input.dims.len());
        return Err(format!("input `{name}` has {rank} dimensions, not {count}"));
    }
    for (axis, (dim, &size)) in input.dims.iter().zip(given).enumerate() {
        match dim {
            Dim::Fixed(fixed) if *fixed != size => {
                return Err(format!("dimension {axis} of input `{name}` is {fixed} in the model, not {size}"));
            }
            Dim::Fixed(_) => {}
            Dim::Dynamic { symbol, range: [min, max], .. } => {
                if !(*min..=*max).contains(&size) {
                    let bound = if size < *min { format!("at least {min}") } else { format!("at most {max}") };
                    return Err(format!("dimension {axis} of input `{name}` is {bound} in the model, not {size}"));
                }
                let Some(symbol) = symbol else { continue };
                let (bound, by) = *symbols.entry(symbol).or_insert((size, name));
                if bound != size {
                    return Err(format!(
                        "dimension {axis} of input `{name}` is `{symbol}` as in `{by}`: {bound}, not {size}"
                    ));
                }
            }
        }
    }
    Ok(())
}

/// That dimensions are open, and what to write.
fn open(input: &Declared) -> String {
    let name = &input.name;
    let is_open = |(_, dim): &(usize, &Dim)| matches!(dim, Dim::Dynamic { .. });
    let axes: Vec<String> = input
        .dims
        .iter()
        .enumerate()
        .filter(is_open)
        .map(|(axis, dim)| match dim {
            Dim::Dynamic { symbol: Some(symbol), .. } => format!("{axis} (`{symbol}`)"),
            _ => axis.to_string(),
        })
        .collect();
    let sizes: Vec<usize> = input
        .dims
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(size) => *size,
            Dim::Dynamic { example, .. } => example.unwrap_or(1),
        })
        .collect();
    let (dimensions, are) = if axes.len() == 1 { ("dimension", "is") } else { ("dimensions", "are") };
    format!(
        "{dimensions} {} of input `{name}` {are} dynamic; give its shape, such as `shape({name} = {sizes:?})`",
        list(&axes, 8)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    type Given<'a> = &'a [(&'a str, &'a [usize])];

    /// The resolved shapes and the messages for inputs `a: [batch, 3]` and `b: [batch, seq ≤ 8]`.
    fn check(shapes: Given<'_>) -> (Vec<Option<Vec<usize>>>, Vec<String>) {
        let dynamic =
            |symbol: &str, max| Dim::Dynamic { symbol: Some(symbol.to_owned()), example: Some(4), range: [0, max] };
        let declared = [
            Declared { name: "a".to_owned(), dims: vec![dynamic("batch", usize::MAX), Dim::Fixed(3)] },
            Declared { name: "b".to_owned(), dims: vec![dynamic("batch", usize::MAX), dynamic("seq", 8)] },
        ];
        let shapes = shapes.iter().map(|(name, dims)| ((*name).to_owned(), dims.to_vec())).collect();
        let (resolved, problems) = resolve(&declared, &shapes);
        (resolved, problems.into_iter().map(|problem| format!("{}: {}", problem.at, problem.message)).collect())
    }

    #[test]
    fn a_symbol_pinned_in_one_input_is_pinned_in_all() {
        let shapes = vec![Some(vec![2, 3]), Some(vec![2, 5])];
        assert_eq!(check(&[("b", &[2, 5])]), (shapes.clone(), vec![]));
        assert_eq!(check(&[("b", &[2, 5]), ("a", &[2, 3])]), (shapes, vec![]));
    }

    #[test]
    fn open_dimensions_are_an_error_that_says_what_to_write() {
        let (shapes, messages) = check(&[("a", &[2, 3])]);
        assert_eq!(shapes, [Some(vec![2, 3]), None]);
        let expected = "model: dimensions 0 (`batch`), 1 (`seq`) of input `b` are dynamic; give its shape, such as `shape(b = [4, 4])`";
        assert_eq!(messages, [expected]);
    }

    #[test]
    fn contradictions_name_the_input() {
        let cases: [(Given<'_>, &str); 5] = [
            (&[("b", &[2, 5]), ("a", &[1, 3])], "shape.b: dimension 0 of input `b` is `batch` as in `a`: 1, not 2"),
            (&[("b", &[2, 9])], "shape.b: dimension 1 of input `b` is at most 8 in the model, not 9"),
            (&[("b", &[2, 5]), ("a", &[2, 4])], "shape.a: dimension 1 of input `a` is 3 in the model, not 4"),
            (&[("b", &[2])], "shape.b: input `b` has 2 dimensions, not 1"),
            (&[("b", &[2, 5]), ("c", &[2])], "shape.c: the model has no input `c`; its inputs are `a` and `b`"),
        ];
        for (shapes, expected) in cases {
            let (_, messages) = check(shapes);
            assert!(messages.contains(&expected.to_owned()), "{messages:?}");
        }
    }
}
