//! Attributes with `cfg` and `cfg_attr` → what holds under which conditions.

use proc_macro2::TokenStream;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Lit, Meta, Token};

use super::cfg::{Answer, Cfg, Predicate};

/// Conditions that all must hold: each once, in the order in which they were met.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Conditions(Vec<Predicate>);

impl Conditions {
    pub(super) fn and(&self, more: &Self) -> Self {
        let mut all = self.clone();
        more.0.iter().for_each(|condition| all.add(condition.clone()));
        all
    }

    fn add(&mut self, condition: Predicate) {
        match condition {
            Predicate::All(parts) => parts.into_iter().for_each(|part| self.add(part)),
            Predicate::Literal(true) => {}
            condition if self.0.contains(&condition) => {}
            condition => self.0.push(condition),
        }
    }

    /// That not all of them hold.
    pub(super) fn negated(&self) -> Self {
        Self(vec![self.clone().into_one().negated()])
    }

    pub(super) fn answer(&self, cfg: &Cfg) -> Answer {
        self.0.iter().fold(Answer::True, |answer, condition| answer.and(cfg.answer(condition)))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Their canonical text; `None` where there are none.
    pub(super) fn text(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.clone().into_one().to_string())
    }

    fn into_one(mut self) -> Predicate {
        if self.0.len() == 1 { self.0.remove(0) } else { Predicate::All(self.0) }
    }
}

/// An attribute that the scan looks at.
pub(super) enum Relevant {
    /// `cfg(…)`
    Cfg(Predicate),
    /// `path = "…"`
    Path(String),
    /// The tokens in `quantize(…)`, by whatever path the macro is named.
    Quantize(TokenStream),
}

/// The attributes that the scan looks at as the compiler sees them after `cfg_attr`, each with the conditions that it stands
/// under.
///
/// Those that do not parse are left out: the compiler reports them.
pub(super) fn attributes(attributes: &[Attribute]) -> Vec<(Conditions, Relevant)> {
    let mut expanded = Vec::new();
    for attribute in attributes {
        expand(&attribute.meta, &Conditions::default(), &mut expanded);
    }
    expanded
}

fn expand(meta: &Meta, around: &Conditions, expanded: &mut Vec<(Conditions, Relevant)>) {
    let relevant = match meta {
        Meta::List(list) if list.path.is_ident("cfg_attr") => {
            let parts = |input: ParseStream<'_>| {
                let condition: Predicate = input.parse()?;
                input.parse::<Option<Token![,]>>()?;
                Ok((condition, Punctuated::<Meta, Token![,]>::parse_terminated(input)?))
            };
            let Ok((condition, metas)) = parts.parse2(list.tokens.clone()) else { return };
            let mut conditions = around.clone();
            conditions.add(condition);
            return metas.iter().for_each(|meta| expand(meta, &conditions, expanded));
        }
        Meta::List(list) if list.path.is_ident("cfg") => list.parse_args().ok().map(Relevant::Cfg),
        Meta::List(list) if list.path.segments.last().is_some_and(|segment| segment.ident == "quantize") => {
            Some(Relevant::Quantize(list.tokens.clone()))
        }
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(Relevant::Path(text.value())),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    expanded.extend(relevant.map(|relevant| (around.clone(), relevant)));
}

/// The conditions `around` an item with those of its own `cfg`.
pub(super) fn of_item(attributes: &[(Conditions, Relevant)], around: &Conditions) -> Conditions {
    let mut conditions = around.clone();
    for (under, relevant) in attributes {
        let Relevant::Cfg(condition) = relevant else { continue };
        conditions.add(match under.0.is_empty() {
            true => condition.clone(),
            // `cfg_attr(a, cfg(b))`: only where `a` holds, `b` matters.
            false => Predicate::Any(vec![under.clone().into_one().negated(), condition.clone()]),
        });
    }
    conditions
}
