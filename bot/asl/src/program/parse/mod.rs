//! From text to program, collecting everything that is wrong on the way.

mod choice;
mod errors;
mod expressions;
mod fields;
mod map;
mod reach;
mod state;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use self::fields::Fields;
use super::{ExecutionType, Program, QueryLanguage, StateDefinition, StateId, Workflow, WorkflowId};
use crate::diagnostics::{Code, Diagnostic, Report, Severity};

/// The longest definition that AWS takes, in bytes.
const MAX_DEFINITION_BYTES: usize = 1_048_576;

/// How deep workflows may nest. AWS does not say; a definition this deep is no work of a person, and the bound keeps every
/// later walk off the end of the stack.
const MAX_NESTING: u32 = 32;

/// How long a state's name may be, in characters.
const MAX_NAME_CHARACTERS: usize = 80;

pub(super) fn parse(definition: &str, execution_type: ExecutionType) -> Report {
    let mut parser = Parser::new(execution_type);
    let machine = parser.json(definition).and_then(|value| parser.machine(&value));
    parser.diagnostics.sort_by_key(|diagnostic| !diagnostic.is_error());
    let has_errors = parser.diagnostics.first().is_some_and(Diagnostic::is_error);
    let program = machine.filter(|_| !has_errors).map(Arc::new);
    Report { program, diagnostics: parser.diagnostics }
}

pub(super) fn parse_state(definition: &str, name: &str, execution_type: ExecutionType) -> Report {
    let mut parser = Parser::new(execution_type);
    let Some(state) = parser.json(definition) else {
        return Report { program: None, diagnostics: parser.diagnostics };
    };
    let mut targets = Vec::new();
    reach::targets(&state, &mut targets);
    let mut states = Map::new();
    for target in targets.into_iter().filter(|target| *target != name) {
        states.insert(target.to_owned(), serde_json::json!({"Type": "Succeed"}));
    }
    let mut machine = Map::new();
    machine.insert("StartAt".into(), name.into());
    states.insert(name.to_owned(), state);
    machine.insert("States".into(), Value::Object(states));
    let mut report = parse(&Value::Object(machine).to_string(), execution_type);
    // The places are those of the state, which is all that its author wrote.
    let prefix = format!("/States/{name}");
    for location in report.diagnostics.iter_mut().filter_map(|diagnostic| diagnostic.location.as_mut()) {
        if let Some(rest) = location.strip_prefix(&prefix) {
            *location = if rest.is_empty() { "/".to_owned() } else { rest.to_owned() };
        }
    }
    report
}

/// A definition being read.
struct Parser {
    diagnostics: Vec<Diagnostic>,
    execution_type: ExecutionType,
    /// The machine's `QueryLanguage`. It, not that of a Parallel or Map state, is what nested states inherit.
    language: QueryLanguage,
    workflows: Vec<Option<Workflow>>,
    depth: u32,
}

/// The states of the workflow being read, by name.
struct Names<'d> {
    ids: HashMap<&'d str, StateId>,
}

impl Parser {
    fn new(execution_type: ExecutionType) -> Self {
        Self {
            diagnostics: Vec::new(),
            execution_type,
            language: QueryLanguage::JsonPath,
            workflows: Vec::new(),
            depth: 0,
        }
    }

    fn error(&mut self, location: &str, message: impl Into<String>) {
        self.report(Severity::Error, Code::SchemaValidationFailed, Some(location), message);
    }

    fn warn(&mut self, code: Code, location: &str, message: impl Into<String>) {
        self.report(Severity::Warning, code, Some(location), message);
    }

    fn report(&mut self, severity: Severity, code: Code, location: Option<&str>, message: impl Into<String>) {
        let location =
            location.map(|location| if location.is_empty() { "/".to_owned() } else { location.to_owned() });
        self.diagnostics.push(Diagnostic { severity, code, location, message: message.into() });
    }

    fn json(&mut self, definition: &str) -> Option<Value> {
        if definition.len() > MAX_DEFINITION_BYTES {
            let message = format!("The definition is larger than {MAX_DEFINITION_BYTES} bytes");
            self.report(Severity::Error, Code::InvalidJsonDescription, None, message);
            return None;
        }
        // serde_json refuses to nest deeper than 128 by itself.
        match serde_json::from_str(definition) {
            Ok(value) => Some(value),
            Err(error) => {
                self.report(Severity::Error, Code::InvalidJsonDescription, None, error.to_string());
                None
            }
        }
    }

