//! The data flow of a state: `InputPath` to `OutputPath` in JSONPath, `Output` in JSONata, `Assign` in both.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::states::is_retryable;
use super::{Failure, Flow, Machine};
use crate::context::ContextSource;
use crate::evaluate::{DATA_LIMIT_EXCEEDED, Environment, Fault, LazyContext, RUNTIME};
use crate::execution::{Phase, Strand};
use crate::history::{Assigned, Details, ErrorDetails};
use crate::payload::Payload;
use crate::program::{Kind, Placement, QueryLanguage, Selection, StateDefinition, StateId, Template};

/// The documents that an expression sees.
#[derive(Clone, Copy)]
pub(super) struct Io<'v> {
    pub(super) input: &'v Payload,
    pub(super) result: Option<&'v Payload>,
    pub(super) error: Option<&'v Payload>,
}

impl<'v> Io<'v> {
    pub(super) fn input(input: &'v Payload) -> Self {
        Self { input, result: None, error: None }
    }
}

impl<'a> Machine<'a> {
    /// Runs `work` with everything that the state's expressions see.
    pub(super) fn with_environment<T>(
        &mut self,
        strand: &mut Strand,
        io: Io<'_>,
        work: impl FnOnce(&mut Environment<'_>) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        let definition = self.definition(strand);
        let token = match &strand.phase {
            Phase::Task(open) => open.token.clone(),
            _ => None,
        };
        let kind = definition.state_type();
        let source = ContextSource {
            info: &self.execution.info,
            started: self.execution.started,
            redrives: self.execution.redrives,
            redriven: self.execution.redriven,
            state: &definition.name,
            entered: strand.entered_at,
            retries: is_retryable(kind).then(|| strand.retries.iter().sum()),
            token: token.as_ref(),
            item: strand.item.as_deref(),
        };
        let context = match &self.context {
            Some(context) => LazyContext::built(context.value().clone()),
            None => LazyContext::new(source),
        };
        let mut environment = Environment {
            input: io.input.value(),
            context: &context,
            variables: &strand.variables,
            result: io.result.map(Payload::value),
            error_output: io.error.map(Payload::value),
            now: self.now,
            entropy: &mut self.entropy,
        };
        let result = work(&mut environment);
        drop(context);
        result.map_err(|fault| self.fault(strand, fault))
    }

    pub(super) fn evaluate(
        &mut self,
        strand: &mut Strand,
        template: &Template,
        io: Io<'_>,
    ) -> Result<Payload, Failure> {
        if let Template::Literal(payload) = template {
            return Ok(payload.clone());
        }
        self.with_environment(strand, io, |environment| template.evaluate(environment))
    }

    /// A failed evaluation becomes the state's failure; those of JSONata are events of their own.
    pub(super) fn fault(&mut self, strand: &mut Strand, fault: Fault) -> Failure {
        let definition = self.definition(strand);
        // A state that is tried by itself has no history to refer to.
        let cause = match self.trace {
            Some(_) => fault.cause.as_str().into(),
            None => fault.sentence(&definition.name, strand.entered),
        };
        if fault.error == crate::evaluate::QUERY_EVALUATION_ERROR {
            // What fails while the state is being entered hangs on the event before its entry.
            let at_entry = !fault.after_entry && strand.previous == strand.entered;
            let previous = if at_entry { strand.before_entry } else { strand.previous };
            let details = Details::EvaluationFailed {
                error: fault.error.into(),
                cause: cause.clone(),
                location: fault.location.map(Into::into),
                state: definition.name.clone(),
            };
            strand.previous = self.emit(previous, details);
        }
        Failure::new(fault.error, Some(cause))
    }

    /// The input after `InputPath`.
    pub(super) fn effective_input(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
    ) -> Result<Payload, Failure> {
        let input = strand.input.clone();
        let selected = self.select(strand, &definition.io.input, input)?;
        // AWS shows this stage of every type but Parallel.
        let shown = !matches!(definition.kind, Kind::Parallel { .. });
        if shown && definition.query_language == QueryLanguage::JsonPath {
            self.note(|trace| trace.after_input_path = Some(selected.clone()));
        }
        Ok(selected)
    }

    /// The output after `OutputPath`.
    pub(super) fn select_output(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        output: Payload,
    ) -> Result<Payload, Failure> {
        self.select(strand, &definition.io.output_path, output)
    }

    fn select(
        &mut self,
        strand: &mut Strand,
        selection: &Selection,
        from: Payload,
    ) -> Result<Payload, Failure> {
        match selection {
            Selection::All => Ok(from),
            Selection::Nothing => Ok(Payload::empty_object()),
            Selection::Path(path) => self.with_environment(strand, Io::input(&from), |environment| {
                environment.select(path).map(|found| match found {
                    Cow::Borrowed(value) => Payload::from(value.clone()),
                    Cow::Owned(value) => Payload::from(value),
                })
            }),
        }
    }

    /// Evaluates an `Assign`; it takes effect when the state exits.
    pub(super) fn assign(
        &mut self,
        strand: &mut Strand,
        assign: Option<&Template>,
        io: Io<'_>,
    ) -> Result<Option<Assigned>, Failure> {
        let Some(assign) = assign else { return Ok(None) };
        let members = self.with_environment(strand, io, |environment| assign.members(environment))?;
        Ok(Some(Arc::new(members.into_iter().map(|(name, value)| (name.into(), value)).collect())))
    }

    /// From the result of the state's work to its exit.
    pub(super) fn exit_with_result(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        result: Payload,
    ) -> Result<Flow, Failure> {
        let (output, assigned) = match definition.query_language {
            QueryLanguage::Jsonata => {
                let input = strand.input.clone();
                let has_result = !matches!(definition.kind, Kind::Pass { .. } | Kind::Succeed);
                let io = Io { input: &input, result: has_result.then_some(&result), error: None };
                let assigned = self.assign(strand, definition.assign.as_ref(), io)?;
                let output = match &definition.io.output {
                    Some(output) => self.evaluate(strand, output, io)?,
                    None => result,
                };
                (output, assigned)
            }
            QueryLanguage::JsonPath => {
                let selected = match &definition.io.result_selector {
                    Some(selector) => self.evaluate(strand, selector, Io::input(&result))?,
                    None => result,
                };
                let has_result = !matches!(definition.kind, Kind::Succeed);
                if has_result {
                    self.note(|trace| trace.after_result_selector = Some(selected.clone()));
                }
                let assigned = self.assign(strand, definition.assign.as_ref(), Io::input(&selected))?;
                let placed = self.place(strand, &definition.io.result, selected)?;
                if has_result {
                    self.note(|trace| trace.after_result_path = Some(placed.clone()));
                }
                (self.select_output(strand, definition, placed)?, assigned)
            }
        };
        self.exit(strand, definition, output, assigned, definition.next)
    }

    /// `ResultPath`: puts a result into the state's raw input.
    pub(super) fn place(
        &mut self,
        strand: &mut Strand,
        placement: &Placement,
        result: Payload,
    ) -> Result<Payload, Failure> {
        match placement {
            Placement::Replace => Ok(result),
            Placement::Discard => Ok(strand.input.clone()),
            Placement::At(path) => {
                let input = strand.input.value().clone();
                path.path.set(input, result.into_value()).map(Payload::from).map_err(|error| Failure {
                    details: ErrorDetails {
                        error: Some("States.ResultPathMatchFailure".into()),
                        cause: Some(
                            Fault::runtime(format!(
                                "Unable to apply ReferencePath '{}' to input '{}': {error}",
                                path.text,
                                strand.input.text()
                            ))
                            .sentence(&self.definition(strand).name, strand.entered),
                        ),
                    },
                    heartbeat: false,
                })
            }
        }
    }

    /// Leaves the state.
    pub(super) fn exit(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        output: Payload,
        assigned: Option<Assigned>,
        next: Option<StateId>,
    ) -> Result<Flow, Failure> {
        Self::check_size(definition, &output)?;
        if let Some(assigned) = &assigned {
            self.note(|trace| trace.assigned.clone_from(assigned));
            strand.variables.assign(assigned);
        }
        let details = Details::StateExited {
            kind: definition.state_type(),
            name: definition.name.clone(),
            output: output.clone(),
            assigned,
        };
        strand.previous = self.emit(strand.previous, details);
        match next {
            Some(next) => {
                strand.state = next;
                strand.input = output;
                strand.phase = Phase::Entering;
                Ok(Flow::Next)
            }
            None => Ok(Flow::End(output)),
        }
    }

    /// AWS's limit of 256 KiB on every input and output.
    pub(super) fn check_size(definition: &StateDefinition, payload: &Payload) -> Result<(), Failure> {
        if !payload.is_too_large() {
            return Ok(());
        }
        let what = match &definition.kind {
            Kind::Task(task) => task.resource.as_ref(),
            _ => definition.name.as_ref(),
        };
        let cause = format!(
            "The state/task '{what}' returned a result with a size exceeding the maximum number of bytes service limit."
        );
        Err(Failure::new(DATA_LIMIT_EXCEEDED, Some(cause.into())))
    }
}

impl Failure {
    /// Whether it ends the execution at once, whatever `Retry` and `Catch` say.
    pub(super) fn is_fatal(&self) -> bool {
        self.name() == Some(RUNTIME)
    }

    /// What `Catch` makes the output: `{"Error": …, "Cause": …}`.
    pub(super) fn output(&self) -> Payload {
        let text = |text: Option<&Arc<str>>| text.map_or(Value::Null, |text| Value::String(text.to_string()));
        let timed_out = self.name() == Some(crate::evaluate::TIMEOUT);
        let cause = match &self.details.cause {
            None if timed_out => Value::String(String::new()),
            cause => text(cause.as_ref()),
        };
        let members = [("Error".to_owned(), text(self.details.error.as_ref())), ("Cause".to_owned(), cause)];
        Payload::from(Value::Object(members.into_iter().collect()))
    }
}
