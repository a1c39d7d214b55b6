//! Walks the tree of an expression.

use jsonata_core::ast::{AstNode, BinaryOp, Stage};

use super::JsonataError;

/// What jsonata-js 2.0.6 refuses and the evaluator's parser admits: operators of later versions, a range
/// outside an array, an assignment to something else than a variable, an empty regular expression.
pub(super) fn check(ast: &AstNode) -> Result<(), JsonataError> {
    let mut parts = Vec::new();
    collect(ast, &|_| true, &mut parts);
    let (mut ranges, mut in_arrays) = (0_usize, 0_usize);
    for part in parts {
        match part {
            AstNode::Binary { op, lhs, .. } => match op {
                BinaryOp::Coalesce => return Err(not_unary("?")),
                BinaryOp::Default => return Err(not_unary(":")),
                BinaryOp::Range => ranges += 1,
                BinaryOp::ColonEqual if !matches!(**lhs, AstNode::Variable(_)) => {
                    return Err(JsonataError::new(
                        "S0212",
                        "The left side of := must be a variable name (start with $)",
                    ));
                }
                _ => {}
            },
            AstNode::Array(items) | AstNode::ArrayGroup(items) => {
                in_arrays += items.iter().filter(|item| is_range(item)).count();
            }
            AstNode::Regex { pattern, .. } if pattern.is_empty() => {
                return Err(JsonataError::new("S0301", "Empty regular expressions are not allowed"));
            }
            _ => {}
        }
    }
    if ranges > in_arrays {
        return Err(JsonataError::new("S0201", "Syntax error: \"..\""));
    }
    Ok(())
}

fn not_unary(sign: &str) -> JsonataError {
    JsonataError::new("S0211", format!("The symbol \"{sign}\" cannot be used as a unary operator"))
}

fn is_range(node: &AstNode) -> bool {
    matches!(node, AstNode::Binary { op: BinaryOp::Range, .. })
}

/// The wanted parts, inner ones first.
pub(super) fn collect<'a>(
    node: &'a AstNode,
    wanted: &impl Fn(&AstNode) -> bool,
    parts: &mut Vec<&'a AstNode>,
) {
    jsonata_core::value::with_stack(|| {
        for child in children(node) {
            collect(child, wanted, parts);
        }
    });
    if wanted(node) {
        parts.push(node);
    }
}

fn children(node: &AstNode) -> Vec<&AstNode> {
    match node {
        AstNode::Path { steps } => steps
            .iter()
            .flat_map(|step| {
                let filters = step.stages.iter().filter_map(|stage| match stage {
                    Stage::Filter(filter) => Some(&**filter),
                    Stage::KeepArray | Stage::Index(_) => None,
                });
                std::iter::once(&step.node).chain(filters)
            })
            .collect(),
        AstNode::Binary { lhs, rhs, .. } => vec![lhs, rhs],
        AstNode::Unary { operand, .. } => vec![operand],
        AstNode::Function { args, .. } => args.iter().collect(),
        AstNode::Call { procedure, args } => std::iter::once(&**procedure).chain(args).collect(),
        AstNode::Lambda { body, .. } => vec![body],
        AstNode::Array(items) | AstNode::Block(items) | AstNode::ArrayGroup(items) => items.iter().collect(),
        AstNode::Object(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        AstNode::ObjectTransform { input, pattern } => {
            let pairs = pattern.iter().flat_map(|(key, value)| [key, value]);
            std::iter::once(&**input).chain(pairs).collect()
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            let mut parts = vec![&**condition, then_branch];
            parts.extend(else_branch.as_deref());
            parts
        }
        AstNode::FunctionApplication(inner) => vec![inner],
        AstNode::Sort { input, terms } => {
            let terms = terms.iter().map(|(term, _)| term);
            std::iter::once(&**input).chain(terms).collect()
        }
        AstNode::Transform { location, update, delete } => {
            let mut parts = vec![&**location, update];
            parts.extend(delete.as_deref());
            parts
        }
        _ => Vec::new(),
    }
}

/// Puts something else in place of nodes, inner ones first.
pub(super) fn replace(node: &mut AstNode, other: &impl Fn(&AstNode) -> Option<AstNode>) {
    jsonata_core::value::with_stack(|| {
        for child in children_mut(node) {
            replace(child, other);
        }
    });
    if let Some(other) = other(node) {
        *node = other;
    }
}

fn children_mut(node: &mut AstNode) -> Vec<&mut AstNode> {
    match node {
        AstNode::Path { steps } => steps
            .iter_mut()
            .flat_map(|step| {
                let filters = step.stages.iter_mut().filter_map(|stage| match stage {
                    Stage::Filter(filter) => Some(&mut **filter),
                    Stage::KeepArray | Stage::Index(_) => None,
                });
                std::iter::once(&mut step.node).chain(filters)
            })
            .collect(),
        AstNode::Binary { lhs, rhs, .. } => vec![lhs, rhs],
        AstNode::Unary { operand, .. } => vec![operand],
        AstNode::Function { args, .. } => args.iter_mut().collect(),
        AstNode::Call { procedure, args } => std::iter::once(&mut **procedure).chain(args).collect(),
        AstNode::Lambda { body, .. } => vec![body],
        AstNode::Array(items) | AstNode::Block(items) | AstNode::ArrayGroup(items) => {
            items.iter_mut().collect()
        }
        AstNode::Object(pairs) => pairs.iter_mut().flat_map(|(key, value)| [key, value]).collect(),
        AstNode::ObjectTransform { input, pattern } => {
            let pairs = pattern.iter_mut().flat_map(|(key, value)| [key, value]);
            std::iter::once(&mut **input).chain(pairs).collect()
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            let mut parts = vec![&mut **condition, then_branch];
            parts.extend(else_branch.as_deref_mut());
            parts
        }
        AstNode::FunctionApplication(inner) => vec![inner],
        AstNode::Sort { input, terms } => {
            let terms = terms.iter_mut().map(|(term, _)| term);
            std::iter::once(&mut **input).chain(terms).collect()
        }
        AstNode::Transform { location, update, delete } => {
            let mut parts = vec![&mut **location, update];
            parts.extend(delete.as_deref_mut());
            parts
        }
        _ => Vec::new(),
    }
}
