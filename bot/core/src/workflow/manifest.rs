//! `workflow.toml`: what a workflow says of itself.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::arguments;
use super::problem::Problem;
use crate::job::Policy;
use crate::permission::Permission;

const LONGEST_STANDARD: Duration = Duration::from_hours(365 * 24);
const LONGEST_EXPRESS: Duration = Duration::from_mins(5);
const DEFAULT_TIMEOUT: Duration = Duration::from_hours(2);

/// What `workflow.toml` says, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// One sentence for the list of commands.
    pub summary: String,
    /// Whether it is Express: five minutes at most, and no step that waits.
    pub express: bool,
    /// Other names for the command.
    pub aliases: Vec<String>,
    /// Whole commands without the mention; each must be a valid one.
    pub examples: Vec<String>,
    /// What a person must be allowed at least.
    pub permission: Permission,
    /// The team it is kept for.
    pub team: Option<String>,
    /// Where it may be asked for; everywhere if empty.
    pub asked_on: Vec<AskedOn>,
    /// What it acts on.
    pub pins: Pins,
    /// The check run's name, with `{argument}` filled in.
    pub check: String,
    /// The concurrency group, with `{argument}` filled in. Of one repository: jobs of the same group do not run at once.
    pub group: Option<String>,
    /// What becomes of a new job while others of its group are under way.
    pub policy: Policy,
    /// Environments that are locked before it begins and until it is over, with `{argument}` filled in.
    pub locks: Vec<String>,
    /// How long a job may take.
    pub timeout: Duration,
    /// Whether it runs only with `--yes`.
    pub confirm: bool,
    /// What becomes of its jobs on a pull request when somebody pushes to it.
    pub on_push: OnPush,
    /// Positional arguments, in order.
    pub arguments: Vec<Argument>,
    /// Flags.
    pub flags: Vec<Argument>,
    /// Events that start it, besides comments.
    pub triggers: Vec<Trigger>,
}

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedOn {
    /// A pull request: its conversation, a review, a line.
    PullRequest,
    /// An issue.
    Issue,
    /// A commit.
    Commit,
    /// A discussion.
    Discussion,
}

/// What a workflow acts on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pins {
    /// No commit.
    #[default]
    Nothing,
    /// The pull request's head, or the commit, as at the time of the comment.
    Head,
}

/// What a push does to the jobs of a pull request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPush {
    /// They are shown as superseded, and go on.
    #[default]
    Mark,
    /// They are cancelled.
    Cancel,
}

/// An argument or a flag.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// Its name: lower-case letters, digits and dashes. Flags are `--name`.
    pub name: String,
    /// A flag's short form, one letter.
    pub short: Option<char>,
    /// One sentence.
    #[serde(default)]
    pub help: String,
    /// What may be typed.
    #[serde(default, rename = "type")]
    pub kind: Kind,
    /// The only values there are.
    #[serde(default)]
    pub choices: Vec<String>,
    /// What holds where it is not typed.
    pub default: Option<serde_json::Value>,
    /// Whether it must be typed. Default: an argument without a default must, a flag need not.
    pub required: Option<bool>,
}

/// An argument's type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Any text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// Typed or not: flags only.
    Boolean,
    /// A commit's SHA, all of it.
    Sha,
}

/// An event that starts a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The event, as `X-GitHub-Event` names it.
    pub event: String,
    /// One of the event's actions.
    pub action: Option<String>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    summary: Spanned<String>,
    #[serde(default, rename = "type")]
    kind: WorkflowType,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    examples: Vec<String>,
    permission: Option<Spanned<String>>,
    team: Option<String>,
    #[serde(default)]
    asked_on: Vec<AskedOn>,
    #[serde(default)]
    pins: Pins,
    check: Option<Spanned<String>>,
    concurrency: Option<Concurrency>,
    #[serde(default)]
    locks: Vec<Spanned<String>>,
    timeout: Option<Spanned<String>>,
    #[serde(default)]
    confirm: bool,
    #[serde(default)]
    on_push: OnPush,
    #[serde(default)]
    arguments: Vec<Spanned<Argument>>,
    #[serde(default)]
    flags: Vec<Spanned<Argument>>,
    #[serde(default)]
    triggers: Vec<Trigger>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WorkflowType {
    #[default]
    Standard,
    Express,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Concurrency {
    group: Spanned<String>,
    #[serde(default)]
    policy: Policy,
}

impl Manifest {
    /// Reads `workflow.toml`, and says everything that is wrong with it; of what is no such file at all, the first thing.
    pub fn read(source: &str) -> Result<Self, Vec<Problem>> {
        let written: Written = toml::from_str(source).map_err(|error| {
            let hint = "CONTRIBUTING.md, `Add a workflow`, has a complete one";
            vec![Problem::of_manifest(source, error.span().unwrap_or(0..0), error.message(), hint)]
        })?;
        let mut checks = Checks { source, problems: Vec::new() };
        let manifest = checks.manifest(written);
        checks.problems.sort_by_key(|problem| (problem.line, problem.column));
        if checks.problems.is_empty() { Ok(manifest) } else { Err(checks.problems) }
    }

    /// Arguments, then flags.
    pub fn parameters(&self) -> impl Iterator<Item = &Argument> {
        self.arguments.iter().chain(&self.flags)
    }
}

struct Checks<'a> {
    source: &'a str,
    problems: Vec<Problem>,
}

