//! Secrets, from files or the environment. None of their text ever reaches a problem, a log or `Debug`.

use std::path::Path;

use deputy_github::client::ClientConfig;
use secrecy::SecretString;

use super::GitHubConfig;
use super::fields::{PRIVATE_KEY_VARIABLE, VAULT_PASSPHRASE_VARIABLE, WEBHOOK_SECRETS_VARIABLE};
use super::source::{Origin, Source};

/// GitHub advises random text; anything shorter than this can be guessed from one captured delivery.
const SHORTEST_SECRET: usize = 16;

impl Source<'_> {
    pub(super) fn github(&mut self) -> Option<GitHubConfig> {
        let url = self.checked("github.url", |text| {
            ClientConfig::new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
        });
        let client_id = self.find("github.client_id").and_then(|found| found.values.into_iter().next());
        let app_id: Option<u64> = self.parsed("github.app_id", "a number");
        let issuer = client_id.or(app_id.map(|id| id.to_string()));
        if issuer.is_none() {
            self.problem(
                "github.client_id",
                "is missing",
                "copy the client id (or the App id, as github.app_id) from the App's settings page on GitHub",
            );
        }
        let private_key = self.private_key();
        let percent = self.checked("github.rate_limit_alarm_percent", |text| match text.trim().parse() {
            Ok(percent @ 0..=100) => Ok(percent),
            _ => Err("must be a whole number from 0 to 100".to_owned()),
        });
        Some(GitHubConfig {
            url: url?,
            issuer: issuer?,
            private_key: private_key?,
            rate_limit_alarm_percent: percent?,
        })
    }

    fn private_key(&mut self) -> Option<SecretString> {
        const KEY: &str = "github.private_key_file";
        let pem = if let Some(pem) = self.variable(PRIVATE_KEY_VARIABLE) {
            // Some ways to set a variable turn line breaks into a backslash and an n.
            pem.replace("\\n", "\n")
        } else if let Some(path) = self.path(KEY) {
            match read_secret(&path) {
                Ok(pem) => pem,
                Err(what) => {
                    self.problem(KEY, &what, "give the path of the PEM file that GitHub made for the App");
                    return None;
                }
            }
        } else {
            self.problem(
                KEY,
                "is missing",
                "generate a private key on the App's settings page and give its path here",
            );
            return None;
        };
        if pem.contains("-----BEGIN") && pem.contains("PRIVATE KEY-----") {
            Some(pem.into())
        } else {
            self.problem(
                KEY,
                "is not a PEM private key",
                "the file starts with -----BEGIN RSA PRIVATE KEY-----",
            );
            None
        }
    }

    pub(super) fn webhook_secrets(&mut self) -> Option<Vec<SecretString>> {
        const KEY: &str = "github.webhook_secret_files";
        let mut secrets: Vec<String> = Vec::new();
        if let Some(lines) = self.variable(WEBHOOK_SECRETS_VARIABLE) {
            secrets.extend(lines.lines().map(|line| line.trim().to_owned()));
        }
        if let Some(found) = self.find(KEY) {
            let paths: Vec<String> = match found.origin {
                Origin::Environment => {
                    found.values.iter().flat_map(|list| list.split(':')).map(str::to_owned).collect()
                }
                Origin::File | Origin::Default => found.values,
            };
            for path in paths {
                match read_secret(&self.resolve(&path, found.origin)) {
                    // Left out in silence, it would only be missed when the old secret goes.
                    Ok(text) if text.trim().is_empty() => {
                        let what = format!("{path} is empty");
                        self.problem(KEY, &what, "put the secret into it, or leave the file out");
                        return None;
                    }
                    Ok(text) => secrets.push(text.trim().to_owned()),
                    Err(what) => {
                        self.problem(KEY, &what, "each file holds one secret, as the App's settings have it");
                        return None;
                    }
                }
            }
        }
        secrets.retain(|secret| !secret.is_empty());
        if secrets.is_empty() {
            self.problem(
                KEY,
                "is missing: without a secret nobody can tell GitHub's deliveries from forged ones",
                "set a webhook secret on the App's settings page (openssl rand -hex 32) and put it in a file",
            );
            return None;
        }
        if secrets.iter().any(|secret| secret.len() < SHORTEST_SECRET) {
            self.problem(
                KEY,
                &format!("holds a secret of less than {SHORTEST_SECRET} characters"),
                "use a random one: openssl rand -hex 32",
            );
            return None;
        }
        Some(secrets.into_iter().map(SecretString::from).collect())
    }
}

impl Source<'_> {
    /// `None` where there is none, and where a problem was noted.
    pub(super) fn vault_passphrase(&mut self) -> Option<SecretString> {
        const KEY: &str = "vault.passphrase_file";
        let text = if let Some(text) = self.variable(VAULT_PASSPHRASE_VARIABLE) {
            text
        } else {
            match read_secret(&self.path(KEY)?) {
                Ok(text) => text,
                Err(what) => {
                    self.problem(KEY, &what, "the file holds the passphrase, alone on its line");
                    return None;
                }
            }
        };
        let passphrase = text.trim();
        if passphrase.chars().count() < SHORTEST_SECRET {
            self.problem(
                KEY,
                &format!("holds a passphrase of less than {SHORTEST_SECRET} characters"),
                "use a random one: openssl rand -base64 24",
            );
            return None;
        }
        Some(SecretString::from(passphrase))
    }
}

pub(super) fn read_secret(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: cannot be read: {error}", path.display()))
}
