//! How long a connection has been doing what it does, and whether that is too long.
//!
//! A timer per request would have to be armed and disarmed tens of thousands of times a second, to fire nearly
//! never. Instead every connection notes in one atomic what it is doing and since when, which costs nanoseconds,
//! and looks at the note now and then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing: the last answer is given, the next request has not begun.
    Idle,
    /// A request's head has begun to arrive.
    Head,
    /// A request is being read or answered.
    Busy,
    /// Closed on our side; the client is still sending.
    Lingering,
}

/// How long each phase may take.
#[derive(Debug, Clone)]
pub(crate) struct Timeouts {
    pub(crate) idle: Duration,
    /// Instead of `idle` when all places are taken.
    pub(crate) idle_crowded: Duration,
    pub(crate) head: Duration,
    pub(crate) busy: Duration,
    pub(crate) linger: Duration,
}

impl Timeouts {
    /// How often to look: half of the shortest, so that none is exceeded by more than that.
    pub(crate) fn check_every(&self) -> Duration {
        let shortest = self.idle.min(self.idle_crowded).min(self.head).min(self.busy).min(self.linger);
        (shortest / 2).max(Duration::from_millis(1))
    }

    fn of(&self, phase: Phase, crowded: bool) -> Duration {
        match phase {
            Phase::Idle if crowded => self.idle_crowded.min(self.idle),
            Phase::Idle => self.idle,
            Phase::Head => self.head,
            Phase::Busy => self.busy,
            Phase::Lingering => self.linger,
        }
    }
}

/// The note.
pub(crate) struct Pulse {
    start: Instant,
    /// Milliseconds from `start` to when the phase began, and in the two lowest bits the phase. Relaxed: a
    /// connection's task is the only one that touches it.
    note: AtomicU64,
}

impl Pulse {
    /// A new connection counts as one whose first request has begun: who connects should speak.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), note: AtomicU64::new(Phase::Head as u64) }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        self.note.store(millis << 2 | phase as u64, Ordering::Relaxed);
    }

    /// Bytes arrived.
    pub(crate) fn heard(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.note.load(Ordering::Relaxed) & 3 {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Busy,
            _ => Phase::Lingering,
        }
    }

    /// The phase, if it has lasted too long.
    pub(crate) fn overdue(&self, timeouts: &Timeouts, crowded: bool) -> Option<Phase> {
        let since = Duration::from_millis(self.note.load(Ordering::Relaxed) >> 2);
        let lasted = self.start.elapsed().saturating_sub(since);
        let phase = self.phase();
        (lasted > timeouts.of(phase, crowded)).then_some(phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_own_time() {
        let hour = Duration::from_hours(1);
        let generous = Timeouts { idle: hour, idle_crowded: hour, head: hour, busy: hour, linger: hour };
        let pulse = Pulse::start();
        assert_eq!(pulse.phase(), Phase::Head);
        for (phase, shorten) in [
            (Phase::Idle, (|t: &mut Timeouts| t.idle = Duration::ZERO) as fn(&mut Timeouts)),
            (Phase::Head, |t| t.head = Duration::ZERO),
            (Phase::Busy, |t| t.busy = Duration::ZERO),
            (Phase::Lingering, |t| t.linger = Duration::ZERO),
        ] {
            pulse.enter(phase);
            assert_eq!(pulse.phase(), phase);
            assert_eq!(pulse.overdue(&generous, true), None);
            let mut strict = generous.clone();
            shorten(&mut strict);
            // Whole milliseconds are noted, so that the phase may seem to have begun up to one of them early.
            while pulse.overdue(&strict, false).is_none() {
                std::hint::spin_loop();
            }
            assert_eq!(pulse.overdue(&strict, false), Some(phase));
        }
    }

    #[test]
    fn idle_connections_make_room_when_it_is_crowded() {
        let hour = Duration::from_hours(1);
        let timeouts =
            Timeouts { idle: hour, idle_crowded: Duration::ZERO, head: hour, busy: hour, linger: hour };
        let pulse = Pulse::start();
        pulse.enter(Phase::Idle);
        assert_eq!(pulse.overdue(&timeouts, false), None);
        while pulse.overdue(&timeouts, true).is_none() {
            std::hint::spin_loop();
        }
        pulse.heard();
        assert_eq!(pulse.overdue(&timeouts, true), None);
    }
}
