//! Where the session is kept between commands: a file that only its owner may read.
//!
//! Not the system's keyring: its crates bring D-Bus and an async runtime of their own on Linux, and servers and
//! containers, where terminals are used most, have none that is unlocked. The file is as safe as an SSH key
//! without passphrase, and what is in it is worth less: it expires, it can be ended from anywhere, and it is no
//! GitHub token.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::address::ServerUrl;
use crate::failure::Failure;

/// The file.
pub struct Keeping {
    path: PathBuf,
}

/// What is kept.
pub struct Kept {
    /// The Deputy that was used last.
    pub server: ServerUrl,
    /// Being logged in there; `None` after a logout.
    pub session: Option<KeptSession>,
}

/// Being logged in.
pub struct KeptSession {
    /// As whom.
    pub login: String,
    /// With what.
    pub token: SecretString,
}

#[derive(Serialize, Deserialize)]
struct Written {
    server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
}

impl Keeping {
    /// `$XDG_CONFIG_HOME/deputy/session.json`, or below `~/.config`.
    pub fn find() -> Result<Self, Failure> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || Some(variable("HOME").or_else(|| variable("USERPROFILE"))?.join(".config"));
        let folder = variable("XDG_CONFIG_HOME").or_else(home).ok_or(Failure::NoFolder)?;
        Ok(Self { path: folder.join("deputy").join("session.json") })
    }

    /// What is kept, if anything is.
    pub fn read(&self) -> Result<Option<Kept>, Failure> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        let written: Written = serde_json::from_str(&text).map_err(|_| Failure::Damaged(self.path.clone()))?;
        let server = written.server.parse().map_err(|_| Failure::Damaged(self.path.clone()))?;
        if written.session.is_some() && is_exposed(&self.path).map_err(|error| self.failed(error))? {
            return Err(Failure::Exposed(self.path.display().to_string()));
        }
        let session = written.session.map(|token| KeptSession {
            login: written.login.unwrap_or_default(),
            token: token.into(),
        });
        Ok(Some(Kept { server, session }))
    }

    /// Keeps this, instead of what was kept.
    pub fn write(&self, kept: &Kept) -> Result<(), Failure> {
        let session = kept.session.as_ref();
        let written = Written {
            server: kept.server.to_string(),
            login: session.map(|session| session.login.clone()),
            session: session.map(|session| session.token.expose_secret().to_owned()),
        };
        let json = serde_json::to_string_pretty(&written).unwrap_or_default();
        self.replace(json.as_bytes()).map_err(|error| self.failed(error))
    }

    /// In a new file that is private from its first moment, and under the old name only when it is whole.
    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        make_private_folder(folder)?;
        let fresh = folder.join(format!(".session.{}", std::process::id()));
        // Left behind by a process of the same number that was killed in between.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = create_private(&fresh).and_then(|mut file| {
            file.write_all(bytes)?;
            file.write_all(b"\n")?;
            file.sync_all()
        });
        let renamed = written.and_then(|()| fs::rename(&fresh, &self.path));
        if renamed.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&fresh);
        }
        renamed
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::File { path: self.path.clone(), error }
    }
}

#[cfg(unix)]
fn is_exposed(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// A person's own folder is theirs alone by default there.
#[cfg(not(unix))]
fn is_exposed(_: &Path) -> io::Result<bool> {
    Ok(false)
}

fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(token: Option<&str>) -> Kept {
        let session = token.map(|token| KeptSession { login: "ada".to_owned(), token: token.into() });
        Kept { server: "https://deputy.example".parse().unwrap(), session }
    }

    #[test]
    fn a_session_is_kept_privately_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let keeping = Keeping { path: folder.path().join("deputy/session.json") };
        assert!(keeping.read().unwrap().is_none());
        for token in [Some("dps_one"), Some("dps_two"), None] {
            keeping.write(&kept(token)).unwrap();
            let read = keeping.read().unwrap().unwrap();
            assert_eq!(read.server.to_string(), "https://deputy.example");
            assert_eq!(read.session.as_ref().map(|session| session.token.expose_secret()), token);
            assert!(!is_exposed(&keeping.path).unwrap());
        }
        assert_eq!(fs::read_dir(folder.path().join("deputy")).unwrap().count(), 1, "nothing else is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_session_that_others_may_have_read_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let keeping = Keeping { path: folder.path().join("session.json") };
        keeping.write(&kept(Some("dps_one"))).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&keeping.path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(keeping.read(), Err(Failure::Exposed(_))), "{mode:o}");
        }
        keeping.write(&kept(Some("dps_two"))).unwrap();
        assert!(keeping.read().is_ok());
        fs::write(&keeping.path, "{}").unwrap();
        assert!(matches!(keeping.read(), Err(Failure::Damaged(_))));
    }
}
