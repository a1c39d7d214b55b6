//! What steps wait for, by name: which topics a delivery is about, and which a waiting task keeps its wait under.

use deputy_core::delivery::Delivery;
use deputy_core::ids::{RepositoryId, RunId, Sha};
use deputy_core::job::JobId;
use serde::Deserialize;

/// A run of GitHub Actions has ended.
pub fn workflow_run(repository: RepositoryId, run: RunId) -> String {
    format!("workflow_run/{repository}/{run}")
}

/// A check or a status of a commit has changed.
pub fn checks(repository: RepositoryId, sha: &Sha) -> String {
    format!("checks/{repository}/{sha}")
}

/// GitHub told of this event in a repository.
pub fn event(repository: RepositoryId, event: &str) -> String {
    format!("event/{repository}/{event}")
}

/// An environment's lock went to somebody.
pub fn lock(repository: RepositoryId, environment: &str) -> String {
    format!("lock/{repository}/{environment}")
}

/// Somebody decided about a job.
pub fn approval(job: JobId) -> String {
    format!("approval/{job}")
}

/// What a delivery is about. Whoever gets deliveries wakes the waits on each of these. Empty where the event belongs to
/// no repository.
pub fn of_delivery(delivery: &Delivery) -> Vec<String> {
    let Ok(told) = serde_json::from_slice::<Told>(&delivery.body) else { return Vec::new() };
    let Some(repository) = told.repository.map(|repository| repository.id) else { return Vec::new() };
    let name = delivery.event.as_str();
    let mut topics = vec![event(repository, name)];
    let is_over = told.action.as_deref() == Some("completed");
    match name {
        "workflow_run" if is_over => {
            topics.extend(told.workflow_run.map(|run| workflow_run(repository, run.id)));
        }
        "check_run" if is_over => topics.extend(told.check_run.map(|it| checks(repository, &it.head_sha))),
        "check_suite" if is_over => {
            topics.extend(told.check_suite.map(|it| checks(repository, &it.head_sha)));
        }
        "status" => topics.extend(told.sha.map(|sha| checks(repository, &sha))),
        _ => {}
    }
    topics
}

/// As much of a payload as tells what it is about.
#[derive(Deserialize)]
struct Told {
    action: Option<String>,
    repository: Option<Repository>,
    workflow_run: Option<Run>,
    check_run: Option<Checked>,
    check_suite: Option<Checked>,
    sha: Option<Sha>,
}

#[derive(Deserialize)]
struct Repository {
    id: RepositoryId,
}

#[derive(Deserialize)]
struct Run {
    id: RunId,
}

#[derive(Deserialize)]
struct Checked {
    head_sha: Sha,
}

#[cfg(test)]
mod tests {
    use deputy_core::contract::delivery;
    use serde_json::{Value, json};

    use super::*;

    const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

    fn topics(event: &str, body: &Value) -> Vec<String> {
        let mut delivery = delivery(1, chrono::DateTime::UNIX_EPOCH);
        delivery.event = event.parse().unwrap();
        delivery.body = body.to_string().into();
        of_delivery(&delivery)
    }

    #[test]
    fn a_delivery_is_about_its_event_and_what_it_ends() {
        let repository = json!({"id": 7});
        let run =
            |action: &str| json!({"action": action, "repository": repository, "workflow_run": {"id": 9}});
        assert_eq!(topics("workflow_run", &run("completed")), ["event/7/workflow_run", "workflow_run/7/9"]);
        assert_eq!(topics("workflow_run", &run("requested")), ["event/7/workflow_run"]);
        let check = json!({"action": "completed", "repository": repository, "check_run": {"head_sha": SHA}});
        assert_eq!(topics("check_run", &check), ["event/7/check_run".to_owned(), format!("checks/7/{SHA}")]);
        let status = json!({"repository": repository, "sha": SHA});
        assert_eq!(topics("status", &status), ["event/7/status".to_owned(), format!("checks/7/{SHA}")]);
        assert!(topics("installation", &json!({"action": "created"})).is_empty());
    }
}
