//! What a sweep does about what GitHub lists: a function of the list, of what the inbox knows, and of the time.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::DeliveryId;
use crate::ports::DeliveryAttempt;

/// GitHub keeps a delivery for three days. A little less, so that what is asked for is still there.
pub const RETENTION: TimeDelta = TimeDelta::minutes(3 * 24 * 60 - 10);
/// So often a delivery is asked for again by itself; after that a person has to.
pub const MOST_TRIES: usize = 3;
/// At most so many a sweep, so that a sweep ends. GitHub's secondary limit lets 150 a minute through.
pub const PER_SWEEP: usize = 500;
/// Between two tries of one delivery. Less than from sweep to sweep.
pub const BETWEEN_TRIES: TimeDelta = TimeDelta::minutes(9);
/// What GitHub lists may be out of order by so much: an attempt is listed when it has ended, and takes up to thirty
/// seconds on an Enterprise Server.
pub const SETTLING: TimeDelta = TimeDelta::minutes(5);

/// One event, over all attempts to deliver it that were listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Its GUID.
    pub id: DeliveryId,
    /// The attempt that nobody asked for. `None` where it is older than what was listed.
    pub original: Option<&'a DeliveryAttempt>,
    /// The last one.
    pub newest: &'a DeliveryAttempt,
    /// How many there were.
    pub attempts: usize,
    /// Those among them that somebody asked for.
    pub redeliveries: usize,
    /// Whether a receiver took any of them.
    pub arrived: bool,
}

/// Sorts attempts, newest first, by the event that they are at; the event with the newest attempt comes first.
pub fn gather(attempts: &[DeliveryAttempt]) -> Vec<Listed<'_>> {
    let mut places: HashMap<DeliveryId, usize> = HashMap::new();
    let mut listed: Vec<Listed<'_>> = Vec::new();
    for attempt in attempts {
        let place = *places.entry(attempt.delivery).or_insert_with(|| {
            listed.push(Listed {
                id: attempt.delivery,
                original: None,
                newest: attempt,
                attempts: 0,
                redeliveries: 0,
                arrived: false,
            });
            listed.len() - 1
        });
        let event = &mut listed[place];
        event.attempts += 1;
        event.arrived |= attempt.arrived();
        if attempt.is_redelivery {
            event.redeliveries += 1;
        } else {
            event.original = Some(attempt);
        }
        if attempt.delivered_at > event.newest.delivered_at {
            event.newest = attempt;
        }
    }
    listed
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// To be asked for again: the delivery, and its newest attempt. Newest first.
    pub(super) again: Vec<(DeliveryId, u64)>,
    /// Asked for often enough in vain, or too old: it will not come any more by itself.
    pub(super) given_up: Vec<DeliveryId>,
    /// How many more wait for their next try, or found no room in this sweep.
    pub(super) waiting: usize,
    /// Those among them that could have been asked for now.
    pub(super) crowded_out: usize,
    /// The oldest that is not settled: where the next sweep has to look back to.
    pub(super) oldest_unsettled: Option<DateTime<Utc>>,
}

