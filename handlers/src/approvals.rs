//! Who may say yes to a step that waits for it.

use deputy_core::comment::Repository;
use deputy_core::job::{Decision, Job, Requester};
use deputy_core::permission::Permission;
use deputy_core::ports::{Acting, GitHub, GitHubError, Wait};
use serde::{Deserialize, Serialize};

/// What a step asks for: kept in its wait, and read by whoever takes a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// What is asked, for people.
    pub reason: String,
    /// Teams of the organization, by their slugs.
    pub teams: Vec<String>,
    /// People, by their logins.
    pub people: Vec<String>,
    /// How many must say yes.
    pub count: usize,
    /// Whether whoever asked for the job counts.
    pub allow_requester: bool,
}

/// Why somebody's word does not count. The text is for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSay(pub String);

impl Approval {
    /// What a wait of `approval.request` asks for; `None` for another's.
    pub fn of(wait: &Wait) -> Option<Self> {
        (wait.task == "approval.request").then(|| Self::deserialize(&wait.details).ok()).flatten()
    }

    /// Whether the person may decide. Asks GitHub now: whoever was in the team when the job began may not be by now.
    ///
    /// Rejecting is allowed to whoever may approve, and to the requester: nobody is kept from stopping their own job.
    pub async fn may_decide(
        &self,
        github: &dyn GitHub,
        acting: &Acting,
        job: &Job,
        person: &Requester,
        approves: Word,
    ) -> Result<Result<(), NoSay>, GitHubError> {
        let is_requester = person.id == job.request.requester.id;
        if is_requester && approves == Word::No {
            return Ok(Ok(()));
        }
        if is_requester && !self.allow_requester {
            let why = "You asked for this yourself, so somebody else must approve it.";
            return Ok(Err(NoSay(format!("{why} {}", self.who()))));
        }
        let repository = &job.request.repository;
        // Whoever is named still needs the permission that deploying by hand would take.
        let has = github.permission(acting, repository, &person.login).await?;
        if has < Permission::Write {
            let why = format!("Approving needs write permission in {repository}; you have {has}.");
            return Ok(Err(NoSay(why)));
        }
        let is_named = (self.teams.is_empty() && self.people.is_empty())
            || self.people.iter().any(|login| login.eq_ignore_ascii_case(&person.login))
            || self.is_in_a_team(github, (acting, repository), &person.login).await?;
        if is_named { Ok(Ok(())) } else { Ok(Err(NoSay(self.who()))) }
    }

    async fn is_in_a_team(
        &self,
        github: &dyn GitHub,
        (acting, repository): (&Acting, &Repository<'_>),
        login: &str,
    ) -> Result<bool, GitHubError> {
        if !repository.owner_is_organization {
            return Ok(false);
        }
        for team in &self.teams {
            if github.is_team_member(acting, &repository.owner, team, login).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Who may, in a sentence.
    pub fn who(&self) -> String {
        let teams = self.teams.iter().map(|team| format!("members of the team `{team}`"));
        let named: Vec<String> = teams.chain(self.people.iter().map(|login| format!("`{login}`"))).collect();
        let who = if named.is_empty() { "Anybody with write permission".to_owned() } else { listed(&named) };
        let who = format!("{}{}", who[..1].to_uppercase(), &who[1..]);
        match self.count {
            0 | 1 => format!("{who} may approve."),
            count => format!("{who} may approve; {count} must."),
        }
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Go on.
    Yes,
    /// Stop.
    No,
}

impl Word {
    /// A decision's word.
    pub fn of(decision: &Decision) -> Self {
        if decision.approved { Self::Yes } else { Self::No }
    }
}

fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_approve_is_said_in_a_sentence() {
        let asks = |teams: &[&str], people: &[&str], count| {
            let owned = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
            Approval {
                reason: String::new(),
                teams: owned(teams),
                people: owned(people),
                count,
                allow_requester: false,
            }
            .who()
        };
        assert_eq!(asks(&[], &[], 1), "Anybody with write permission may approve.");
        assert_eq!(
            asks(&["ops", "leads"], &["ada"], 2),
            "Members of the team `ops`, members of the team `leads` and `ada` may approve; 2 must."
        );
        assert_eq!(asks(&[], &["ada"], 1), "`ada` may approve.");
    }
}
