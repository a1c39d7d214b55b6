//! The one function by which a job's state moves. Pure: stores and drivers decide when, this decides what.

use chrono::{DateTime, Utc};

use super::{Decision, Job, JobError, JobId, Note, Status, Step};
use crate::ids::{CheckRunId, Sha};
use crate::ports::{ExecutionId, PostedComment};

/// How many notes a job keeps; the oldest go first. A check's summary holds 65,535 bytes.
const MAX_NOTES: usize = 100;

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// Others of its group are under way.
    Line,
    /// Those before it in its group are over.
    Admit,
    /// Its execution was started.
    Start {
        /// Which.
        execution: ExecutionId,
    },
    /// The execution's history tells these steps.
    Progress {
        /// All of them, from the first.
        steps: Vec<Step>,
    },
    /// A task wants to have something shown.
    Note(Note),
    /// Somebody said yes or no.
    Decide(Decision),
    /// Somebody wants it stopped.
    AskCancel {
        /// Their login, or what stopped it.
        by: String,
    },
    /// It is over.
    End {
        /// As which status: one that [is over](Status::is_over).
        status: Status,
        /// Why, unless it succeeded.
        error: Option<JobError>,
    },
    /// It goes on after a failure; finished steps are kept.
    Redrive {
        /// When it is stopped now.
        deadline: DateTime<Utc>,
    },
    /// Somebody pushed.
    Supersede {
        /// The new head.
        by: Sha,
    },
    /// Its check run was made.
    CheckRun(CheckRunId),
    /// Its reply was posted.
    Reply(PostedComment),
    /// GitHub shows this revision of it.
    Report {
        /// Which.
        revision: u64,
    },
}

/// What a [`Move`] made of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Moved {
    /// This. Boxed, as it is large.
    To(Box<Job>),
    /// Nothing: it had happened before. Moves are repeated after a crash.
    Nowhere,
}

/// A move that a job in this state cannot make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("job {job} is {status} and cannot {move_}")]
pub struct IllegalMove {
    /// Which job.
    pub job: JobId,
    /// What it is.
    pub status: Status,
    /// The move, in a verb.
    pub move_: &'static str,
}

