//! Telling GitHub how a job stands: the check run as the App, the one reply and its reaction as the person.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{DriveError, Driver, REPORT_EVERY, view};
use crate::dispatch::MARK;
use crate::job::{Job, Move, Status};
use crate::ports::{
    Acting, CheckRunUpdate, CheckState, Conclusion, GitHubError, JobQuery, Minimized, NewCheckRun, Reaction,
    move_job,
};

/// When to tell it again after GitHub could not be told.
const RETRY: Duration = Duration::from_secs(20);
/// How many older replies are looked at: each end hides those before it, so there are few.
const OLDER: usize = 3;

impl Driver {
    /// Tells GitHub the job's present revision, unless it knows it. Answers when to do so, where not now.
    pub(super) async fn report(&self, job: &Job) -> Result<Option<DateTime<Utc>>, DriveError> {
        if job.reported >= job.revision {
            return Ok(None);
        }
        let services = self.tasks.services();
        let now = services.clock.now();
        if let Some(last) = job.reported_at
            && !job.status.is_over()
            && now < last + REPORT_EVERY
        {
            return Ok(Some(last + REPORT_EVERY));
        }
        let told = async {
            self.check(job).await?;
            self.reply(job).await?;
            if job.status.is_over() {
                self.conclude(job).await?;
            }
            Ok::<_, Untold>(())
        };
        match told.await {
            Ok(()) => {
                let report = Move::Report { revision: job.revision };
                let job = move_job(&*services.jobs, job.id, &report, services.clock.now()).await?;
                // It may have moved on meanwhile; what it is now is told in its own time.
                Ok((job.reported < job.revision).then(|| now + REPORT_EVERY))
            }
            Err(Untold::Record(error)) => Err(error),
            Err(Untold::GitHub(error)) => {
                tracing::warn!(job = %job.id, %error, "GitHub could not be told how a job stands; it is tried again");
                let wait = match error {
                    GitHubError::RateLimited { retry_after } => retry_after.max(REPORT_EVERY),
                    _ => RETRY,
                };
                Ok(Some(now + wait))
            }
        }
    }

    async fn check(&self, job: &Job) -> Result<(), Untold> {
        let Some(head) = &job.request.head else { return Ok(()) };
        let services = self.tasks.services();
        let app = Acting::Installation(job.request.installation);
        let (title, summary) = (view::title(job), view::summary(job));
        let update = CheckRunUpdate {
            state: state(job.status),
            details_url: None,
            started_at: job.started_at,
            title: &title,
            summary: &summary,
            text: None,
            buttons: &[],
        };
        let repository = &job.request.repository;
        let known = if let Some(known) = job.check_run {
            known
        } else {
            let external_id = format!("{}/{}", job.id, job.redrives);
            let new = NewCheckRun {
                name: &job.request.check_name,
                head_sha: head,
                external_id: &external_id,
                update: update.clone(),
                annotations: &[],
            };
            let made = services.github.create_check_run(&app, repository, &new).await;
            let Some(made) = possible(job, "check run", made)? else { return Ok(()) };
            self.record(job, Move::CheckRun(made)).await?;
            made
        };
        // The first revision is what it was made with. One that was found may show an older state.
        if job.revision > 1 {
            let updated = services.github.update_check_run(&app, repository, known, &update).await;
            possible(job, "check run", updated)?;
        }
        Ok(())
    }

    async fn reply(&self, job: &Job) -> Result<(), Untold> {
        let github = &self.tasks.services().github;
        let person = Acting::User(job.request.requester.id);
        let marker = format!("{MARK}job/{} -->", job.id);
        let body = format!("{}\n\n{marker}", view::reply_text(job));
        let comment = job.comment();
        let known = match &job.reply {
            Some(posted) => Some(posted.clone()),
            None => possible(job, "reply", github.find_reply(&person, &comment, &marker).await)?.flatten(),
        };
        let Some(posted) = known else {
            if let Some(posted) = possible(job, "reply", github.reply(&person, &comment, &body).await)? {
                self.record(job, Move::Reply(posted)).await?;
            }
            return Ok(());
        };
        possible(job, "reply", github.edit_reply(&person, &job.request.repository, &posted, &body).await)?;
        self.record(job, Move::Reply(posted)).await
    }

    /// The last words: a reaction, and older replies of the same workflow step back.
    async fn conclude(&self, job: &Job) -> Result<(), Untold> {
        let services = self.tasks.services();
        let person = Acting::User(job.request.requester.id);
        let reaction = if job.status == Status::Succeeded { Reaction::Rocket } else { Reaction::MinusOne };
        possible(job, "reaction", services.github.react(&person, &job.comment(), reaction).await)?;
        let query = JobQuery {
            repository: Some(job.request.repository.id),
            number: job.request.asked.place.number(),
            workflow: Some(job.request.workflow.clone()),
            before: Some(job.id),
            limit: OLDER,
            ..JobQuery::default()
        };
        if query.number.is_none() {
            return Ok(());
        }
        let older = services.jobs.list(&query).await.map_err(|error| Untold::Record(error.into()))?;
        let app = Acting::Installation(job.request.installation);
        for reply in
            older.items.iter().filter(|older| older.status.is_over()).filter_map(|older| older.reply.as_ref())
        {
            let hidden =
                services.github.minimize(&app, &job.request.repository, &reply.node_id, Minimized::Outdated);
            possible(job, "older reply", hidden.await)?;
        }
        Ok(())
    }

    async fn record(&self, job: &Job, happened: Move) -> Result<(), Untold> {
        let services = self.tasks.services();
        let moved = move_job(&*services.jobs, job.id, &happened, services.clock.now()).await;
        moved.map(|_| ()).map_err(|error| Untold::Record(error.into()))
    }
}

/// Why GitHub was not told.
enum Untold {
    /// It could not be reached: try again.
    GitHub(GitHubError),
    /// What was told could not be recorded.
    Record(DriveError),
}

/// `None` where GitHub will never take it: the comment is gone, the person has logged out. The job goes on without.
fn possible<T>(job: &Job, what: &str, answer: Result<T, GitHubError>) -> Result<Option<T>, Untold> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error @ (GitHubError::RateLimited { .. } | GitHubError::Unavailable(_))) => {
            Err(Untold::GitHub(error))
        }
        Err(error) => {
            tracing::info!(job = %job.id, what, %error, "GitHub does not take this word on a job");
            Ok(None)
        }
    }
}

fn state(status: Status) -> CheckState {
    match status {
        Status::Waiting | Status::Queued => CheckState::Queued,
        Status::Running => CheckState::InProgress,
        Status::Succeeded => CheckState::Completed(Conclusion::Success),
        Status::Failed => CheckState::Completed(Conclusion::Failure),
        Status::Cancelled => CheckState::Completed(Conclusion::Cancelled),
        Status::TimedOut => CheckState::Completed(Conclusion::TimedOut),
    }
}
