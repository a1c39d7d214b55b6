//! One state: the fields that its type and query language allow.

use std::sync::Arc;

use serde_json::Value;

use super::expressions::{NumberBounds, looks_embedded};
use super::fields::Fields;
use super::{Names, Parser};
use crate::diagnostics::Code;
use crate::payload::Payload;
use crate::program::{
    DataFlow, ExecutionType, Integration, Kind, Pattern, QueryLanguage, StateDefinition, StateId, StateType,
    Task, Template, Wait, WorkflowId,
};
use crate::time::Timestamp;

/// The longest time in seconds that a Wait or Task state takes.
pub(super) const MAX_SECONDS: u64 = 99_999_999;

/// In AWS's order.
const TYPES: [&str; 8] = ["Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"];

impl Parser {
    pub(super) fn state(
        &mut self,
        fields: &mut Fields<'_>,
        name: &str,
        id: (WorkflowId, StateId),
        names: &Names<'_>,
    ) -> Option<StateDefinition> {
        self.require(fields, &["Type"]);
        let written = self.string(fields, "Type")?;
        let Some(state_type) = state_type(&written) else {
            let types = TYPES.join(", ");
            let place = fields.at("Type");
            self.error(&place, format!("The field 'Type' should have one of these values: [{types}]"));
            return None;
        };
        let comment = self.string(fields, "Comment");
        let language = self.state_language(fields);
        let io = self.data_flow(fields, state_type, language);
        let assign = match state_type {
            StateType::Succeed | StateType::Fail => None,
            _ => self.assign(fields, language),
        };
        let next = match state_type {
            StateType::Choice | StateType::Succeed | StateType::Fail => None,
            _ => self.transition(fields, names),
        };
        let (mut retry, mut catch) = (Vec::new(), Vec::new());
        if matches!(state_type, StateType::Task | StateType::Parallel | StateType::Map) {
            retry = self.retry(fields);
            catch = self.catch(fields, language, names);
        }
        let kind = match state_type {
            StateType::Pass => Some(self.pass(fields, language)),
            StateType::Task => self.task(fields, language),
            StateType::Choice => self.choice_state(fields, language, names),
            StateType::Wait => self.wait(fields, language),
            StateType::Succeed => Some(Kind::Succeed),
            StateType::Fail => {
                let error = self.text(fields, "Error", language);
                let cause = self.text(fields, "Cause", language);
                Some(Kind::Fail { error, cause })
            }
            StateType::Parallel => self.parallel(fields, id),
            StateType::Map => self.map(fields, language, id),
        };
        self.refuse_others(fields);
        Some(StateDefinition {
            name: Arc::from(name),
            query_language: language,
            comment,
            pointer: fields.pointer.clone(),
            kind: kind?,
            io,
            assign,
            next,
            retry,
            catch,
        })
    }

    fn state_language(&mut self, fields: &mut Fields<'_>) -> QueryLanguage {
        let language = self.query_language(fields, self.language);
        if self.language == QueryLanguage::Jsonata && language == QueryLanguage::JsonPath {
            self.error(
                &fields.pointer,
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
            );
        }
        language
    }

    fn data_flow(&mut self, fields: &mut Fields<'_>, kind: StateType, language: QueryLanguage) -> DataFlow {
        let mut io = DataFlow::default();
        if kind == StateType::Fail {
            return io;
        }
        let works = matches!(kind, StateType::Task | StateType::Parallel | StateType::Map);
        let transforms = works || kind == StateType::Pass;
        let mut json_path = vec!["InputPath", "OutputPath"];
        if transforms {
            json_path.extend(["Parameters", "ResultPath"]);
        }
        if works {
            json_path.push("ResultSelector");
        }
        let mut jsonata = vec!["Output"];
        if matches!(kind, StateType::Task | StateType::Parallel) {
            jsonata.push("Arguments");
        }
        match language {
            QueryLanguage::JsonPath => {
                io.input = self.selection(fields, "InputPath");
                io.output_path = self.selection(fields, "OutputPath");
                // The Parameters of a Map state are its ItemSelector's older form.
                if transforms && kind != StateType::Map {
                    io.parameters = self.template(fields, "Parameters", language);
                }
                if transforms {
                    io.result = self.placement(fields, "ResultPath");
                }
                if works {
                    io.result_selector = self.template(fields, "ResultSelector", language);
                }
                for name in jsonata {
                    if fields.take(name).is_some() {
                        self.only_jsonata(&fields.pointer.clone(), name);
                    }
                }
            }
            QueryLanguage::Jsonata => {
                io.output = self.template(fields, "Output", language);
                if matches!(kind, StateType::Task | StateType::Parallel) {
                    io.parameters = self.template(fields, "Arguments", language);
                }
                for name in json_path {
                    if fields.take(name).is_some() {
                        self.only_json_path(&fields.pointer.clone(), name);
                    }
                }
            }
        }
        io
    }

