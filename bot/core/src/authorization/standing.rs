//! What GitHub says at this moment of somebody's membership, permission and team.

use super::{Refusal, Request};
use crate::permission::Permission;
use crate::ports::{GitHubError, People};

/// Asks all of it at once. `Ok(Ok(…))` is the permission of somebody who belongs here; an answer that GitHub does
/// not give is an error, never a yes.
pub(super) async fn ask(
    github: &dyn People,
    request: &Request<'_>,
) -> Result<Result<Permission, Refusal>, GitHubError> {
    if request.repository.owner_is_organization {
        in_organization(github, request).await
    } else {
        in_own_repository(github, request).await
    }
}

async fn in_organization(
    github: &dyn People,
    request: &Request<'_>,
) -> Result<Result<Permission, Refusal>, GitHubError> {
    let Request { acting, person, repository, team, .. } = *request;
    let organization = &*repository.owner;
    let in_team = async {
        match team {
            Some(team) => github.is_team_member(acting, organization, team, &person.login).await,
            None => Ok(true),
        }
    };
    let (member, has, in_team) = tokio::join!(
        github.is_member(acting, organization, &person.login),
        github.permission(acting, repository, &person.login),
        in_team,
    );
    // Membership first: to somebody from outside, their permission is beside the point. A repository that hides
    // from them answers "not found", which must not turn into an error for a stranger.
    if !member? {
        return Ok(Err(Refusal::NotAMember { organization: organization.to_owned() }));
    }
    let has = has?;
    if has < request.permission {
        return Ok(Err(Refusal::PermissionTooLow { needed: request.permission, has }));
    }
    match team {
        Some(team) if !in_team? => {
            Ok(Err(Refusal::NotInTeam { organization: organization.to_owned(), team: team.to_owned() }))
        }
        _ => Ok(Ok(has)),
    }
}

async fn in_own_repository(
    github: &dyn People,
    request: &Request<'_>,
) -> Result<Result<Permission, Refusal>, GitHubError> {
    let Request { acting, person, repository, permission: needed, team, .. } = *request;
    let has = match github.permission(acting, repository, &person.login).await {
        Err(GitHubError::NotFound) => Permission::None,
        answer => answer?,
    };
    // On a public repository GitHub answers "read" for everybody. A collaborator of a personal repository
    // always has write, so that is what tells them from a passer-by.
    if has < Permission::Write {
        return Ok(Err(Refusal::NotACollaborator { owner: repository.owner.to_string() }));
    }
    if has < needed {
        return Ok(Err(Refusal::PermissionTooLow { needed, has }));
    }
    match team {
        Some(team) => Ok(Err(Refusal::NoTeamsHere { team: team.to_owned() })),
        None => Ok(Ok(has)),
    }
}
