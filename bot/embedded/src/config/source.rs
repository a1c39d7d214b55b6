//! Where values come from: the environment before the file before the default. Collects what is wrong.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml::{Table, Value};

use super::fields::{CLIENT_SECRET_VARIABLE, FIELDS, PRIVATE_KEY_VARIABLE, WEBHOOK_SECRETS_VARIABLE, field};

/// How to read an environment variable; tests bring their own.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Something wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file and key, or the variable.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  hint: {}", self.place, self.what, self.hint)
    }
}

/// The file and the environment together.
pub(super) struct Source<'a> {
    file: Option<&'a Path>,
    table: Table,
    environment: &'a Environment<'a>,
    problems: Vec<Problem>,
}

/// A value as text, and where it stood.
pub(super) struct Found {
    pub(super) values: Vec<String>,
    pub(super) origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Environment,
    File,
    Default,
}

impl<'a> Source<'a> {
    pub(super) fn open(
        file: Option<&'a Path>,
        environment: &'a Environment<'a>,
    ) -> Result<Self, Vec<Problem>> {
        let mut table = Table::new();
        if let Some(path) = file {
            let problem = |what: String, hint: &str| {
                vec![Problem { place: path.display().to_string(), what, hint: hint.to_owned() }]
            };
            let text = std::fs::read_to_string(path).map_err(|error| {
                problem(format!("cannot be read: {error}"), "check the path given with --config")
            })?;
            table = text.parse::<Table>().map_err(|error| {
                // Only the message and the line: the line's text could be a secret in the wrong place.
                let line =
                    error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
                problem(format!("line {line}: {}", error.message()), "mend the TOML there")
            })?;
        }
        let mut source = Self { file, table, environment, problems: Vec::new() };
        source.refuse_unknown_keys();
        Ok(source)
    }

    /// Ends reading: all problems, if there are any.
    pub(super) fn finish(self) -> Result<(), Vec<Problem>> {
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems) }
    }

    /// How many problems were noted so far.
    pub(super) fn problems(&self) -> usize {
        self.problems.len()
    }

    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// The value of a listed field, if it is given or has a default.
    pub(super) fn find(&mut self, key: &str) -> Option<Found> {
        let field = field(key);
        if let Some(text) = self.variable(field.variable) {
            return Some(Found { values: vec![text], origin: Origin::Environment });
        }
        let mut value = None;
        let mut table = Some(&self.table);
        for part in key.split('.') {
            value = table.and_then(|table| table.get(part));
            table = value.and_then(Value::as_table);
        }
        let Some(value) = value else {
            let values = vec![field.default?.to_owned()];
            return Some(Found { values, origin: Origin::Default });
        };
        let texts = match value {
            Value::Array(items) => items.iter().map(text_of).collect(),
            single => text_of(single).map(|text| vec![text]),
        };
        let Some(values) = texts else {
            self.problem(key, "has a value of the wrong kind", "give it as text or as a number");
            return None;
        };
        Some(Found { values, origin: Origin::File })
    }

    /// One value, checked; the problem names its place.
    pub(super) fn checked<T>(
        &mut self,
        key: &str,
        check: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let found = self.find(key)?;
        let [text] = &found.values[..] else {
            self.problem(key, "takes one value, not a list", field(key).meaning);
            return None;
        };
        match check(text) {
            Ok(value) => Some(value),
            Err(what) => {
                self.problem(key, &what, field(key).meaning);
                None
            }
        }
    }

    pub(super) fn parsed<T: FromStr>(&mut self, key: &str, expected: &str) -> Option<T> {
        self.checked(key, |text| text.trim().parse().map_err(|_| format!("must be {expected}")))
    }

    /// A path. In the environment it is relative to where the server starts, else to the file if there is one.
    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let found = self.find(key)?;
        let [text] = &found.values[..] else {
            self.problem(key, "takes one path, not a list", field(key).meaning);
            return None;
        };
        Some(self.resolve(text, found.origin))
    }

    pub(super) fn resolve(&self, path: &str, origin: Origin) -> PathBuf {
        match self.file.and_then(Path::parent) {
            Some(folder) if origin != Origin::Environment => folder.join(path),
            _ => PathBuf::from(path),
        }
    }

    /// A table of the file that is no listed field.
    pub(super) fn table(&self, name: &str) -> Option<&Value> {
        self.table.get(name)
    }

    /// Notes a problem of what stands in the file alone.
    pub(super) fn problem_in_file(&mut self, key: &str, what: &str, hint: &str) {
        let file = self.file.map(|file| file.display().to_string()).unwrap_or_default();
        let place = format!("{file}: {key}");
        self.problems.push(Problem { place, what: what.to_owned(), hint: hint.to_owned() });
    }

    /// Notes a problem of a listed field, at the place where its value stands or should stand.
    pub(super) fn problem(&mut self, key: &str, what: &str, hint: &str) {
        let field = field(key);
        let place = match self.file {
            _ if self.variable(field.variable).is_some() => field.variable.to_owned(),
            Some(file) => format!("{}: {key}", file.display()),
            None => field.variable.to_owned(),
        };
        self.problems.push(Problem { place, what: what.to_owned(), hint: hint.to_owned() });
    }

    fn refuse_unknown_keys(&mut self) {
        let mut keys = Vec::new();
        // Their names are the operator's own; what is in them is checked where it is read.
        for (name, value) in self.table.iter().filter(|(name, _)| *name != super::apps::TABLE) {
            match value {
                Value::Table(inner) => keys.extend(inner.keys().map(|key| format!("{name}.{key}"))),
                _ => keys.push(name.clone()),
            }
        }
        let file = self.file.map(|file| file.display().to_string()).unwrap_or_default();
        for key in keys.into_iter().filter(|key| !FIELDS.iter().any(|field| field.key == *key)) {
            let hint = match key.as_str() {
                "github.webhook_secret" | "github.webhook_secrets" | "webhook_secret" => format!(
                    "secrets do not belong in this file: name files in github.webhook_secret_files, or set \
                     {WEBHOOK_SECRETS_VARIABLE}"
                ),
                "github.client_secret" | "client_secret" => format!(
                    "secrets do not belong in this file: name a file in github.client_secret_file, or set \
                     {CLIENT_SECRET_VARIABLE}"
                ),
                "github.private_key" | "private_key" => format!(
                    "secrets do not belong in this file: name the PEM in github.private_key_file, or set \
                     {PRIVATE_KEY_VARIABLE}"
                ),
                _ => nearest(&key).map_or_else(
                    || "`deputy check-config --fields` lists what there is".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                ),
            };
            self.problems.push(Problem {
                place: format!("{file}: {key}"),
                what: "is no field of this file".to_owned(),
                hint,
            });
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn nearest(key: &str) -> Option<&'static str> {
    let last = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    let score =
        |known: &'static str| strsim::jaro_winkler(key, known).max(strsim::jaro_winkler(key, last(known)));
    let best = FIELDS.iter().map(|field| field.key).max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(best) > 0.8).then_some(best)
}
