//! Step Functions Local's `MockConfigFile.json`: recorded answers in place of services.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use deputy_asl::{Integration, Pattern, Payload};
use serde::Deserialize;
use serde_json::Value;

use super::{TaskCall, TaskError, TaskFuture, TaskService};

/// Mocked answers by state machine, test case and state.
///
/// A test case is chosen as in Step Functions Local, by starting `…:stateMachine:NAME#TESTCASE`; or, for all executions that
/// name none, with [`Mocks::choose`].
#[derive(Debug, Clone, Default)]
pub struct Mocks {
    cases: HashMap<(String, String), HashMap<String, Answers>>,
    chosen: HashMap<String, String>,
    /// How often each state of each execution was asked.
    asked: Arc<Mutex<Asked>>,
}

/// The answers of a state, each for a range of attempts.
type Answers = Arc<Vec<(u32, u32, Answer)>>;
/// Attempts by execution and state.
type Asked = HashMap<(Arc<str>, Arc<str>), u32>;

#[derive(Debug, Clone)]
enum Answer {
    Return(Value),
    Throw { error: String, cause: String },
}

/// Why a mock configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MockError {
    /// The file cannot be read.
    #[error("the mock configuration cannot be read")]
    Read(#[from] std::io::Error),
    /// It is no JSON, or not of the form that Step Functions Local takes.
    #[error("the mock configuration is malformed: {0}")]
    Malformed(String),
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "StateMachines")]
    machines: HashMap<String, Machine>,
    #[serde(rename = "MockedResponses", default)]
    responses: HashMap<String, HashMap<String, Response>>,
}

#[derive(Deserialize)]
struct Machine {
    #[serde(rename = "TestCases")]
    cases: HashMap<String, HashMap<String, String>>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "Return")]
    value: Option<Value>,
    #[serde(rename = "Throw")]
    error: Option<Throw>,
}

#[derive(Deserialize)]
struct Throw {
    #[serde(rename = "Error")]
    error: String,
    #[serde(rename = "Cause", default)]
    cause: String,
}

impl Mocks {
    /// Reads a `MockConfigFile.json`.
    pub fn read(path: &Path) -> Result<Self, MockError> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    /// As [`Mocks::read`], of the text.
    pub fn parse(text: &str) -> Result<Self, MockError> {
        let file: File =
            serde_json::from_str(text).map_err(|error| MockError::Malformed(error.to_string()))?;
        let mut responses = HashMap::new();
        for (name, attempts) in file.responses {
            let mut answers = Vec::new();
            for (range, response) in attempts {
                let (first, last) = parse_range(&range).ok_or_else(|| {
                    MockError::Malformed(format!(
                        "`{range}` in {name} is neither a number of an attempt nor a range such as 0-2"
                    ))
                })?;
                if let Some((one, other, _)) =
                    answers.iter().find(|(one, other, _)| first <= *other && *one <= last)
                {
                    return Err(MockError::Malformed(format!(
                        "{name} answers attempts {first}-{last} twice: see {one}-{other}"
                    )));
                }
                let answer = match response {
                    Response { value: Some(value), error: None } => Answer::Return(value),
                    Response { value: None, error: Some(Throw { error, cause }) } => {
                        Answer::Throw { error, cause }
                    }
                    _ => {
                        return Err(MockError::Malformed(format!(
                            "{name}.{range} needs either Return or Throw"
                        )));
                    }
                };
                answers.push((first, last, answer));
            }
            responses.insert(name, Arc::new(answers));
        }
        let mut cases = HashMap::new();
        for (machine, Machine { cases: of_machine }) in file.machines {
            for (case, states) in of_machine {
                let mut answers = HashMap::new();
                for (state, response) in states {
                    let found = responses.get(&response).ok_or_else(|| {
                        MockError::Malformed(format!(
                            "{machine}.{case}.{state} names no response: `{response}`"
                        ))
                    })?;
                    answers.insert(state, Arc::clone(found));
                }
                cases.insert((machine.clone(), case), answers);
            }
        }
        Ok(Self { cases, ..Self::default() })
    }

    /// Executions of that machine run that test case from now on.
    #[must_use]
    pub fn choose(mut self, machine: &str, case: &str) -> Self {
        self.chosen.insert(machine.to_owned(), case.to_owned());
        self
    }

