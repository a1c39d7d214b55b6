//! The App as GitHub has it.

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::TimeDelta;
use deputy_core::ports::{Clock, DeliveryAttempt, GitHubError, OAuthError};
use deputy_github::app::{AppSettings, HookConfig, Installation};
use deputy_github::client::Client;
use deputy_github::needs::Needs;
use deputy_web::WEBHOOK_PATH;
use secrecy::SecretString;

use super::Finding;
use crate::app;
use crate::config::Config;

/// GitHub refuses App JWTs that are made with a clock further away than this.
const REFUSED_DRIFT: TimeDelta = TimeDelta::seconds(60);
/// From here on it is worth mending.
const NOTABLE_DRIFT: TimeDelta = TimeDelta::seconds(20);

pub(super) async fn examine(
    config: &Config,
    clock: Arc<dyn Clock>,
    say: &mut impl FnMut(Finding),
) -> anyhow::Result<()> {
    let client = app::github(config, clock)?;
    let needs = app::needs()?;
    match client.clock_drift().await {
        Ok(drift) => say(clock_finding(drift)),
        Err(error) => {
            say(away("github", &config.github.url, &error));
            return Ok(());
        }
    }
    let settings = match client.app_settings().await {
        Ok(settings) => settings,
        Err(error) => {
            say(key_finding(config, &error));
            return Ok(());
        }
    };
    let page = settings_page(&config.github.url, &settings);
    say(Finding::good("key", format!("GitHub knows the key: it is the App {}", settings.slug)));
    say(identity(config, &settings, &page));
    say(permissions(&needs, &settings, &page));
    say(events(&needs, &settings, &page));
    match client.hook_config().await {
        Ok(hook) => webhook(config, &hook, &page, say),
        Err(error) => say(away("webhook", &config.github.url, &error)),
    }
    match client.delivery_attempts(None).await {
        Ok(listed) => say(deliveries(&listed.attempts, &page)),
        Err(error) => say(away("deliveries", &config.github.url, &error)),
    }
    logins(config, &client, &page, say).await;
    match client.installations().await {
        Ok(list) => installations(&needs, &list, &settings, say),
        Err(error) => say(away("installations", &config.github.url, &error)),
    }
    Ok(())
}

fn away(check: &'static str, github: &str, error: &GitHubError) -> Finding {
    let fix = match error {
        GitHubError::RateLimited { .. } => "wait until then, and ask again",
        _ => "check github.url and the network; githubstatus.com tells of outages",
    };
    Finding::problem(check, format!("{github} cannot be asked: {}", causes(error)), fix)
}

/// An error and what is behind it, on one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn clock_finding(drift: Option<TimeDelta>) -> Finding {
    const CHECK: &str = "clock";
    const FIX: &str = "set the clock by the network: `timedatectl set-ntp true`";
    let Some(drift) = drift else {
        return Finding::warning(CHECK, "GitHub did not say what time it is", "ask again");
    };
    let direction = if drift < TimeDelta::zero() { "behind" } else { "ahead of" };
    let what = format!("this machine's clock is {} s {direction} GitHub's", drift.abs().num_seconds());
    if drift.abs() >= REFUSED_DRIFT {
        Finding::problem(CHECK, format!("{what}; from 60 s on, GitHub refuses the App"), FIX)
    } else if drift.abs() >= NOTABLE_DRIFT {
        Finding::warning(CHECK, what, FIX)
    } else {
        Finding::good(CHECK, "this machine's clock is GitHub's")
    }
}

fn key_finding(config: &Config, error: &GitHubError) -> Finding {
    match error {
        GitHubError::Unauthorized(_) | GitHubError::NotFound => Finding::problem(
            "key",
            format!("GitHub does not accept the private key for the App {}", config.github.issuer),
            "check github.client_id (or app_id); if that is right, generate a new private key on the App's settings page, \
             under “Private keys”, and configure it as github.private_key_file",
        ),
        error => away("key", &config.github.url, error),
    }
}

/// The App's settings, as its owner sees them.
fn settings_page(github: &str, settings: &AppSettings) -> String {
    let github = github.trim_end_matches('/');
    match &settings.owner {
        Some(owner) if owner.is_organization => {
            format!("{github}/organizations/{}/settings/apps/{}", owner.login, settings.slug)
        }
        _ => format!("{github}/settings/apps/{}", settings.slug),
    }
}

