//! `deputyctl installations`, `token` and `audit`: the Apps' credentials, for administrators.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::Cli;
use crate::failure::Failure;
use crate::keeping::{Keeping, KeptSession};
use crate::server::Server;
use crate::terminal;
use crate::whoami::logged_in;

#[derive(Debug, Args)]
pub struct InstallationsArguments {
    /// Only of this App; without it, of every App whose credentials the server has
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
}

#[derive(Debug, Args)]
pub struct TokenArguments {
    /// Whose installation, and for which repositories: acme, or acme/shop acme/site
    #[arg(value_name = "OWNER[/REPOSITORY]", required_unless_present_any = ["installation", "jwt"])]
    places: Vec<Place>,
    /// Narrow the token to this permission; give it again for more. Without one: all that the installation has
    #[arg(long = "permission", short = 'p', value_name = "NAME=read|write|admin", conflicts_with = "jwt")]
    permissions: Vec<Granted>,
    /// Of this installation, by its number, instead of an owner's
    #[arg(long, value_name = "ID", conflicts_with_all = ["places", "jwt"])]
    installation: Option<u64>,
    /// A JWT of the App itself, for nine minutes. It can do all that the App can, everywhere
    #[arg(long, conflicts_with = "places")]
    jwt: bool,
    /// Of this App; without it, of Deputy's own
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
}

#[derive(Debug, Args)]
pub struct AuditArguments {
    /// How many lines, newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// `acme`, or `acme/shop`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    owner: String,
    repository: Option<String>,
}

impl std::str::FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (owner, repository) = match text.split_once('/') {
            Some((owner, repository)) => (owner, Some(repository)),
            None => (text, None),
        };
        let is_name = |name: &str| !name.is_empty() && !name.contains(['/', ' ']);
        if is_name(owner) && repository.is_none_or(is_name) {
            Ok(Self { owner: owner.to_owned(), repository: repository.map(str::to_owned) })
        } else {
            Err("must look like acme or acme/shop")
        }
    }
}

/// `contents=read`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Granted(String, String);

impl std::str::FromStr for Granted {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(['=', ':']) {
            Some((name, access @ ("read" | "write" | "admin"))) if !name.is_empty() => {
                Ok(Self(name.replace('-', "_"), access.to_owned()))
            }
            _ => Err(
                "must look like contents=read; GitHub's documentation of installation tokens has the names",
            ),
        }
    }
}

#[derive(Deserialize)]
struct Installations {
    installations: Vec<Value>,
}

pub async fn installations(
    cli: &Cli,
    arguments: &InstallationsArguments,
    keeping: &Keeping,
) -> Result<(), Failure> {
    let (server, session) = at(cli, keeping)?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(arguments.app.iter().map(|app| ("app", app)));
    let path = format!("/api/v1/installations?{}", query.finish());
    let Installations { installations } = server.get(&path, &session).await?;
    if cli.json {
        print_each(&installations);
        return Ok(());
    }
    if installations.is_empty() {
        terminal::tell("No App is installed anywhere yet.");
        return Ok(());
    }
    let mut rows =
        vec![["APP", "OWNER", "INSTALLATION", "REPOSITORIES", "LEFT THIS HOUR"].map(str::to_owned)];
    for it in &installations {
        let limit = &it["rate_limits"]["core"];
        let left = match (limit["remaining"].as_u64(), limit["limit"].as_u64()) {
            _ if !it["suspended_at"].is_null() => "suspended".to_owned(),
            (Some(remaining), Some(limit)) => format!("{remaining} of {limit}"),
            _ => "not read yet".to_owned(),
        };
        rows.push([
            word(&it["app"]),
            word(&it["owner"]),
            word(&it["installation"]),
            word(&it["repositories"]),
            left,
        ]);
    }
    print_table(&rows);
    Ok(())
}

#[derive(Deserialize)]
struct HandedOut {
    token: SecretString,
    #[serde(flatten)]
    about: serde_json::Map<String, Value>,
}

