//! Finds the part of an expression that failed, for the texts of jsonata-js that quote it.
//!
//! The evaluator's errors say what went wrong, not always with which values. Evaluation is repeatable, so the
//! smallest part that fails alone in the same way is asked again. What depends on its surroundings (a
//! function's parameter, a path's context) may not be found; the text then says `undefined`.

use jsonata_core::ast::{AstNode, BinaryOp, Stage, UnaryOp};
use jsonata_core::value::JValue;

use super::runtime::Run;

/// Most parts that are tried: an error's text is not worth more.
const MAX_TRIALS: usize = 200;

pub(super) struct Probe<'a> {
    run: &'a Run<'a>,
    ast: &'a AstNode,
}

impl<'a> Probe<'a> {
    pub(super) fn new(run: &'a Run<'a>, ast: &'a AstNode) -> Self {
        Self { run, ast }
    }

    /// The smallest part of the wanted kind that fails with this code.
    pub(super) fn culprit(&self, code: &str, wanted: impl Fn(&AstNode) -> bool) -> Option<&'a AstNode> {
        let mut parts = Vec::new();
        collect(self.ast, &wanted, &mut parts);
        // One candidate needs no trial.
        if let [only] = parts.as_slice() {
            return Some(only);
        }
        parts.into_iter().take(MAX_TRIALS).find(|part| {
            let failed = self.run.value(part).err();
            failed.is_some_and(|error| error.message().starts_with(code))
        })
    }

    pub(super) fn value(&self, ast: &AstNode) -> Option<JValue> {
        self.run.value(ast).ok()
    }

    /// The operands of the binary operation that fails with this code.
    pub(super) fn operands(
        &self,
        code: &str,
        is_operator: impl Fn(BinaryOp) -> bool,
    ) -> Option<(Option<JValue>, Option<JValue>)> {
        let wanted = |part: &AstNode| matches!(part, AstNode::Binary { op, .. } if is_operator(*op));
        match self.culprit(code, wanted)? {
            AstNode::Binary { lhs, rhs, .. } => Some((self.value(lhs), self.value(rhs))),
            _ => None,
        }
    }

    /// The binary operator that fails with this code.
    pub(super) fn operator(&self, code: &str, is_operator: impl Fn(BinaryOp) -> bool) -> Option<BinaryOp> {
        let wanted = |part: &AstNode| matches!(part, AstNode::Binary { op, .. } if is_operator(*op));
        match self.culprit(code, wanted)? {
            AstNode::Binary { op, .. } => Some(*op),
            _ => None,
        }
    }

    /// The value that could not be negated.
    pub(super) fn negated(&self) -> Option<JValue> {
        let wanted = |part: &AstNode| matches!(part, AstNode::Unary { op, .. } if *op == UnaryOp::Negate);
        match self.culprit("D1002", wanted)? {
            AstNode::Unary { operand, .. } => self.value(operand),
            _ => None,
        }
    }

    /// The name of the function whose call fails with this code, and its arguments.
    pub(super) fn call(&self, code: &str) -> Option<(&'a str, &'a [AstNode])> {
        let wanted = |part: &AstNode| matches!(part, AstNode::Function { .. });
        match self.culprit(code, wanted)? {
            AstNode::Function { name, args, .. } => Some((name, args)),
            _ => None,
        }
    }
}

/// The wanted parts, inner ones first.
fn collect<'a>(node: &'a AstNode, wanted: &impl Fn(&AstNode) -> bool, parts: &mut Vec<&'a AstNode>) {
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
