//! A distributed map without its surroundings: which children to start on what, and when enough have failed.
//!
//! The runner keeps a [`MapRun`] while the map runs. It is pure and serialises; the children are executions of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::context::MapItem;
use crate::effect::{ItemSource, MapRunRequest, Outcome};
use crate::entropy::Derived;
use crate::evaluate::{Environment, LazyContext};
use crate::event::Seed;
use crate::execution::Variables;
use crate::history::ErrorDetails;
use crate::payload::{MAX_PAYLOAD_BYTES, Payload};
use crate::program::{Kind, Program};
use crate::result_writer;
use crate::time::Timestamp;

/// How many children AWS runs at once when nothing else is said.
const DEFAULT_CONCURRENCY: u32 = 10_000;

/// A distributed map under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapRun {
    /// What the execution asked for.
    pub request: MapRunRequest,
    children: Vec<Child>,
    next: u32,
    running: u32,
    results: BTreeMap<u32, Outcome>,
    total_items: u64,
    failed_items: u64,
    succeeded_items: u64,
}

/// A child execution to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Child {
    /// Its input.
    pub input: Payload,
    /// How many items it works on: one, or a batch.
    pub items: u64,
}

/// How many items stand how, as in AWS's `itemCounts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // As in AWS's API.
pub struct Counts {
    pub pending: u64,
    pub running: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub total: u64,
}

/// A place in the workflow that holds the Map state, for the evaluation of its `ItemSelector`.
fn selector<'p>(program: &'p Program, request: &MapRunRequest) -> Option<&'p crate::program::Template> {
    let (workflow, state) = program.workflow(request.processor).owner?;
    match &program.state(workflow, state).kind {
        Kind::Map(map) => map.selector.as_ref(),
        _ => None,
    }
}

impl MapRun {
    /// Prepares the children of `request`. `read` holds the items when the request's source is a reader; see
    /// [`items_of`](crate::item_reader::items_of). The error is the one to report with
    /// [`MapRunFailed`](crate::EventKind::MapRunFailed).
    pub fn new(
        program: &Program,
        request: MapRunRequest,
        read: Option<Vec<Value>>,
        at: Timestamp,
        seed: Seed,
    ) -> Result<Self, ErrorDetails> {
        let items = match (&request.items, read) {
            (_, Some(items)) => keyless(items),
            (ItemSource::Input(document), None) => match document.value() {
                Value::Array(items) => keyless(items.clone()),
                Value::Object(members) => members
                    .iter()
                    .map(|(key, value)| {
                        let pair =
                            [("Key".to_owned(), key.as_str().into()), ("Value".to_owned(), value.clone())];
                        (Some(Arc::from(key.as_str())), Value::Object(pair.into_iter().collect()))
                    })
                    .collect(),
                _ => {
                    return Err(failure(
                        "States.ItemReaderFailed",
                        "Attempting to map over non-iterable node.",
                    ));
                }
            },
            (ItemSource::Reader(_), None) => Vec::new(),
        };
        let total_items = items.len() as u64;
        let selected = select(program, &request, items, at, seed)?;
        let children = batch(&request, selected)?;
        Ok(Self {
            request,
            children,
            next: 0,
            running: 0,
            results: BTreeMap::new(),
            total_items,
            failed_items: 0,
            succeeded_items: 0,
        })
    }

    /// The next child to start, if concurrency and tolerance allow one: its index and what it works on.
    pub fn start_next(&mut self) -> Option<(u32, Child)> {
        let limit = if self.request.max_concurrency == 0 {
            DEFAULT_CONCURRENCY
        } else {
            self.request.max_concurrency
        };
        if self.running >= limit || self.is_exceeded() {
            return None;
        }
        // After a redrive, some of those to come have their results already.
        while self.results.contains_key(&self.next) {
            self.next += 1;
        }
        let index = self.next;
        let child = self.children.get(index as usize)?.clone();
        self.next += 1;
        self.running += 1;
        Some((index, child))
    }

