//! What the App must be allowed, and told of, for the handlers that there are.

use std::collections::{BTreeMap, BTreeSet};

/// Permissions and events of an App, by GitHub's names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// `issues` → `write`.
    pub permissions: BTreeMap<String, String>,
    /// Those that an App subscribes to.
    pub events: BTreeSet<String>,
}

/// What Deputy does whatever it is told of: it reads who somebody is and what they may, and it answers where people
/// talk. Whoever writes a command that does more adds its permission here.
const ALWAYS_NEEDED: &[(&str, &str)] = &[
    ("contents", "read"),
    ("discussions", "write"),
    ("issues", "write"),
    ("members", "read"),
    ("metadata", "read"),
    ("pull_requests", "write"),
];

/// Every App is told of these, and none can subscribe to them.
const ALWAYS_SENT: &[&str] = &[
    "github_app_authorization",
    "installation",
    "installation_repositories",
    "installation_target",
    "marketplace_purchase",
    "ping",
];

/// An event, and the permission without which GitHub refuses the subscription: any of them, the first is asked for.
/// By "Webhook events and payloads" in GitHub's documentation.
const EVENT_PERMISSIONS: &[(&str, &[&str])] = &[
    ("branch_protection_rule", &["administration"]),
    ("check_run", &["checks"]),
    ("check_suite", &["checks"]),
    ("commit_comment", &["contents"]),
    ("create", &["contents"]),
    ("delete", &["contents"]),
    ("deployment", &["deployments"]),
    ("deployment_protection_rule", &["deployments"]),
    ("deployment_review", &["deployments"]),
    ("deployment_status", &["deployments"]),
    ("discussion", &["discussions"]),
    ("discussion_comment", &["discussions"]),
    ("fork", &["contents"]),
    ("issue_comment", &["issues", "pull_requests"]),
    ("issues", &["issues"]),
    ("label", &["metadata"]),
    ("member", &["members"]),
    ("membership", &["members"]),
    ("merge_group", &["merge_queues"]),
    ("milestone", &["issues", "pull_requests"]),
    ("organization", &["members"]),
    ("public", &["metadata"]),
    ("pull_request", &["pull_requests"]),
    ("pull_request_review", &["pull_requests"]),
    ("pull_request_review_comment", &["pull_requests"]),
    ("pull_request_review_thread", &["pull_requests"]),
    ("push", &["contents"]),
    ("release", &["contents"]),
    ("repository", &["metadata"]),
    ("repository_dispatch", &["contents"]),
    ("star", &["metadata"]),
    ("status", &["statuses"]),
    ("team", &["members"]),
    ("team_add", &["metadata"]),
    ("watch", &["metadata"]),
    ("workflow_dispatch", &["contents"]),
    ("workflow_job", &["actions"]),
    ("workflow_run", &["actions"]),
];

/// What a task of workflows does on GitHub. Those that stay away from GitHub are not here.
const TASK_PERMISSIONS: &[(&str, &[(&str, &str)])] = &[
    ("github.backport", &[("contents", "write"), ("pull_requests", "write")]),
    ("github.check_suite", &[("checks", "read")]),
    ("github.comment", &[("issues", "write"), ("pull_requests", "write")]),
    ("github.commit_status", &[("statuses", "write")]),
    ("github.create_deployment", &[("deployments", "write")]),
    ("github.create_release", &[("contents", "write")]),
    ("github.dispatch_workflow", &[("actions", "write")]),
    ("github.last_deployment", &[("deployments", "read")]),
    ("github.merge", &[("contents", "write"), ("pull_requests", "write")]),
    ("github.set_deployment_status", &[("deployments", "write")]),
];

/// Where there are tasks there are jobs, and every job shows on a check run.
const JOB_PERMISSION: (&str, &str) = ("checks", "write");

/// A handler of which nobody knows what permission it needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownNeed {
    /// It wants this event.
    #[error("nobody knows which permission the event `{0}` needs; add it to the table of events")]
    Event(String),
    /// It is this task.
    #[error("nobody knows which permissions the task `{0}` needs; add it to the table of tasks")]
    Task(String),
}

