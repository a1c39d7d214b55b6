//! Reading the file: everything that is wrong with it at once, each with its place and what to do.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ALWAYS, Approver, CommandSettings, Environment, LARGEST, Problem, Settings};
use crate::permission::Permission;

/// The most entries of a table or an array.
const MOST: usize = 100;
/// The most characters of a text.
const LONGEST: usize = 500;
/// The most problems that are told.
const MOST_PROBLEMS: usize = 50;

type Value<'a> = Spanned<DeValue<'a>>;
type Table<'a> = DeTable<'a>;

/// Reads a file. `commands` are the names of all commands there are, so that what names another one is found; without
/// any, names are not looked at.
pub fn read(source: &[u8], commands: &[&str]) -> Result<Settings, Vec<Problem>> {
    let whole = |text: String, hint: &str| vec![Problem::at("", 0..0, text, hint)];
    if source.len() > LARGEST {
        let text = format!("The file has {} bytes, and at most {LARGEST} are read", source.len());
        return Err(whole(text, "Move what does not belong here elsewhere."));
    }
    let source = std::str::from_utf8(source)
        .map_err(|_| whole("The file is not UTF-8".to_owned(), "Save it as UTF-8."))?;
    let (table, errors) = DeTable::parse_recoverable(source);
    let mut reader = Reader { source, commands, problems: Vec::new() };
    for error in errors {
        let message = sentence(error.message());
        reader.problem(error.span().unwrap_or(0..0), message, "See https://toml.io for how it is written.");
    }
    // What could not be read as TOML may have lost half of itself: what it seems to say then is no finding.
    if !reader.problems.is_empty() {
        return Err(reader.end());
    }
    let settings = reader.file(table.get_ref());
    if reader.problems.is_empty() { Ok(settings) } else { Err(reader.end()) }
}