    /// A child ended. Ends of the same child after the first are ignored.
    pub fn finish(&mut self, index: u32, outcome: Outcome) {
        let Some(child) = self.children.get(index as usize) else { return };
        if index >= self.next || self.results.contains_key(&index) {
            return;
        }
        self.running = self.running.saturating_sub(1);
        match outcome {
            Outcome::Succeeded { .. } => self.succeeded_items += child.items,
            _ => self.failed_items += child.items,
        }
        self.results.insert(index, outcome);
    }

    /// How the items stand.
    pub fn counts(&self) -> Counts {
        let begun =
            self.children.iter().zip(0..self.next).filter(|(_, index)| !self.results.contains_key(index));
        let running: u64 = begun.map(|(child, _)| child.items).sum();
        let finished = self.succeeded_items + self.failed_items;
        Counts {
            pending: self.total_items.saturating_sub(running + finished),
            running,
            succeeded: self.succeeded_items,
            failed: self.failed_items,
            total: self.total_items,
        }
    }

    /// The outcome of a child that ended.
    pub fn outcome(&self, index: u32) -> Option<&Outcome> {
        self.results.get(&index)
    }

    /// All children with what they came to, in order.
    pub fn results(&self) -> impl Iterator<Item = (u32, &Child, Option<&Outcome>)> {
        (0..).zip(&self.children).map(|(index, child)| (index, child, self.results.get(&index)))
    }

    /// Whether more items have failed than are tolerated. Without a threshold none is.
    pub fn is_exceeded(&self) -> bool {
        let request = &self.request;
        if request.tolerated_failure_count.is_none() && request.tolerated_failure_percentage.is_none() {
            return self.failed_items > 0;
        }
        let count = request.tolerated_failure_count.is_some_and(|tolerated| self.failed_items > tolerated);
        #[allow(clippy::cast_precision_loss)] // Items number 100 million at most.
        let share = self.failed_items as f64 * 100.0 / self.total_items.max(1) as f64;
        count || request.tolerated_failure_percentage.is_some_and(|tolerated| share > tolerated)
    }

    /// The end, when it has come: the results in order, or the failure. What still runs after a failure is to be stopped.
    pub fn end(&self) -> Option<Result<Payload, ErrorDetails>> {
        if self.is_exceeded() {
            return Some(Err(threshold_exceeded()));
        }
        if self.results.len() < self.children.len() {
            return None;
        }
        let outputs: Vec<Payload> = self
            .results
            .values()
            .map(|outcome| match outcome {
                Outcome::Succeeded { output } => output.clone(),
                // A tolerated failure leaves its error where the result would be.
                Outcome::Failed { error, cause }
                | Outcome::TimedOut { error, cause }
                | Outcome::Aborted { error, cause } => {
                    let text = |text: &Option<Arc<str>>| {
                        text.as_ref().map_or(Value::Null, |text| Value::String(text.to_string()))
                    };
                    let members = [("Error".to_owned(), text(error)), ("Cause".to_owned(), text(cause))];
                    Payload::from(Value::Object(members.into_iter().collect()))
                }
            })
            .collect();
        Some(Ok(result_writer::output(&self.request, Payload::array(&outputs))))
    }

    /// Makes the run go on after a redrive of the execution: everything that failed is to run again, and what succeeded is
    /// not.
    pub fn redrive(&mut self) {
        self.results.retain(|_, outcome| matches!(outcome, Outcome::Succeeded { .. }));
        self.next = 0;
        self.running = 0;
        self.failed_items = 0;
        self.succeeded_items = self
            .results
            .keys()
            .filter_map(|index| self.children.get(*index as usize))
            .map(|child| child.items)
            .sum();
    }
}

fn keyless(items: Vec<Value>) -> Vec<(Option<Arc<str>>, Value)> {
    items.into_iter().map(|item| (None, item)).collect()
}

pub(crate) fn threshold_exceeded() -> ErrorDetails {
    failure(
        "States.ExceedToleratedFailureThreshold",
        "The specified tolerated failure threshold was exceeded",
    )
}

pub(crate) fn failure(error: &str, cause: impl Into<String>) -> ErrorDetails {
    ErrorDetails { error: Some(error.into()), cause: Some(cause.into().into()) }
}

