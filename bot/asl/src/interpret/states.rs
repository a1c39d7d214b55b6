//! Entering a state and doing its work, by type; the states that need nobody else are done at once.

use serde_json::Value;

use super::flow::Io;
use super::{Failure, Flow, Machine};
use crate::evaluate::{Environment, Fault, NO_CHOICE_MATCHED};
use crate::execution::{Phase, Strand, StrandId};
use crate::history::{Details, ErrorDetails};
use crate::payload::Payload;
use crate::program::choice::ChoiceRule;
use crate::program::{
    Kind, Number, PathText, QueryLanguage, StateDefinition, StateId, StateType, Text, Wait,
};
use crate::time::Timestamp;

impl<'a> Machine<'a> {
    pub(super) fn enter(
        &mut self,
        id: StrandId,
        strand: &mut Strand,
        definition: &'a StateDefinition,
    ) -> Result<Flow, Failure> {
        if let Some(flow) = self.begin_iteration(strand) {
            return Ok(flow);
        }
        strand.entered_at = self.now;
        strand.before_entry = strand.previous;
        strand.retries.clear();
        let entered = Details::StateEntered {
            kind: definition.state_type(),
            name: definition.name.clone(),
            input: strand.input.clone(),
        };
        strand.entered = self.emit(strand.previous, entered);
        strand.previous = strand.entered;
        self.work(id, strand, definition)
    }

    pub(super) fn work(
        &mut self,
        id: StrandId,
        strand: &mut Strand,
        definition: &'a StateDefinition,
    ) -> Result<Flow, Failure> {
        match &definition.kind {
            Kind::Pass { result } => self.pass(strand, definition, result.as_ref()),
            Kind::Task(task) => self.schedule_task(id, strand, definition, task),
            Kind::Choice { rules, default } => self.choose(strand, definition, rules, *default),
            Kind::Wait(wait) => self.begin_wait(id, strand, definition, wait),
            Kind::Succeed => self.succeed(strand, definition),
            Kind::Fail { error, cause } => self.fail(strand, definition, error.as_ref(), cause.as_ref()),
            Kind::Parallel { branches } => self.begin_parallel(id, strand, definition, branches),
            Kind::Map(map) => self.begin_map(id, strand, definition, map),
        }
    }

    fn pass(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        fixed: Option<&Payload>,
    ) -> Result<Flow, Failure> {
        let result = match definition.query_language {
            QueryLanguage::Jsonata => strand.input.clone(),
            QueryLanguage::JsonPath => {
                if let Some(result) = fixed {
                    self.note(|trace| trace.result = Some(result.clone()));
                    result.clone()
                } else {
                    let effective = self.effective_input(strand, definition)?;
                    let parameters = match &definition.io.parameters {
                        Some(parameters) => self.evaluate(strand, parameters, Io::input(&effective))?,
                        None => effective,
                    };
                    self.note(|trace| trace.after_parameters = Some(parameters.clone()));
                    parameters
                }
            }
        };
        self.exit_with_result(strand, definition, result)
    }

    fn succeed(&mut self, strand: &mut Strand, definition: &'a StateDefinition) -> Result<Flow, Failure> {
        let result = self.effective_input(strand, definition)?;
        self.exit_with_result(strand, definition, result)
    }

    fn fail(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        error: Option<&Text>,
        cause: Option<&Text>,
    ) -> Result<Flow, Failure> {
        let error = self.text(strand, error, "ErrorPath")?;
        let cause = self.text(strand, cause, "CausePath")?;
        let _ = definition;
        Ok(Flow::Fail(Failure { details: ErrorDetails { error, cause }, heartbeat: false }))
    }

    fn text(
        &mut self,
        strand: &mut Strand,
        text: Option<&Text>,
        field: &str,
    ) -> Result<Option<std::sync::Arc<str>>, Failure> {
        match text {
            None => Ok(None),
            Some(Text::Literal(text)) => Ok(Some(text.clone())),
            Some(Text::Template(template)) => {
                let input = strand.input.clone();
                let value = self.evaluate(strand, template, Io::input(&input))?;
                match value.value() {
                    Value::String(text) => Ok(Some(text.as_str().into())),
                    other => {
                        let fault = match template.as_jsonata() {
                            Some((location, text)) => Fault::unexpected_type(text, location, "string", other),
                            None => Fault::runtime(format!(
                                "The {field} parameter does not reference a string value: {other}"
                            )),
                        };
                        Err(self.fault(strand, fault))
                    }
                }
            }
        }
    }

    fn choose(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        rules: &'a [ChoiceRule],
        default: Option<StateId>,
    ) -> Result<Flow, Failure> {
        let input = self.effective_input(strand, definition)?;
        let chosen = self.with_environment(strand, Io::input(&input), |environment| {
            for rule in rules {
                if rule.condition.holds(environment)? {
                    return Ok(Some(rule));
                }
            }
            Ok(None)
        })?;
        let (next, assign, output) = match chosen {
            Some(rule) => (Some(rule.next), rule.assign.as_ref(), rule.output.as_ref()),
            None => (default, definition.assign.as_ref(), definition.io.output.as_ref()),
        };
        let Some(next) = next else {
            let cause = Fault::runtime(
                "Failed to transition out of the state. The state does not point to a next state.",
            );
            let cause = cause.sentence(&definition.name, strand.entered);
            return Err(Failure::new(NO_CHOICE_MATCHED, Some(cause)));
        };
        let assigned = self.assign(strand, assign, Io::input(&input))?;
        let output = match output {
            Some(output) => self.evaluate(strand, output, Io::input(&input))?,
            None => self.select_output(strand, definition, input)?,
        };
        self.exit(strand, definition, output, assigned, Some(next))
    }