struct Reader<'s> {
    source: &'s str,
    commands: &'s [&'s str],
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, span: Range<usize>, text: impl Into<String>, hint: impl Into<String>) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(Problem::at(self.source, span, text, hint));
        }
    }

    fn end(mut self) -> Vec<Problem> {
        self.problems.sort();
        self.problems
    }

    fn file(&mut self, table: &Table<'_>) -> Settings {
        self.only(table, &["environments", "order", "commands", "aliases"]);
        let mut settings = Settings::default();
        for (name, value) in self.entries(table, "environments") {
            if let Some(fields) = self.table(value) {
                let environment = self.environment(fields);
                settings.environments.insert(name, environment);
            }
        }
        for (name, value) in self.entries(table, "commands") {
            self.command_name(&name, value.span());
            if let Some(fields) = self.table(value) {
                let command = self.command(&name, fields);
                settings.commands.insert(name, command);
            }
        }
        for (name, value) in self.entries(table, "aliases") {
            if let Some(words) = self.alias(&name, value) {
                settings.aliases.insert(name, words);
            }
        }
        settings.order = self.order(table, &settings);
        settings
    }

    fn order(&mut self, table: &Table<'_>, settings: &Settings) -> Vec<String> {
        let mut order: Vec<String> = Vec::new();
        for (name, span) in self.texts(table, "order") {
            if order.contains(&name) {
                self.problem(span, format!("`{name}` is in the order twice"), "Keep one of them.");
                continue;
            }
            // An environment may be the organization's, so only where there are some here a name can be wrong.
            let known = || settings.environments.keys().map(String::as_str);
            if !settings.environments.contains_key(&name)
                && let Some(meant) = nearest(&name, known())
            {
                let text = format!("There is no environment `{name}`");
                self.problem(span, text, format!("Did you mean `{meant}`?"));
                continue;
            }
            order.push(name);
        }
        order
    }

    fn environment(&mut self, table: &Table<'_>) -> Environment {
        self.only(
            table,
            &[
                "description",
                "url",
                "workflow",
                "production",
                "approvers",
                "approvals",
                "allow_requester",
                "permission",
                "team",
                "branches",
                "checks",
                "paths",
            ],
        );
        let url = self.text(table, "url").and_then(|(url, span)| {
            let is_url = url.starts_with("https://") || url.starts_with("http://");
            if !is_url {
                self.problem(span, format!("`{url}` is no URL"), "Begin it with https://.");
            }
            is_url.then_some(url)
        });
        let workflow = self.text(table, "workflow").and_then(|(file, span)| {
            let is_yaml = [".yml", ".yaml"].iter().any(|end| file.ends_with(end));
            let fits = is_yaml && !file.contains('/');
            if !fits {
                let hint = "Name the file alone, such as deploy.yml.";
                self.problem(span, format!("`{file}` is no file in .github/workflows"), hint);
            }
            fits.then_some(file)
        });
        Environment {
            description: self.text(table, "description").map(|(text, _)| text),
            url,
            workflow,
            production: self.boolean(table, "production"),
            approvers: self.approvers(table),
            approvals: self.approvals(table),
            allow_requester: self.boolean(table, "allow_requester"),
            permission: self.permission(table),
            team: self.team(table),
            branches: self.texts(table, "branches").into_iter().map(|(text, _)| text).collect(),
            checks: self.texts(table, "checks").into_iter().map(|(text, _)| text).collect(),
            paths: self.texts(table, "paths").into_iter().map(|(text, _)| text).collect(),
        }
    }

    fn approvers(&mut self, table: &Table<'_>) -> Vec<Approver> {
        let mut approvers = Vec::new();
        for (text, span) in self.texts(table, "approvers") {
            let approver = match (text.strip_prefix("team:"), text.strip_prefix('@')) {
                (Some(slug), _) if is_slug(slug) => Some(Approver::Team(slug.to_owned())),
                (None, Some(login)) if is_slug(login) => Some(Approver::Person(login.to_owned())),
                _ => None,
            };
            if let Some(approver) = approver {
                approvers.push(approver);
            } else {
                let hint = "Write @login for a person, and team:slug for a team of the organization.";
                self.problem(span, format!("`{text}` is nobody who could approve"), hint);
            }
        }
        approvers
    }

    fn approvals(&mut self, table: &Table<'_>) -> Option<u32> {
        let value = table.get("approvals")?;
        let number = value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok());
        let number = number.filter(|number| (0..=20).contains(number));
        if number.is_none() {
            self.problem(value.span(), "`approvals` is no number of people", "Write a number from 0 to 20.");
        }
        number
    }

    fn command(&mut self, name: &str, table: &Table<'_>) -> CommandSettings {
        self.only(table, &["disabled", "permission", "team", "flags"]);
        let disabled = self.disabled(name, table);
        let mut flags = Vec::new();
        for (flag, span) in self.texts(table, "flags") {
            let named = flag.strip_prefix("--").map(|flag| flag.split('=').next().unwrap_or_default());
            if named.is_some_and(|name| is_slug(name) && !matches!(name, "help" | "version")) {
                flags.push(flag);
            } else {
                let hint = "Write it as --flag or --flag=value.";
                self.problem(span, format!("`{flag}` is no flag that could be added"), hint);
            }
        }
        CommandSettings { disabled, permission: self.permission(table), team: self.team(table), flags }
    }

    fn disabled(&mut self, name: &str, table: &Table<'_>) -> Option<String> {
        let value = table.get("disabled")?;
        let why = match value.get_ref() {
            DeValue::Boolean(false) => return None,
            DeValue::Boolean(true) => String::new(),
            DeValue::String(why) if why.chars().count() <= LONGEST => why.trim().to_owned(),
            _ => {
                self.problem(value.span(), "`disabled` is neither true nor a reason", "Write true, or why.");
                return None;
            }
        };
        if ALWAYS.contains(&name) {
            let text = format!("`{name}` cannot be disabled");
            self.problem(value.span(), text, "It is how people find out what is wrong. Take the line out.");
        }
        Some(why)
    }

    fn alias(&mut self, name: &str, value: &Value<'_>) -> Option<Vec<String>> {
        let DeValue::String(text) = value.get_ref() else {
            self.problem(value.span(), format!("`{name}` stands for no text"), "Write a command in quotes.");
            return None;
        };
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if !is_command(name) {
            let hint = "Use lower-case letters, digits and hyphens, beginning with a letter.";
            self.problem(value.span(), format!("`{name}` cannot be typed as a command"), hint);
        }
        if self.commands.contains(&name) {
            let text = format!("There is a command `{name}`, which the alias would hide");
            self.problem(value.span(), text, "Choose another word.");
        }
        let Some(first) = words.first().filter(|_| text.chars().count() <= LONGEST) else {
            let hint = format!("Write a command of at most {LONGEST} characters.");
            self.problem(value.span(), format!("`{name}` stands for no command"), hint);
            return None;
        };
        // One step only: aliases of aliases could go in circles.
        self.command_name(first, value.span());
        Some(words)
    }

    fn command_name(&mut self, name: &str, span: Range<usize>) {
        if self.commands.is_empty() || self.commands.contains(&name) {
            return;
        }
        let hint = match nearest(name, self.commands.iter().copied()) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => "`help` lists all commands.".to_owned(),
        };
        self.problem(span, format!("There is no command `{name}`"), hint);
    }

    fn permission(&mut self, table: &Table<'_>) -> Option<Permission> {
        let (word, span) = self.text(table, "permission")?;
        let known = ["read", "triage", "write", "maintain", "admin"];
        let permission = word.parse().ok().filter(|_| known.contains(&word.as_str()));
        if permission.is_none() {
            let hint = "Write read, triage, write, maintain or admin.";
            self.problem(span, format!("`{word}` is no permission"), hint);
        }
        permission
    }

    fn team(&mut self, table: &Table<'_>) -> Option<String> {
        let (slug, span) = self.text(table, "team")?;
        if !is_slug(&slug) {
            let hint = "Write the team's name as in its address: github.com/orgs/ORG/teams/SLUG.";
            self.problem(span, format!("`{slug}` is no team"), hint);
            return None;
        }
        Some(slug)
    }

    /// Tells of keys that nobody reads.
    fn only(&mut self, table: &Table<'_>, known: &[&str]) {
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let hint = match nearest(name, known.iter().copied()) {
                Some(meant) => format!("Did you mean `{meant}`?"),
                None => format!("Known here: {}.", known.join(", ")),
            };
            let shown: String = name.chars().take(60).collect();
            self.problem(key.span(), format!("Nobody knows `{shown}`"), hint);
        }
    }

    /// The entries of a table in a table, not too many.
    fn entries<'t, 'a>(&mut self, table: &'t Table<'a>, key: &str) -> Vec<(String, &'t Value<'a>)> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let Some(inner) = self.table(value) else { return Vec::new() };
        if inner.len() > MOST {
            let text = format!("`{key}` has {} entries, and at most {MOST} are read", inner.len());
            self.problem(value.span(), text, "Take some out.");
        }
        let mut entries = Vec::new();
        for (name, value) in inner.iter().take(MOST) {
            let name = name.get_ref().trim();
            if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
                let hint = "Use 1 to 100 characters.";
                self.problem(value.span(), format!("A name in `{key}` is none"), hint);
                continue;
            }
            entries.push((name.to_owned(), value));
        }
        entries
    }

    fn table<'t, 'a>(&mut self, value: &'t Value<'a>) -> Option<&'t Table<'a>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let text = format!("A table belongs here, and not a {}", value.get_ref().type_str());
            self.problem(value.span(), text, "Write it as [table.name] with its keys below.");
        }
        table
    }

    fn text(&mut self, table: &Table<'_>, key: &str) -> Option<(String, Range<usize>)> {
        let value = table.get(key)?;
        self.as_text(value, key)
    }

    fn as_text(&mut self, value: &Value<'_>, key: &str) -> Option<(String, Range<usize>)> {
        let span = value.span();
        let Some(text) = value.get_ref().as_str() else {
            let text = format!("`{key}` needs a text, and not a {}", value.get_ref().type_str());
            self.problem(span, text, "Put it in quotes.");
            return None;
        };
        let fits = !text.trim().is_empty()
            && text.chars().count() <= LONGEST
            && !text.chars().any(|c| c.is_control() && c != '\n');
        if !fits {
            let hint = format!("Use 1 to {LONGEST} characters.");
            self.problem(span, format!("`{key}` is empty, too long, or holds odd characters"), hint);
            return None;
        }
        Some((text.trim().to_owned(), span))
    }

    fn texts(&mut self, table: &Table<'_>, key: &str) -> Vec<(String, Range<usize>)> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            let text = format!("`{key}` needs a list, and not a {}", value.get_ref().type_str());
            self.problem(value.span(), text, "Write it in brackets: [\"one\", \"two\"].");
            return Vec::new();
        };
        if items.len() > MOST {
            let text = format!("`{key}` has {} entries, and at most {MOST} are read", items.len());
            self.problem(value.span(), text, "Take some out.");
        }
        items.iter().take(MOST).filter_map(|item| self.as_text(item, key)).collect()
    }

    fn boolean(&mut self, table: &Table<'_>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        let is = value.get_ref().as_bool();
        if is.is_none() {
            self.problem(value.span(), format!("`{key}` is neither true nor false"), "Write true or false.");
        }
        is
    }
}

/// What logins, slugs and flags are made of.
fn is_slug(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn is_command(word: &str) -> bool {
    word.len() <= 100
        && word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let near = known.map(|known| (strsim::damerau_levenshtein(word, known), known));
    let most = (word.chars().count() / 3).clamp(1, 3);
    near.filter(|(distance, _)| *distance <= most).min().map(|(_, known)| known)
}

/// A parser's message as a sentence of ours.
fn sentence(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim_end_matches('.');
    let mut chars = line.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}
