//! Writing a new App's credentials so that a crash leaves all of them or none, and nothing that others can read.
//!
//! The secrets are written into a hidden folder of their own, synced, and the folder is given its name: one step.
//! `deputy.toml`, which names them, comes last, in the same way. What a crash leaves behind is a hidden folder at most.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use deputy_github::manifest::NewApp;
use secrecy::{ExposeSecret as _, SecretString};

/// The configuration's name.
pub const CONFIG: &str = "deputy.toml";
/// The folder of the secrets, beside it.
pub const SECRETS: &str = "app";

/// Where a setup writes.
#[derive(Debug, Clone)]
pub struct Target {
    folder: PathBuf,
    overwrite: Overwrite,
}

/// What happens to a configuration that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Nothing: the setup is refused.
    Never,
    /// It is kept beside the new one, under another name.
    KeepingOld,
}

/// What goes into the configuration beside the credentials.
#[derive(Debug, Clone)]
pub struct Settings {
    /// GitHub, as people open it.
    pub github: String,
    /// Where people reach the server, if they do.
    pub public_url: Option<String>,
    /// What signs webhooks where GitHub made no secret.
    pub spare_secret: SecretString,
}

impl Target {
    /// Looks whether a setup can write to `folder`, before anybody makes an App in vain.
    pub fn prepare(folder: &Path, overwrite: Overwrite) -> Result<Self, String> {
        for name in [CONFIG, SECRETS] {
            let path = folder.join(name);
            if overwrite == Overwrite::Never && path.symlink_metadata().is_ok() {
                return Err(format!(
                    "{} is there already. Give another folder with --dir, or --force to write a new one; the old one is \
                     then kept under another name.",
                    path.display()
                ));
            }
        }
        let writable = || -> io::Result<()> {
            fs::create_dir_all(folder)?;
            // Making something is the only test that counts for everything that can forbid it.
            fs::remove_dir(hidden(folder)?)
        };
        writable().map_err(|error| format!("{}: cannot be written to: {error}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), overwrite })
    }

    /// The configuration's path.
    pub fn config(&self) -> PathBuf {
        self.folder.join(CONFIG)
    }

    /// Writes everything. Returns what was moved out of the way.
    pub fn write(&self, app: &NewApp, settings: &Settings) -> io::Result<Vec<PathBuf>> {
        let hidden = hidden(&self.folder)?;
        let written = self.write_through(&hidden, app, settings);
        // What it could not use it takes along.
        let _ = fs::remove_dir_all(&hidden);
        written
    }

    fn write_through(&self, hidden: &Path, app: &NewApp, settings: &Settings) -> io::Result<Vec<PathBuf>> {
        let secrets = hidden.join(SECRETS);
        private_folder(&secrets)?;
        let webhook_secret = app.webhook_secret.as_ref().unwrap_or(&settings.spare_secret);
        write(&secrets.join("private-key.pem"), app.pem.expose_secret())?;
        write(&secrets.join("client-secret"), &line(app.client_secret.expose_secret()))?;
        write(&secrets.join("webhook-secret"), &line(webhook_secret.expose_secret()))?;
        sync_folder(&secrets)?;
        let config = hidden.join(CONFIG);
        write(&config, &toml(app, settings))?;
        let mut moved = Vec::new();
        if self.overwrite == Overwrite::KeepingOld {
            for name in [CONFIG, SECRETS] {
                moved.extend(put_aside(&self.folder.join(name))?);
            }
        }
        // A folder that is not empty is never replaced by this,
        fs::rename(&secrets, self.folder.join(SECRETS))?;
        // nor a file by a link: whoever was faster keeps theirs.
        if let Err(error) = fs::hard_link(&config, self.folder.join(CONFIG)) {
            // Else the next try would find a folder in its way.
            fs::rename(self.folder.join(SECRETS), &secrets)?;
            return Err(error);
        }
        sync_folder(&self.folder)?;
        Ok(moved)
    }
}

/// The configuration, with comments for whoever reads it next.
fn toml(app: &NewApp, settings: &Settings) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "# For the GitHub App {} ({}), written by `deputy setup`.\n# `deputy check-config --fields` lists what else there is.\n\n",
        comment(&app.slug),
        comment(&app.html_url)
    );
    let mut pair =
        |key: &str, value: &str| writeln!(text, "{key} = {}", quoted(value)).expect("a String grows");
    pair("listen", "127.0.0.1:8080");
    if let Some(url) = &settings.public_url {
        pair("public_url", url);
    }
    pair("data", "data");
    let admins = match &app.owner {
        Some(owner) if !owner.is_organization => format!("admins = [{}]\n", quoted(&owner.login)),
        _ => "# Who may operate this server with deputyctl:\n# admins = [\"your-login\"]\n".to_owned(),
    };
    text.push_str(&admins);
    text.push_str("\n[github]\n");
    let mut pair =
        |key: &str, value: &str| writeln!(text, "{key} = {}", quoted(value)).expect("a String grows");
    pair("url", &settings.github);
    pair("client_id", &app.client_id);
    pair("client_secret_file", &format!("{SECRETS}/client-secret"));
    pair("private_key_file", &format!("{SECRETS}/private-key.pem"));
    writeln!(text, "webhook_secret_files = [{}]", quoted(&format!("{SECRETS}/webhook-secret")))
        .expect("a String grows");
    text
}

