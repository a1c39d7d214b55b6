//! The scan `..`: every node of a document that the following step fits, from the top down.

use serde_json::Value;

use super::PathError;
use super::evaluate::{Evaluation, Found, Place, Steps, as_index};
use super::tokens::Token;

/// Documents deeper than this are not scanned; recursion must stay inside a small stack. AWS's parser admits
/// far less.
const MAX_DEPTH: usize = 512;

/// Applies `..` and what follows it to a node and all that is below it.
pub(super) fn scan<'v>(
    evaluation: &Evaluation<'_>,
    steps: Steps<'_>,
    place: &Place<'_>,
    node: &'v Value,
    found: &mut Found<'v>,
) -> Result<(), PathError> {
    if steps.is_last() {
        return Ok(());
    }
    walk(evaluation, steps.next(), place, node, found, 0)
}

fn walk<'v>(
    evaluation: &Evaluation<'_>,
    target: Steps<'_>,
    place: &Place<'_>,
    node: &'v Value,
    found: &mut Found<'v>,
    depth: usize,
) -> Result<(), PathError> {
    evaluation.visit()?;
    if depth > MAX_DEPTH {
        return Err(PathError::Invalid(format!("The document is deeper than {MAX_DEPTH} levels")));
    }
    match node {
        Value::Array(items) => {
            if fits(evaluation, target.token(), node)? {
                if target.is_last() {
                    evaluation.step(target, place, node, found)?;
                } else {
                    // Jayway skips the target here: `$..[0].a` takes `a` of every item.
                    for (i, item) in items.iter().enumerate() {
                        let here = Place::Item(place, as_index(i));
                        evaluation.step(target.next(), &here, item, found)?;
                    }
                }
            }
            items.iter().enumerate().try_for_each(|(i, item)| {
                let here = Place::Item(place, as_index(i));
                walk(evaluation, target, &here, item, found, depth + 1)
            })
        }
        Value::Object(members) => {
            if fits(evaluation, target.token(), node)? {
                evaluation.step(target, place, node, found)?;
            }
            members.iter().try_for_each(|(name, member)| {
                let here = Place::Member(place, name);
                walk(evaluation, target, &here, member, found, depth + 1)
            })
        }
        _ => Ok(()),
    }
}

fn fits(evaluation: &Evaluation<'_>, target: &Token, node: &Value) -> Result<bool, PathError> {
    Ok(match target {
        Token::Properties(names) => match node {
            Value::Object(members) => names.iter().all(|name| members.contains_key(name)),
            _ => false,
        },
        Token::Index(_)
        | Token::Indices(_)
        | Token::FromEnd(_)
        | Token::SliceFrom(_)
        | Token::SliceTo(_)
        | Token::SliceBetween(..) => node.is_array(),
        Token::Wildcard => true,
        Token::Filter(filter) => filter.accepts(node, evaluation)?,
        Token::Root | Token::Scan => false,
    })
}
