//! The three checks, asked for at once, and a minute's memory of those that held.

use std::sync::Arc;

use async_trait::async_trait;

use super::cache::{Cache, Place};
use super::grant::GrantCheck;
use super::{Authorizer, Decision, Refusal, Request, RunsAs, standing};
use crate::ids::UserId;
use crate::permission::Permission;
use crate::ports::{Clock, GitHubError, NeedsLogin, People};

/// Organization membership, repository permission and the person's grant.
///
/// Fails closed: an answer that GitHub or the vault does not give is an error, never a yes. What is remembered is
/// this process's own; elsewhere a change shows after a minute at the latest.
pub struct Authority {
    github: Arc<dyn People>,
    logins: Option<GrantCheck>,
    clock: Arc<dyn Clock>,
    /// The permission of people who belong where they were.
    standing: Cache<Place, Permission>,
    /// People whose grant GitHub accepted.
    grants: Cache<UserId, ()>,
}

impl Authority {
    /// Asks `github` and `logins`. Without logins, nothing runs that acts for anybody.
    pub fn new(github: Arc<dyn People>, logins: Option<GrantCheck>, clock: Arc<dyn Clock>) -> Self {
        Self { github, logins, clock, standing: Cache::default(), grants: Cache::default() }
    }

    async fn standing(&self, request: &Request<'_>) -> Result<Result<Permission, Refusal>, GitHubError> {
        let place = Place {
            user: request.person.id,
            repository: request.repository.id,
            team: request.team.map(str::to_owned),
        };
        let now = self.clock.now();
        if request.runs_as != RunsAs::PersonAskedAnew {
            // Too little may be more by now; enough is enough for a minute.
            let known = self.standing.get(&place, now).filter(|has| *has >= request.permission);
            if let Some(has) = known {
                return Ok(Ok(has));
            }
        }
        let asked = self.standing.asking();
        let answer = standing::ask(&*self.github, request).await?;
        match answer {
            Ok(has) => self.standing.put(asked, place, has, now),
            // A yes from before must not outlive a no.
            Err(_) => self.standing.remove(&place),
        }
        Ok(answer)
    }

    async fn grant(&self, request: &Request<'_>) -> Result<Result<(), Refusal>, GitHubError> {
        if !request.runs_as.needs_grant() {
            return Ok(Ok(()));
        }
        let Some(logins) = &self.logins else { return Ok(Err(Refusal::NoLogins)) };
        let (user, now) = (request.person.id, self.clock.now());
        let known = request.runs_as != RunsAs::PersonAskedAnew && self.grants.get(&user, now).is_some();
        let answer = if known {
            // Whether it is there costs nothing to ask, so logging out holds at once and in every process.
            logins.is_there(user).await?
        } else {
            let asked = self.grants.asking();
            let answer = logins.ask(user).await?;
            if answer.is_ok() {
                self.grants.put(asked, user, (), now);
            }
            answer
        };
        Ok(answer.map_err(|why: NeedsLogin| {
            self.grants.remove(&user);
            Refusal::MustLogIn { why }
        }))
    }
}

#[async_trait]
impl Authorizer for Authority {
    async fn authorize(&self, request: &Request<'_>) -> Result<Decision, GitHubError> {
        let (standing, grant) = tokio::join!(self.standing(request), self.grant(request));
        // Standing first: nobody is sent to log in for what they may not do anyway, and a grant that cannot
        // be asked for right now does not hide from a stranger that they are one.
        if let Err(refusal) = standing? {
            return Ok(Decision::Refused(refusal));
        }
        Ok(match grant? {
            Ok(()) => Decision::Allowed,
            Err(refusal) => Decision::Refused(refusal),
        })
    }

    fn forget(&self) {
        self.standing.clear();
    }

    fn forget_grant(&self, user: UserId) {
        self.grants.forget(&user);
    }
}