/// A TOML string. JSON's way of writing one is also TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What GitHub sends must not end a comment.
fn comment(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn line(secret: &str) -> String {
    format!("{secret}\n")
}

/// A new folder that only we can read, with a name that nobody has.
fn hidden(folder: &Path) -> io::Result<PathBuf> {
    let mut number = 0;
    loop {
        let path = folder.join(format!(".deputy-setup-{}-{number}", std::process::id()));
        match private_folder(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 100 => number += 1,
            made => return made.map(|()| path),
        }
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Gives what is there another name.
fn put_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let mut number = 1;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".old-{number}"));
        let aside = PathBuf::from(name);
        if aside.symlink_metadata().is_err() {
            fs::rename(path, &aside)?;
            return Ok(Some(aside));
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use deputy_core::ids::AppId;
    use deputy_github::app::AppOwner;

    use super::*;
    use crate::config::Config;

    fn app() -> NewApp {
        NewApp {
            id: AppId(7),
            slug: "deputy-acme".to_owned(),
            name: "Deputy \"acme\"".to_owned(),
            html_url: "https://github.com/apps/deputy-acme\n[github]".to_owned(),
            owner: Some(AppOwner { login: "ada".to_owned(), is_organization: false }),
            client_id: "Iv23liabc".to_owned(),
            client_secret: "0123456789abcdef0123456789abcdef01234567".into(),
            webhook_secret: None,
            pem: "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\n".into(),
        }
    }

    fn settings() -> Settings {
        Settings {
            github: "https://github.com".to_owned(),
            public_url: Some("https://deputy.example".to_owned()),
            spare_secret: "a-secret-of-the-tests-000".into(),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_written_is_a_configuration_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::prepare(&folder.path().join("new"), Overwrite::Never).unwrap();
        assert_eq!(target.write(&app(), &settings()).unwrap(), Vec::<PathBuf>::new());
        let config = Config::load(Some(&target.config()), &|_| None).unwrap();
        assert_eq!(config.github.issuer, "Iv23liabc");
        assert_eq!(config.admins, ["ada".parse().unwrap()]);
        assert_eq!(config.webhook_secrets[0].expose_secret(), "a-secret-of-the-tests-000");
        assert_eq!(config.login.unwrap().public_url.unwrap().as_str(), "https://deputy.example");
        let place = target.config().parent().unwrap().to_owned();
        assert_eq!(names(&place), [SECRETS, CONFIG]);
        for name in names(&place.join(SECRETS)) {
            let mode = fs::metadata(place.join(SECRETS).join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::metadata(place.join(SECRETS)).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(target.config()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_there_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::prepare(folder.path(), Overwrite::Never).unwrap();
        // Somebody was faster than the person on GitHub's page.
        fs::write(target.config(), "mine").unwrap();
        assert_eq!(target.write(&app(), &settings()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(target.config()).unwrap(), "mine");
        assert_eq!(names(folder.path()), [CONFIG], "and it can be tried again");
        let refused = Target::prepare(folder.path(), Overwrite::Never).unwrap_err();
        assert!(refused.contains("--force"), "{refused}");
        let target = Target::prepare(folder.path(), Overwrite::KeepingOld).unwrap();
        let moved = target.write(&app(), &settings()).unwrap();
        assert_eq!(fs::read_to_string(&moved[0]).unwrap(), "mine");
        assert!(Config::load(Some(&target.config()), &|_| None).is_ok());
        assert!(!names(folder.path()).iter().any(|name| name.starts_with('.')), "nothing hidden is left");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_found_before_an_app_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let refused = Target::prepare(&file.join("x"), Overwrite::Never).unwrap_err();
        assert!(refused.contains("cannot be written to"), "{refused}");
    }
}