    fn machine(&mut self, value: &Value) -> Option<Program> {
        let Value::Object(object) = value else {
            self.error("", "Definition must be a valid JSON object");
            return None;
        };
        let mut fields = Fields::new(object, String::new());
        let comment = self.string(&mut fields, "Comment");
        self.string(&mut fields, "Version");
        let timeout_seconds = self.integer(&mut fields, "TimeoutSeconds", 1, 99_999_999);
        self.language = self.query_language(&mut fields, QueryLanguage::JsonPath);
        let id = self.workflow(&mut fields, None);
        self.refuse_others(&fields);
        let workflows: Option<Vec<Workflow>> = self.workflows.drain(..).collect();
        (id == Some(WorkflowId::ROOT)).then_some(())?;
        Some(Program { comment, timeout_seconds, workflows: workflows? })
    }

    /// `StartAt` and `States` of a machine, branch or item processor; the caller looks after other fields.
    fn workflow(
        &mut self,
        fields: &mut Fields<'_>,
        owner: Option<(WorkflowId, StateId)>,
    ) -> Option<WorkflowId> {
        self.require(fields, &["StartAt", "States"]);
        let start_at = self.string(fields, "StartAt");
        let states = self.object(fields, "States");
        if self.depth >= MAX_NESTING {
            self.error(&fields.pointer, format!("Workflows may nest {MAX_NESTING} deep"));
            return None;
        }
        let id = WorkflowId(u32::try_from(self.workflows.len()).ok()?);
        self.workflows.push(None);
        let states = states?;
        let pointer = fields.at("States");
        if states.is_empty() {
            self.error(&pointer, "Value cannot be empty");
            return None;
        }
        let names = Names {
            ids: (0..).zip(states.keys()).map(|(index, name)| (name.as_str(), StateId(index))).collect(),
        };
        let start = start_at.as_deref().and_then(|name| {
            let found = names.ids.get(name).copied();
            if found.is_none() {
                self.missing_target(name, &fields.at("StartAt"));
            }
            found
        });
        self.depth += 1;
        let definitions = self.states(states, &pointer, id, &names);
        self.depth -= 1;
        self.check_reach(states, start_at.as_deref(), &pointer, owner.is_some());
        let workflow =
            Workflow { start: start?, states: definitions?, owner, pointer: fields.pointer.clone() };
        self.workflows[id.0 as usize] = Some(workflow);
        Some(id)
    }

    fn states(
        &mut self,
        states: &Map<String, Value>,
        pointer: &str,
        workflow: WorkflowId,
        names: &Names<'_>,
    ) -> Option<Vec<StateDefinition>> {
        let mut definitions = Vec::with_capacity(states.len());
        for (index, (name, value)) in (0..).zip(states) {
            let pointer = format!("{pointer}/{name}");
            if name.chars().count() > MAX_NAME_CHARACTERS {
                self.report(
                    Severity::Error,
                    Code::InvalidStateName,
                    Some(&pointer),
                    format!("State name '{name}' exceeds the {MAX_NAME_CHARACTERS}-character limit allowed by the service"),
                );
            }
            let Value::Object(object) = value else {
                self.error(&pointer, "Expected value of type Object");
                continue;
            };
            let mut fields = Fields::new(object, pointer);
            let definition = self.state(&mut fields, name, (workflow, StateId(index)), names);
            definitions.extend(definition);
        }
        (definitions.len() == states.len()).then_some(definitions)
    }

    fn missing_target(&mut self, name: &str, location: &str) {
        let message = format!("Missing 'Next' target: {name}");
        self.report(Severity::Error, Code::MissingTransitionTarget, Some(location), message);
    }

    /// A field that names a state of the same workflow.
    fn target(&mut self, fields: &mut Fields<'_>, field: &str, names: &Names<'_>) -> Option<StateId> {
        let name = self.string(fields, field)?;
        let found = names.ids.get(name.as_str()).copied();
        if found.is_none() {
            self.missing_target(&name, &fields.at(field));
        }
        found
    }

    /// `QueryLanguage`, or what is inherited. Anything but `JSONPath` counts as JSONata in what follows, as on AWS.
    fn query_language(&mut self, fields: &mut Fields<'_>, inherited: QueryLanguage) -> QueryLanguage {
        match self.choice(fields, "QueryLanguage", &["JSONPath", "JSONata"]) {
            None if fields.has("QueryLanguage") => QueryLanguage::Jsonata,
            None => inherited,
            Some("JSONPath") => QueryLanguage::JsonPath,
            Some(_) => QueryLanguage::Jsonata,
        }
    }
}