/// Applies the `ItemSelector`.
fn select(
    program: &Program,
    request: &MapRunRequest,
    items: Vec<(Option<Arc<str>>, Value)>,
    at: Timestamp,
    seed: Seed,
) -> Result<Vec<Payload>, ErrorDetails> {
    let Some(template) = selector(program, request) else {
        return Ok(items.into_iter().map(|(_, value)| Payload::from(value)).collect());
    };
    let variables = match request.variables.value() {
        Value::Object(members) => Variables::from_object(members),
        _ => Variables::default(),
    };
    let mut entropy = Derived::new(seed);
    let mut selected = Vec::with_capacity(items.len());
    for (index, (key, value)) in (0..).zip(items) {
        let item = MapItem { index, key, value: Payload::from(value) };
        let mut context = request.context.value().clone();
        if let Value::Object(members) = &mut context {
            members.insert("Map".into(), item.to_context());
        }
        let context = LazyContext::built(context);
        let mut environment = Environment {
            input: request.input.value(),
            context: &context,
            variables: &variables,
            result: None,
            error_output: None,
            now: at,
            entropy: &mut entropy,
        };
        let payload =
            template.evaluate(&mut environment).map_err(|fault| failure(fault.error, fault.cause))?;
        selected.push(payload);
    }
    Ok(selected)
}