impl Checks<'_> {
    fn problem(&mut self, span: std::ops::Range<usize>, text: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::of_manifest(self.source, span, text, hint));
    }

    fn manifest(&mut self, written: Written) -> Manifest {
        let express = written.kind == WorkflowType::Express;
        if written.summary.get_ref().trim().is_empty() {
            self.problem(written.summary.span(), "the summary is empty", "say in one sentence what it does");
        }
        let permission = match &written.permission {
            None => Permission::Write,
            Some(text) => text.get_ref().parse().unwrap_or_else(|error| {
                let hint = "use read, triage, write, maintain or admin";
                self.problem(text.span(), format!("{error}"), hint);
                Permission::Admin
            }),
        };
        let timeout = self.timeout(written.timeout.as_ref(), express);
        let flags_from = written.arguments.len();
        let mut names = HashSet::new();
        let mut optional: Option<String> = None;
        for (index, argument) in written.arguments.iter().chain(&written.flags).enumerate() {
            let is_flag = index >= flags_from;
            self.argument(argument, is_flag, &mut names);
            let argument_ref = argument.get_ref();
            if !is_flag {
                match (&optional, argument_ref.is_required(false)) {
                    (Some(earlier), true) => {
                        let text = format!(
                            "`{}` must be typed, and `{earlier}` before it need not be",
                            argument_ref.name
                        );
                        self.problem(argument.span(), text, "put what must be typed first");
                    }
                    (None, false) => optional = Some(argument_ref.name.clone()),
                    _ => {}
                }
            }
        }
        let ours = [
            (written.confirm, arguments::YES_FLAG, "`confirm`"),
            (written.pins == Pins::Head, arguments::SHA_FLAG, "`pins`"),
        ];
        for (adds, flag, field) in ours {
            if adds && !names.insert(flag.to_owned()) {
                let text = format!("{field} adds the flag --{flag}, and there is another one");
                self.problem(0..0, text, "rename the other one");
            }
        }
        let mut manifest = Manifest {
            summary: written.summary.into_inner().trim().to_owned(),
            express,
            aliases: written.aliases,
            examples: written.examples,
            permission,
            team: written.team,
            asked_on: written.asked_on,
            pins: written.pins,
            check: String::new(),
            group: None,
            policy: written.concurrency.as_ref().map(|concurrency| concurrency.policy).unwrap_or_default(),
            locks: Vec::new(),
            timeout,
            confirm: written.confirm,
            on_push: written.on_push,
            arguments: written.arguments.into_iter().map(Spanned::into_inner).collect(),
            flags: written.flags.into_iter().map(Spanned::into_inner).collect(),
            triggers: written.triggers,
        };
        let group = written.concurrency.map(|concurrency| concurrency.group);
        manifest.check = written.check.map(|text| self.template(text, &manifest)).unwrap_or_default();
        manifest.group = group.map(|text| self.template(text, &manifest));
        manifest.locks = written.locks.into_iter().map(|text| self.template(text, &manifest)).collect();
        manifest
    }

    fn timeout(&mut self, written: Option<&Spanned<String>>, express: bool) -> Duration {
        let longest = if express { LONGEST_EXPRESS } else { LONGEST_STANDARD };
        let Some(text) = written else { return DEFAULT_TIMEOUT.min(longest) };
        match duration(text.get_ref()) {
            Some(timeout) if timeout.is_zero() => {
                self.problem(text.span(), "nothing can be done in no time", "give it some");
            }
            Some(timeout) if timeout > longest => {
                let (what, most) = if express { ("an express", "5m") } else { ("a standard", "365d") };
                self.problem(text.span(), format!("{what} workflow may take {most} at most"), "shorten it");
            }
            Some(timeout) => return timeout,
            None => self.problem(text.span(), "is no duration", "write it like 90s, 30m, 2h or 3d"),
        }
        longest
    }

    fn argument(&mut self, argument: &Spanned<Argument>, is_flag: bool, names: &mut HashSet<String>) {
        let Argument { name, short, kind, choices, default, required, .. } = argument.get_ref();
        let span = argument.span();
        let fits = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !fits || matches!(name.as_str(), "help" | "version") {
            let text = format!("`{name}` cannot be an argument's name");
            self.problem(
                span.clone(),
                text,
                "use lower-case letters, digits and dashes, and not help or version",
            );
        }
        if !names.insert(name.clone()) {
            self.problem(span.clone(), format!("`{name}` is there twice"), "rename one of them");
        }
        if let Some(short) = short {
            if !is_flag || !short.is_ascii_alphabetic() || *short == 'h' {
                self.problem(
                    span.clone(),
                    format!("`{short}` cannot be a short form"),
                    "flags may have a letter other than h",
                );
            } else if !names.insert(format!("-{short}")) {
                self.problem(span.clone(), format!("`-{short}` is there twice"), "give each its own letter");
            }
        }
        if *kind == Kind::Boolean && (!is_flag || !choices.is_empty() || default.is_some()) {
            let hint = "move it to [[flags]], without choices and default: it is false unless it is typed";
            self.problem(span.clone(), format!("`{name}` is typed or not"), hint);
        }
        if *required == Some(true) && default.is_some() {
            self.problem(
                span.clone(),
                format!("`{name}` must be typed, so its default is never used"),
                "leave one of them out",
            );
        }
        if let Some(default) = default
            && let Err(text) = arguments::check_default(argument.get_ref(), default)
        {
            self.problem(span, text, "give a default that could be typed");
        }
    }

    /// A text with `{argument}` in it.
    fn template(&mut self, text: Spanned<String>, manifest: &Manifest) -> String {
        for name in arguments::names_in(text.get_ref()) {
            if !manifest.parameters().any(|argument| argument.name == name) {
                let known: Vec<_> =
                    manifest.parameters().map(|argument| format!("{{{}}}", argument.name)).collect();
                let hint = if known.is_empty() {
                    "there are no arguments: write it without braces".to_owned()
                } else {
                    format!("there are {}", known.join(", "))
                };
                self.problem(text.span(), format!("there is no argument `{name}` to fill in"), hint);
            }
        }
        text.into_inner()
    }
}

