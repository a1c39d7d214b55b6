//! Primary rate limits: how much each caller has used of its hour.

use std::collections::HashMap;

use super::auth::Caller;
use crate::clock::Moment;
use crate::hub::lock;
use crate::state::State;

/// The most that any caller has, outside Enterprise Cloud.
const MOST: u64 = 12_500;

/// What GitHub counts a caller's requests under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Bucket {
    Anonymous,
    App(u64),
    Installation(u64),
    /// All of a person's tokens share one.
    User(u64),
}

#[derive(Debug)]
struct Used {
    count: u64,
    resets: Moment,
}

/// The buckets of all callers.
#[derive(Debug, Default)]
pub(crate) struct Rates(HashMap<Bucket, Used>);

/// A caller's standing, as the `x-ratelimit-*` headers tell it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) limit: u64,
    pub(crate) used: u64,
    pub(crate) resets: Moment,
}

impl Standing {
    pub(crate) fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    pub(crate) fn headers(&self) -> [(&'static str, String); 5] {
        [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.remaining().to_string()),
            ("x-ratelimit-reset", self.resets.timestamp().to_string()),
            ("x-ratelimit-used", self.used.to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ]
    }
}

impl Rates {
    /// How the caller stands; an hour after the first request the count starts anew.
    pub(crate) fn standing(&mut self, caller: &Caller, limit: u64, now: Moment) -> Standing {
        let used = self.used(caller, now);
        Standing { limit, used: used.count, resets: used.resets }
    }

    /// Counts one request.
    pub(crate) fn count(&mut self, caller: &Caller, now: Moment) {
        self.used(caller, now).count += 1;
    }

    /// Leaves a caller's hour with nothing, as if it had used it up.
    pub(crate) fn exhaust(&mut self, caller: &Caller, now: Moment) {
        self.used(caller, now).count = MOST;
    }

    fn used(&mut self, caller: &Caller, now: Moment) -> &mut Used {
        let resets = now + chrono::TimeDelta::hours(1);
        let used = self.0.entry(bucket(caller)).or_insert(Used { count: 0, resets });
        if used.resets <= now {
            *used = Used { count: 0, resets };
        }
        used
    }
}

impl State {
    /// How the caller stands now.
    pub(crate) fn standing(&self, caller: &Caller) -> Standing {
        lock(&self.rates).standing(caller, self.hourly_limit(caller), self.now())
    }

    /// 5,000 an hour; an installation gets 50 more for each repository and each member over 20.
    fn hourly_limit(&self, caller: &Caller) -> u64 {
        let installation = match caller {
            Caller::Anonymous => return 60,
            Caller::Installation(bearer) => self.installations.get(&bearer.installation),
            _ => None,
        };
        let Some(installation) = installation else { return 5000 };
        let repositories = self.repositories.values().filter(|r| installation.covers(r)).count();
        let members = self.organization(installation.account).map_or(0, |org| org.members.len());
        let over = |count: usize| count.saturating_sub(20) as u64;
        (5000 + 50 * (over(repositories) + over(members))).min(MOST)
    }
}

fn bucket(caller: &Caller) -> Bucket {
    match caller {
        Caller::Anonymous => Bucket::Anonymous,
        Caller::App(app) | Caller::Client(app) => Bucket::App(app.0),
        Caller::Installation(bearer) => Bucket::Installation(bearer.installation.0),
        Caller::User(bearer) => Bucket::User(bearer.user.0),
        Caller::Personal(user) => Bucket::User(user.0),
    }
}
