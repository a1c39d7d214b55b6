//! `deputy setup`: one click on GitHub, and the App and its configuration are there.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::Args;
use deputy_core::ports::{GitHubError, SystemClock};
use deputy_core::vault::new_token;
use deputy_github::client::ClientConfig;
use deputy_github::manifest::{HookAttributes, Manifest, NewApp, convert};
use deputy_web::WEBHOOK_PATH;
use deputy_web::auth::{CALLBACK_PATH, PublicUrl};
use deputy_web::setup::{Finish, Finished, Link, Setup, Step, router, serve_pages};
use secrecy::SecretString;
use tokio::sync::watch;
use url::Url;

use super::UNFIT;
use crate::app;
use crate::credentials::{Overwrite, Settings, Target};

/// How long the browser may fetch the last page.
const LAST_PAGE: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The organization that is to own the App; without it, you
    #[arg(long, value_name = "LOGIN")]
    org: Option<String>,
    /// What the App is to be called; unique on GitHub, and you can change it there
    #[arg(long, value_name = "NAME", value_parser = app_name)]
    name: Option<String>,
    /// Where people and GitHub will reach the server, such as https://deputy.example.com
    #[arg(long, value_name = "URL", value_parser = public_url)]
    url: Option<PublicUrl>,
    /// Without a public address: the smee channel that webhooks go to, as for `deputy serve --forward`
    #[arg(long, value_name = "URL", conflicts_with = "url", value_parser = crate::forward::channel)]
    forward: Option<Url>,
    /// GitHub, as people open it: https://HOST for a GitHub Enterprise Server
    #[arg(long, value_name = "URL", default_value = "https://github.com", value_parser = github_url)]
    github_url: String,
    /// Where deputy.toml and the credentials are written
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// Write a new configuration where there is one; the old one is kept under another name
    #[arg(long)]
    force: bool,
    /// Open no browser, only show the address
    #[arg(long)]
    no_browser: bool,
}

/// GitHub takes no longer ones.
const LONGEST_NAME: usize = 34;

fn app_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(format!("must have 1 to {LONGEST_NAME} characters"));
    }
    Ok(name.to_owned())
}

fn public_url(text: &str) -> Result<PublicUrl, String> {
    PublicUrl::parse(text).map_err(|error| error.to_string())
}

