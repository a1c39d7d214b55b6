//! Map states: their items, their limits, and the distributed mode.

use std::sync::Arc;

use serde_json::Value;

use super::flow::Io;
use super::states::{plain, whole_number};
use super::{Failure, Flow, Machine};
use crate::context::{ContextSource, MapItem};
use crate::effect::{Batch, Effect, ItemSource, MapRunRequest, ReaderRequest, ResultWriterRequest};
use crate::evaluate::Fault;
use crate::event::MapRunId;
use crate::execution::{Phase, Strand, StrandId};
use crate::history::{Details, ErrorDetails};
use crate::intrinsics::Entropy as _;
use crate::payload::Payload;
use crate::program::{Distributed, Items, MapMode, MapState, Number, StateDefinition, Template};

impl<'a> Machine<'a> {
    pub(super) fn begin_map(
        &mut self,
        id: StrandId,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        map: &'a MapState,
    ) -> Result<Flow, Failure> {
        let input = self.effective_input(strand, definition)?;
        match &map.mode {
            MapMode::Inline => {
                let items = self.items(strand, map, &input)?;
                let items = items_of(items).ok_or_else(|| self.no_items(strand, map, &input))?;
                let max_concurrency = self.max_concurrency(strand, map, &input)?;
                self.begin_iterations(id, strand, definition, items, max_concurrency)
            }
            MapMode::Distributed(distributed) => {
                let max_concurrency = self.max_concurrency(strand, map, &input)?;
                self.begin_map_run(id, strand, definition, map, distributed, &input, max_concurrency)
            }
        }
    }

    fn max_concurrency(
        &mut self,
        strand: &mut Strand,
        map: &MapState,
        input: &Payload,
    ) -> Result<u32, Failure> {
        let number = self.whole(strand, map.max_concurrency.as_ref(), input, "MaxConcurrency")?.unwrap_or(0);
        self.note(|trace| trace.max_concurrency = Some(number));
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// The document that holds the items.
    fn items(&mut self, strand: &mut Strand, map: &MapState, input: &Payload) -> Result<Payload, Failure> {
        match &map.items {
            Items::Input => Ok(input.clone()),
            Items::Path(path) => {
                let found = self.with_environment(strand, Io::input(input), |environment| {
                    environment.select(path).map(|found| Payload::from(found.into_owned()))
                })?;
                if found.value().is_array() {
                    self.note(|trace| trace.after_items_path = Some(found.clone()));
                }
                Ok(found)
            }
            Items::Template(template) => self.evaluate(strand, template, Io::input(input)),
        }
    }

    /// What AWS says when the items are none.
    fn no_items(&mut self, strand: &mut Strand, map: &MapState, input: &Payload) -> Failure {
        let fault = match &map.items {
            Items::Template(template) => {
                match (self.evaluate(strand, template, Io::input(input)), template.as_jsonata()) {
                    (Ok(value), Some((location, text))) => {
                        Fault::unexpected_type(text, location, "array", value.value())
                    }
                    (Ok(value), None) => Fault::query(
                        "Items",
                        format!("Map state input must be an array but was: {}", value.text()),
                    ),
                    (Err(failure), _) => return failure,
                }
            }
            Items::Input
                if self.definition(strand).query_language == crate::program::QueryLanguage::Jsonata =>
            {
                let mut fault = Fault::query(
                    "Items",
                    format!("Map state input must be an array but was: {}", input.text()),
                );
                fault.location = None;
                fault
            }
            Items::Input => Fault::runtime("Reference path \"$\" must point to array."),
            Items::Path(path) => {
                // AWS names a path into the context object as seen from there.
                let text = if path.text.starts_with("$$") { &path.text[1..] } else { &path.text };
                Fault::runtime(format!("Reference path \"{text}\" must point to array."))
            }
        };
        self.fault(strand, fault)
    }

    /// A whole number that is not negative.
    fn whole(
        &mut self,
        strand: &mut Strand,
        number: Option<&Number>,
        input: &Payload,
        field: &str,
    ) -> Result<Option<u64>, Failure> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole = |number: f64| (number >= 0.0 && number.fract() == 0.0).then_some(number as u64);
        match number {
            None => Ok(None),
            Some(Number::Literal(number)) => Ok(whole(*number)),
            Some(Number::Path(path)) => self
                .with_environment(strand, Io::input(input), |environment| {
                    let found = environment.select(path)?;
                    let number = whole_number(&found).ok_or_else(|| {
                        Fault::runtime(format!(
                            "The {field}Path field refers to value \"{}\" which is not a valid integer: {}",
                            plain(&found),
                            path.text
                        ))
                    })?;
                    u64::try_from(number).map_err(|_| {
                        Fault::runtime(if field == "MaxConcurrency" {
                            format!("Expected non-negative integer for {field}, got '{number}' instead.")
                        } else {
                            format!("{field} cannot be negative.")
                        })
                    })
                })
                .map(Some),
            Some(Number::Expression(template)) => {
                let value = self.number(strand, template, input)?;
                match whole(value) {
                    Some(number) => Ok(Some(number)),
                    None => Err(self.invalid_number(strand, template, value, "non-negative integer")),
                }
            }
        }
    }