pub async fn token(cli: &Cli, arguments: &TokenArguments, keeping: &Keeping) -> Result<(), Failure> {
    let TokenArguments { places, permissions, installation, jwt, app } = arguments;
    let (path, order) = if *jwt {
        ("/api/v1/tokens/app", json!({ "app": app }))
    } else {
        let permissions: BTreeMap<_, _> =
            permissions.iter().map(|Granted(name, access)| (name, access)).collect();
        let repositories: Vec<_> = places.iter().filter_map(|place| place.repository.as_ref()).collect();
        let owner = places.first().map(|place| &place.owner);
        // Narrowed to some repositories and to all of them cannot both be meant, nor can two owners.
        let fits = places.iter().all(|place| Some(&place.owner) == owner)
            && (repositories.is_empty() || repositories.len() == places.len());
        if !fits || (repositories.is_empty() && places.len() > 1) {
            return Err(Failure::MixedPlaces);
        }
        let order = json!({
            "app": app, "owner": owner, "installation": installation,
            "repositories": repositories, "permissions": permissions,
        });
        ("/api/v1/tokens", order)
    };
    let (server, session) = at(cli, keeping)?;
    let HandedOut { token, mut about } = server.post(path, Some(&session), &order).await?;
    if cli.json {
        about.insert("token".to_owned(), token.expose_secret().into());
        terminal::print(&Value::from(about).to_string());
    } else {
        // The token alone, so that it can be given on: $(deputyctl token acme/shop)
        terminal::print(token.expose_secret());
        let until = word(&about["expires_at"]);
        let what = describe(&about["credential"]);
        terminal::tell(&format!(
            "{what} of the App {}, until {until}. It is in the audit log.",
            word(&about["app"])
        ));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Entries {
    entries: Vec<Value>,
}

pub async fn audit(cli: &Cli, arguments: &AuditArguments, keeping: &Keeping) -> Result<(), Failure> {
    let (server, session) = at(cli, keeping)?;
    let path = format!("/api/v1/audit?limit={}", arguments.limit);
    let Entries { entries } = server.get(&path, &session).await?;
    if cli.json {
        print_each(&entries);
        return Ok(());
    }
    if entries.is_empty() {
        terminal::tell("No credential was handed out yet.");
        return Ok(());
    }
    let mut rows = vec![["AT", "TO", "APP", "CREDENTIAL", "SHA-256"].map(str::to_owned)];
    for it in &entries {
        let what = describe(&it["credential"]);
        rows.push([word(&it["at"]), word(&it["login"]), word(&it["app"]), what, word(&it["token_sha256"])]);
    }
    print_table(&rows);
    Ok(())
}

/// The Deputy to ask, and the session to ask with.
fn at(cli: &Cli, keeping: &Keeping) -> Result<(Server, SecretString), Failure> {
    let (url, KeptSession { token, .. }) = logged_in(cli, keeping)?;
    Ok((Server::new(url), token))
}

fn describe(credential: &Value) -> String {
    if credential["kind"] == "app" {
        return "A JWT".to_owned();
    }
    let mut text = format!("A token for {}", word(&credential["owner"]));
    let repositories: Vec<String> =
        credential["repositories"].as_array().into_iter().flatten().map(word).collect();
    if !repositories.is_empty() {
        let _ = write!(text, "/{}", repositories.join(","));
    }
    for (name, access) in credential["permissions"].as_object().into_iter().flatten() {
        let _ = write!(text, " {name}={}", word(access));
    }
    text
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn print_each(values: &[Value]) {
    for value in values {
        terminal::print(&value.to_string());
    }
}

/// Columns as wide as their widest word; the last one as it is.
fn print_table<const N: usize>(rows: &[[String; N]]) {
    let widths: Vec<usize> =
        (0..N).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        terminal::print(line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_permissions_are_read_as_people_write_them() {
        let place = |text: &str| text.parse::<Place>().map(|it| (it.owner, it.repository)).ok();
        assert_eq!(place("acme"), Some(("acme".to_owned(), None)));
        assert_eq!(place("acme/shop"), Some(("acme".to_owned(), Some("shop".to_owned()))));
        for text in ["", "/", "acme/", "/shop", "acme/shop/x", "acme shop"] {
            assert_eq!(place(text), None, "{text}");
        }
        let granted = |text: &str| text.parse::<Granted>().map(|it| (it.0, it.1)).ok();
        assert_eq!(granted("contents=read"), Some(("contents".to_owned(), "read".to_owned())));
        assert_eq!(granted("pull-requests:write"), Some(("pull_requests".to_owned(), "write".to_owned())));
        for text in ["", "contents", "contents=", "contents=rad", "=read"] {
            assert_eq!(granted(text), None, "{text}");
        }
    }
}