    pub(super) fn assign(&mut self, fields: &mut Fields<'_>, language: QueryLanguage) -> Option<Template> {
        let value = fields.take("Assign")?;
        let location = fields.at("Assign");
        let Value::Object(object) = value else {
            self.wrong_type(&location, "Object");
            return None;
        };
        for name in object.keys() {
            let variable =
                name.strip_suffix(".$").filter(|_| language == QueryLanguage::JsonPath).unwrap_or(name);
            if let Some(problem) = variable_problem(variable) {
                self.error(&location, problem);
            }
        }
        self.template_of(value, "Assign", &location, language)
    }

    /// `Next` or `End`.
    fn transition(&mut self, fields: &mut Fields<'_>, names: &Names<'_>) -> Option<StateId> {
        self.exclusive(fields, &["Next", "End"]);
        if !fields.has("Next") && !fields.has("End") {
            self.error(
                &fields.pointer,
                "The object must have at least one of the following fields: [Next, End]",
            );
        }
        if self.boolean(fields, "End") == Some(false) && !fields.has("Next") {
            self.error(&fields.at("End"), "Value should be one of the following: [true]");
        }
        self.target(fields, "Next", names)
    }

    fn pass(&mut self, fields: &mut Fields<'_>, language: QueryLanguage) -> Kind {
        let location = fields.at("Result");
        let result = fields.take("Result");
        if result.is_some() && language == QueryLanguage::Jsonata {
            self.only_json_path(&fields.pointer.clone(), "Result");
        }
        if result.is_some_and(|result| has_dynamic_name(result, 0)) {
            self.warn(
                Code::LiteralExpression,
                &location,
                "A name that ends in '.$' has no special meaning in Result; use Parameters",
            );
        }
        Kind::Pass { result: result.map(|result| Payload::from(result.clone())) }
    }

    fn task(&mut self, fields: &mut Fields<'_>, language: QueryLanguage) -> Option<Kind> {
        self.require(fields, &["Resource"]);
        let location = fields.at("Resource");
        let resource = self.string(fields, "Resource");
        let bounds = NumberBounds::Whole { least: 1, most: MAX_SECONDS };
        let timeout = self.number(fields, "TimeoutSeconds", language, bounds);
        let heartbeat = self.number(fields, "HeartbeatSeconds", language, bounds);
        if let (
            Some(crate::program::Number::Literal(timeout)),
            Some(crate::program::Number::Literal(heartbeat)),
        ) = (&timeout, &heartbeat)
            && heartbeat >= timeout
        {
            let location = fields.at("HeartbeatSeconds");
            self.error(&location, "HeartbeatSeconds must be smaller than TimeoutSeconds");
        }
        let credentials = self.template(fields, "Credentials", language);
        let resource = resource?;
        let Some(integration) = Integration::parse(&resource) else {
            self.error(&location, "Value is not a valid resource ARN");
            return None;
        };
        if self.execution_type == ExecutionType::Express
            && let Integration::Service { pattern, .. } = &integration
        {
            let unsupported = match pattern {
                Pattern::RequestResponse => None,
                Pattern::Sync => Some(".sync"),
                Pattern::WaitForTaskToken => Some(".waitForTaskToken"),
            };
            if let Some(suffix) = unsupported {
                // AWS's text ends in a blank.
                let message =
                    format!("Express state machine does not support '{suffix}' service integration ");
                self.error(&location, message);
            }
        }
        Some(Kind::Task(Box::new(Task {
            resource: resource.into(),
            integration,
            timeout,
            heartbeat,
            credentials,
        })))
    }

