//! What nobody but its owner may see: every secret that was ever given out here, and the rule that none of them turns up
//! where others read.

use std::collections::BTreeSet;

use super::State;
use crate::http::pipeline::Received;

/// Where clients hand tokens and secrets in as part of the request, as GitHub documents it.
const TAKEN_IN_BODIES: [&str; 3] = ["/applications/", "/app/hook/config", "/app-manifests/"];

/// Shorter texts turn up by chance.
const SHORTEST: usize = 16;

impl State {
    /// Takes note of a secret.
    pub(crate) fn keep_secret(&mut self, secret: &str) {
        if secret.len() >= SHORTEST {
            self.secrets.insert(secret.to_owned());
        }
    }

    /// Takes note of a private key, by its lines: a line of it is as bad as all of it.
    pub(crate) fn keep_secret_key(&mut self, pem: &str) {
        let lines: Vec<String> =
            pem.lines().filter(|line| !line.starts_with("--")).map(str::to_owned).collect();
        for line in lines {
            self.keep_secret(&line);
        }
    }

    /// Takes note of a JWT that somebody came with.
    pub(crate) fn keep_secret_jwt(&mut self, received: &Received) {
        let bearer = received.header("authorization").and_then(|header| header.split_once(' '));
        if let Some((_, jwt)) = bearer.filter(|(_, credential)| credential.matches('.').count() == 2) {
            self.keep_secret(jwt.trim());
        }
    }

    /// Whether a text holds a secret of this GitHub's.
    pub(crate) fn gives_away(&self, text: &str) -> bool {
        holds_any(&self.secrets, text)
    }

    /// A secret in an address or in a text that others read is a mistake that GitHub would let pass.
    pub(crate) fn check_discretion(&mut self, received: &Received) {
        if TAKEN_IN_BODIES.iter().any(|path| received.path.starts_with(path)) {
            return;
        }
        let query =
            received.query.iter().any(|(name, value)| self.gives_away(name) || self.gives_away(value));
        let body = String::from_utf8_lossy(&received.body);
        if query || self.gives_away(&received.path) || self.gives_away(&body) {
            // Without the path: it may be what holds the secret.
            self.violation(format!("a {} request holds a secret outside its credentials", received.method));
        }
    }
}

fn holds_any(secrets: &BTreeSet<String>, text: &str) -> bool {
    // Slashes and quotes are escaped in JSON, and none of our secrets has any.
    secrets.iter().any(|secret| text.contains(secret.as_str()))
}