/// Decides about each event that was listed. `is_known` says of each, in the same order, whether the inbox has it.
///
/// An event whose original attempt is not listed lies before the watermark, so an earlier sweep has settled it: it
/// arrived, or was given up. Only so does giving up hold, for each redelivery is an attempt of its own in the list.
pub(super) fn plan(listed: &[Listed<'_>], is_known: &[bool], now: DateTime<Utc>) -> Plan {
    let mut plan = Plan::default();
    for (event, is_known) in listed.iter().zip(is_known) {
        let Some(original) = event.original.filter(|_| !is_known) else { continue };
        let newest = event.newest;
        let rests = newest.is_redelivery && now - newest.delivered_at < BETWEEN_TRIES;
        let is_hopeless = event.redeliveries >= MOST_TRIES || now - newest.delivered_at >= RETENTION;
        if is_hopeless && !rests {
            plan.given_up.push(event.id);
            continue;
        }
        let first = original.delivered_at;
        plan.oldest_unsettled = Some(plan.oldest_unsettled.map_or(first, |oldest| oldest.min(first)));
        if rests {
            plan.waiting += 1;
        } else if plan.again.len() < PER_SWEEP {
            plan.again.push((event.id, newest.id));
        } else {
            plan.waiting += 1;
            plan.crowded_out += 1;
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::delivery_id;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    fn attempt(id: u64, event: u64, minute: i64, status_code: u16, is_redelivery: bool) -> DeliveryAttempt {
        DeliveryAttempt {
            id,
            delivery: delivery_id(event),
            delivered_at: at(minute),
            is_redelivery,
            status_code,
            status: String::new(),
            event: "push".parse().unwrap(),
            action: None,
            installation: None,
        }
    }

    fn decide(attempts: &[DeliveryAttempt], known: &[u64], now: i64) -> Plan {
        let listed = gather(attempts);
        let is_known: Vec<bool> =
            listed.iter().map(|event| known.iter().any(|known| delivery_id(*known) == event.id)).collect();
        plan(&listed, &is_known, at(now))
    }

    #[test]
    fn what_the_inbox_has_is_settled_whatever_github_says() {
        let attempts = [attempt(2, 2, 1, 0, false), attempt(1, 1, 0, 202, false)];
        assert_eq!(decide(&attempts, &[1, 2], 2), Plan::default());
    }

    #[test]
    fn what_failed_and_what_the_inbox_never_saw_is_asked_for_again_newest_first() {
        let attempts =
            [attempt(3, 3, 2, 202, false), attempt(2, 2, 1, 502, false), attempt(1, 1, 0, 0, false)];
        let plan = decide(&attempts, &[], 3);
        let again: Vec<u64> = plan.again.iter().map(|(_, attempt)| *attempt).collect();
        assert_eq!((again, plan.oldest_unsettled), (vec![3, 2, 1], Some(at(0))));
    }

    #[test]
    fn a_delivery_is_asked_for_three_times_with_time_between() {
        let mut attempts = vec![attempt(1, 1, 0, 0, false)];
        for (id, minute) in [(2, 10), (3, 20), (4, 30)] {
            let plan = decide(&attempts, &[], minute);
            assert_eq!(plan.again, [(delivery_id(1), id - 1)], "by its newest attempt");
            attempts.insert(0, attempt(id, 1, minute, 0, true));
            let plan = decide(&attempts, &[], minute + 8);
            assert_eq!((plan.again.len(), plan.waiting), (0, 1), "not so soon");
            assert_eq!(plan.oldest_unsettled, Some(at(0)), "it is still looked for where it began");
        }
        let plan = decide(&attempts, &[], 40);
        assert_eq!((plan.given_up, plan.oldest_unsettled), (vec![delivery_id(1)], None));
        // The watermark has passed the original; its redeliveries, which are newer, begin nothing.
        assert_eq!(decide(&attempts[..3], &[], 40), Plan::default());
        // What is known after all is not given up.
        assert_eq!(decide(&attempts, &[1], 40), Plan::default());
    }

    #[test]
    fn what_github_is_about_to_forget_is_given_up() {
        let retention = RETENTION.num_minutes();
        let attempts = [attempt(1, 1, 0, 0, false)];
        assert_eq!(decide(&attempts, &[], retention - 1).again.len(), 1);
        assert_eq!(decide(&attempts, &[], retention).given_up, [delivery_id(1)]);
    }

    #[test]
    fn a_sweep_has_an_end_and_what_found_no_room_is_not_settled() {
        let most = PER_SWEEP as u64;
        let attempts: Vec<_> =
            (0..most + 2).rev().map(|number| attempt(number, number, 0, 0, false)).collect();
        let plan = decide(&attempts, &[], 1);
        assert_eq!((plan.again.len(), plan.waiting, plan.crowded_out), (PER_SWEEP, 2, 2));
        assert_eq!(plan.again[0].1, most + 1, "the newest first");
        assert_eq!(plan.oldest_unsettled, Some(at(0)));
    }

    #[test]
    fn attempts_at_one_event_are_one() {
        let attempts =
            [attempt(3, 1, 5, 202, true), attempt(2, 2, 1, 0, false), attempt(1, 1, 0, 500, false)];
        let listed = gather(&attempts);
        let seen: Vec<_> = listed
            .iter()
            .map(|event| (event.newest.id, event.attempts, event.redeliveries, event.arrived))
            .collect();
        assert_eq!(seen, [(3, 2, 1, true), (2, 1, 0, false)]);
    }
}