/// Whether key and client id are of one App.
fn identity(config: &Config, settings: &AppSettings, page: &str) -> Finding {
    let configured = config.login.as_ref().map(|login| &login.client_id);
    match (&settings.client_id, configured) {
        (Some(is), Some(configured)) if is != configured => Finding::problem(
            "client_id",
            format!("the key is of an App with the client id {is}, and {configured} is configured"),
            format!("copy the client id from {page} into github.client_id"),
        ),
        (Some(is), _) => Finding::good("client_id", format!("the App's client id is {is}")),
        (None, _) => Finding::good("client_id", "GitHub does not show it here"),
    }
}

fn permissions(needs: &Needs, settings: &AppSettings, page: &str) -> Finding {
    let lacking = needs.lacking(&settings.permissions);
    if lacking.is_empty() {
        return Finding::good("permissions", "the App asks for what the handlers need");
    }
    Finding::problem(
        "permissions",
        format!("the App does not ask for {}", listed(&lacking)),
        format!("set them at {page}/permissions; whoever installed the App is asked to agree"),
    )
}

fn listed(permissions: &[(&str, &str)]) -> String {
    let each: Vec<String> =
        permissions.iter().map(|(name, level)| format!("{}: {level}", name.replace('_', " "))).collect();
    each.join(", ")
}

fn events(needs: &Needs, settings: &AppSettings, page: &str) -> Finding {
    let missing: Vec<&str> = needs.events.difference(&settings.events).map(String::as_str).collect();
    if missing.is_empty() {
        return Finding::good("events", "the App is told of what the handlers want");
    }
    Finding::problem(
        "events",
        format!("the App does not subscribe to {}", missing.join(", ")),
        format!("tick them at {page}/permissions, under “Subscribe to events”"),
    )
}

fn webhook(config: &Config, hook: &HookConfig, page: &str, say: &mut impl FnMut(Finding)) {
    let url = hook.url.as_deref().unwrap_or_default();
    let ours = config.login.as_ref().and_then(|login| login.public_url.as_ref());
    let expected = ours.map(|url| format!("{}{WEBHOOK_PATH}", url.as_str()));
    say(match &expected {
        _ if url.is_empty() => Finding::problem(
            "webhook",
            "GitHub sends the App's webhooks nowhere",
            match &expected {
                Some(expected) => format!("set the Webhook URL at {page} to {expected}, and tick “Active”"),
                None => format!(
                    "without a public address, get a channel at https://smee.io/new, set it as the Webhook URL at {page}, \
                     and start with `deputy serve --forward` and the channel's address"
                ),
            },
        ),
        Some(expected) if expected != url => Finding::problem(
            "webhook",
            format!("GitHub sends webhooks to {url}, and this server is {expected}"),
            format!("set the Webhook URL at {page} to {expected}, or mend public_url"),
        ),
        Some(_) => Finding::good("webhook", format!("webhooks go to {url}")),
        None => Finding::good(
            "webhook",
            format!("webhooks go to {url}; whether that leads here cannot be told without public_url"),
        ),
    });
    say(if hook.has_secret {
        Finding::good("webhook_secret", "GitHub signs webhooks")
    } else {
        Finding::problem(
            "webhook_secret",
            "GitHub does not sign webhooks, so none is accepted",
            format!("enter the configured secret as the Webhook secret at {page}"),
        )
    });
    let is_unchecked = matches!(hook.insecure_ssl.as_str(), Some("1")) || hook.insecure_ssl == 1;
    if is_unchecked {
        say(Finding::warning(
            "webhook_tls",
            "GitHub does not check this server's certificate",
            format!("tick “Enable SSL verification” at {page}"),
        ));
    }
    if hook.content_type.as_deref() == Some("form") && expected.is_none() {
        say(Finding::warning(
            "webhook_form",
            "webhooks come as forms, which no smee channel passes on",
            "set the content type to application/json: `PATCH /app/hook/config`",
        ));
    }
}

