//! What people need to log in: the App's OAuth client, and an address of ours that they can reach.

use std::net::SocketAddr;

use deputy_core::authorization::AdministratorName;
use deputy_web::auth::PublicUrl;
use secrecy::SecretString;

use super::fields::{CLIENT_SECRET_VARIABLE, field};
use super::secrets::read_secret;
use super::source::{Origin, Source};

/// Logging in, where it is set up.
#[derive(Debug, Clone)]
pub struct LoginConfig {
    /// The App's client id.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: SecretString,
    /// Where people reach this server. `None`: the address it listens on, which then is loopback.
    pub public_url: Option<PublicUrl>,
}

impl LoginConfig {
    /// Where people reach a server that listens on `address`.
    pub fn public_url(&self, address: SocketAddr) -> PublicUrl {
        self.public_url.clone().unwrap_or_else(|| PublicUrl::of_loopback(address.port(), address.is_ipv6()))
    }
}

impl Source<'_> {
    /// `Some(None)` where nobody set it up, `None` where a problem was noted.
    #[expect(clippy::option_option, reason = "whether it can be read, and whether it is there")]
    pub(super) fn login(&mut self, listen: Option<SocketAddr>) -> Option<Option<LoginConfig>> {
        const KEY: &str = "github.client_secret_file";
        let had = self.problems();
        let public_url =
            self.checked("public_url", |text| PublicUrl::parse(text).map_err(|error| error.to_string()));
        let client_secret = self.client_secret();
        if self.problems() > had {
            return None;
        }
        let Some(client_secret) = client_secret else {
            if public_url.is_some() {
                self.problem(
                    KEY,
                    "is missing, and public_url says that people are to log in",
                    "generate a client secret on the App's settings page and put it in a file, or leave public_url out",
                );
                return None;
            }
            return Some(None);
        };
        let client_id = self.find("github.client_id").and_then(|found| found.values.into_iter().next());
        if client_id.is_none() {
            self.problem(
                "github.client_id",
                "is missing: with an app_id alone nobody can log in",
                "copy the client id from the App's settings page on GitHub; app_id can go",
            );
        }
        let is_reachable = public_url.is_some() || listen.is_none_or(|listen| listen.ip().is_loopback());
        if !is_reachable {
            self.problem(
                "public_url",
                "is missing, and the address to listen on is not what people type",
                "give the address that people reach this server at, such as https://deputy.example.com",
            );
        }
        let client_id = client_id.filter(|_| is_reachable)?;
        Some(Some(LoginConfig { client_id, client_secret, public_url }))
    }

    /// Who may operate the server; nobody where nobody is named.
    pub(super) fn admins(&mut self, login: Option<&Option<LoginConfig>>) -> Option<Vec<AdministratorName>> {
        const KEY: &str = "admins";
        let Some(found) = self.find(KEY) else { return Some(Vec::new()) };
        let names: Vec<String> = match found.origin {
            Origin::Environment => found
                .values
                .iter()
                .flat_map(|list| list.split(','))
                .map(|name| name.trim().to_owned())
                .collect(),
            Origin::File | Origin::Default => found.values,
        };
        let mut admins = Vec::with_capacity(names.len());
        for name in names {
            match name.parse() {
                Ok(admin) => admins.push(admin),
                Err(error) => {
                    let what = format!("`{}` {error}", name.escape_debug());
                    self.problem(KEY, &what, field(KEY).meaning);
                    return None;
                }
            }
        }
        if !admins.is_empty() && matches!(login, Some(None)) {
            self.problem(
                KEY,
                "names administrators, and nobody can log in",
                "let people log in with github.client_secret_file, or leave admins out",
            );
            return None;
        }
        Some(admins)
    }

    fn client_secret(&mut self) -> Option<SecretString> {
        const KEY: &str = "github.client_secret_file";
        let text = match self.variable(CLIENT_SECRET_VARIABLE) {
            Some(text) => text,
            None => match read_secret(&self.path(KEY)?) {
                Ok(text) => text,
                Err(what) => {
                    self.problem(KEY, &what, "the file holds the client secret and nothing else");
                    return None;
                }
            },
        };
        let text = text.trim();
        // What GitHub makes are 40 hexadecimal digits; an empty file or a whole TOML line is a slip.
        if text.is_empty() || text.contains(char::is_whitespace) {
            self.problem(KEY, "is not a client secret", "generate one on the App's settings page on GitHub");
            return None;
        }
        Some(text.into())
    }
}
