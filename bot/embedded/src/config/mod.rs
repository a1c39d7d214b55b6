//! The server's configuration: a TOML file, overridden by the environment; secrets only from files or the environment.
//!
//! Every problem is found in one go, and says where it is and how to mend it.

mod apps;
mod fields;
mod login;
mod secrets;
mod settings;
mod source;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deputy_core::authorization::AdministratorName;
pub use deputy_core::settings::Settings;
use secrecy::SecretString;
use tracing_subscriber::filter::{LevelFilter, Targets};

pub use self::apps::AppConfig;
pub use self::fields::{FIELDS, FURTHER_APPS, Field};
pub use self::login::LoginConfig;
use self::source::Source;
pub use self::source::{Environment, Problem};

/// Everything `deputy serve` needs to know.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to serve metrics; `None` for nowhere.
    pub metrics: Option<SocketAddr>,
    /// The word people address: `@deputy` or `/deputy`.
    pub mention: String,
    /// The folder that holds everything there is.
    pub data: PathBuf,
    /// The folder of workflows that are added to those built in.
    pub workflows: Option<PathBuf>,
    /// How long payloads are kept.
    pub archive: Duration,
    /// How long a delivery's GUID is remembered.
    pub dedup: Duration,
    /// GitHub and the App.
    pub github: GitHubConfig,
    /// Further Apps, whose credentials are handed out too.
    pub apps: Vec<AppConfig>,
    /// Logging in; `None` where nobody can.
    pub login: Option<LoginConfig>,
    /// Who may operate this server, among those who can log in.
    pub admins: Vec<AdministratorName>,
    /// What holds in every repository.
    pub settings: Settings,
    /// Any of these may have signed a delivery, so that one can be replaced without losing any.
    pub webhook_secrets: Vec<SecretString>,
    /// What seals the key ring, where it is sealed.
    pub vault_passphrase: Option<SecretString>,
    /// What to log, and how.
    pub log: LogConfig,
}

/// Which GitHub, and who we are there.
#[derive(Debug)]
pub struct GitHubConfig {
    /// GitHub, as people open it.
    pub url: String,
    /// The JWT's `iss`: the client id, or the App's number.
    pub issuer: String,
    /// The App's private key, PEM.
    pub private_key: SecretString,
    /// Below this share of an hour's requests, in percent, an alarm is raised.
    pub rate_limit_alarm_percent: u32,
}

/// What to log, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// A level, or `target=level` pairs: `info,deputy=debug`.
    pub filter: String,
    /// One line for a reader, or one JSON object for a machine.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// For machines: one object a line.
    Json,
}

impl Config {
    /// Reads the file (if there is one) and the environment.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, not only the first thing. No problem's text holds a configured value that
    /// could be a secret.
    pub fn load(file: Option<&Path>, environment: &Environment<'_>) -> Result<Self, Vec<Problem>> {
        let mut source = Source::open(file, environment)?;
        let listen = source.parsed("listen", "an address and a port, such as 127.0.0.1:8080");
        let metrics = source.parsed("metrics_listen", "an address and a port, such as 127.0.0.1:9464");
        let mention = source.checked("mention", check_mention);
        let data = source.path("data");
        let workflows = source.path("workflows");
        let archive_days: Option<u32> = source.parsed("archive_days", "a whole number of days");
        let dedup_hours: Option<u32> = source.parsed("dedup_hours", "a whole number of hours");
        if archive_days == Some(0) {
            source.problem("archive_days", "must be at least 1", "leave it out to keep payloads for 90 days");
        }
        if dedup_hours.is_some_and(|hours| hours < 24) {
            source.problem(
                "dedup_hours",
                "must be at least 24",
                "GitHub offers redelivery for 3 days: leave it out for 72",
            );
        }
        let github = source.github();
        let apps = source.apps(mention.as_deref().unwrap_or_default());
        let login = source.login(listen);
        let admins = source.admins(login.as_ref());
        let settings = source.settings();
        let webhook_secrets = source.webhook_secrets();
        let vault_passphrase = source.vault_passphrase();
        let filter = source.checked("log.filter", check_filter);
        let format = source.checked("log.format", |text| match text {
            "human" => Ok(LogFormat::Human),
            "json" => Ok(LogFormat::Json),
            _ => Err("must be `human` or `json`".to_owned()),
        });
        source.finish()?;
        let whole = (|| {
            Some(Self {
                listen: listen?,
                metrics,
                mention: mention?,
                data: data?,
                workflows,
                archive: Duration::from_secs(u64::from(archive_days?) * 86_400),
                dedup: Duration::from_secs(u64::from(dedup_hours?) * 3_600),
                github: github?,
                apps,
                login: login?,
                admins: admins?,
                settings: settings?,
                webhook_secrets: webhook_secrets?,
                vault_passphrase,
                log: LogConfig { filter: filter?, format: format? },
            })
        })();
        Ok(whole.expect("a value is missing only where a problem was noted"))
    }
}

impl Config {
    /// Only the name that commands are addressed to, where nothing else is needed.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or with the file as a whole.
    pub fn mention(file: Option<&Path>, environment: &Environment<'_>) -> Result<String, Vec<Problem>> {
        let mut source = Source::open(file, environment)?;
        let mention = source.checked("mention", check_mention);
        source.finish()?;
        Ok(mention.expect("a value is missing only where a problem was noted"))
    }
}

/// A GitHub login: what can be mentioned at all.
fn check_mention(text: &str) -> Result<String, String> {
    let name = text.strip_prefix(['@', '/']).unwrap_or(text);
    let fits = matches!(name.len(), 1..=39)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits {
        Ok(name.to_owned())
    } else {
        Err("must look like a GitHub login: up to 39 letters, digits and single dashes".to_owned())
    }
}

fn check_filter(text: &str) -> Result<String, String> {
    // A word without a level means everything of the target of that name, and so for a mistyped level: nothing.
    let is_level = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    if text.parse::<Targets>().is_ok() && text.split(',').all(is_level) {
        return Ok(text.to_owned());
    }
    Err("must be a level (error, warn, info, debug, trace, off) or pairs like `info,deputy=debug`".to_owned())
}

#[cfg(test)]
mod tests;
