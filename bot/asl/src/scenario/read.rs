//! From TOML to a scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Answer, Expectation, Says, Scenario, ScenarioError, Stop};
use crate::event::FailureStage;
use crate::time::Timestamp;

/// When scenarios begin that do not say.
const BEGINNING: &str = "2026-01-01T00:00:00Z";
const STATUSES: [&str; 4] = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: Option<String>,
    input: Option<toml::Value>,
    now: Option<toml::Value>,
    execution: Option<String>,
    machine: Option<String>,
    stop: Option<StopEntry>,
    redrive: Option<u32>,
    #[serde(default)]
    tasks: BTreeMap<String, Vec<AnswerEntry>>,
    #[serde(default)]
    items: BTreeMap<String, Vec<toml::Value>>,
    expect: ExpectEntry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StopEntry {
    after: toml::Value,
    error: Option<String>,
    cause: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerEntry {
    output: Option<toml::Value>,
    payload: Option<toml::Value>,
    error: Option<String>,
    cause: Option<String>,
    #[serde(default)]
    never: bool,
    after: Option<toml::Value>,
    heartbeat: Option<toml::Value>,
    heartbeats: Option<u32>,
    stage: Option<String>,
    submitted: Option<toml::Value>,
    sent: Option<toml::Value>,
    when: Option<toml::Value>,
    times: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectEntry {
    status: String,
    output: Option<toml::Value>,
    output_includes: Option<toml::Value>,
    error: Option<String>,
    cause: Option<String>,
    cause_includes: Option<String>,
    states: Option<Vec<String>>,
    took: Option<toml::Value>,
}

pub(super) fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    let file: File =
        toml::from_str(text).map_err(|error| ScenarioError(error.to_string().trim_end().to_owned()))?;
    let mut tasks = BTreeMap::new();
    for (name, entries) in file.tasks {
        let mut answers = Vec::new();
        for (number, entry) in (1..).zip(entries) {
            let at = |problem: String| ScenarioError(format!("tasks.{name}, answer {number}: {problem}"));
            answers.push(answer(entry).map_err(at)?);
        }
        if answers.is_empty() {
            return Err(ScenarioError(format!("tasks.{name} has no answers: leave it out")));
        }
        tasks.insert(name, answers);
    }
    let mut items = BTreeMap::new();
    for (name, values) in file.items {
        let values: Result<Vec<Value>, String> = values.into_iter().map(document).collect();
        items.insert(
            name.clone(),
            values.map_err(|problem| ScenarioError(format!("items.{name}: {problem}")))?,
        );
    }
    let within = |field: &'static str| move |problem: String| ScenarioError(format!("{field}: {problem}"));
    let input = file.input.map(document).transpose().map_err(within("input"))?;
    let stop = match file.stop {
        None => None,
        Some(StopEntry { after, error, cause }) => Some(Stop {
            after: duration(&after).map_err(within("stop.after"))?,
            error: error.map(Into::into),
            cause: cause.map(Into::into),
        }),
    };
    Ok(Scenario {
        description: file.description,
        input: input.unwrap_or_else(|| Value::Object(Map::new())),
        now: now(file.now.as_ref()).map_err(within("now"))?,
        execution: file.execution.unwrap_or_else(|| "scenario".into()),
        machine: file.machine.unwrap_or_else(|| "workflow".into()),
        stop,
        redrive: file.redrive.unwrap_or(0),
        tasks,
        items,
        expect: expectation(file.expect)?,
    })
}

fn now(value: Option<&toml::Value>) -> Result<Timestamp, String> {
    let text = match value {
        None => BEGINNING.to_owned(),
        Some(toml::Value::Datetime(at)) => at.to_string(),
        Some(toml::Value::String(text)) => text.clone(),
        Some(other) => return Err(format!("{} is no date-time", shown(other))),
    };
    Timestamp::parse(&text)
        .ok_or_else(|| format!("{text} is no date-time with an offset, such as {BEGINNING}"))
}

fn answer(entry: AnswerEntry) -> Result<Answer, String> {
    let AnswerEntry { output, payload, error, cause, never, stage, .. } = entry;
    let fails = error.is_some() || cause.is_some();
    let said = [output.is_some(), payload.is_some(), fails, never].into_iter().filter(|said| *said).count();
    if said != 1 {
        let problem = if said == 0 { "says nothing" } else { "says more than one thing" };
        return Err(format!("{problem}: give one of output, payload, error (with cause), or never = true"));
    }
    if stage.is_some() && !fails {
        return Err("stage tells how far a task had come that failed: give it with error".into());
    }
    let says = if let Some(output) = output {
        Says::Output(document(output).map_err(|problem| format!("output: {problem}"))?)
    } else if let Some(payload) = payload {
        Says::Payload(document(payload).map_err(|problem| format!("payload: {problem}"))?)
    } else if never {
        Says::Never
    } else {
        let stage = match stage.as_deref() {
            None | Some("run") => FailureStage::Run,
            Some("schedule") => FailureStage::Schedule,
            Some("start") => FailureStage::Start,
            Some("submit") => FailureStage::Submit,
            Some(other) => return Err(format!("stage `{other}` is none of schedule, start, submit, run")),
        };
        Says::Fails { error: error.map(Into::into), cause: cause.map(Into::into), stage }
    };
    let after =
        entry.after.as_ref().map(duration).transpose().map_err(|problem| format!("after: {problem}"))?;
    let beat = entry
        .heartbeat
        .as_ref()
        .map(duration)
        .transpose()
        .map_err(|problem| format!("heartbeat: {problem}"))?;
    if beat.is_some_and(|beat| beat.is_zero()) {
        return Err("heartbeat: must be longer than nothing".into());
    }
    if beat.is_none() && entry.heartbeats.is_some() {
        return Err("heartbeats: say how often, with heartbeat = \"30s\"".into());
    }
    if beat.is_some() && matches!(says, Says::Never) && entry.heartbeats.is_none() {
        return Err("heartbeat: with never, say how many: heartbeats = 3".into());
    }
    if matches!(says, Says::Never) && after.is_some() {
        return Err("after: there is no answer to wait for, with never".into());
    }
    let times = match entry.times {
        None => Some(1),
        Some(toml::Value::String(text)) if text == "any" => None,
        Some(toml::Value::Integer(times)) if times >= 1 => {
            Some(u32::try_from(times).map_err(|_| "times: is too large".to_owned())?)
        }
        Some(other) => {
            return Err(format!("times: {} is neither a number from 1 nor \"any\"", shown(&other)));
        }
    };
    let optional = |field: &str, value: Option<toml::Value>| {
        value.map(document).transpose().map_err(|problem| format!("{field}: {problem}"))
    };
    Ok(Answer {
        says,
        after: after.unwrap_or_default(),
        heartbeat: beat.map(|beat| (beat, entry.heartbeats)),
        submitted: optional("submitted", entry.submitted)?.unwrap_or_else(|| Value::Object(Map::new())),
        sent: optional("sent", entry.sent)?,
        when: optional("when", entry.when)?,
        times,
    })
}

fn expectation(entry: ExpectEntry) -> Result<Expectation, ScenarioError> {
    let wrong = |problem: String| ScenarioError(format!("expect.{problem}"));
    if !STATUSES.contains(&entry.status.as_str()) {
        return Err(wrong(format!("status: `{}` is none of {}", entry.status, STATUSES.join(", "))));
    }
    let succeeded = entry.status == "SUCCEEDED";
    if succeeded && (entry.error.is_some() || entry.cause.is_some() || entry.cause_includes.is_some()) {
        return Err(wrong("error: an execution that SUCCEEDED has no error or cause".into()));
    }
    if !succeeded && (entry.output.is_some() || entry.output_includes.is_some()) {
        return Err(wrong(format!("output: an execution that {} has no output", entry.status)));
    }
    let optional = |field: &str, value: Option<toml::Value>| {
        value.map(document).transpose().map_err(|problem| wrong(format!("{field}: {problem}")))
    };
    Ok(Expectation {
        output: optional("output", entry.output)?,
        output_includes: optional("output_includes", entry.output_includes)?,
        error: entry.error,
        cause: entry.cause,
        cause_includes: entry.cause_includes,
        states: entry.states,
        took: entry
            .took
            .as_ref()
            .map(duration)
            .transpose()
            .map_err(|problem| wrong(format!("took: {problem}")))?,
        status: entry.status,
    })
}

/// A TOML value as JSON; a table `{ "$json" = '…' }` is what the text says.
fn document(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| format!("JSON has no number {number}"))?,
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(at) => at.to_string().into(),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(document).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => match table.get("$json") {
            Some(toml::Value::String(text)) if table.len() == 1 => {
                serde_json::from_str(text).map_err(|error| format!("$json: {error}"))?
            }
            Some(_) => return Err("$json stands alone, with the JSON as a text".into()),
            None => {
                let members = table.into_iter().map(|(name, value)| Ok((name, document(value)?)));
                Value::Object(members.collect::<Result<_, String>>()?)
            }
        },
    })
}

