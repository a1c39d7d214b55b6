//! Why somebody may not run a command, in words that say what to do next.

use crate::permission::Permission;
use crate::ports::NeedsLogin;

/// Why somebody may not run a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not a member of the organization that owns the repository.
    NotAMember {
        /// The organization's login.
        organization: String,
    },
    /// Not a collaborator of somebody's own repository.
    NotACollaborator {
        /// The owner's login.
        owner: String,
    },
    /// A member whose permission does not reach.
    PermissionTooLow {
        /// What the command asks for.
        needed: Permission,
        /// What they have.
        has: Permission,
    },
    /// A member who is not in the team that the command is kept for.
    NotInTeam {
        /// The organization's login.
        organization: String,
        /// The team's slug.
        team: String,
    },
    /// The command is kept for a team, and somebody's own repository has none.
    NoTeamsHere {
        /// The team's slug.
        team: String,
    },
    /// Everything else holds, but there is no grant, or none that GitHub still accepts. Logging in mends it.
    MustLogIn {
        /// What is wrong with the grant.
        why: NeedsLogin,
    },
    /// It would need a grant, and nobody can log in to this Deputy.
    NoLogins,
}

impl Refusal {
    /// The text for the person: what is missing and who can help. `command` is the command's name, if known.
    pub fn message(&self, command: Option<&str>) -> String {
        let what = command.map_or_else(|| "Commands".to_owned(), |name| format!("`{name}`"));
        match self {
            Self::NotAMember { organization } => format!(
                "{what} can only be used by members of the organization **{organization}**. \
                 If you are one, ask an owner whether your invitation is still pending; \
                 otherwise ask a member to run it for you."
            ),
            Self::NotACollaborator { owner } => format!(
                "{what} can only be used by collaborators of this repository. \
                 Ask **{owner}** to add you, or to run it for you."
            ),
            Self::PermissionTooLow { needed, has } => format!(
                "{what} needs **{needed}** permission on this repository, and you have **{has}**. \
                 Ask a maintainer to raise it, or to run the command for you."
            ),
            Self::NotInTeam { organization, team } => format!(
                "{what} is kept for the team **{organization}/{team}**, and you are not in it. \
                 Ask one of its maintainers to add you, or somebody in it to run the command for you."
            ),
            Self::NoTeamsHere { team } => format!(
                "{what} is kept for the team **{team}**, and this repository belongs to a person, who has no teams. \
                 Use it in a repository of the team's organization."
            ),
            Self::MustLogIn { why } => must_log_in(&what, *why),
            Self::NoLogins => format!(
                "{what} acts with the authority of whoever asks for it, and nobody can log in to this Deputy yet. \
                 Ask the people who run it to set the App's client secret and its public URL; \
                 `deputy check-config` tells them how."
            ),
        }
    }
}

fn must_log_in(what: &str, why: NeedsLogin) -> String {
    let why = match why {
        NeedsLogin::NoGrant => "and you have not logged in yet",
        NeedsLogin::Expired => "and your login has run out because it was not used for so long",
        NeedsLogin::Refused => "and GitHub does not accept your login any more",
        NeedsLogin::Damaged => {
            "and your login can no longer be read here, so nothing of it is used; it was removed to be safe"
        }
    };
    format!("{what} acts as you, {why}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_to_do_next_and_nothing_internal() {
        let (organization, team) = ("acme".to_owned(), "releasers".to_owned());
        let texts = [
            Refusal::NotInTeam { organization, team: team.clone() },
            Refusal::NoTeamsHere { team },
            Refusal::MustLogIn { why: NeedsLogin::Expired },
            Refusal::NoLogins,
        ]
        .map(|refusal| refusal.message(Some("deploy")));
        insta::assert_snapshot!(texts.join("\n"), @r"
        `deploy` is kept for the team **acme/releasers**, and you are not in it. Ask one of its maintainers to add you, or somebody in it to run the command for you.
        `deploy` is kept for the team **releasers**, and this repository belongs to a person, who has no teams. Use it in a repository of the team's organization.
        `deploy` acts as you, and your login has run out because it was not used for so long.
        `deploy` acts with the authority of whoever asks for it, and nobody can log in to this Deputy yet. Ask the people who run it to set the App's client secret and its public URL; `deputy check-config` tells them how.
        ");
    }
}