/// Applies the `ItemBatcher`.
fn batch(request: &MapRunRequest, items: Vec<Payload>) -> Result<Vec<Child>, ErrorDetails> {
    let Some(limits) = &request.batch else {
        return Ok(items.into_iter().map(|input| Child { input, items: 1 }).collect());
    };
    let max_items = limits.max_items.filter(|limit| *limit > 0).unwrap_or(u64::MAX);
    let max_bytes = limits.max_bytes.filter(|limit| *limit > 0).unwrap_or(MAX_PAYLOAD_BYTES as u64);
    let shared = limits.input.as_ref().map_or(0, |input| input.bytes() + r#""BatchInput":,"#.len()) as u64;
    let frame = shared + r#"{"Items":[]}"#.len() as u64;
    let mut children = Vec::new();
    let mut open: Vec<Payload> = Vec::new();
    let mut bytes = frame;
    for item in items {
        let weight = item.bytes() as u64;
        let comma = u64::from(!open.is_empty());
        if !open.is_empty() && (open.len() as u64 >= max_items || bytes + comma + weight > max_bytes) {
            children.push(close(&mut open, limits.input.as_ref()));
            bytes = frame;
        }
        if frame + weight > max_bytes {
            return Err(failure(
                "States.ItemReaderFailed",
                "The input of a batch exceeds the maximum number of bytes per batch",
            ));
        }
        bytes += weight + u64::from(!open.is_empty());
        open.push(item);
    }
    if !open.is_empty() {
        children.push(close(&mut open, limits.input.as_ref()));
    }
    Ok(children)
}

fn close(open: &mut Vec<Payload>, shared: Option<&Payload>) -> Child {
    let items = open.len() as u64;
    let values: Vec<Value> = open.drain(..).map(Payload::into_value).collect();
    let mut input = Map::new();
    if let Some(shared) = shared {
        input.insert("BatchInput".into(), shared.value().clone());
    }
    input.insert("Items".into(), Value::Array(values));
    Child { input: Payload::from(Value::Object(input)), items }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(batch: Option<crate::effect::Batch>) -> MapRunRequest {
        MapRunRequest {
            map_run: crate::event::MapRunId(3),
            arn: "arn".into(),
            state: "Map".into(),
            path: "Map".into(),
            processor: crate::WorkflowId(1),
            execution_type: crate::ExecutionType::Standard,
            max_concurrency: 2,
            tolerated_failure_count: None,
            tolerated_failure_percentage: None,
            items: ItemSource::Input(Payload::from(serde_json::json!([1, 22, 333, 4444, 5]))),
            input: Payload::empty_object(),
            context: Payload::empty_object(),
            variables: Payload::empty_object(),
            batch,
            writer: None,
        }
    }

    fn program() -> Arc<Program> {
        let definition = r#"{"StartAt": "Map", "States": {"Map": {"Type": "Map", "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}}"#;
        Program::compile(definition, crate::ExecutionType::Standard).unwrap()
    }

    fn run(request: MapRunRequest) -> MapRun {
        MapRun::new(&program(), request, None, Timestamp(0), Seed::default()).unwrap()
    }

    fn inputs(run: &MapRun) -> Vec<String> {
        run.children.iter().map(|child| child.input.text().into_owned()).collect()
    }

    #[test]
    fn a_batch_closes_at_its_number_of_items() {
        let batch = crate::effect::Batch { max_items: Some(2), max_bytes: None, input: None };
        let run = run(request(Some(batch)));
        assert_eq!(inputs(&run), [r#"{"Items":[1,22]}"#, r#"{"Items":[333,4444]}"#, r#"{"Items":[5]}"#]);
    }

    #[test]
    fn a_batch_closes_at_its_weight_and_carries_the_shared_input() {
        let shared = Payload::from(serde_json::json!({"k": 1}));
        let bytes = r#"{"BatchInput":{"k":1},"Items":[1,22,333]}"#.len() as u64;
        let batch = crate::effect::Batch { max_items: None, max_bytes: Some(bytes), input: Some(shared) };
        let run = run(request(Some(batch)));
        assert_eq!(
            inputs(&run),
            [r#"{"BatchInput":{"k":1},"Items":[1,22,333]}"#, r#"{"BatchInput":{"k":1},"Items":[4444,5]}"#]
        );
        assert!(run.children.iter().all(|child| child.input.bytes() as u64 <= bytes));
    }

    #[test]
    fn concurrency_bounds_what_runs_and_results_keep_the_order_of_items() {
        let mut run = run(request(None));
        let (first, _) = run.start_next().unwrap();
        let (second, _) = run.start_next().unwrap();
        assert_eq!((first, second), (0, 1));
        assert!(run.start_next().is_none());
        let done = |text: &str| Outcome::Succeeded { output: Payload::parse(text).unwrap() };
        run.finish(1, done("\"b\""));
        run.finish(1, done("\"again\""));
        run.finish(0, done("\"a\""));
        for name in ["\"c\"", "\"d\"", "\"e\""] {
            assert!(run.end().is_none());
            let (index, _) = run.start_next().unwrap();
            run.finish(index, done(name));
        }
        assert_eq!(run.end().unwrap().unwrap().text(), r#"["a","b","c","d","e"]"#);
    }

    #[test]
    fn tolerance_is_by_count_or_by_share() {
        let failed = || Outcome::Failed { error: Some("E".into()), cause: None };
        let mut strict = run(request(None));
        let (index, _) = strict.start_next().unwrap();
        strict.finish(index, failed());
        let error = strict.end().unwrap().unwrap_err();
        assert_eq!(error.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
        assert!(strict.start_next().is_none());

        let mut lenient = run(MapRunRequest { tolerated_failure_percentage: Some(20.0), ..request(None) });
        let (index, _) = lenient.start_next().unwrap();
        lenient.finish(index, failed());
        assert!(!lenient.is_exceeded());
        let (index, _) = lenient.start_next().unwrap();
        lenient.finish(index, failed());
        assert!(lenient.is_exceeded());
    }

    #[test]
    fn a_redrive_runs_what_failed_again() {
        let mut run = run(request(None));
        let (index, _) = run.start_next().unwrap();
        run.finish(index, Outcome::Succeeded { output: Payload::parse("1").unwrap() });
        let (failing, _) = run.start_next().unwrap();
        let (index, _) = run.start_next().unwrap();
        run.finish(index, Outcome::Succeeded { output: Payload::parse("3").unwrap() });
        run.finish(failing, Outcome::Failed { error: None, cause: None });
        run.redrive();
        assert_eq!(run.counts(), Counts { pending: 3, running: 0, succeeded: 2, failed: 0, total: 5 });
        let again: Vec<u32> = std::iter::from_fn(|| run.start_next()).map(|(index, _)| index).collect();
        assert_eq!(again, [1, 3]);
        assert_eq!(run.counts(), Counts { pending: 1, running: 2, succeeded: 2, failed: 0, total: 5 });
    }
}