    fn percentage(
        &mut self,
        strand: &mut Strand,
        number: Option<&Number>,
        input: &Payload,
        field: &str,
    ) -> Result<Option<f64>, Failure> {
        let within = |number: f64| (0.0..=100.0).contains(&number);
        match number {
            None => Ok(None),
            Some(Number::Literal(number)) => Ok(Some(*number)),
            Some(Number::Path(path)) => self
                .with_environment(strand, Io::input(input), |environment| {
                    let found = environment.select(path)?;
                    let number = match found.as_ref() {
                        Value::Number(number) => number.as_f64(),
                        Value::String(text) => text.parse().ok(),
                        _ => None,
                    };
                    let number = number.ok_or_else(|| {
                        Fault::runtime(format!(
                            "The {field}Path field refers to value \"{}\" which is not a valid float: {}",
                            plain(&found),
                            path.text
                        ))
                    })?;
                    if within(number) {
                        return Ok(number);
                    }
                    Err(Fault::runtime(format!("{field} must be between 0 and 100.")))
                })
                .map(Some),
            Some(Number::Expression(template)) => {
                let value = self.number(strand, template, input)?;
                if within(value) {
                    return Ok(Some(value));
                }
                Err(self.invalid_number(strand, template, value, "number between 0 and 100"))
            }
        }
    }

    fn number(&mut self, strand: &mut Strand, template: &Template, input: &Payload) -> Result<f64, Failure> {
        let value = self.evaluate(strand, template, Io::input(input))?;
        value.value().as_f64().ok_or_else(|| {
            let (location, text) = template.as_jsonata().unwrap_or_default();
            let fault = Fault::unexpected_type(text, location, "number", value.value());
            self.fault(strand, fault)
        })
    }

    fn invalid_number(
        &mut self,
        strand: &mut Strand,
        template: &Template,
        value: f64,
        expected: &str,
    ) -> Failure {
        let (location, text) = template.as_jsonata().unwrap_or_default();
        let cause = format!(
            "The JSONata expression '{text}' specified for the field '{location}' returned an invalid value: {value}. It \
             must be a {expected}."
        );
        self.fault(strand, Fault::query(location, cause))
    }

    #[allow(clippy::too_many_arguments)] // All of it is what the request is made of.
    fn begin_map_run(
        &mut self,
        id: StrandId,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        map: &'a MapState,
        distributed: &'a Distributed,
        input: &Payload,
        max_concurrency: u32,
    ) -> Result<Flow, Failure> {
        let tolerated_failure_count =
            self.whole(strand, map.tolerated_count.as_ref(), input, "ToleratedFailureCount")?;
        let tolerated_failure_percentage =
            self.percentage(strand, map.tolerated_percentage.as_ref(), input, "ToleratedFailurePercentage")?;
        self.note(|trace| {
            trace.tolerated_failure_count = tolerated_failure_count;
            trace.tolerated_failure_percentage = tolerated_failure_percentage;
        });
        let (items, length) = match &distributed.reader {
            None => {
                let items = self.items(strand, map, input)?;
                let length = match items.value() {
                    Value::Array(items) => items.len() as u64,
                    Value::Object(members) => members.len() as u64,
                    _ => return Err(self.no_items(strand, map, input)),
                };
                (ItemSource::Input(items), length)
            }
            Some(reader) => {
                let parameters = self.optional(strand, reader.parameters.as_ref(), input)?;
                let mut config = reader.config.clone();
                if let Some(number) = self.max_items(strand, reader.max_items.as_ref(), input)? {
                    config.insert("MaxItems".into(), number);
                }
                if let Some(Number::Path(path)) = &reader.max_items {
                    // What is wrong with the value is said when the items are read, and names the path.
                    config.insert("MaxItemsPath".into(), path.text.as_ref().into());
                }
                // How many items there are shows only after reading.
                (
                    ItemSource::Reader(ReaderRequest {
                        resource: reader.resource.clone(),
                        parameters,
                        config: Payload::from(Value::Object(config)),
                    }),
                    0,
                )
            }
        };
        let batch = match &distributed.batcher {
            None => None,
            Some(batcher) => Some(Batch {
                max_items: self.whole(strand, batcher.max_items.as_ref(), input, "MaxItemsPerBatch")?,
                max_bytes: self.whole(strand, batcher.max_bytes.as_ref(), input, "MaxInputBytesPerBatch")?,
                input: match &batcher.input {
                    Some(template) => Some(self.evaluate(strand, template, Io::input(input))?),
                    None => None,
                },
            }),
        };
        let writer = match &distributed.writer {
            None => None,
            Some(writer) => Some(ResultWriterRequest {
                resource: writer.resource.clone(),
                parameters: self.optional(strand, writer.parameters.as_ref(), input)?,
                config: Payload::from(Value::Object(writer.config.clone())),
            }),
        };
        let context = Payload::from(self.context(strand, definition));
        strand.previous = self.emit(strand.previous, Details::MapStateStarted { length });
        let label = match &distributed.label {
            Some(label) => label.to_string(),
            None => self.entropy.uuid(),
        };
        let info = &self.execution.info;
        let arn: Arc<str> = format!(
            "arn:aws:states:{}:{}:mapRun:{}/{label}:{}",
            info.region,
            info.account,
            info.state_machine_name,
            self.entropy.uuid()
        )
        .into();
        strand.previous = self.emit(strand.previous, Details::MapRunStarted { arn: arn.clone() });
        if self.overflow.is_some() {
            return Ok(Flow::Wait);
        }
        let map_run = MapRunId(strand.previous);
        self.execution.map_runs.insert(map_run, id);
        strand.phase = Phase::MapRun { map_run, arn: arn.clone() };
        self.effects.push(Effect::StartMapRun(Box::new(MapRunRequest {
            map_run,
            arn,
            state: definition.name.clone(),
            path: self.path_of(strand),
            processor: map.processor,
            execution_type: distributed.execution_type,
            max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
            items,
            input: input.clone(),
            context,
            variables: Payload::from(Value::Object(strand.variables.to_object())),
            batch,
            writer,
        })));
        Ok(Flow::Wait)
    }

