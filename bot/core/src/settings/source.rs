//! Where settings come from: read from GitHub when they are asked for, remembered for a while, and kept when a file goes bad.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::{LARGEST, ORGANIZATION_REPOSITORY, PATH, Problem, Settings, read};
use crate::comment::Repository;
use crate::ids::RepositoryId;
use crate::ports::{Acting, Clock, Contents, GitHubError};

/// How long a file is remembered. Events of changes end it at once; this is for those that get lost.
const LIFETIME: TimeDelta = TimeDelta::minutes(5);
/// Past this many files, those that were not asked for lately are forgotten.
const MANY: usize = 4096;

/// Reads repositories' settings and remembers them.
///
/// A file that cannot be read as settings changes nothing: what it said before goes on to hold, as long as this process
/// remembers it. Where nobody remembers, [`View::is_unknown`] says so, and only the commands of [`ALWAYS`](super::ALWAYS) run: a file
/// that somebody broke must not open what it closed. Only the default branch counts, so nobody sets anything by
/// opening a pull request.
pub struct Source {
    github: Arc<dyn Contents>,
    clock: Arc<dyn Clock>,
    server: Settings,
    commands: Box<Commands>,
    files: Mutex<HashMap<Key, File>>,
}

/// The names of all commands, as they are now.
pub type Commands = dyn Fn() -> Vec<String> + Send + Sync;

/// Whose file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Repository(RepositoryId),
    Organization(String),
}

/// A file as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// Whether there is one.
    pub is_there: bool,
    /// What it says, or said when it could last be read; `None` where that is not known.
    pub settings: Option<Arc<Settings>>,
    /// What is wrong with it now.
    pub problems: Vec<Problem>,
    /// When GitHub was asked.
    pub read_at: DateTime<Utc>,
}

/// What holds in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// All files together.
    pub settings: Settings,
    /// The repository's own.
    pub own: File,
    /// The organization's.
    pub organization: File,
}

impl View {
    /// Whether a file is bad and nobody remembers what it said before.
    pub fn is_unknown(&self) -> bool {
        self.own.settings.is_none() || self.organization.settings.is_none()
    }

    /// Why nothing but the commands of [`ALWAYS`](super::ALWAYS) runs, where [that is so](Self::is_unknown); for people.
    pub fn refusal(&self, owner: &str) -> Option<String> {
        let (file, place) = if self.own.settings.is_none() {
            (&self.own, format!("`{PATH}`"))
        } else if self.organization.settings.is_none() {
            (&self.organization, format!("`{PATH}` of `{owner}/{ORGANIZATION_REPOSITORY}`"))
        } else {
            return None;
        };
        let first = file.problems.first().map(|problem| format!(" First: {problem}")).unwrap_or_default();
        Some(format!(
            "{place} cannot be read, so nobody knows what is allowed here. Mend it on the default branch, and repeat \
             the command; `config` shows all that is wrong.{first}"
        ))
    }
}

impl Source {
    /// Reads with `github`. `commands` names all commands; `server` holds where no file says otherwise.
    pub fn new(
        github: Arc<dyn Contents>,
        clock: Arc<dyn Clock>,
        server: Settings,
        commands: Box<Commands>,
    ) -> Self {
        Self { github, clock, server, commands, files: Mutex::default() }
    }

    /// What holds in a repository. An error where GitHub does not answer and nothing is remembered.
    pub async fn of(&self, acting: &Acting, repository: &Repository<'_>) -> Result<View, GitHubError> {
        let own = self.file(acting, Key::Repository(repository.id), repository);
        let organization = async {
            // A person has no organization; its own file is an organization's only once.
            if !repository.owner_is_organization || repository.name == ORGANIZATION_REPOSITORY {
                let settings = Some(Arc::default());
                return Ok(File { settings, read_at: self.clock.now(), ..File::default() });
            }
            let home = Repository { name: ORGANIZATION_REPOSITORY.into(), ..repository.clone() };
            self.file(acting, organization_key(repository), &home).await
        };
        let (own, organization) = tokio::try_join!(own, organization)?;
        let of = |file: &File| file.settings.as_deref().cloned().unwrap_or_default();
        let settings = self.server.clone().under(of(&organization)).under(of(&own));
        Ok(View { settings, own, organization })
    }

    /// A file changed: what is remembered of it is asked for anew the next time, and used until then should GitHub not answer.
    pub fn changed(&self, repository: &Repository<'_>) {
        let mut files = self.files();
        let mut old = |key: &Key| {
            if let Some(file) = files.get_mut(key) {
                file.read_at = DateTime::UNIX_EPOCH;
            }
        };
        old(&Key::Repository(repository.id));
        if repository.name == ORGANIZATION_REPOSITORY {
            old(&organization_key(repository));
        }
    }

    async fn file(
        &self,
        acting: &Acting,
        key: Key,
        repository: &Repository<'_>,
    ) -> Result<File, GitHubError> {
        let now = self.clock.now();
        let known = self.files().get(&key).cloned();
        if let Some(file) = known.as_ref().filter(|file| file.read_at + LIFETIME > now) {
            return Ok(file.clone());
        }
        let content = match self.github.file(acting, repository, PATH, None).await {
            Ok(content) => content,
            // Too large to be settings, and refused as such.
            Err(GitHubError::Refused { status: 413, .. }) => Some(vec![b'#'; LARGEST + 1]),
            // The installation may not see the organization's repository: then it sets nothing here.
            Err(GitHubError::Forbidden { .. }) => None,
            Err(error) => {
                let Some(known) = known else { return Err(error) };
                tracing::warn!(repo = %repository, %error, "settings could not be read; what is remembered holds");
                return Ok(known);
            }
        };
        let before = known.and_then(|known| known.settings);
        let file = self.understood(content.as_deref(), before, now);
        if !file.problems.is_empty() {
            let kept = file.settings.is_some();
            tracing::info!(repo = %repository, problems = file.problems.len(), kept, "settings cannot be read");
        }
        let mut files = self.files();
        if files.len() >= MANY {
            files.retain(|_, file| file.read_at + LIFETIME > now);
        }
        files.insert(key, file.clone());
        Ok(file)
    }

