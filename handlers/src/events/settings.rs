//! `settings`: a push that changes `.github/deputy.toml` is seen at once, and checked.

use deputy_core::comment::Repository;
use deputy_core::event_handler::{Effects, EventContext, EventHandler, Events};
use deputy_core::ids::{InstallationId, RepositoryId, Sha};
use deputy_core::ports::{
    Acting, Annotation, AnnotationLevel, CheckRunUpdate, CheckState, Conclusion, GitHubError, NewCheckRun,
};
use deputy_core::settings::{LARGEST, PATH, Problem, summary};
use serde::Deserialize;

/// What the check is called.
const CHECK: &str = "deputy.toml";
/// How many commits a push tells of; it may have more.
const MOST_TOLD: usize = 20;

/// On the default branch, what is remembered of the file is read anew. On every branch, a push that touches the file gets
/// a check, with remarks on the lines: whoever changes it in a pull request sees what would be wrong before it counts. The
/// check carries the commit, so that it is made once.
pub static HANDLER: EventHandler = EventHandler {
    name: "settings",
    events: Events::Named(&["push"]),
    effects: Effects::Recorded,
    run: |context| Box::pin(react(context)),
};

/// As much of a push as is needed.
#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    after: String,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    commits: Vec<Commit>,
    repository: Told,
    installation: Option<Installed>,
}

#[derive(Deserialize)]
struct Commit {
    #[serde(default)]
    added: Vec<String>,
    #[serde(default)]
    modified: Vec<String>,
    #[serde(default)]
    removed: Vec<String>,
}

#[derive(Deserialize)]
struct Told {
    id: RepositoryId,
    name: String,
    owner: Owner,
    default_branch: String,
}

#[derive(Deserialize)]
struct Owner {
    login: String,
    #[serde(default, rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Installed {
    id: InstallationId,
}

async fn react(context: &EventContext<'_>) -> anyhow::Result<()> {
    let push: Push = serde_json::from_slice(&context.delivery.body)?;
    let repository = Repository {
        id: push.repository.id,
        owner: push.repository.owner.login.as_str().into(),
        name: push.repository.name.as_str().into(),
        owner_is_organization: push.repository.owner.kind == "Organization",
    };
    if push.deleted || !push.touches() {
        return Ok(());
    }
    if push.reference.strip_prefix("refs/heads/") == Some(&push.repository.default_branch) {
        context.settings.changed(&repository);
    }
    let (Some(installed), Ok(head)) = (push.installation, push.after.parse::<Sha>()) else { return Ok(()) };
    let acting = Acting::Installation(installed.id);
    let file = match context.github.file(&acting, &repository, PATH, Some(head.as_str())).await {
        Ok(file) => file,
        Err(GitHubError::Refused { status: 413, .. }) => Some(vec![b'#'; LARGEST + 1]),
        Err(error) => return Err(error.into()),
    };
    let Some(file) = file else { return Ok(()) };
    let problems = context.settings.check(&file).err().unwrap_or_default();
    let made = check(context, (&acting, &repository), &head, &problems).await;
    match made {
        // The App may do without checks; `config` tells of the problems, too.
        Err(GitHubError::Forbidden { message }) => {
            tracing::info!(repo = %repository, message, "no check of the settings: the App may not write checks");
            Ok(())
        }
        made => Ok(made?),
    }
}

async fn check(
    context: &EventContext<'_>,
    (acting, repository): (&Acting, &Repository<'_>),
    head: &Sha,
    problems: &[Problem],
) -> Result<(), GitHubError> {
    let annotations: Vec<Annotation> = problems.iter().map(annotation).collect();
    let (conclusion, title, text) = match problems.len() {
        0 => (Conclusion::Success, "The settings can be read".to_owned(), "Nothing is wrong.".to_owned()),
        count => {
            let title = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
            let holds = "Until it is mended on the default branch, what the file said before holds.";
            (Conclusion::Failure, title, format!("{}\n{holds}", summary(problems)))
        }
    };
    let new = NewCheckRun {
        name: CHECK,
        head_sha: head,
        external_id: &format!("settings-{head}"),
        update: CheckRunUpdate {
            state: CheckState::Completed(conclusion),
            details_url: None,
            started_at: None,
            title: &title,
            summary: &text,
            text: None,
            buttons: &[],
        },
        annotations: &annotations,
    };
    context.github.create_check_run(acting, repository, &new).await.map(drop)
}

fn annotation(problem: &Problem) -> Annotation {
    Annotation {
        path: PATH.to_owned(),
        lines: (problem.line, problem.end_line),
        columns: Some((problem.column, problem.end_column)),
        level: AnnotationLevel::Failure,
        title: problem.text.clone(),
        message: problem.hint.clone(),
    }
}

impl Push {
    fn touches(&self) -> bool {
        let names = |commit: &Commit| {
            [&commit.added, &commit.modified, &commit.removed].into_iter().flatten().any(|path| path == PATH)
        };
        self.commits.iter().any(names) || self.commits.len() >= MOST_TOLD
    }
}