    /// The machines that have test cases, by name.
    pub fn machines(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.cases.keys().map(|(machine, _)| machine).collect();
        names.into_iter().cloned().collect()
    }

    /// The test cases of a machine.
    pub fn cases_of(&self, machine: &str) -> Vec<String> {
        let mut cases: Vec<String> =
            self.cases.keys().filter(|(of, _)| of == machine).map(|(_, case)| case.clone()).collect();
        cases.sort();
        cases
    }

    fn answers(&self, call: &TaskCall) -> Option<&Answers> {
        let named = call.state_machine.split(':').nth(6)?;
        let (machine, case) = match named.split_once('#') {
            Some((machine, case)) => (machine, case),
            None => (named, self.chosen.get(named)?.as_str()),
        };
        let case = case.to_owned();
        self.cases.get(&(machine.to_owned(), case))?.get(call.request.state.as_ref())
    }
}

/// `"0"` or `"1-3"`.
fn parse_range(text: &str) -> Option<(u32, u32)> {
    match text.split_once('-') {
        Some((first, last)) => {
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first <= last).then_some((first, last))
        }
        None => text.trim().parse().ok().map(|number| (number, number)),
    }
}

impl TaskService for Mocks {
    fn accepts(&self, _: &str, _: &Integration) -> bool {
        // It stands in for single states of single machines.
        false
    }

    fn stands_in(&self, machine: &str, state: &str) -> bool {
        self.cases.iter().any(|((of, _), states)| of == machine && states.contains_key(state))
    }

    fn test_cases(&self, machine: &str) -> Vec<String> {
        self.cases_of(machine)
    }

    fn accepts_call(&self, call: &TaskCall) -> bool {
        self.answers(call).is_some()
    }

    fn call(&self, call: TaskCall) -> TaskFuture {
        let answers = self.answers(&call).cloned().unwrap_or_default();
        let attempt = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let times =
                asked.entry((Arc::clone(&call.execution), Arc::clone(&call.request.state))).or_default();
            *times += 1;
            *times - 1
        };
        let answer = answers
            .iter()
            .find(|(first, last, _)| (*first..=*last).contains(&attempt))
            .map(|(_, _, it)| it.clone());
        // A mock answers for the job or the callback too, as in Step Functions Local.
        if matches!(
            &call.request.integration,
            Integration::Service { pattern: Pattern::Sync | Pattern::WaitForTaskToken, .. }
        ) {
            call.submitted(Payload::empty_object());
        }
        Box::pin(async move {
            match answer {
                Some(Answer::Return(value)) => Ok(Payload::from(value)),
                Some(Answer::Throw { error, cause }) => Err(TaskError::new(&error, cause)),
                None => Err(TaskError::new(
                    "States.Runtime",
                    format!("The mock has no answer for attempt {attempt} of {}.", call.request.state),
                )),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mock_file_is_understood() {
        let text = r#"{
            "StateMachines": {"M": {"TestCases": {"Happy": {"Call": "Fine"}}}},
            "MockedResponses": {"Fine": {"0": {"Throw": {"Error": "E", "Cause": "c"}}, "1-2": {"Return": {"a": 1}}}}
        }"#;
        let mocks = Mocks::parse(text).unwrap();
        assert_eq!(mocks.cases[&("M".to_owned(), "Happy".to_owned())]["Call"].len(), 2);
        assert_eq!((mocks.machines(), mocks.cases_of("M")), (vec!["M".to_owned()], vec!["Happy".to_owned()]));
        assert!(
            mocks.stands_in("M", "Call") && !mocks.stands_in("M", "Other") && !mocks.stands_in("N", "Call")
        );
        for (wrong, right) in [
            ("\"Call\": \"Fine\"", "\"Call\": \"Nowhere\""),
            ("\"1-2\"", "\"2-1\""),
            ("\"1-2\"", "\"0-2\""),
            ("{\"Return\": {\"a\": 1}}", "{}"),
        ] {
            let broken = text.replace(wrong, right);
            assert!(matches!(Mocks::parse(&broken), Err(MockError::Malformed(_))), "{right}");
        }
    }
}
