//! Each kind against a plain count over everything that it ever accepted.

use super::*;
use crate::quota::{DAY_NS, KindName, SECOND_NS, Unit};

fn meter(kind: Kind, amount: u64, period_ns: u64) -> Meter {
    Meter::new(Quota { unit: Unit::Requests, amount, period_ns, kind }, 0)
}

/// What some history accepted, and when.
fn history(meter: &mut Meter, rng: &mut fastrand::Rng, most: u64) -> Vec<(u64, u64)> {
    let mut now_ns = rng.u64(..50);
    play(meter, rng, most, &mut now_ns)
}

fn play(
    meter: &mut Meter,
    rng: &mut fastrand::Rng,
    most: u64,
    now_ns: &mut u64,
) -> Vec<(u64, u64)> {
    let mut accepted = Vec::new();
    for _ in 0..400 {
        let amount = rng.u64(1..=most);
        match meter.wait_ns(*now_ns, amount) {
            Some(0) => {
                meter.charge(*now_ns, amount);
                accepted.push((*now_ns, amount));
            }
            // Now and then exactly when it says, else at any time.
            Some(wait_ns) if rng.bool() => {
                assert!(meter.clone().wait_ns(*now_ns + wait_ns - 1, amount) != Some(0));
                *now_ns += wait_ns;
                assert_eq!(meter.wait_ns(*now_ns, amount), Some(0), "it kept its word");
                continue;
            }
            Some(_) => {}
            None => assert!(amount > meter.quota().size()),
        }
        *now_ns += rng.u64(..40);
    }
    assert!(accepted.len() > 5);
    accepted
}

fn sum(accepted: &[(u64, u64)], is_in: impl Fn(u64) -> bool) -> u64 {
    accepted.iter().filter(|(at_ns, _)| is_in(*at_ns)).map(|(_, amount)| amount).sum()
}

#[test]
fn no_period_of_a_sliding_quota_ever_holds_more_than_its_amount() {
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (amount, period_ns) = (rng.u64(1..20), rng.u64(1..300));
        let accepted = history(&mut meter(Kind::Sliding, amount, period_ns), &mut rng, amount);
        for &(from, _) in &accepted {
            let used = sum(&accepted, |at| at >= from && at < from + period_ns);
            assert!(used <= amount, "seed {seed}: {used} of {amount} from {from}");
        }
    }
}

#[test]
fn no_calendar_period_ever_holds_more_than_its_amount() {
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (amount, period_ns) = (rng.u64(1..20), rng.u64(1..300));
        let quota = Quota { unit: Unit::Tokens, amount, period_ns, kind: Kind::Calendar };
        let phase_ns = rng.u64(..1_000);
        let accepted = history(&mut Meter::new(quota, phase_ns), &mut rng, amount);
        for &(at_ns, _) in &accepted {
            let window = (at_ns + phase_ns) / period_ns;
            let used = sum(&accepted, |at| (at + phase_ns) / period_ns == window);
            assert!(used <= amount, "seed {seed}: {used} of {amount} in window {window}");
        }
    }
}

#[test]
fn no_span_of_a_bucket_ever_holds_more_than_its_burst_and_what_flowed_in() {
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (amount, period_ns, burst) = (rng.u64(1..20), rng.u64(1..300), rng.u64(1..30));
        let accepted =
            history(&mut meter(Kind::Bucket { burst }, amount, period_ns), &mut rng, burst);
        for (at, &(from, _)) in accepted.iter().enumerate() {
            let mut used = 0;
            for &(until, taken) in &accepted[at..] {
                used += taken;
                let most = burst * period_ns + (until - from) * amount;
                assert!(used * period_ns <= most, "seed {seed}: {used} from {from} to {until}");
            }
        }
    }
}

#[test]
fn what_is_remaining_is_exactly_what_would_be_accepted() {
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let kind = match seed % 3 {
            0 => Kind::Bucket { burst: rng.u64(1..30) },
            1 => Kind::Sliding,
            _ => Kind::Calendar,
        };
        let mut meter = meter(kind, rng.u64(1..20), rng.u64(1..300));
        let mut last = 0;
        play(&mut meter, &mut rng, 5, &mut last);
        for now_ns in last..last + 100 {
            let remaining = meter.remaining(now_ns);
            assert!(remaining == 0 || meter.wait_ns(now_ns, remaining) == Some(0));
            assert_ne!(meter.wait_ns(now_ns, remaining + 1), Some(0));
        }
        let reset_ns = meter.reset_ns(last + 100);
        assert_eq!(meter.remaining(last + 100 + reset_ns), meter.quota().size());
    }
}

#[test]
fn a_correction_reaches_the_window_it_was_charged_to_and_no_other() {
    for kind in [Kind::Sliding, Kind::Calendar] {
        let mut meter = meter(kind, 100, 1_000);
        meter.charge(10, 80);
        meter.correct(500, 10, 80, 30);
        assert_eq!(meter.remaining(500), 70, "{kind:?}");
        meter.charge(2_500, 40);
        meter.correct(2_600, 10, 30, 90);
        assert_eq!(meter.remaining(2_600), 60, "{kind:?}: it no longer counts");
    }
    let mut bucket = meter(Kind::Bucket { burst: 100 }, 100, 1_000);
    bucket.charge(0, 80);
    bucket.correct(100, 0, 80, 30);
    assert_eq!(bucket.remaining(100), 80);
}

#[test]
fn what_was_charged_beyond_the_quota_is_worked_off() {
    let mut bucket = meter(Kind::Bucket { burst: 10 }, 10, 1_000);
    bucket.charge(0, 25);
    assert_eq!((bucket.remaining(0), bucket.wait_ns(0, 1)), (0, Some(1_600)));
    let mut sliding = meter(Kind::Sliding, 10, 1_000);
    sliding.charge(0, 25);
    assert_eq!((sliding.remaining(999), sliding.remaining(1_000)), (0, 10));
}

#[test]
fn calendar_periods_end_with_the_day_of_utc() {
    let quota = Quota::parse(Unit::Requests, "2/day", KindName::Calendar, None).unwrap();
    let mut meter = Meter::new(quota, DAY_NS - SECOND_NS);
    meter.charge(0, 2);
    assert_eq!(meter.wait_ns(0, 1), Some(SECOND_NS));
    assert_eq!(meter.remaining(SECOND_NS), 2);
}
