//! The settings in words: what `config` answers.

use std::fmt::Write as _;

use super::{Approver, Environment, Settings};

/// What was set, as Markdown.
pub fn explain(settings: &Settings) -> String {
    let mut text = String::new();
    if !settings.environments.is_empty() {
        text.push_str("**Environments**\n");
        for (name, environment) in &settings.environments {
            _ = write!(text, "\n* `{name}`");
            if let Some(description) = &environment.description {
                _ = write!(text, ": {}", one_line(description));
            }
            for fact in facts(settings, name, environment) {
                _ = write!(text, "\n  * {fact}");
            }
        }
        text.push_str("\n\n");
    }
    if !settings.commands.is_empty() {
        text.push_str("**Commands**\n");
        for (name, command) in &settings.commands {
            let mut facts = Vec::new();
            match &command.disabled {
                Some(why) if why.is_empty() => facts.push("disabled".to_owned()),
                Some(why) => facts.push(format!("disabled: {}", one_line(why))),
                None => {}
            }
            facts.extend(command.permission.map(|least| format!("needs {least} permission")));
            facts.extend(command.team.as_ref().map(|team| format!("is for the team `{team}`")));
            if !command.flags.is_empty() {
                facts.push(format!("gets `{}` unless typed", command.flags.join(" ")));
            }
            let facts = if facts.is_empty() { "as always".to_owned() } else { facts.join("; ") };
            _ = write!(text, "\n* `{name}`: {facts}");
        }
        text.push_str("\n\n");
    }
    if !settings.aliases.is_empty() {
        text.push_str("**Aliases**\n");
        for (name, words) in &settings.aliases {
            _ = write!(text, "\n* `{name}` stands for `{}`", words.join(" "));
        }
        text.push_str("\n\n");
    }
    text.trim_end().to_owned()
}

fn facts(settings: &Settings, name: &str, environment: &Environment) -> Vec<String> {
    let mut facts = Vec::new();
    if environment.is_production(name) {
        facts.push("people use it".to_owned());
    }
    if let Some(before) = settings.before(name) {
        facts.push(format!("takes a commit that was deployed to `{before}` before"));
    }
    facts.extend(environment.workflow.as_ref().map(|file| format!("deployed by `{file}`")));
    let who = match (environment.permission, &environment.team) {
        (Some(least), Some(team)) => Some(format!("{least} permission and membership of the team `{team}`")),
        (Some(least), None) => Some(format!("{least} permission")),
        (None, Some(team)) => Some(format!("membership of the team `{team}`")),
        (None, None) => None,
    };
    facts.extend(who.map(|who| format!("deploying needs {who}")));
    if environment.approvals_needed() > 0 {
        let who: Vec<String> = environment.approvers.iter().map(approver).collect();
        let who = if who.is_empty() { "anybody who may write".to_owned() } else { who.join(", ") };
        let own = if environment.allow_requester == Some(true) { ", whoever asked included" } else { "" };
        let count = environment.approvals_needed();
        let people = if count == 1 { "person" } else { "people" };
        facts.push(format!("{count} {people} must approve: {who}{own}"));
    }
    let lists = [
        ("branches", &environment.branches),
        ("checks that must be green", &environment.checks),
        ("files", &environment.paths),
    ];
    for (what, items) in lists {
        if !items.is_empty() {
            facts.push(format!("{what}: `{}`", items.join("`, `")));
        }
    }
    facts.extend(environment.url.as_ref().map(|url| format!("<{url}>")));
    facts
}

fn approver(approver: &Approver) -> String {
    match approver {
        Approver::Team(slug) => format!("team `{slug}`"),
        // Without the sign that would call them.
        Approver::Person(login) => format!("`{login}`"),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
