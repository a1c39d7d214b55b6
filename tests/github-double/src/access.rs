//! What a caller may see and do. Fails closed, and refuses in GitHub's words.

use crate::http::auth::Caller;
use crate::http::call::Call;
use crate::http::reply::Refusal;
use crate::ids::{AccountId, AppId, RepositoryId};
use crate::state::State;
use crate::state::app::{Access, Installation, Permissions};
use crate::state::repository::Permission;
use crate::state::token::InstallationBearer;

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    /// Any one of these App permissions.
    pub(crate) app: &'static [(&'static str, Access)],
    /// What a person must be in the repository.
    pub(crate) person: Permission,
}

impl Needs {
    pub(crate) const fn read(app: &'static [(&'static str, Access)]) -> Self {
        Self { app, person: Permission::Read }
    }

    pub(crate) const fn person(self, person: Permission) -> Self {
        Self { person, ..self }
    }

    fn is_read(&self) -> bool {
        self.person <= Permission::Read && self.app.iter().all(|(_, access)| *access == Access::Read)
    }
}

impl State {
    /// The repository that a call's path names, if the caller may see it and do what the call needs.
    pub(crate) fn enter(&self, call: &Call, needs: Needs) -> Result<RepositoryId, Refusal> {
        let id = self.visible(&call.caller, call.path("owner"), call.path("repo"))?;
        self.allow(&call.caller, id, needs)?;
        Ok(id)
    }

    /// The repository by name, if the caller may know that it exists.
    pub(crate) fn visible(&self, caller: &Caller, owner: &str, name: &str) -> Result<RepositoryId, Refusal> {
        let repository = self.repository_by_name(owner, name).ok_or_else(Refusal::not_found)?;
        if self.sees(caller, repository.id) { Ok(repository.id) } else { Err(Refusal::not_found()) }
    }

    pub(crate) fn sees(&self, caller: &Caller, id: RepositoryId) -> bool {
        if !self.repository(id).private {
            return true;
        }
        match caller {
            Caller::Anonymous | Caller::App(_) | Caller::Client(_) => false,
            Caller::Installation(bearer) => self.covers(bearer, id),
            Caller::User(bearer) => {
                bearer.repository.is_none_or(|only| only == id)
                    && self.permission(bearer.user, id) >= Permission::Read
                    && self.installation_on(bearer.app, id).is_some_and(|i| i.suspended.is_none())
            }
            Caller::Personal(user) => self.permission(*user, id) >= Permission::Read,
        }
    }

    /// Whether the caller, who sees the repository, may do what is needed there.
    pub(crate) fn allow(&self, caller: &Caller, id: RepositoryId, needs: Needs) -> Result<(), Refusal> {
        // What is public may be read by everybody, Apps without the permission included.
        if needs.is_read() && !self.repository(id).private {
            return Ok(());
        }
        match caller {
            Caller::Anonymous => Err(Refusal::new(401, "Requires authentication")),
            Caller::App(_) | Caller::Client(_) => Err(Refusal::not_for_integration()),
            Caller::Installation(bearer) => {
                let granted = self.granted(bearer);
                if self.covers(bearer, id) && suffices(needs, &granted) {
                    return Ok(());
                }
                Err(Refusal::not_for_integration())
            }
            Caller::User(bearer) => {
                // A user token can do what both the person and the App may do.
                let installed = self.installation_on(bearer.app, id).filter(|i| i.suspended.is_none());
                let in_scope = bearer.repository.is_none_or(|only| only == id);
                if !in_scope || !installed.is_some_and(|i| suffices(needs, &i.permissions)) {
                    return Err(Refusal::not_for_integration());
                }
                self.allow_person(bearer.user, id, needs)
            }
            Caller::Personal(user) => self.allow_person(*user, id, needs),
        }
    }

    fn allow_person(&self, user: AccountId, id: RepositoryId, needs: Needs) -> Result<(), Refusal> {
        if self.permission(user, id) >= needs.person {
            return Ok(());
        }
        match needs.person {
            Permission::Admin => Err(Refusal::new(403, "Must have admin rights to Repository.")),
            _ => Err(Refusal::new(403, "Must have push access to repository")),
        }
    }

    /// Whether an installation token reaches a repository.
    fn covers(&self, bearer: &InstallationBearer, id: RepositoryId) -> bool {
        let installation = self.installations.get(&bearer.installation);
        installation.is_some_and(|installation| installation.covers(self.repository(id)))
            && bearer.repositories.as_ref().is_none_or(|some| some.contains(&id))
    }

    /// Whether an installation caller reaches a repository.
    pub(crate) fn reaches(&self, caller: &Caller, id: RepositoryId) -> bool {
        matches!(caller, Caller::Installation(bearer) if self.covers(bearer, id))
    }

    /// What an installation token may do: never more than the installation may by now.
    pub(crate) fn granted(&self, bearer: &InstallationBearer) -> Permissions {
        let Some(installation) = self.installations.get(&bearer.installation) else {
            return Permissions::new();
        };
        match &bearer.permissions {
            None => installation.permissions.clone(),
            Some(narrowed) => narrowed
                .iter()
                .filter_map(|(name, access)| {
                    let most = installation.permissions.get(name)?;
                    Some((name.clone(), *access.min(most)))
                })
                .collect(),
        }
    }

    /// Whether a caller may see what only members of an organization see.
    pub(crate) fn allow_members(&self, caller: &Caller, organization: AccountId) -> Result<(), Refusal> {
        let is_member =
            |user: AccountId| self.organization(organization).is_some_and(|org| org.active(user).is_some());
        let installed = |installation: Option<&Installation>, permissions: &Permissions| {
            installation.is_some_and(|i| i.account == organization && i.suspended.is_none())
                && permissions.contains_key("members")
        };
        match caller {
            Caller::Anonymous => Err(Refusal::new(401, "Requires authentication")),
            Caller::App(_) | Caller::Client(_) => Err(Refusal::not_for_integration()),
            Caller::Installation(bearer) => {
                if installed(self.installations.get(&bearer.installation), &self.granted(bearer)) {
                    Ok(())
                } else {
                    Err(Refusal::not_for_integration())
                }
            }
            Caller::User(bearer) => {
                let installation =
                    self.installations.values().find(|i| i.app == bearer.app && i.account == organization);
                match installation {
                    Some(i) if installed(installation, &i.permissions) => {
                        if is_member(bearer.user) {
                            Ok(())
                        } else {
                            Err(Refusal::not_found())
                        }
                    }
                    _ => Err(Refusal::not_for_integration()),
                }
            }
            Caller::Personal(user) if is_member(*user) => Ok(()),
            Caller::Personal(_) => Err(Refusal::not_found()),
        }
    }

    /// Who is said to have done what the caller does, and through which App.
    pub(crate) fn actor(&self, caller: &Caller) -> Result<(AccountId, Option<AppId>), Refusal> {
        match caller {
            Caller::Anonymous => Err(Refusal::new(401, "Requires authentication")),
            Caller::App(_) | Caller::Client(_) => Err(Refusal::not_for_integration()),
            Caller::Installation(bearer) => {
                let installation =
                    self.installations.get(&bearer.installation).ok_or_else(Refusal::bad_credentials)?;
                Ok((self.app(installation.app).bot, Some(installation.app)))
            }
            Caller::User(bearer) => Ok((bearer.user, Some(bearer.app))),
            Caller::Personal(user) => Ok((*user, None)),
        }
    }
}

fn suffices(needs: Needs, granted: &Permissions) -> bool {
    needs.app.is_empty()
        || needs.app.iter().any(|(name, least)| granted.get(*name).is_some_and(|access| access >= least))
}
