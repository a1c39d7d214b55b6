//! Further Apps, whose credentials this server hands out to administrators: a table for each, `[apps.NAME]`.
//!
//! In the file alone: their names are what people type, and no variable can say how many there are.

use deputy_github::PemSigner;
use secrecy::SecretString;
use toml::{Table, Value};

use super::secrets::read_secret;
use super::source::{Origin, Source};

/// The table of all of them.
pub(super) const TABLE: &str = "apps";

/// An App whose webhooks do not come here.
#[derive(Debug)]
pub struct AppConfig {
    /// What it is called here.
    pub name: String,
    /// The JWT's `iss`: the client id, or the App's number.
    pub issuer: String,
    /// Its private key, PEM.
    pub private_key: SecretString,
}

impl Source<'_> {
    /// What is wrong with one is noted; `own` is what Deputy's own App is called.
    pub(super) fn apps(&mut self, own: &str) -> Vec<AppConfig> {
        let apps = match self.table(TABLE) {
            None => return Vec::new(),
            Some(Value::Table(apps)) => apps.clone(),
            Some(_) => {
                let hint = "give each App a table of its own: [apps.NAME]";
                self.problem_in_file(TABLE, "is no table of Apps", hint);
                return Vec::new();
            }
        };
        apps.iter().filter_map(|(name, app)| self.further_app(name, app, own)).collect()
    }

    fn further_app(&mut self, name: &str, app: &Value, own: &str) -> Option<AppConfig> {
        let key = |field: &str| format!("{TABLE}.{name}.{field}");
        let Value::Table(app) = app else {
            self.problem_in_file(
                &format!("{TABLE}.{name}"),
                "is no table",
                "write [apps.NAME] above its fields",
            );
            return None;
        };
        let fits = !name.is_empty()
            && name.len() <= 39
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !fits {
            let hint = "up to 39 letters, digits, dashes and underscores";
            self.problem_in_file(&format!("{TABLE}.{name}"), "cannot be typed as a name", hint);
        }
        if name.eq_ignore_ascii_case(own) {
            let what = "is what this server's own App is called already";
            self.problem_in_file(&format!("{TABLE}.{name}"), what, "choose another name");
        }
        for field in
            app.keys().filter(|field| !["client_id", "app_id", "private_key_file"].contains(&&***field))
        {
            let hint = match field.as_str() {
                "private_key" => "secrets do not belong in this file: name the PEM in private_key_file",
                _ => "an App has client_id (or app_id) and private_key_file",
            };
            self.problem_in_file(&key(field), "is no field of an App", hint);
        }
        let issuer = issuer(app);
        if issuer.is_none() {
            let hint = "copy the client id (or the App id, as app_id) from the App's settings page on GitHub";
            self.problem_in_file(&key("client_id"), "is missing", hint);
        }
        let private_key = self.further_key(app, &key("private_key_file"));
        Some(AppConfig { name: name.to_owned(), issuer: issuer?, private_key: private_key? })
    }

    fn further_key(&mut self, app: &Table, key: &str) -> Option<SecretString> {
        let hint = "generate a private key on the App's settings page and give its path here";
        let Some(path) = app.get("private_key_file").and_then(Value::as_str) else {
            self.problem_in_file(key, "is missing", hint);
            return None;
        };
        let pem = match read_secret(&self.resolve(path, Origin::File)) {
            Ok(pem) => SecretString::from(pem),
            Err(what) => {
                self.problem_in_file(key, &what, hint);
                return None;
            }
        };
        if let Err(error) = PemSigner::new(secrecy::ExposeSecret::expose_secret(&pem)) {
            self.problem_in_file(key, &error.to_string(), hint);
            return None;
        }
        Some(pem)
    }
}

fn issuer(app: &Table) -> Option<String> {
    let number = || app.get("app_id")?.as_integer().map(|id| id.to_string());
    app.get("client_id").and_then(Value::as_str).map(str::to_owned).or_else(number)
}
