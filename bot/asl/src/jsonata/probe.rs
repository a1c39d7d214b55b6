//! Finds the part of an expression that failed, for the texts of jsonata-js that quote it.
//!
//! The evaluator's errors say what went wrong, not always with which values. Evaluation is repeatable, so the
//! smallest part that fails alone in the same way is asked again. What depends on its surroundings (a
//! function's parameter, a path's context) may not be found; the text then says `undefined`.

use jsonata_core::ast::{AstNode, BinaryOp, UnaryOp};
use jsonata_core::value::JValue;

use super::runtime::Run;
use super::tree::collect;

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

    /// The update and the deletion of the expression's transform, if it has but one.
    pub(super) fn transform(&self) -> Option<(&'a AstNode, Option<&'a AstNode>)> {
        let mut parts = Vec::new();
        let wanted = |part: &AstNode| matches!(part, AstNode::Transform { .. });
        collect(self.ast, &wanted, &mut parts);
        match parts.as_slice() {
            [AstNode::Transform { update, delete, .. }] => Some((update, delete.as_deref())),
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
