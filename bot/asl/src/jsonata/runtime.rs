//! The one place where the evaluator runs: its bindings, its limits, and the net under it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::parser::{self, ParserError};
use jsonata_core::value::JValue;
use serde_json::Value;

use super::functions::{self, CONCATENATE, Sources};
use super::numbers::Numbers;
use super::{Bindings, JsonataError, Limits, Parsed, errors, probe, tree, values};
use crate::intrinsics::Entropy;

/// Prefix of the names under which a wrapped function of the host is registered; no expression can write it.
const HIDDEN: &str = "\u{0}";

pub(super) fn parse(text: &str) -> Result<AstNode, JsonataError> {
    let ast = guarded(|| parser::parse(text))?
        .map_err(|error: ParserError| errors::of_parser(&error.to_string()))?;
    guarded(|| tree::check(&ast))??;
    Ok(ast)
}

/// The evaluator may panic on a few pictures and on what nobody thought of.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, JsonataError> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| JsonataError::new("U1002", "The expression made the JSONata evaluator fail"))
}

pub(super) fn evaluate(
    parsed: &Parsed,
    bindings: &Bindings<'_>,
    entropy: &mut dyn Entropy,
    limits: Limits,
) -> Result<Option<Value>, JsonataError> {
    let random = ["random", "shuffle", "uuid"];
    let numbers = random
        .iter()
        .any(|name| parsed.references.mentions(name))
        .then(|| RefCell::new(Numbers::draw(entropy)));
    let run = Run {
        parsed,
        bindings,
        limits,
        sources: Rc::new(Sources { now_millis: bindings.now_millis, numbers }),
    };
    guarded(|| match run.value(parsed.guarded.as_ref().unwrap_or(&parsed.ast)) {
        Ok(value) => Ok(values::from_jsonata(&value)),
        Err(error) => Err(errors::of_evaluator(error.message(), &probe::Probe::new(&run, &parsed.ast))),
    })?
}

/// The tree with a bounded `&`, for an expression that could double a text again and again: it has a name or a function of
/// its own for a text to come back by. All others grow a text no more than their own length allows.
pub(super) fn guard(text: &str, ast: &AstNode) -> Option<AstNode> {
    let comes_back =
        text.contains(":=") || text.contains("function") || text.contains('λ') || text.contains('~');
    (text.contains('&') && comes_back).then(|| {
        let mut guarded = ast.clone();
        tree::replace(&mut guarded, &|node| match node {
            AstNode::Binary { op: BinaryOp::Concatenate, lhs, rhs } => {
                let args = vec![(**lhs).clone(), (**rhs).clone()];
                Some(AstNode::Function { name: CONCATENATE.to_owned(), args, is_builtin: true })
            }
            _ => None,
        });
        guarded
    })
}

/// One evaluation of an expression.
pub(super) struct Run<'a> {
    parsed: &'a Parsed,
    bindings: &'a Bindings<'a>,
    limits: Limits,
    sources: Rc<Sources>,
}

impl Run<'_> {
    /// Evaluates the expression or a part of it, each time in a fresh evaluator.
    pub(super) fn value(&self, ast: &AstNode) -> Result<JValue, EvaluatorError> {
        let options = EvaluatorOptions {
            timeout_ms: u64::try_from(self.limits.time.as_millis()).ok(),
            cancel: None,
            max_stack_depth: Some(self.limits.depth),
            max_sequence_length: Some(self.limits.sequence),
        };
        let mut evaluator = Evaluator::with_options(self.context()?, options);
        for (name, _) in functions::NAMES {
            if self.parsed.references.mentions(name) && self.variable(name).is_none() {
                functions::register(&mut evaluator, name, name, &self.sources)?;
                let hidden = format!("{HIDDEN}{name}");
                functions::register(&mut evaluator, name, &hidden, &self.sources)?;
            }
        }
        if self.parsed.guarded.is_some() {
            functions::register(
                &mut evaluator,
                functions::CONCATENATE,
                functions::CONCATENATE,
                &self.sources,
            )?;
        }
        evaluator.evaluate(ast, &JValue::Undefined)
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        self.bindings.variables.variable(name)
    }

    fn context(&self) -> Result<Context, EvaluatorError> {
        let mut context = Context::new();
        let references = &self.parsed.references;
        for name in references.names() {
            if name == "states" {
                context.bind(name.to_owned(), self.states());
            } else if let Some(value) = self.variable(name) {
                context.bind(name.to_owned(), values::to_jsonata(value));
            } else if name == "eval" {
                // AWS has no such function; calling it is calling what is none.
                context.bind(name.to_owned(), JValue::Undefined);
            }
        }
        // A function of the host is no value; where it is used as one, a function of the language stands for it.
        for (name, parameters) in functions::NAMES {
            if references.mentions_as_value(name) && self.variable(name).is_none() {
                context.bind(name.to_owned(), wrapper(name, parameters)?);
            }
        }
        Ok(context)
    }

    fn states(&self) -> JValue {
        let states = &self.bindings.states;
        let members = [
            ("input", Some(states.input)),
            ("context", Some(states.context)),
            ("result", states.result),
            ("errorOutput", states.error_output),
        ];
        let members = members.into_iter().filter_map(|(name, value)| {
            let value = value.filter(|_| self.parsed.references.mentions_state(name))?;
            Some((name.to_owned(), values::to_jsonata(value)))
        });
        JValue::object(members.collect())
    }
}

fn wrapper(name: &str, parameters: usize) -> Result<JValue, EvaluatorError> {
    let params: Vec<String> = (0..parameters).map(|i| format!("p{i}")).collect();
    let lambda = AstNode::Lambda {
        body: Box::new(AstNode::Function {
            name: format!("{HIDDEN}{name}"),
            args: params.iter().cloned().map(AstNode::Variable).collect(),
            is_builtin: true,
        }),
        params,
        signature: None,
        thunk: false,
    };
    Evaluator::new().evaluate(&lambda, &JValue::Undefined)
}