    fn begin_wait(
        &mut self,
        id: StrandId,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        wait: &'a Wait,
    ) -> Result<Flow, Failure> {
        let until = match wait {
            Wait::Until(at) => *at,
            Wait::Seconds(seconds) => self.now.plus_seconds(self.wait_seconds(strand, definition, seconds)?),
            Wait::UntilPath(path) => {
                let input = self.effective_input(strand, definition)?;
                self.with_environment(strand, Io::input(&input), |environment| wait_until(environment, path))?
            }
            Wait::UntilExpression(template) => {
                let input = strand.input.clone();
                let value = self.evaluate(strand, template, Io::input(&input))?;
                let (location, text) = template.as_jsonata().unwrap_or_default();
                let Some(timestamp) = value.value().as_str() else {
                    let fault = Fault::unexpected_type(text, location, "string", value.value());
                    return Err(self.fault(strand, fault));
                };
                if let Some(at) = Timestamp::parse_lenient(timestamp) {
                    at
                } else {
                    let mut fault = Fault::query(
                        "Timestamp",
                        format!(
                            "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format \
                             string: {timestamp}"
                        ),
                    );
                    fault.after_entry = true;
                    return Err(self.fault(strand, fault));
                }
            }
        };
        if until <= self.now {
            return self.wait_is_over(strand, definition);
        }
        let timer = self.set_strand_timer(id, until);
        strand.phase = Phase::Waiting { timer };
        Ok(Flow::Wait)
    }

    fn wait_seconds(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        seconds: &Number,
    ) -> Result<u64, Failure> {
        // AWS lets an execution live for a year; a year is 31,536,000 seconds, and 99,999,999 the largest wait.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        match seconds {
            Number::Literal(seconds) => Ok(*seconds as u64),
            Number::Path(path) => {
                let input = self.effective_input(strand, definition)?;
                self.with_environment(strand, Io::input(&input), |environment| {
                    let text = &path.text;
                    let found = environment.query(path).map_err(|_| {
                        Fault::runtime(format!(
                            "The SecondsPath parameter does not reference an input value: {text}"
                        ))
                    })?;
                    let number = whole_number(&found).ok_or_else(|| {
                        Fault::runtime(format!(
                            "The SecondsPath parameter cannot be parsed as a long value: {text} == {}",
                            plain(&found)
                        ))
                    })?;
                    u64::try_from(number).map_err(|_| {
                        Fault::runtime(format!(
                            "The SecondsPath parameter references a negative value: {text} == {number}"
                        ))
                    })
                })
            }
            Number::Expression(template) => {
                let input = strand.input.clone();
                let value = self.evaluate(strand, template, Io::input(&input))?;
                let (location, text) = template.as_jsonata().unwrap_or_default();
                let Some(number) = value.value().as_f64() else {
                    let fault = Fault::unexpected_type(text, location, "number", value.value());
                    return Err(self.fault(strand, fault));
                };
                if number < 0.0 || number.fract() != 0.0 {
                    let cause = format!(
                        "The JSONata expression '{text}' specified for the field '{location}' returned an invalid value: \
                         {}. It must be a non-negative integer.",
                        value.value()
                    );
                    return Err(self.fault(strand, Fault::query(location, cause)));
                }
                Ok(number as u64)
            }
        }
    }

    pub(super) fn wait_is_over(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
    ) -> Result<Flow, Failure> {
        let input = self.effective_input(strand, definition)?;
        let assigned = self.assign(strand, definition.assign.as_ref(), Io::input(&input))?;
        let output = match &definition.io.output {
            Some(output) => self.evaluate(strand, output, Io::input(&input))?,
            None => self.select_output(strand, definition, input)?,
        };
        self.exit(strand, definition, output, assigned, definition.next)
    }
}

fn wait_until(environment: &Environment<'_>, path: &PathText) -> Result<Timestamp, Fault> {
    let text = &path.text;
    let found = environment.query(path).map_err(|_| {
        Fault::runtime(format!("The TimestampPath parameter does not reference an input value: {text}"))
    })?;
    found.as_str().and_then(Timestamp::parse_lenient).ok_or_else(|| {
        Fault::runtime(format!(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: \
             {text} == {}",
            plain(&found)
        ))
    })
}

/// A whole number, whether written as such or as a text of digits.
pub(super) fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A value as AWS writes it into a message: strings without quotes.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a state of the type can be retried, and so has a `RetryCount`.
pub(super) fn is_retryable(kind: StateType) -> bool {
    matches!(kind, StateType::Task | StateType::Parallel | StateType::Map)
}