    fn understood(&self, content: Option<&[u8]>, before: Option<Arc<Settings>>, now: DateTime<Utc>) -> File {
        let (is_there, read_at) = (content.is_some(), now);
        match self.check(content.unwrap_or_default()) {
            Ok(settings) => {
                File { is_there, settings: Some(Arc::new(settings)), problems: Vec::new(), read_at }
            }
            Err(problems) => File { is_there, settings: before, problems, read_at },
        }
    }

    /// Reads a file, knowing all commands.
    pub fn check(&self, source: &[u8]) -> Result<Settings, Vec<Problem>> {
        let commands = (self.commands)();
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        read(source, &commands)
    }

    fn files(&self) -> MutexGuard<'_, HashMap<Key, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn organization_key(repository: &Repository<'_>) -> Key {
    Key::Organization(repository.owner.to_lowercase())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::contract::ManualClock;
    use crate::ids::InstallationId;

    const ACTING: Acting = Acting::Installation(InstallationId(5));

    /// Files by repository, and whether GitHub answers.
    #[derive(Default)]
    struct Written {
        files: Mutex<HashMap<String, String>>,
        is_down: Mutex<bool>,
        asked: AtomicUsize,
    }

    impl Written {
        fn write(&self, name: &str, text: &str) {
            self.files.lock().unwrap().insert(name.to_owned(), text.to_owned());
        }
    }

    #[async_trait]
    impl Contents for Written {
        async fn file(
            &self,
            _: &Acting,
            repository: &Repository<'_>,
            path: &str,
            reference: Option<&str>,
        ) -> Result<Option<Vec<u8>>, GitHubError> {
            assert_eq!((path, reference), (PATH, None), "the default branch and nothing else");
            self.asked.fetch_add(1, Ordering::Relaxed);
            if *self.is_down.lock().unwrap() {
                return Err(GitHubError::Unavailable(anyhow::anyhow!("down")));
            }
            let files = self.files.lock().unwrap();
            Ok(files.get(&*repository.name).map(|text| text.clone().into_bytes()))
        }
    }

    fn world() -> (Arc<Written>, Arc<ManualClock>, Source, Repository<'static>) {
        let (files, clock) = (Arc::new(Written::default()), Arc::new(ManualClock::default()));
        let commands = Box::new(|| ["deploy", "help"].map(str::to_owned).to_vec());
        let source =
            Source::new(Arc::clone(&files) as _, Arc::clone(&clock) as _, Settings::default(), commands);
        let shop = Repository {
            id: RepositoryId(7),
            owner: "Acme".into(),
            name: "shop".into(),
            owner_is_organization: true,
        };
        (files, clock, source, shop)
    }

    #[tokio::test]
    async fn both_files_hold_and_are_asked_for_once_until_they_change() {
        let (files, clock, source, shop) = world();
        files.write("shop", "[aliases]\nship = \"deploy\"");
        files.write(".github", "[commands.deploy]\ndisabled = \"frozen\"");
        for _ in 0..3 {
            let view = source.of(&ACTING, &shop).await.unwrap();
            assert_eq!(view.settings.commands["deploy"].disabled.as_deref(), Some("frozen"));
            assert!(view.settings.aliases.contains_key("ship") && view.own.is_there && !view.is_unknown());
        }
        assert_eq!(files.asked.load(Ordering::Relaxed), 2);
        files.write(".github", "");
        let home = Repository { id: RepositoryId(8), name: ".github".into(), ..shop.clone() };
        source.changed(&home);
        let view = source.of(&ACTING, &shop).await.unwrap();
        assert!(view.settings.commands.is_empty());
        files.write("shop", "");
        clock.advance(std::time::Duration::from_mins(6));
        assert!(source.of(&ACTING, &shop).await.unwrap().settings.aliases.is_empty());
    }

    #[tokio::test]
    async fn a_bad_file_keeps_what_it_said_and_opens_nothing() {
        let (files, _, source, shop) = world();
        files.write("shop", "[commands.deploy]\ndisabled = true");
        source.of(&ACTING, &shop).await.unwrap();
        files.write("shop", "[commands.deploy]\ndisabled = maybe");
        source.changed(&shop);
        let view = source.of(&ACTING, &shop).await.unwrap();
        assert!(view.settings.commands["deploy"].disabled.is_some());
        assert_eq!((view.own.problems.len(), view.is_unknown()), (1, false));

        let (files, _, source, shop) = world();
        files.write(".github", "nonsense");
        let view = source.of(&ACTING, &shop).await.unwrap();
        assert!(view.is_unknown());
        let refusal = view.refusal("acme").unwrap();
        assert!(refusal.contains("`acme/.github`") && refusal.contains("line 1"), "{refusal}");
    }

    #[tokio::test]
    async fn github_away_is_no_change_and_no_answer_the_first_time() {
        let (files, _, source, shop) = world();
        *files.is_down.lock().unwrap() = true;
        assert!(source.of(&ACTING, &shop).await.is_err());
        *files.is_down.lock().unwrap() = false;
        files.write("shop", "[aliases]\nship = \"deploy\"");
        source.of(&ACTING, &shop).await.unwrap();
        *files.is_down.lock().unwrap() = true;
        source.changed(&shop);
        assert!(source.of(&ACTING, &shop).await.unwrap().settings.aliases.contains_key("ship"));
    }
}