    fn choice_state(
        &mut self,
        fields: &mut Fields<'_>,
        language: QueryLanguage,
        names: &Names<'_>,
    ) -> Option<Kind> {
        self.require(fields, &["Choices"]);
        let rules = self.choices(fields, language, names);
        let default = self.target(fields, "Default", names);
        Some(Kind::Choice { rules: rules?, default })
    }

    fn wait(&mut self, fields: &mut Fields<'_>, language: QueryLanguage) -> Option<Kind> {
        const FORMS: [&str; 4] = ["SecondsPath", "Seconds", "TimestampPath", "Timestamp"];
        self.exclusive(fields, &FORMS);
        if !FORMS.iter().any(|name| fields.has(name)) {
            let forms = FORMS.join(", ");
            self.error(
                &fields.pointer,
                format!("The object must have at least one of the following fields: [{forms}]"),
            );
            return None;
        }
        if fields.has("Seconds") || fields.has("SecondsPath") {
            let bounds = NumberBounds::Whole { least: 0, most: MAX_SECONDS };
            for name in ["Timestamp", "TimestampPath"] {
                fields.take(name);
            }
            return self
                .number(fields, "Seconds", language, bounds)
                .map(|seconds| Kind::Wait(Wait::Seconds(seconds)));
        }
        if fields.has("TimestampPath") {
            if language == QueryLanguage::Jsonata {
                fields.take("TimestampPath");
                self.only_json_path(&fields.pointer.clone(), "TimestampPath");
                return None;
            }
            return self
                .reference_path(fields, "TimestampPath")
                .map(|path| Kind::Wait(Wait::UntilPath(path)));
        }
        let location = fields.at("Timestamp");
        let text = self.string(fields, "Timestamp")?;
        if language == QueryLanguage::Jsonata && looks_embedded(&text) {
            let expression = self.expression(&text, "Timestamp", &location);
            return expression.map(|expression| Kind::Wait(Wait::UntilExpression(expression)));
        }
        let at = Timestamp::parse(&text);
        if at.is_none() {
            self.error(&location, "String does not match RFC3339 timestamp");
        }
        at.map(|at| Kind::Wait(Wait::Until(at)))
    }

    fn parallel(&mut self, fields: &mut Fields<'_>, id: (WorkflowId, StateId)) -> Option<Kind> {
        self.require(fields, &["Branches"]);
        let entries = self.array(fields, "Branches")?;
        if entries.is_empty() {
            self.error(&fields.at("Branches"), "Value cannot be empty");
        }
        let mut branches = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let pointer = format!("{}/Branches[{index}]", fields.pointer);
            let Value::Object(object) = entry else {
                self.wrong_type(&pointer, "Object");
                continue;
            };
            let mut branch = Fields::new(object, pointer);
            self.string(&mut branch, "Comment");
            branches.extend(self.workflow(&mut branch, Some(id)));
            self.refuse_others(&branch);
        }
        (branches.len() == entries.len()).then_some(Kind::Parallel { branches })
    }
}

fn state_type(name: &str) -> Option<StateType> {
    Some(match name {
        "Task" => StateType::Task,
        "Pass" => StateType::Pass,
        "Choice" => StateType::Choice,
        "Wait" => StateType::Wait,
        "Succeed" => StateType::Succeed,
        "Fail" => StateType::Fail,
        "Parallel" => StateType::Parallel,
        "Map" => StateType::Map,
        _ => return None,
    })
}

/// What is wrong with the name of a variable.
fn variable_problem(name: &str) -> Option<String> {
    if name == "states" {
        return Some("The variable name 'states' is reserved".to_owned());
    }
    if name.chars().count() > 80 {
        return Some(format!(
            "The variable name '{name}' exceeds the 80-character limit allowed by the service"
        ));
    }
    let mut characters = name.chars();
    let first = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    let rest = characters.all(|next| next.is_alphanumeric() || next == '_');
    (!first || !rest).then(|| format!("The variable name '{name}' is invalid"))
}

/// Whether a member's name anywhere inside ends in `.$`. What lies deeper than a person looks is not looked at.
fn has_dynamic_name(value: &Value, depth: u32) -> bool {
    depth < 64
        && match value {
            Value::Object(object) => object
                .iter()
                .any(|(name, member)| name.ends_with(".$") || has_dynamic_name(member, depth + 1)),
            Value::Array(items) => items.iter().any(|item| has_dynamic_name(item, depth + 1)),
            _ => false,
        }
}
