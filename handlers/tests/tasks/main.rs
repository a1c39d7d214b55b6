//! Tasks against a GitHub that knows what is right: what each does, and that running it twice shows once.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod approvals;
mod deployments;
mod dispatch;
mod memory;
mod places;
mod releases;
mod waits;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::comment::Place;
use deputy_core::delivery::Delivery;
use deputy_core::ids::{CommentId, InstallationId, Number, RepositoryId, Sha, UserId};
use deputy_core::job::{Asked, Decision, Job, JobId, JobRequest, Move, Policy, Requester};
use deputy_core::ports::{Clock, GitHubError, Jobs as _, TokenAnswer, Waits as _, move_job};
use deputy_core::task::{RunTask as _, TaskEnd, TaskError, TaskServices, Tasks};
use deputy_github::{App, Client, ClientConfig, GitHubPayloads, PemSigner, UserTokens};
use deputy_handlers::{TASKS, topics};
use github_double::{Double, Fault, Issue, Permission, Repository, User, When};
use memory::Memory;
use scenarios::clock::GitHubsClock;
use secrecy::SecretString;
use serde_json::{Value, json};

/// Ada's token, whoever asks.
struct Ada(String);

#[async_trait]
impl UserTokens for Ada {
    async fn token(&self, _: UserId, rejected: Option<&SecretString>) -> Result<SecretString, GitHubError> {
        assert!(rejected.is_none(), "GitHub accepts it");
        Ok(self.0.clone().into())
    }
}

/// A job that ada asked for on her pull request, with its head pinned.
struct Scene {
    github: Double,
    shop: Repository,
    ada: User,
    pr: Issue,
    memory: Arc<Memory>,
    tasks: Tasks,
    job: JobId,
    entered: DateTime<Utc>,
}

impl Scene {
    async fn new() -> Self {
        let github = Double::start().await;
        github.allow_failed_deliveries();
        let (acme, ada) = (github.org("acme"), github.user("ada"));
        acme.add_member(&ada);
        let shop = acme.repo("shop");
        shop.permit(&ada, Permission::Write);
        let app = github.app("deputy").register();
        let installation = app.install_on(&acme);
        // Nobody listens there: tests read what was to be delivered.
        app.send_webhooks_to("http://127.0.0.1:9/webhook");
        let pr = shop.pull_request("Sell tea").by(&ada).open().await;
        let signer = PemSigner::new(&app.private_key()).unwrap();
        let us = App { issuer: app.client_id(), signer: Arc::new(signer), oauth: None };
        let config = ClientConfig::with_api(&github.base_url(), &github.api_url()).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(GitHubsClock(github.clock()));
        let client =
            Client::new(config, us, Arc::new(Ada(ada.tokens_of(&app).access_token)), Arc::clone(&clock));
        let entered = clock.now();
        let request = JobRequest {
            workflow: "deploy".to_owned(),
            version: "1".to_owned(),
            requester: Requester { id: UserId(ada.id().0), login: "ada".to_owned() },
            installation: InstallationId(installation.id().0),
            repository: deputy_core::comment::Repository {
                id: RepositoryId(shop.id().0),
                owner: "acme".into(),
                name: "shop".into(),
                owner_is_organization: true,
            },
            asked: Asked {
                place: Place::PullRequest { number: Number(pr.number()), comment: Some(CommentId(1)) },
                node_id: "IC_1".to_owned(),
                html_url: pr.html_url(),
                at: Some(entered - TimeDelta::seconds(1)),
                words: "deploy staging".to_owned(),
            },
            head: Some(pr.head_sha().as_str().parse().unwrap()),
            arguments: serde_json::Map::new(),
            group: None,
            policy: Policy::default(),
            locks: Vec::new(),
            check_name: "deploy".to_owned(),
            created_at: entered,
            deadline: entered + TimeDelta::hours(1),
        };
        let job = JobId::derived(entered, b"a job");
        let memory = Arc::new(Memory::with(Job::new(job, request)));
        let services = TaskServices {
            github: Arc::new(client),
            payloads: Arc::new(GitHubPayloads::new("deputy")),
            jobs: Arc::clone(&memory) as _,
            locks: Arc::clone(&memory) as _,
            waits: Arc::clone(&memory) as _,
            clock,
        };
        Self { tasks: Tasks::new(TASKS, services), github, shop, ada, pr, memory, job, entered }
    }

