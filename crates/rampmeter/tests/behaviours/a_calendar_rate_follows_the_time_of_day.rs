use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use rampmeter::runtime::{BoxFuture, Runtime, VirtualTime};
use rampmeter::{Gate, Instant, Reason};

use crate::support::policy;

/// Virtual time whose time of day can be set.
#[derive(Clone, Default)]
struct Settable {
    time: VirtualTime,
    ahead_nanos: Arc<AtomicI64>,
}

const SECOND: i64 = 1_000_000_000;

impl Settable {
    fn gate(&self, rate: &str) -> Gate {
        let text = format!(
            "[limits.quota]\nrequests = {{ rate = \"{rate}\", kind = \"calendar\", zone = \"UTC\" }}
             [tools.t]\nlimits = [\"quota\"]"
        );
        Gate::with_runtime(&policy(&text), Arc::new(self.clone())).unwrap()
    }

    fn set_ahead(&self, nanos: i64) {
        self.ahead_nanos.store(nanos, Ordering::SeqCst);
    }

    fn run_until(&self, nanos: i64) {
        let at = Instant::from_nanos(u64::try_from(nanos).unwrap());
        self.time.block_on(self.time.sleep_until(at)).unwrap();
    }
}

impl Runtime for Settable {
    fn now(&self) -> Instant {
        self.time.now()
    }

    fn wall_clock(&self) -> SystemTime {
        let ahead = self.ahead_nanos.load(Ordering::SeqCst);
        let apart = Duration::from_nanos(ahead.unsigned_abs());
        let wall = self.time.wall_clock();
        if ahead < 0 { wall - apart } else { wall + apart }
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<()> {
        self.time.sleep_until(at)
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.time.spawn(task);
    }
}

fn admitted(gate: &Gate) -> usize {
    let calls = std::iter::from_fn(|| match gate.try_admit("t") {
        Ok(permit) => Some(permit),
        Err(refusal) => {
            assert_eq!(refusal.reason, Reason::WouldWait);
            None
        }
    });
    calls.take(100).count()
}

/// Regression: two clocks are never read at one moment. Where the time of day lagged a hair at
/// the boundary, the rest of the old window got a quota of its own, and twice the quota went out
/// at once.
#[test]
fn a_time_of_day_that_lags_a_hair_at_the_boundary_gives_no_second_quota() {
    let clock = Settable::default();
    clock.set_ahead(10 * SECOND);
    let gate = clock.gate("3/min");
    assert_eq!(admitted(&gate), 3);
    clock.set_ahead(10 * SECOND - 1_000);
    clock.run_until(50 * SECOND);
    assert_eq!(admitted(&gate), 3, "by the gate's clock the next window has begun");
    clock.run_until(50 * SECOND + 1_000);
    assert_eq!(admitted(&gate), 0, "and it has begun once");
    clock.run_until(110 * SECOND - 1);
    assert_eq!(admitted(&gate), 0);
    clock.run_until(110 * SECOND + 1_000);
    assert_eq!(admitted(&gate), 3);
}

/// Regression: a machine that slept over midnight kept yesterday's count for all of today.
#[test]
fn a_clock_that_is_set_on_past_midnight_opens_the_new_days_quota() {
    let clock = Settable::default();
    clock.set_ahead(12 * 3_600 * SECOND);
    let gate = clock.gate("3/day");
    assert_eq!(admitted(&gate), 3);
    clock.set_ahead(25 * 3_600 * SECOND);
    clock.run_until(40 * SECOND);
    assert_eq!(admitted(&gate), 3, "it is one in the morning of the next day");
    clock.run_until(22 * 3_600 * SECOND);
    assert_eq!(admitted(&gate), 0, "the same day still");
    clock.run_until(23 * 3_600 * SECOND);
    assert_eq!(admitted(&gate), 3, "midnight again");
}

#[test]
fn a_clock_that_is_set_back_within_the_day_gives_nothing_twice() {
    let clock = Settable::default();
    clock.set_ahead(12 * 3_600 * SECOND);
    let gate = clock.gate("3/day");
    assert_eq!(admitted(&gate), 3);
    clock.set_ahead(10 * 3_600 * SECOND);
    clock.run_until(60 * SECOND);
    assert_eq!(admitted(&gate), 0);
    clock.run_until(14 * 3_600 * SECOND - 1);
    assert_eq!(admitted(&gate), 0);
    clock.run_until(14 * 3_600 * SECOND);
    assert_eq!(admitted(&gate), 3);
}
