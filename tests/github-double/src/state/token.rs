//! Tokens: what they are called, whose they are, and when they end.

use std::collections::BTreeSet;

use super::State;
use super::app::Permissions;
use crate::clock::Moment;
use crate::ids::{AccountId, AppId, InstallationId, RepositoryId};

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) bearer: Bearer,
    pub(crate) expires_at: Option<Moment>,
    pub(crate) issued_at: Moment,
    /// Later tokens have greater ones, also within one second.
    pub(crate) serial: u64,
}

/// Who a token stands for.
#[derive(Clone, Debug)]
pub(crate) enum Bearer {
    /// `ghs_`: an App on one account.
    Installation(InstallationBearer),
    /// `ghu_`: a person, through an App.
    User(UserBearer),
    /// `ghp_`: a person, alone.
    Personal(AccountId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstallationBearer {
    pub(crate) installation: InstallationId,
    /// Narrowed to these repositories; all that the installation covers if `None`.
    pub(crate) repositories: Option<BTreeSet<RepositoryId>>,
    /// Narrowed to these permissions; all of the installation's if `None`.
    pub(crate) permissions: Option<Permissions>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct UserBearer {
    pub(crate) user: AccountId,
    pub(crate) app: AppId,
    /// Narrowed to one repository by `repository_id` at the exchange.
    pub(crate) repository: Option<RepositoryId>,
}

impl State {
    /// Issues a token that starts with `prefix`.
    pub(crate) fn issue_token(&mut self, prefix: &str, bearer: Bearer, expires_at: Option<Moment>) -> String {
        let text = crate::random::token(prefix, 36);
        self.keep_secret(&text);
        let serial = self.next_id();
        let token = Token { bearer, expires_at, issued_at: self.now(), serial };
        self.tokens.insert(text.clone(), token);
        text
    }

    /// What a token stands for, if it is known and has not expired.
    pub(crate) fn live_token(&self, text: &str) -> Option<&Token> {
        let now = self.now();
        self.tokens.get(text).filter(|token| token.expires_at.is_none_or(|end| now < end))
    }
}