    /// The head of a branch, as the domain names it.
    fn head(&self, branch: &str) -> Sha {
        self.shop.head(branch).unwrap().as_str().parse().unwrap()
    }

    /// Runs a step's task.
    async fn run(&self, task: &str, input: Value) -> Result<TaskEnd, TaskError> {
        self.tasks.run(&self.payload(task, &input, None)).await
    }

    /// Runs a step's task that may wait.
    async fn begin(&self, task: &str, input: Value) -> Result<TaskEnd, TaskError> {
        self.tasks.run(&self.payload(task, &input, Some("token"))).await
    }

    /// Runs a task that is done at once, and answers its output.
    async fn done(&self, task: &str, input: Value) -> Value {
        match self.run(task, input).await {
            Ok(TaskEnd::Done(output)) => output,
            other => panic!("{task}: {other:?}\n{}", self.github.transcript()),
        }
    }

    fn payload(&self, task: &str, input: &Value, token: Option<&str>) -> Value {
        let mut context = json!({
            "Execution": {"Name": self.job.to_string(), "RedriveCount": 0},
            "State": {"Name": "Step", "EnteredTime": self.entered.to_rfc3339(), "RetryCount": 0},
        });
        if let Some(token) = token {
            context["Task"] = json!({"Token": token});
        }
        json!({"task": task, "context": context, "input": input})
    }

    /// The next request of this kind is done, its answer is lost, and the process with it.
    fn crash_after(&self, method: &str, path: &str) {
        self.github.inject(When::path(path).method(method), Fault::DropAfter);
    }

    /// The deliveries of an event so far, oldest first.
    fn deliveries(&self, event: &str) -> Vec<Delivery> {
        let app = self.github.app_by_slug("deputy").unwrap();
        let of_event = app.deliveries().into_iter().filter(|delivery| delivery.event == event);
        of_event
            .map(|delivery| memory::delivery(event, &delivery.payload, self.github.clock().now()))
            .collect()
    }

    /// What the waits that a delivery is about come to.
    async fn deliver(&self, delivery: &Delivery) {
        for topic in topics::of_delivery(delivery) {
            self.tasks.wake(&*self.memory, &topic, Some(delivery)).await.unwrap();
        }
    }

    /// Looks after the one wait there is, as a sweep does.
    async fn look(&self) -> Result<Option<TokenAnswer>, TaskError> {
        let wait = self.memory.of_job(self.job).await.unwrap().remove(0);
        self.tasks.look(&*self.memory, &wait, None).await?;
        Ok(self.memory.take_answer())
    }

    async fn decide(&self, by: &User, approved: bool, reason: Option<&str>) {
        let decision = Decision {
            step: "Step".to_owned(),
            by: Requester { id: UserId(by.id().0), login: by.login() },
            approved,
            reason: reason.map(str::to_owned),
            at: self.github.clock().now(),
        };
        let now = self.github.clock().now();
        move_job(&*self.memory, self.job, &Move::Decide(decision), now).await.unwrap();
    }

    async fn stored(&self) -> Job {
        self.memory.get(self.job).await.unwrap().unwrap().job
    }

    async fn end(self) {
        self.github.assert_clean().await;
    }
}

fn name(error: &TaskError) -> &str {
    &error.error
}

/// Whether the step failed for something that `Retry` is for.
fn is_lost<T>(result: &Result<T, TaskError>) -> bool {
    matches!(result, Err(error) if name(error) == TaskError::UNAVAILABLE_GITHUB)
}
