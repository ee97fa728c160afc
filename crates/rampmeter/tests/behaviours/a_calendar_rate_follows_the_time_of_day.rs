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
        self.gate_in("UTC", rate)
    }

    fn gate_in(&self, zone: &str, rate: &str) -> Gate {
        let text = format!(
            "[limits.quota]\nrequests = {{ rate = \"{rate}\", kind = \"calendar\", zone = \"{zone}\" }}
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

/// When the quota of the day is whole again, in minutes, looked for over so many days.
fn new_days(zone: &str, started: i64, days: i64) -> Vec<i64> {
    let clock = Settable::default();
    clock.set_ahead(started * SECOND);
    let gate = clock.gate_in(zone, "3/day");
    assert_eq!(admitted(&gate), 3);
    let mut found = Vec::new();
    for minute in 1..=days * 24 * 60 {
        clock.run_until(minute * 60 * SECOND - 1);
        assert_eq!(admitted(&gate), 0, "{zone}, just before minute {minute}");
        clock.run_until(minute * 60 * SECOND);
        let admitted = admitted(&gate);
        assert!([0, 3].contains(&admitted), "{admitted} at minute {minute}");
        found.extend((admitted == 3).then_some(minute));
    }
    found
}

/// 2026-03-28, 2026-10-24 and 2028-02-28 at noon UTC; New Year of 2025 in Kathmandu's afternoon.
#[test]
fn a_quota_of_the_day_is_whole_again_when_a_places_clocks_show_midnight() {
    const HOUR: i64 = 60;
    let spring = new_days("Europe/Berlin", 1_774_699_200, 3);
    assert_eq!(spring, [11 * HOUR, 34 * HOUR, 58 * HOUR], "23 hours, then 24");
    let autumn = new_days("Europe/Berlin", 1_792_843_200, 3);
    assert_eq!(autumn, [10 * HOUR, 35 * HOUR, 59 * HOUR], "25 hours, then 24");
    let leap = new_days("America/New_York", 1_835_352_000, 3);
    assert_eq!(leap, [17 * HOUR, 41 * HOUR, 65 * HOUR], "the 29th is a day of its own");
    let quarter = new_days("Asia/Kathmandu", 1_735_732_800, 1);
    assert_eq!(quarter, [6 * HOUR + 15]);
}
