//! GitHub Apps and their installations.

use std::collections::{BTreeMap, BTreeSet};

use super::State;
use crate::clock::Moment;
use crate::ids::{AccountId, AppId, InstallationId, RepositoryId};
use crate::keys::AppKey;
use crate::random;
use crate::state::account::{Kind, slug};

/// How much a permission gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// `read`
    Read,
    /// `write`
    Write,
    /// `admin`
    Admin,
}

impl Access {
    /// As GitHub writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// Permissions by GitHub's names: `issues`, `checks`, `members`.
pub(crate) type Permissions = BTreeMap<String, Access>;

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) id: AppId,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) owner: AccountId,
    /// The account that the App acts as: `slug[bot]`.
    pub(crate) bot: AccountId,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) keys: Vec<AppKey>,
    pub(crate) permissions: Permissions,
    pub(crate) events: BTreeSet<String>,
    pub(crate) webhook: Webhook,
    /// Where logins may come back to.
    pub(crate) callback_urls: Vec<String>,
    pub(crate) device_flow: bool,
    pub(crate) user_tokens_expire: bool,
    pub(crate) created_at: Moment,
}

#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) hook_id: u64,
    /// Nothing is sent while there is no URL.
    pub(crate) url: Option<String>,
    pub(crate) secret: String,
    /// `application/x-www-form-urlencoded` instead of JSON.
    pub(crate) form: bool,
}

#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) id: InstallationId,
    pub(crate) app: AppId,
    pub(crate) account: AccountId,
    /// What the account's owner agreed to; may be less than the App asks for by now.
    pub(crate) permissions: Permissions,
    pub(crate) events: BTreeSet<String>,
    /// Some of the account's repositories; all of them if `None`.
    pub(crate) selected: Option<BTreeSet<RepositoryId>>,
    pub(crate) suspended: Option<(Moment, AccountId)>,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
}

impl Installation {
    pub(crate) fn covers(&self, repository: &super::repository::Repository) -> bool {
        repository.owner == self.account
            && self.selected.as_ref().is_none_or(|selected| selected.contains(&repository.id))
    }
}

impl State {
    /// Makes an App with fresh secrets, its bot account, and no key yet.
    pub(crate) fn add_app(
        &mut self,
        name: &str,
        owner: AccountId,
        permissions: Permissions,
        events: Vec<String>,
    ) -> AppId {
        let slug = slug(name);
        let bot = self.add_account(&format!("{slug}[bot]"), Kind::Bot);
        let id = AppId(self.next_id());
        let hook_id = self.next_id();
        let app = App {
            id,
            slug,
            name: name.to_owned(),
            owner,
            bot,
            client_id: random::token("Iv23li", 14),
            client_secret: random::hex(&random::bytes(20)),
            keys: Vec::new(),
            permissions,
            events: events.into_iter().collect(),
            webhook: Webhook { hook_id, url: None, secret: random::hex(&random::bytes(20)), form: false },
            callback_urls: Vec::new(),
            device_flow: false,
            user_tokens_expire: true,
            created_at: self.now(),
        };
        self.keep_secret(&app.client_secret);
        self.keep_secret(&app.webhook.secret);
        self.apps.insert(id, app);
        id
    }

    /// One more private key for an App; no two Apps have the same.
    pub(crate) fn give_key(&mut self, id: AppId) {
        let key = AppKey::numbered(self.keys_given);
        self.keys_given += 1;
        self.keep_secret_key(&key.pem);
        self.app_mut(id).keys.push(key);
    }

    pub(crate) fn app(&self, id: AppId) -> &App {
        self.apps.get(&id).expect("Apps are never deleted")
    }

    pub(crate) fn app_mut(&mut self, id: AppId) -> &mut App {
        self.apps.get_mut(&id).expect("Apps are never deleted")
    }

    /// The App's installation that covers a repository.
    pub(crate) fn installation_on(&self, app: AppId, repository: RepositoryId) -> Option<&Installation> {
        let repository = self.repository(repository);
        self.installations.values().find(|inst| inst.app == app && inst.covers(repository))
    }
}