    fn context(&self, strand: &Strand, definition: &StateDefinition) -> Value {
        ContextSource {
            info: &self.execution.info,
            started: self.execution.started,
            redrives: self.execution.redrives,
            redriven: self.execution.redriven,
            state: &definition.name,
            entered: strand.entered_at,
            retries: Some(strand.retries.iter().sum()),
            token: None,
            item: strand.item.as_deref(),
        }
        .build()
    }

    fn optional(
        &mut self,
        strand: &mut Strand,
        template: Option<&Template>,
        input: &Payload,
    ) -> Result<Payload, Failure> {
        match template {
            Some(template) => self.evaluate(strand, template, Io::input(input)),
            None => Ok(Payload::empty_object()),
        }
    }

    /// `MaxItems` is checked when the items are read, so that what is wrong with it fails the map run.
    fn max_items(
        &mut self,
        strand: &mut Strand,
        number: Option<&Number>,
        input: &Payload,
    ) -> Result<Option<Value>, Failure> {
        match number {
            None => Ok(None),
            Some(Number::Literal(number)) => Ok(serde_json::Number::from_f64(*number).map(Value::Number)),
            Some(Number::Path(path)) => self
                .with_environment(strand, Io::input(input), |environment| {
                    environment.select(path).map(std::borrow::Cow::into_owned)
                })
                .map(Some),
            Some(Number::Expression(template)) => {
                let number = self.number(strand, template, input)?;
                Ok(serde_json::Number::from_f64(number).map(Value::Number))
            }
        }
    }

    pub(super) fn map_run_succeeded(&mut self, map_run: MapRunId, output: &Payload) {
        let Some(id) = self.execution.map_runs.remove(&map_run) else { return };
        self.resume(id, |machine, _, strand, definition| {
            let started = strand.previous;
            strand.phase = Phase::Done;
            let succeeded = machine.emit(started, Details::MapRunSucceeded);
            machine.emit(succeeded, Details::MapStateSucceeded);
            // The exit does not follow the record of the state's success, as with inline maps. Recordings since November
            // 2024 chain it to `MapRunStarted`; the earlier ones, which are the more, chain it as here.
            strand.previous = succeeded;
            machine.exit_with_result(strand, definition, output.clone())
        });
    }

    pub(super) fn map_run_failed(&mut self, map_run: MapRunId, details: ErrorDetails) {
        let Some(id) = self.execution.map_runs.remove(&map_run) else { return };
        self.resume(id, |machine, _, strand, _| {
            // The phase stays, so that a redrive finds the run.
            strand.previous = machine.emit(strand.previous, Details::MapRunFailed(details.clone()));
            Err(Failure { details, heartbeat: false })
        });
    }
}

/// The items of an array. Inline maps take nothing else; AWS iterates over objects in distributed maps only.
fn items_of(document: Payload) -> Option<Vec<MapItem>> {
    match document.into_value() {
        Value::Array(items) => Some(
            (0..)
                .zip(items)
                .map(|(index, value)| MapItem { index, key: None, value: Payload::from(value) })
                .collect(),
        ),
        _ => None,
    }
}