/// A value as messages show it.
fn shown(value: &toml::Value) -> String {
    document(value.clone()).map_or_else(|problem| problem, |value| value.to_string())
}

/// `90`, `"90s"`, `"1h30m"`, `"250ms"`, `"2d"`.
fn duration(value: &toml::Value) -> Result<Duration, String> {
    let wrong = || {
        format!("{} is no duration; write \"90s\", \"1h30m\", \"250ms\" or a number of seconds", shown(value))
    };
    match value {
        toml::Value::Integer(seconds) => {
            u64::try_from(*seconds).map(Duration::from_secs).map_err(|_| wrong())
        }
        toml::Value::Float(seconds) => Duration::try_from_secs_f64(*seconds).map_err(|_| wrong()),
        toml::Value::String(text) => duration_of_text(text).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

fn duration_of_text(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len());
        let millis = match rest.get(..letters)? {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        sum = sum.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = rest.get(letters..)?.trim_start();
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [("90s", 90), ("1h30m", 5400), ("2d", 172_800), ("1m 30s", 90)] {
            assert_eq!(duration_of_text(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration_of_text("250ms"), Some(Duration::from_millis(250)));
        for text in ["", "90", "s", "1x", "1.5h", "-1s", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(duration_of_text(text), None, "{text}");
        }
    }

    #[test]
    fn null_can_be_said() {
        let scenario =
            parse("input = { a = { \"$json\" = 'null' }, b = 1.5 }\n[expect]\nstatus = \"FAILED\"").unwrap();
        assert_eq!(scenario.input, serde_json::json!({"a": null, "b": 1.5}));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let expect = "[expect]\nstatus = \"SUCCEEDED\"\n";
        assert!(problem("input = {}").contains("missing field `expect`"));
        assert!(problem(&format!("inputs = 1\n{expect}")).contains("unknown field `inputs`"));
        assert!(problem("[expect]\nstatus = \"OK\"").starts_with("expect.status: `OK` is none of SUCCEEDED"));
        assert!(
            problem(&format!("{expect}error = \"E\""))
                .starts_with("expect.error: an execution that SUCCEEDED")
        );
        let answer = |lines: &str| problem(&format!("{expect}[[tasks.A]]\n{lines}"));
        assert!(answer("").starts_with("tasks.A, answer 1: says nothing: give one of output"));
        assert!(answer("output = 1\nerror = \"E\"").contains("says more than one thing"));
        assert!(answer("output = 1\nafter = \"soon\"").contains("after: \"soon\" is no duration"));
        assert!(answer("output = 1\ntimes = 0").contains("times: 0 is neither"));
        assert!(answer("never = true\nheartbeat = 1").contains("heartbeats = 3"));
        assert!(answer("output = { \"$json\" = '{' }").contains("output: $json: EOF"));
        assert!(problem(&format!("now = \"today\"\n{expect}")).starts_with("now: today is no date-time"));
    }
}