impl Argument {
    /// Whether it must be typed.
    pub fn is_required(&self, is_flag: bool) -> bool {
        self.required.unwrap_or(!is_flag && self.default.is_none())
    }
}

/// `90s`, `30m`, `2h`, `3d`.
fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str) -> String {
        let problems = Manifest::read(source).expect_err("it is wrong");
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_manifest_is_read_with_its_defaults() {
        let manifest = Manifest::read("summary = \"Say hello\"").unwrap();
        assert_eq!((manifest.permission, manifest.timeout), (Permission::Write, DEFAULT_TIMEOUT));
        assert_eq!((manifest.policy, manifest.pins, manifest.express), (Policy::Queue, Pins::Nothing, false));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_its_place() {
        let source = r#"
summary = " "
type = "express"
permission = "root"
timeout = "6m"
check = "deploy {envronment}"
locks = ["{environment}"]

[[arguments]]
name = "environment"
choices = ["staging"]
default = "production"

[[arguments]]
name = "Ref"

[[flags]]
name = "environment"
short = "h"
"#;
        insta::assert_snapshot!(problems(source), @r"
        workflow.toml:2:11: the summary is empty; say in one sentence what it does
        workflow.toml:4:14: unknown permission `root`; use read, triage, write, maintain or admin
        workflow.toml:5:11: an express workflow may take 5m at most; shorten it
        workflow.toml:6:9: there is no argument `envronment` to fill in; there are {environment}, {Ref}, {environment}
        workflow.toml:9:1: `production` cannot be the default of `environment`; give a default that could be typed
        workflow.toml:14:1: `Ref` cannot be an argument's name; use lower-case letters, digits and dashes, and not help or version
        workflow.toml:14:1: `Ref` must be typed, and `environment` before it need not be; put what must be typed first
        workflow.toml:17:1: `environment` is there twice; rename one of them
        workflow.toml:17:1: `h` cannot be a short form; flags may have a letter other than h
        ");
    }

    #[test]
    fn what_is_no_manifest_is_told_by_its_first_fault() {
        let unknown = problems("summary = \"a\"\npins = \"tail\"");
        assert!(
            unknown.starts_with("workflow.toml:2:8: unknown variant `tail`, expected `nothing` or `head`;"),
            "{unknown}"
        );
        let unknown = problems("summary = \"a\"\nsumary = \"b\"");
        assert!(
            unknown.starts_with("workflow.toml:2:1: unknown field `sumary`, expected one of `summary`"),
            "{unknown}"
        );
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("3d"), Some(Duration::from_hours(72)));
        for text in ["", "h", "90", "1.5h", "-1h", "1w", "99999999999999999999d", "ü"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
