//! GitHub's state: everything it remembers, one file per kind of thing.

pub(crate) mod account;
pub(crate) mod actions;
pub(crate) mod app;
pub(crate) mod checks;
pub(crate) mod comment;
pub(crate) mod delivery;
pub(crate) mod deployment;
pub(crate) mod discussion;
pub(crate) mod git;
pub(crate) mod issue;
pub(crate) mod oauth;
pub(crate) mod reaction;
pub(crate) mod repository;
mod secrets;
pub(crate) mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::clock::{Clock, Moment};
use crate::http::rate::Rates;
use crate::ids::{
    AccountId, AppId, CheckRunId, CheckSuiteId, CommentId, DeliveryId, DeploymentId, DiscussionId,
    InstallationId, JobId, RepositoryId, ReviewId, RunId, WorkflowId,
};

/// Where this GitHub is reached: `api` for REST, `web` for what a browser opens.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) api: String,
    pub(crate) web: String,
}

/// Lines of the transcript that are kept.
const LONGEST_TRANSCRIPT: usize = 10_000;

/// Everything this GitHub remembers. Guarded by the hub's lock; changed only in [`crate::hub::Hub::change`].
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) urls: Urls,
    pub(crate) clock: Clock,
    /// Enterprise Server, which is a little behind.
    pub(crate) is_enterprise: bool,
    last_id: u64,
    pub(crate) accounts: BTreeMap<AccountId, account::Account>,
    pub(crate) repositories: BTreeMap<RepositoryId, repository::Repository>,
    pub(crate) issues: BTreeMap<(RepositoryId, u64), issue::Issue>,
    pub(crate) discussions: BTreeMap<DiscussionId, discussion::Discussion>,
    pub(crate) comments: BTreeMap<CommentId, comment::Comment>,
    pub(crate) reviews: BTreeMap<ReviewId, comment::Review>,
    pub(crate) reactions: Vec<reaction::Reaction>,
    pub(crate) check_suites: BTreeMap<CheckSuiteId, checks::CheckSuite>,
    pub(crate) check_runs: BTreeMap<CheckRunId, checks::CheckRun>,
    pub(crate) statuses: Vec<checks::Status>,
    pub(crate) workflows: BTreeMap<WorkflowId, actions::Workflow>,
    pub(crate) runs: BTreeMap<RunId, actions::Run>,
    pub(crate) jobs: BTreeMap<JobId, actions::Job>,
    pub(crate) deployments: BTreeMap<DeploymentId, deployment::Deployment>,
    pub(crate) apps: BTreeMap<AppId, app::App>,
    pub(crate) installations: BTreeMap<InstallationId, app::Installation>,
    pub(crate) tokens: BTreeMap<String, token::Token>,
    pub(crate) oauth: oauth::OAuth,
    /// How many App keys were handed out, so that each is another.
    pub(crate) keys_given: usize,
    /// How often a comment was edited; its times alone cannot tell within one second.
    pub(crate) edits: BTreeMap<CommentId, usize>,
    pub(crate) deliveries: BTreeMap<DeliveryId, delivery::Delivery>,
    /// Deliveries made by the change under way; the hub sends them when the change is over.
    pub(crate) outbox: Vec<DeliveryId>,
    /// How much of its hour each caller has used; counted also where the state is only read.
    pub(crate) rates: Mutex<Rates>,
    /// Every token, code, secret and key that was ever given out.
    pub(crate) secrets: BTreeSet<String>,
    /// What happened, for whoever reads a failing test.
    pub(crate) transcript: Vec<String>,
    /// What broke a rule of GitHub's; a test with one fails.
    pub(crate) violations: Vec<String>,
}

impl State {
    pub(crate) fn new(urls: Urls, clock: Clock) -> Self {
        Self {
            urls,
            clock,
            is_enterprise: false,
            last_id: 1000,
            accounts: BTreeMap::new(),
            repositories: BTreeMap::new(),
            issues: BTreeMap::new(),
            discussions: BTreeMap::new(),
            comments: BTreeMap::new(),
            reviews: BTreeMap::new(),
            reactions: Vec::new(),
            check_suites: BTreeMap::new(),
            check_runs: BTreeMap::new(),
            statuses: Vec::new(),
            workflows: BTreeMap::new(),
            runs: BTreeMap::new(),
            jobs: BTreeMap::new(),
            deployments: BTreeMap::new(),
            apps: BTreeMap::new(),
            installations: BTreeMap::new(),
            tokens: BTreeMap::new(),
            oauth: oauth::OAuth::default(),
            keys_given: 0,
            edits: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            outbox: Vec::new(),
            rates: Mutex::default(),
            secrets: BTreeSet::new(),
            transcript: Vec::new(),
            violations: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// A number that nothing else has: tests that mix up two ids fail instead of passing by chance.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(crate) fn tell(&mut self, line: String) {
        // A playground runs for days, and nobody reads that far back.
        if self.transcript.len() >= LONGEST_TRANSCRIPT {
            self.transcript.drain(..LONGEST_TRANSCRIPT / 2);
        }
        self.transcript.push(line);
    }

    pub(crate) fn violation(&mut self, text: String) {
        self.transcript.push(format!("!! {text}"));
        self.violations.push(text);
    }
}
