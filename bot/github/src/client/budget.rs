//! What may be asked now: GitHub's rate limits as it states them, and the pace that keeps clear of the unstated.
//!
//! Everything here is a function of the time that it is given.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderMap;

/// One identity's hourly budget of one kind (REST, or GraphQL).
#[derive(Debug, Default)]
pub(crate) struct Budget {
    reading: Option<Reading>,
    blocked_until: Option<DateTime<Utc>>,
    /// Secondary limits hit in a row; each doubles the wait.
    strikes: u32,
    /// Requests in this window, by repository.
    used: HashMap<u64, u32>,
}

/// GitHub's latest word on an identity's budgets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readings {
    /// REST, which GitHub calls `core`.
    pub rest: Option<Reading>,
    /// GraphQL, counted in points.
    pub graphql: Option<Reading>,
}

impl Readings {
    /// Those that there are, by GitHub's names for their kinds.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, Reading)> + use<> {
        [("core", self.rest), ("graphql", self.graphql)]
            .into_iter()
            .filter_map(|(resource, reading)| Some((resource, reading?)))
    }
}

/// GitHub's latest word on a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Requests an hour.
    pub limit: u32,
    /// Requests left in this window.
    pub remaining: u32,
    /// When the window ends.
    pub reset: DateTime<Utc>,
}

impl Reading {
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        Some(Self {
            limit: number(headers, "x-ratelimit-limit")?,
            remaining: number(headers, "x-ratelimit-remaining")?,
            reset: DateTime::from_timestamp(number(headers, "x-ratelimit-reset")?, 0)?,
        })
    }
}

impl Budget {
    /// Until when `repository` must not ask, if at all.
    ///
    /// While the budget is ample, anybody may ask. Of the last quarter nobody gets more than an even share
    /// of the whole: a repository that has had its share leaves the rest to the others.
    pub(crate) fn blocked(&self, repository: u64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if let Some(until) = self.blocked_until.filter(|until| *until > now) {
            return Some(until);
        }
        let reading = self.reading.filter(|reading| reading.reset > now)?;
        if reading.remaining == 0 {
            return Some(reading.reset);
        }
        let used = self.used.get(&repository).copied().unwrap_or(0);
        let sharers = u32::try_from(self.used.len()).unwrap_or(u32::MAX).max(1);
        let scarce = reading.remaining < reading.limit / 4;
        (scarce && sharers > 1 && used > reading.limit / sharers).then_some(reading.reset)
    }

    /// A request goes out.
    pub(crate) fn spend(&mut self, repository: u64, now: DateTime<Utc>) {
        if self.reading.is_some_and(|reading| reading.reset <= now) {
            self.reading = None;
            self.used.clear();
        }
        *self.used.entry(repository).or_default() += 1;
        // Answers come late; until then, count along.
        if let Some(reading) = &mut self.reading {
            reading.remaining = reading.remaining.saturating_sub(1);
        }
    }

    /// An answer came that was no rate limit.
    pub(crate) fn observe(&mut self, headers: &HeaderMap) {
        self.strikes = 0;
        self.read(headers);
    }

    /// GitHub refused for a rate limit. Returns until when to wait: `retry-after` if it says so, else the end
    /// of a used-up window, else a minute and twice that each time.
    pub(crate) fn refused(&mut self, headers: &HeaderMap, now: DateTime<Utc>) -> DateTime<Utc> {
        self.read(headers);
        let until = if let Some(seconds) = number::<u32>(headers, "retry-after") {
            now + TimeDelta::seconds(seconds.max(1).into())
        } else if let Some(reading) = Reading::of(headers).filter(|it| it.remaining == 0 && it.reset > now) {
            // GitHub's clock and ours differ by a little.
            reading.reset + TimeDelta::seconds(1)
        } else {
            now + TimeDelta::seconds(60 << self.strikes.min(5))
        };
        self.strikes = self.strikes.saturating_add(1);
        self.blocked_until = self.blocked_until.max(Some(until));
        until
    }

    pub(crate) fn reading(&self) -> Option<Reading> {
        self.reading
    }

    /// Whether forgetting it would change nothing.
    pub(crate) fn is_idle(&self, now: DateTime<Utc>) -> bool {
        self.blocked_until.is_none_or(|until| until <= now)
            && self.reading.is_none_or(|reading| reading.reset <= now)
    }

    fn read(&mut self, headers: &HeaderMap) {
        if let Some(reading) = Reading::of(headers) {
            self.note(reading);
        }
    }

    /// Takes GitHub's word. Answers overtake each other, so within a window only a lower figure is news.
    pub(crate) fn note(&mut self, new: Reading) {
        match &mut self.reading {
            Some(old) if old.reset == new.reset => old.remaining = old.remaining.min(new.remaining),
            Some(old) if old.reset > new.reset => {}
            current => {
                if current.is_some() {
                    self.used.clear();
                }
                *current = Some(new);
            }
        }
    }
}

/// Evenly refilled allowances for what GitHub limits without saying where one stands.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    points: Bucket<180, 12_000>,
    content_by_minute: Bucket<20, 1_000>,
    content_by_hour: Bucket<140, 100>,
}

impl Pace {
    /// How long until a request of so many points may go out; zero, and it is counted.
    ///
    /// In any minute at most 180 + 60 × 12 = 900 points and 20 + 60 = 80 pieces of content, and in any hour
    /// 140 + 3,600 / 10 = 500 pieces: GitHub's three secondary limits, with bursts.
    pub(crate) fn take(&mut self, points: u32, creates_content: bool, now: DateTime<Utc>) -> Duration {
        let content = u32::from(creates_content);
        let wait = (self.points.wait(points, now))
            .max(self.content_by_minute.wait(content, now))
            .max(self.content_by_hour.wait(content, now));
        if wait.is_zero() {
            self.points.take(points);
            self.content_by_minute.take(content);
            self.content_by_hour.take(content);
        }
        wait
    }
}

