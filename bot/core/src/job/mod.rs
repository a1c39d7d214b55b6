//! A job: one run of a workflow for a person, and what became of it so far.

mod admission;
mod advance;
mod history;
mod id;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::admission::{Admission, Policy, admit};
pub use self::advance::{IllegalMove, Move, Moved, advance};
pub use self::history::{Folded, HistoryEvent, What, fold};
pub use self::id::{JobId, NotAJob};
use crate::comment::{Account, Comment, CommentAction, Place, Repository};
use crate::ids::{CheckRunId, InstallationId, Sha, UserId};
use crate::ports::{ExecutionId, PostedComment};

/// One run of a workflow for a person. Kept as JSON: a field that is renamed is another field, and a new one needs a
/// default.
///
/// What was [requested](Self::request) is fixed; the rest changes by [`advance`] alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its name, and its execution's.
    pub id: JobId,
    /// What was asked for, by whom and where.
    pub request: JobRequest,
    /// How far it is.
    pub status: Status,
    /// Grows with every change that people could see.
    pub revision: u64,
    /// The latest revision that GitHub was told. Less than `revision`: something is still to be told.
    pub reported: u64,
    /// When GitHub was told last.
    #[serde(default)]
    pub reported_at: Option<DateTime<Utc>>,
    /// Its execution, once that was started.
    #[serde(default)]
    pub execution: Option<ExecutionId>,
    /// When the execution was started.
    #[serde(default)]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<DateTime<Utc>>,
    /// How often it was taken up again after a failure.
    #[serde(default)]
    pub redrives: u32,
    /// The check run that shows this run of it; a completed one cannot go back, so a retry has another.
    #[serde(default)]
    pub check_run: Option<CheckRunId>,
    /// The one reply.
    #[serde(default)]
    pub reply: Option<PostedComment>,
    /// Its steps, in the order in which they were entered.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// What tasks want to have shown.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// Who approved or rejected what.
    #[serde(default)]
    pub decisions: Vec<Decision>,
    /// Why it failed, was cancelled or ran out of time.
    #[serde(default)]
    pub error: Option<JobError>,
    /// Who asked for it to be cancelled, from then on.
    #[serde(default)]
    pub cancel_asked_by: Option<String>,
    /// The head that came after its own.
    #[serde(default)]
    pub superseded_by: Option<Sha>,
}

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRequest {
    /// The workflow's name, which is the command's.
    pub workflow: String,
    /// Which version of the workflow's folder it runs, so that an edit does not change what is under way.
    pub version: String,
    /// Who asked, and as whom everything is done.
    pub requester: Requester,
    /// The App's installation: for look-ups and for the check run.
    pub installation: InstallationId,
    /// Where.
    pub repository: Repository<'static>,
    /// The comment that asked, or what an event was about.
    pub asked: Asked,
    /// The commit that it acts on, where it acts on one: the head as at the time of the comment.
    pub head: Option<Sha>,
    /// The command's arguments and flags by name, defaults included.
    pub arguments: Map<String, Value>,
    /// Jobs of the same group in a repository do not run at once.
    pub group: Option<String>,
    /// What to do where others of the group are under way.
    #[serde(default)]
    pub policy: Policy,
    /// Environments that it locks before it begins, until it is over.
    #[serde(default)]
    pub locks: Vec<String>,
    /// The check run's name.
    pub check_name: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// It is stopped at this time, by Deputy's clock.
    pub deadline: DateTime<Utc>,
}

/// A person, by what does not change and by what people read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// Stable over renames.
    pub id: UserId,
    /// As it was when they asked.
    pub login: String,
}

/// The comment that asked for a job, with what replies and reactions need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Where it stands.
    pub place: Place<'static>,
    /// Its GraphQL id.
    pub node_id: String,
    /// Its page.
    pub html_url: String,
    /// When it was written, by GitHub's clock.
    pub at: Option<DateTime<Utc>>,
    /// What was asked, as typed behind the mention; what asking again would be.
    pub words: String,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Others of its group go first.
    Waiting,
    /// It is its turn; the execution is about to be started.
    Queued,
    /// The execution is under way.
    Running,
    /// It did what was asked for.
    Succeeded,
    /// A step failed, and nothing caught it.
    Failed,
    /// Somebody stopped it, or something newer took its place.
    Cancelled,
    /// It took longer than it may.
    TimedOut,
}

impl Status {
    /// Whether nothing more happens unless somebody asks for it.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut)
    }

    /// As stores, listings and people name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One state of the workflow, entered once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The state's name.
    pub name: String,
    /// Which entry of the history began it. Tells apart the visits of a state that is entered again.
    pub entry: u64,
    /// How far it is.
    pub status: StepStatus,
    /// When it was entered.
    pub entered_at: DateTime<Utc>,
    /// When it was left.
    #[serde(default)]
    pub left_at: Option<DateTime<Utc>>,
    /// How often its task was begun.
    #[serde(default)]
    pub attempts: u32,
    /// The last failure of its task, whatever came after.
    #[serde(default)]
    pub error: Option<JobError>,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Under way.
    Running,
    /// Its task was handed over, and a task token is waited for: an approval, an event.
    Waiting,
    /// Left in order; after a failure too, where the workflow catches it.
    Succeeded,
    /// It ended the job, or its branch.
    Failed,
    /// Something else ended the job first.
    Aborted,
}

/// What a task wants to have shown, in Markdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The effect that noted it; noting it again replaces it.
    pub key: String,
    /// The step.
    pub step: String,
    /// Markdown, one paragraph.
    pub text: String,
}

/// Somebody's word on a step that waits for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The step.
    pub step: String,
    /// Whose word.
    pub by: Requester,
    /// Yes or no.
    pub approved: bool,
    /// Why, where they said.
    pub reason: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// An error's name, as `Catch` and `Retry` know it, and its text, as people may read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// Such as `GitHub.Unavailable`.
    pub error: String,
    /// What happened, for people.
    pub cause: String,
}

impl Job {
    /// A job as it is asked for, with its turn come.
    pub fn new(id: JobId, request: JobRequest) -> Self {
        Self {
            id,
            request,
            status: Status::Queued,
            revision: 1,
            reported: 0,
            reported_at: None,
            execution: None,
            started_at: None,
            ended_at: None,
            redrives: 0,
            check_run: None,
            reply: None,
            steps: Vec::new(),
            notes: Vec::new(),
            decisions: Vec::new(),
            error: None,
            cancel_asked_by: None,
            superseded_by: None,
        }
    }

    /// Whether nothing is left to be done about it: it is over, and GitHub was told so.
    pub fn is_settled(&self) -> bool {
        self.status.is_over() && self.reported >= self.revision
    }

    /// The comment that asked, as far as replying and reacting to it goes: it has no text.
    pub fn comment(&self) -> Comment<'_> {
        let JobRequest { requester, repository, installation, asked, .. } = &self.request;
        let person = Account { id: requester.id, login: requester.login.as_str().into(), is_human: true };
        Comment {
            action: CommentAction::Created,
            place: asked.place.clone(),
            repository: repository.clone(),
            installation: Some(*installation),
            author: person.clone(),
            sender: person,
            via_app: None,
            body: "".into(),
            old_body: None,
            created_at: asked.at,
            updated_at: asked.at,
            html_url: asked.html_url.as_str().into(),
            node_id: asked.node_id.as_str().into(),
        }
    }
}