impl Needs {
    /// For handlers that want these events, and for these tasks.
    pub fn of<'a>(
        events: impl IntoIterator<Item = &'a str>,
        tasks: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, UnknownNeed> {
        let mut needs = Self::default();
        for (permission, level) in ALWAYS_NEEDED {
            needs.add(permission, level);
        }
        for task in tasks {
            needs.add(JOB_PERMISSION.0, JOB_PERMISSION.1);
            let known = TASK_PERMISSIONS.iter().find(|(known, _)| *known == task);
            if known.is_none() && task.starts_with("github.") {
                return Err(UnknownNeed::Task(task.to_owned()));
            }
            for (permission, level) in known.map_or(&[][..], |(_, permissions)| permissions) {
                needs.add(permission, level);
            }
        }
        for event in events {
            if ALWAYS_SENT.contains(&event) {
                continue;
            }
            let found = EVENT_PERMISSIONS.iter().find(|(known, _)| *known == event);
            let (_, permissions) = found.ok_or_else(|| UnknownNeed::Event(event.to_owned()))?;
            if !permissions.iter().any(|permission| needs.permissions.contains_key(*permission)) {
                needs.add(permissions[0], "read");
            }
            needs.events.insert(event.to_owned());
        }
        Ok(needs)
    }

    /// At least this much of a permission.
    fn add(&mut self, permission: &str, level: &str) {
        let current = self.permissions.entry(permission.to_owned()).or_default();
        if rank(current) < rank(level) {
            level.clone_into(current);
        }
    }

    /// Permissions that are asked for here and not given there, with the level that is missing.
    pub fn lacking<'a>(&'a self, given: &BTreeMap<String, String>) -> Vec<(&'a str, &'a str)> {
        let given = |name: &str| given.get(name).map_or(0, |level| rank(level));
        let lacking = self.permissions.iter().filter(|(name, level)| given(name) < rank(level));
        lacking.map(|(name, level)| (name.as_str(), level.as_str())).collect()
    }
}

/// A level that nobody knows gives nothing.
fn rank(level: &str) -> u8 {
    match level {
        "read" => 1,
        "write" => 2,
        "admin" => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_bring_the_permission_that_they_need_and_no_more() {
        let needs = Needs::of(["issue_comment", "installation", "workflow_run", "ping"], []).unwrap();
        assert_eq!(needs.events, ["issue_comment".to_owned(), "workflow_run".to_owned()].into());
        assert_eq!(needs.permissions["actions"], "read");
        assert_eq!(needs.permissions["issues"], "write", "what is needed anyway is not narrowed");
        assert!(!needs.permissions.contains_key("checks"));
        assert_eq!(Needs::of(["hiccup"], []), Err(UnknownNeed::Event("hiccup".to_owned())));
    }

    #[test]
    fn tasks_bring_what_they_do_and_the_check_of_their_job() {
        let needs = Needs::of(["check_run"], ["job.note", "github.last_deployment", "github.merge"]).unwrap();
        let level = |name: &str| needs.permissions.get(name).map(String::as_str);
        assert_eq!(
            [level("checks"), level("contents"), level("deployments")],
            [Some("write"), Some("write"), Some("read")]
        );
        assert_eq!((level("actions"), level("statuses")), (None, None));
        assert_eq!(Needs::of([], ["github.sing"]), Err(UnknownNeed::Task("github.sing".to_owned())));
    }

    #[test]
    fn a_lower_level_is_lacking_and_a_higher_one_is_not() {
        let needs = Needs::of([], []).unwrap();
        let mut given = needs.permissions.clone();
        assert_eq!(needs.lacking(&given), []);
        given.insert("contents".to_owned(), "write".to_owned());
        given.insert("issues".to_owned(), "read".to_owned());
        given.remove("members");
        assert_eq!(needs.lacking(&given), [("issues", "write"), ("members", "read")]);
        given.insert("issues".to_owned(), "every".to_owned());
        assert_eq!(needs.lacking(&given).len(), 2, "what nobody knows gives nothing");
    }
}