/// Holds up to `SIZE`; `PER_1000_S` come back in a thousand seconds.
#[derive(Debug, Default)]
struct Bucket<const SIZE: i64, const PER_1000_S: i64> {
    /// In millionths, missing from full, at `since`.
    missing: i64,
    since: Option<DateTime<Utc>>,
}

impl<const SIZE: i64, const PER_1000_S: i64> Bucket<SIZE, PER_1000_S> {
    fn wait(&mut self, count: u32, now: DateTime<Utc>) -> Duration {
        // One milliunit comes back in a second for each unit in a thousand, so one millionth in a millisecond.
        let passed = self.since.map_or(0, |since| (now - since).num_milliseconds().clamp(0, 10_000_000));
        self.missing = (self.missing - passed * PER_1000_S).max(0);
        self.since = Some(now);
        let short = i64::from(count) * 1_000_000 + self.missing - SIZE * 1_000_000;
        let milliseconds = (short.max(0) + PER_1000_S - 1) / PER_1000_S;
        Duration::from_millis(milliseconds.unsigned_abs())
    }

    fn take(&mut self, count: u32) {
        self.missing += i64::from(count) * 1_000_000;
    }
}

fn number<N: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<N> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn headers(pairs: &[(&'static str, i64)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), (*value).into())).collect()
    }

    fn window(limit: i64, remaining: i64, reset: i64) -> HeaderMap {
        headers(&[
            ("x-ratelimit-limit", limit),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset", at(reset).timestamp()),
        ])
    }

    #[test]
    fn a_used_up_window_blocks_until_it_ends() {
        let mut budget = Budget::default();
        assert_eq!(budget.blocked(1, at(0)), None);
        budget.observe(&window(5000, 1, 100));
        assert_eq!(budget.blocked(1, at(0)), None);
        budget.spend(1, at(0));
        assert_eq!(budget.blocked(1, at(0)), Some(at(100)), "counted along before the answer came");
        assert_eq!(budget.blocked(1, at(100)), None);
        budget.spend(1, at(100));
        assert_eq!(budget.blocked(1, at(100)), None);
    }

    #[test]
    fn an_answer_that_was_overtaken_gives_nothing_back() {
        let mut budget = Budget::default();
        budget.observe(&window(5000, 10, 100));
        budget.observe(&window(5000, 12, 100));
        budget.observe(&window(5000, 4000, 50));
        assert_eq!(budget.reading().unwrap().remaining, 10);
        budget.observe(&window(5000, 4999, 3700));
        assert_eq!(budget.reading().unwrap().remaining, 4999);
    }

    #[test]
    fn the_last_quarter_is_shared_evenly() {
        let mut budget = Budget::default();
        for _ in 0..60 {
            budget.spend(1, at(0));
        }
        budget.spend(2, at(0));
        budget.observe(&window(100, 39, 100));
        assert_eq!(budget.blocked(1, at(0)), None, "ample");
        budget.observe(&window(100, 24, 100));
        assert_eq!(budget.blocked(1, at(0)), Some(at(100)), "the busy one had more than half");
        assert_eq!(budget.blocked(2, at(0)), None);
    }

    #[test]
    fn one_repository_alone_may_use_it_all() {
        let mut budget = Budget::default();
        for _ in 0..99 {
            budget.spend(1, at(0));
        }
        budget.observe(&window(100, 1, 100));
        assert_eq!(budget.blocked(1, at(0)), None);
    }

    #[test]
    fn a_refusal_waits_as_github_asks() {
        let mut budget = Budget::default();
        assert_eq!(budget.refused(&headers(&[("retry-after", 7)]), at(0)), at(7));
        assert_eq!(budget.blocked(1, at(6)), Some(at(7)));
        assert_eq!(budget.blocked(1, at(7)), None);
        let mut budget = Budget::default();
        assert_eq!(budget.refused(&window(5000, 0, 30), at(0)), at(31));
        let mut budget = Budget::default();
        assert_eq!(budget.refused(&window(5000, 4000, 30), at(0)), at(60), "secondary: a minute");
        assert_eq!(budget.refused(&HeaderMap::new(), at(60)), at(180), "then two");
        budget.observe(&HeaderMap::new());
        assert_eq!(budget.refused(&HeaderMap::new(), at(200)), at(260));
    }

    #[test]
    fn the_pace_keeps_below_githubs_secondary_limits() {
        fn most(window: i64, hours: i64, content: bool) -> i64 {
            let mut pace = Pace::default();
            let (mut now, mut sent) = (at(0), Vec::new());
            while now < at(hours * 3600) {
                let wait = pace.take(5, content, now);
                if wait.is_zero() {
                    sent.push(now);
                } else {
                    now += wait;
                }
            }
            let mut most = 0;
            let mut first = 0;
            for (last, time) in sent.iter().enumerate() {
                while (*time - sent[first]).num_seconds() >= window {
                    first += 1;
                }
                most = most.max(last - first + 1);
            }
            i64::try_from(most).unwrap()
        }
        let (minute, hour) = (most(60, 1, true), most(3600, 3, true));
        assert!((70..=80).contains(&minute), "{minute} pieces of content in a minute");
        assert!((490..=500).contains(&hour), "{hour} pieces of content in an hour");
        let points = 5 * most(60, 1, false);
        assert!((890..=900).contains(&points), "{points} points in a minute");
    }
}