/// What the last deliveries say of the secret, and of who listens.
fn deliveries(attempts: &[DeliveryAttempt], page: &str) -> Finding {
    const CHECK: &str = "deliveries";
    let Some(last) = attempts.first() else {
        return Finding::good(CHECK, "GitHub has sent nothing yet");
    };
    let at = last.delivered_at.format("%Y-%m-%d %H:%M");
    if last.arrived() {
        return Finding::good(CHECK, format!("the last one, at {at} UTC, arrived"));
    }
    let failed = attempts.iter().take_while(|attempt| !attempt.arrived()).count();
    match last.status_code {
        401 => Finding::problem(
            "deliveries",
            format!("the last {failed} were refused: their signature is of another secret"),
            format!("enter the configured secret as the Webhook secret at {page}, or configure GitHub's"),
        ),
        0 => Finding::warning(
            CHECK,
            format!("the last {failed} reached nobody ({}), the latest at {at} UTC", last.status),
            "start the server, and check what stands before it; it asks for them again by itself",
        ),
        code => Finding::warning(
            CHECK,
            format!("the last {failed} were answered with {code}, the latest at {at} UTC"),
            "look at `deputyctl deliveries --failed`, and at the server's log",
        ),
    }
}

/// Whether people can log in: client secret, client id, device flow.
async fn logins(config: &Config, client: &Client, page: &str, say: &mut impl FnMut(Finding)) {
    if config.login.is_none() {
        say(Finding::warning(
            "login",
            "nobody can log in, so that only `help` and `ping` answer",
            format!("generate a client secret at {page}, and configure it as github.client_secret_file"),
        ));
        return;
    }
    // GitHub looks at the client's credentials first, and nobody has this token.
    let nobodys = SecretString::from(format!("ghu_{}", "0".repeat(36)));
    say(match client.revoke_token(&nobodys).await {
        Ok(()) | Err(GitHubError::Refused { status: 422, .. }) => {
            Finding::good("client_secret", "GitHub knows the client secret")
        }
        Err(GitHubError::Unauthorized(_)) => Finding::problem(
            "client_secret",
            "GitHub does not accept the client secret",
            format!("generate a new client secret at {page}, and configure it as github.client_secret_file"),
        ),
        Err(error) => away("client_secret", &config.github.url, &error),
    });
    say(match client.begin_device_flow().await {
        Ok(_) => Finding::good("device_flow", "people can log in from a terminal"),
        Err(OAuthError::DeviceFlowDisabled) => Finding::warning(
            "device_flow",
            "nobody can log in from a terminal",
            format!("tick “Enable Device Flow” at {page}"),
        ),
        Err(OAuthError::BadClient) => Finding::problem(
            "device_flow",
            "GitHub does not know the client id",
            format!("copy the client id from {page} into github.client_id"),
        ),
        Err(OAuthError::GitHub(error)) => away("device_flow", &config.github.url, &error),
        Err(error) => {
            Finding::problem("device_flow", causes(&error), format!("look at the App's settings: {page}"))
        }
    });
}

fn installations(
    needs: &Needs,
    list: &[Installation],
    settings: &AppSettings,
    say: &mut impl FnMut(Finding),
) {
    const CHECK: &str = "installations";
    if list.is_empty() {
        say(Finding::problem(
            CHECK,
            "the App is installed nowhere, so it hears of nothing",
            format!("install it: {}/installations/new", settings.html_url),
        ));
        return;
    }
    let mut is_well = true;
    for installation in list {
        let account = &installation.account.login;
        if installation.suspended_at.is_some() {
            is_well = false;
            say(Finding::warning(
                CHECK,
                format!("the installation on {account} is suspended"),
                format!("an owner of {account} unsuspends it in the settings there, under “GitHub Apps”"),
            ));
            continue;
        }
        // What the App does not even ask for is another finding.
        let lacking = needs.lacking(&installation.permissions);
        let asked: Vec<_> =
            lacking.into_iter().filter(|(name, _)| settings.permissions.contains_key(*name)).collect();
        if !asked.is_empty() {
            is_well = false;
            say(Finding::warning(
                CHECK,
                format!("{account} has not agreed to {}", listed(&asked)),
                format!(
                    "an owner of {account} accepts the new permissions in the settings there, under “GitHub Apps”"
                ),
            ));
        }
    }
    if is_well {
        let places = if list.len() == 1 { "place" } else { "places" };
        say(Finding::good(CHECK, format!("the App is installed in {} {places}", list.len())));
    }
}
