//! What Deputy needs of the world, one trait a file, with what must hold after a crash at any point.
//!
//! No type of an SDK or a database crosses a port. Adapters repeat the file names, and every adapter passes
//! the same suite in [`contract`](crate::contract).

mod app_signer;
mod archive;
mod audit;
mod clock;
mod dead_letters;
mod failure;
mod github;
mod hook_deliveries;
mod inbox;
mod installations;
mod jobs;
mod keys;
mod locks;
mod nonces;
mod oauth;
mod once;
mod orchestrator;
mod payloads;
mod redeliveries;
mod sessions;
mod user_tokens;
mod vault;
mod waiting;
mod waits;

pub use app_signer::{AppSigner, AppSignerError};
pub use archive::{Archive, ArchiveError, ArchiveQuery, ArchivedEntry, Cursor, Page};
pub use audit::{Audit, AuditEntry, AuditError, Credential};
pub use clock::{Clock, SystemClock};
pub use dead_letters::{
    DeadLetter, DeadLetterId, DeadLetterQuery, DeadLetters, DeadLettersError, FailedWork,
};
pub use failure::{Busy, Permanent};
pub use github::{
    Acting, Actions, ActionsJob, Annotation, AnnotationLevel, Button, CheckResult, CheckRunUpdate,
    CheckState, CheckSuite, Checks, CherryPick, Conclusion, Contents, Conversations, Deployment,
    DeploymentState, Deployments, Dispatch, Dispatched, GitCommit, GitData, GitHub, GitHubError,
    LARGEST_FILE, LONGEST_OUTPUT, MOST_ANNOTATIONS, MOST_BUTTONS, Marked, Merge, MergeMethod, Minimized,
    NewCheckRun, NewDeployment, NewDeploymentStatus, NewPullRequest, NewRelease, NewStatus, People, Picked,
    PostedComment, PullRequest, PullRequests, Reaction, Release, Releases, Signature, StatusState, Statuses,
    UnknownConclusion, WorkflowRun,
};
pub use hook_deliveries::{AttemptsCursor, DeliveryAttempt, DeliveryAttempts, HookDeliveries};
pub use inbox::{Accepted, Inbox, InboxError};
pub use installations::{Installations, NoInstallations};
pub use jobs::{Created, JobQuery, JobVersion, Jobs, JobsError, Stored, move_job};
pub use keys::{KeyId, KeyInfo, Keys, KeysError, WrappedKey};
pub use locks::{Acquired, AskLock, Holder, Lock, LockName, Locks, LocksError, ReleasedLock};
pub use nonces::{NONCE_LIFETIME, Nonces, NoncesError, Purpose};
pub use oauth::{Authorize, DeviceCode, DevicePoll, OAuth, OAuthError, Tokens, Viewer};
pub use once::{Begin, Lease, Once, OnceError, OnceKey};
pub use orchestrator::{
    Answered, Described, ExecutionId, Machine, Orchestrator, OrchestratorError, Start, TaskToken, TokenAnswer,
};
pub use payloads::{PayloadError, Payloads};
pub use redeliveries::{Known, Redeliveries, RedeliveriesError, Stage};
pub use sessions::{LAST_USED_RESOLUTION, Session, SessionId, Sessions, SessionsError};
pub use user_tokens::{NeedsLogin, UserTokenError, UserTokens};
pub use vault::{
    Expected, Grant, LeaseId, ListedGrant, Put, RefreshLease, Rewrapped, StoredGrant, Tampering, Vault,
    VaultError, Version,
};
pub use waiting::{
    ASKING, Ask, Prompt, PromptId, PromptKey, Released, WAITING_LIFETIME, Waiting, WaitingCommand,
    WaitingError,
};
pub use waits::{Wait, Waits, WaitsError};