fn github_url(text: &str) -> Result<String, String> {
    let config = ClientConfig::new(text).map_err(|error| error.to_string())?;
    Ok(config.site().to_owned())
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let overwrite = if arguments.force { Overwrite::KeepingOld } else { Overwrite::Never };
    let target = match Target::prepare(&arguments.dir, overwrite) {
        Ok(target) => target,
        Err(problem) => {
            eprintln!("deputy setup: {problem}");
            return ExitCode::from(UNFIT);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("deputy setup: the machine gives no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(set_up(arguments, target)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("deputy setup: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn set_up(arguments: &Arguments, target: Target) -> anyhow::Result<ExitCode> {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .context("no port on 127.0.0.1 can be listened on")?;
    let config = ClientConfig::new(&arguments.github_url)?;
    let (done, mut is_done) = watch::channel(false);
    let settings = Settings {
        github: arguments.github_url.clone(),
        public_url: arguments.url.as_ref().map(|url| url.as_str().to_owned()),
        spare_secret: new_token("")?,
    };
    let finish = Arc::new(Buyer {
        config: config.clone(),
        target,
        settings,
        has_hook: arguments.url.is_some() || arguments.forward.is_some(),
        forward: arguments.forward.clone(),
        bought: Mutex::default(),
        done,
    });
    let address = listener.local_addr()?;
    let setup = Setup::new(manifest(arguments)?, &config, arguments.org.clone(), address, finish)?;
    let url = setup.url();
    let pages = router(Arc::new(setup));
    eprintln!("Open this page, and press its button:\n\n  {url}\n");
    if !arguments.no_browser && open_browser(&url) {
        eprintln!("(A browser should have opened. Ctrl-C stops.)");
    }
    let is_there = is_done.clone();
    let served = serve_pages(listener, pages, async move {
        // The other end is in the pages, which outlive this.
        let _ = is_done.wait_for(|is_done| *is_done).await;
        tokio::time::sleep(LAST_PAGE).await;
    });
    tokio::select! {
        served = served => served.context("the page cannot be served")?,
        _ = tokio::signal::ctrl_c() => {}
    }
    if *is_there.borrow() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "\nStopped. Nothing was written. If GitHub has made the App already, delete it in your settings there."
    );
    Ok(ExitCode::from(130))
}

/// The App, with exactly what the handlers of this build need.
fn manifest(arguments: &Arguments) -> anyhow::Result<Manifest> {
    let needs = app::needs()?;
    let name = arguments.name.clone().unwrap_or_else(|| match &arguments.org {
        Some(organization) => format!("deputy-{organization}").chars().take(LONGEST_NAME).collect(),
        None => "deputy".to_owned(),
    });
    let own = arguments.url.as_ref().map(PublicUrl::as_str);
    let local = "http://127.0.0.1:8080".to_owned();
    let hook = match (&own, &arguments.forward) {
        (Some(own), _) => Some(format!("{own}{WEBHOOK_PATH}")),
        (None, Some(channel)) => Some(channel.to_string()),
        (None, None) => None,
    };
    Ok(Manifest {
        name,
        url: own.unwrap_or("https://github.com/apps").to_owned(),
        hook_attributes: hook.map(|url| HookAttributes { url, active: true }),
        // The setup's own address, which it knows.
        redirect_url: String::new(),
        callback_urls: vec![format!("{}{CALLBACK_PATH}", own.unwrap_or(&local))],
        public: false,
        default_permissions: needs.permissions,
        default_events: needs.events.into_iter().collect(),
    })
}

/// Exchanges the code and writes the files.
struct Buyer {
    config: ClientConfig,
    target: Target,
    settings: Settings,
    has_hook: bool,
    forward: Option<Url>,
    /// Credentials that could not be written yet: GitHub shows them once.
    bought: Mutex<Option<NewApp>>,
    done: watch::Sender<bool>,
}

#[async_trait]
impl Finish for Buyer {
    async fn finish(&self, code: SecretString) -> Result<Finished, String> {
        let kept = self.bought.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let app = match kept {
            Some(app) => app,
            None => convert(self.config.clone(), Arc::new(SystemClock), &code).await.map_err(|error| {
                tracing::debug!(error = &error as &dyn std::error::Error, "the code was not exchanged");
                not_bought(&error)
            })?,
        };
        *self.bought.lock().unwrap_or_else(PoisonError::into_inner) = Some(app.clone());
        let moved = self.target.write(&app, &self.settings).map_err(|error| {
            format!(
                "The App is there, and its credentials cannot be written to {}: {error}. Mend that, then reload this \
                 page. Do not stop `deputy setup`: GitHub shows them only once.",
                self.target.config().display()
            )
        })?;
        let finished = Finished { name: app.name.clone(), next: self.next(&app) };
        super::output::print(&format!("{}\n", self.target.config().display()));
        for old in moved {
            eprintln!("What was there before is now {}.", old.display());
        }
        eprintln!("\n{} is there. What is left to do:\n", finished.name);
        for (number, step) in (1..).zip(&finished.next) {
            eprintln!("  {number}. {}", step.text);
            if let Some(link) = &step.link {
                eprintln!("     {}", link.href);
            }
        }
        let _ = self.done.send(true);
        Ok(finished)
    }
}

impl Buyer {
    /// What a manifest cannot say.
    fn next(&self, app: &NewApp) -> Vec<Step> {
        let site = self.config.site();
        let settings = match &app.owner {
            Some(owner) if owner.is_organization => {
                format!("{site}/organizations/{}/settings/apps/{}", owner.login, app.slug)
            }
            _ => format!("{site}/settings/apps/{}", app.slug),
        };
        let mut next = vec![
            Step {
                text: "Tick “Enable Device Flow” in the App's settings, so that people can log in from a terminal, and \
                       save."
                    .to_owned(),
                link: Some(Link { text: "Open the App's settings", href: settings.clone() }),
            },
            Step {
                text: "Install the App where it is to work.".to_owned(),
                link: Some(Link { text: "Install it", href: format!("{}/installations/new", app.html_url) }),
            },
        ];
        if !self.has_hook {
            let text = "Nothing tells the App of events yet. Without a public address, get a channel at https://smee.io/new; \
                        set it as the Webhook URL in the App's settings, “Active”, with the secret in \
                        `app/webhook-secret`; then start with `deputy serve --forward` and the channel's address."
                .to_owned();
            next.insert(
                0,
                Step { text, link: Some(Link { text: "Open the App's settings", href: settings }) },
            );
        }
        let config = self.target.config();
        let serve = match &self.forward {
            Some(channel) => format!("deputy serve --config {} --forward {channel}", config.display()),
            None => format!("deputy serve --config {}", config.display()),
        };
        let text = format!(
            "Start it: `{serve}`. Whether all is well says `deputy doctor --config {}`.",
            config.display()
        );
        next.push(Step { text, link: None });
        next
    }
}

fn not_bought(error: &GitHubError) -> String {
    match error {
        GitHubError::NotFound | GitHubError::Refused { .. } => {
            "GitHub does not take the code: it works once, and within an hour. Delete the App in your settings on GitHub if \
             it is there, then run `deputy setup` again."
                .to_owned()
        }
        _ => "GitHub cannot be reached, so the credentials are not here yet. Reload this page in a moment; if that does not \
              help, delete the App in your settings on GitHub and run `deputy setup` again."
            .to_owned(),
    }
}

/// Opens a page for the person, if there is a screen in front of them. `false` where there is none.
fn open_browser(url: &str) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_remote = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
    let has_screen = cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    if is_remote || !has_screen {
        return false;
    }
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    Command::new(program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .is_ok()
}