/// What becomes of `job`. An error changes nothing.
pub fn advance(job: &Job, happened: Move, at: DateTime<Utc>) -> Result<Moved, IllegalMove> {
    let illegal = |move_| Err(IllegalMove { job: job.id, status: job.status, move_ });
    let mut next = job.clone();
    let visible = match happened {
        Move::Line => match job.status {
            Status::Waiting => return Ok(Moved::Nowhere),
            Status::Queued => {
                next.status = Status::Waiting;
                true
            }
            _ => return illegal("wait for its turn"),
        },
        Move::Admit => match job.status {
            Status::Waiting => {
                next.status = Status::Queued;
                true
            }
            Status::Queued | Status::Running => return Ok(Moved::Nowhere),
            _ => return illegal("be admitted"),
        },
        Move::Start { execution } => match job.status {
            Status::Queued if job.execution.as_ref().is_none_or(|known| *known == execution) => {
                next.status = Status::Running;
                next.execution = Some(execution);
                next.started_at = job.started_at.or(Some(at));
                true
            }
            Status::Running if job.execution.as_ref() == Some(&execution) => return Ok(Moved::Nowhere),
            _ => return illegal("be started"),
        },
        Move::Progress { steps } => match job.status {
            _ if job.steps == steps => return Ok(Moved::Nowhere),
            // History may be read late: what it tells is true after the end as well.
            Status::Running | Status::Succeeded | Status::Failed | Status::Cancelled | Status::TimedOut => {
                next.steps = steps;
                true
            }
            // Taken up again, it has them from before.
            Status::Waiting | Status::Queued => return illegal("have new steps"),
        },
        Move::Note(note) => {
            if job.notes.contains(&note) {
                return Ok(Moved::Nowhere);
            }
            match next.notes.iter_mut().find(|known| known.key == note.key) {
                Some(known) => *known = note,
                None => next.notes.push(note),
            }
            if next.notes.len() > MAX_NOTES {
                next.notes.remove(0);
            }
            true
        }
        Move::Decide(decision) => {
            if job.status.is_over() {
                return illegal("be approved or rejected");
            }
            let known = |known: &&mut Decision| known.step == decision.step && known.by.id == decision.by.id;
            match next.decisions.iter_mut().find(known) {
                // The first time somebody said it counts.
                Some(known) if known.approved == decision.approved => return Ok(Moved::Nowhere),
                Some(known) => *known = decision,
                None => next.decisions.push(decision),
            }
            true
        }
        Move::AskCancel { by } => {
            if job.status.is_over() {
                return illegal("be cancelled");
            }
            if job.cancel_asked_by.is_some() {
                return Ok(Moved::Nowhere);
            }
            next.cancel_asked_by = Some(by);
            true
        }
        Move::End { status, error } => {
            if job.status.is_over() {
                // Of two who saw it end, the first was right.
                return Ok(Moved::Nowhere);
            }
            let may_end =
                job.status == Status::Running || status == Status::Cancelled || status == Status::Failed;
            if !status.is_over() || !may_end {
                return illegal("end");
            }
            next.status = status;
            next.error = error;
            next.ended_at = Some(at);
            true
        }
        Move::Redrive { deadline } => match job.status {
            Status::Failed | Status::Cancelled | Status::TimedOut if job.execution.is_some() => {
                // It stands in line again: others of its group may be under way by now.
                next.status = if job.request.group.is_some() { Status::Waiting } else { Status::Queued };
                next.error = None;
                next.ended_at = None;
                next.cancel_asked_by = None;
                next.check_run = None;
                next.request.deadline = deadline;
                next.redrives += 1;
                true
            }
            Status::Waiting | Status::Queued | Status::Running if job.redrives > 0 => {
                return Ok(Moved::Nowhere);
            }
            _ => return illegal("be retried"),
        },
        Move::Supersede { by } => {
            if job.superseded_by.as_ref() == Some(&by) || job.request.head.as_ref() == Some(&by) {
                return Ok(Moved::Nowhere);
            }
            next.superseded_by = Some(by);
            true
        }
        Move::CheckRun(id) => {
            if job.check_run == Some(id) {
                return Ok(Moved::Nowhere);
            }
            next.check_run = Some(id);
            false
        }
        Move::Reply(reply) => {
            if job.reply.as_ref() == Some(&reply) {
                return Ok(Moved::Nowhere);
            }
            next.reply = Some(reply);
            false
        }
        Move::Report { revision } => {
            if revision > job.revision {
                return illegal("have been reported further than it got");
            }
            next.reported = job.reported.max(revision);
            next.reported_at = Some(at);
            false
        }
    };
    if visible {
        next.revision += 1;
    }
    Ok(Moved::To(Box::new(next)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{ManualClock, job};
    use crate::job::StepStatus;
    use crate::ports::Clock as _;

    fn to(job: &Job, happened: Move) -> Job {
        match advance(job, happened, ManualClock::default().now()) {
            Ok(Moved::To(next)) => *next,
            other => panic!("it moves, not {other:?}"),
        }
    }

    fn start() -> Move {
        Move::Start { execution: ExecutionId("e".into()) }
    }

    fn end(status: Status) -> Move {
        Move::End { status, error: None }
    }

    fn step() -> Step {
        let at = ManualClock::default().now();
        Step {
            name: "Build".into(),
            entry: 2,
            status: StepStatus::Running,
            entered_at: at,
            left_at: None,
            attempts: 1,
            error: None,
        }
    }

    #[test]
    fn every_move_made_twice_is_made_once() {
        let clock = ManualClock::default();
        let queued = job(1, &clock);
        let running = to(&queued, start());
        let failed = to(&running, end(Status::Failed));
        let redrive = Move::Redrive { deadline: clock.now() };
        for (from, happened) in [
            (&queued, Move::Line),
            (&queued, start()),
            (&running, Move::Progress { steps: vec![step()] }),
            (&running, Move::Note(Note { key: "k".into(), step: "s".into(), text: "t".into() })),
            (&running, Move::AskCancel { by: "ada".into() }),
            (&running, end(Status::Succeeded)),
            (&failed, redrive),
            (&running, Move::CheckRun(CheckRunId(7))),
        ] {
            let once = to(from, happened.clone());
            assert_eq!(advance(&once, happened.clone(), clock.now()), Ok(Moved::Nowhere), "{happened:?}");
        }
    }

    #[test]
    fn what_is_over_stays_over_until_it_is_retried() {
        let clock = ManualClock::default();
        let cancelled = to(&to(&job(1, &clock), start()), end(Status::Cancelled));
        assert_eq!(advance(&cancelled, end(Status::Succeeded), clock.now()), Ok(Moved::Nowhere));
        for happened in [start(), Move::Line, Move::Admit, Move::AskCancel { by: "ada".into() }] {
            let error = advance(&cancelled, happened, clock.now()).unwrap_err();
            assert_eq!(error.status, Status::Cancelled);
        }
        let retried = to(&cancelled, Move::Redrive { deadline: clock.now() });
        assert_eq!((retried.status, retried.redrives, retried.check_run), (Status::Queued, 1, None));
        let other = Move::Start { execution: ExecutionId("another".into()) };
        advance(&retried, other, clock.now()).expect_err("it is the same execution that goes on");
        assert_eq!(to(&retried, start()).status, Status::Running);
        let succeeded = to(&to(&job(1, &clock), start()), end(Status::Succeeded));
        advance(&succeeded, Move::Redrive { deadline: clock.now() }, clock.now())
            .expect_err("nothing is left to do");
    }

    #[test]
    fn only_what_people_see_is_news_and_none_is_told_before_it_is() {
        let clock = ManualClock::default();
        let job = job(1, &clock);
        assert_eq!(to(&job, Move::CheckRun(CheckRunId(7))).revision, job.revision);
        assert_eq!(to(&job, start()).revision, job.revision + 1);
        advance(&job, Move::Report { revision: 2 }, clock.now()).expect_err("there is no such revision");
        let told = to(&job, Move::Report { revision: 1 });
        assert!(!told.is_settled() && told.reported == 1);
        assert_eq!(to(&to(&told, start()), Move::Report { revision: 1 }).reported, 1);
    }
}
