//! Rates under a backlog: kept to, and used.

use std::time::Duration;

use rampmeter_core::{BudgetConfig, Cost, Counts, Instant, RateKind, Unit};

use super::history::What;
use super::seed::{Rng, seeds};
use super::shares::one_limit;
use super::world::{MS, SEC, Spec, World};
use super::{driver, limits};

fn rate(amount: u64, period: u64, kind: RateKind) -> BudgetConfig {
    let period = Duration::from_nanos(period);
    BudgetConfig::Rate { counts: Counts::Calls, amount, period, kind }
}

/// Starts in `[from, to)` under a backlog that never ends before `to`.
fn starts_under_backlog(budget: BudgetConfig, calls: usize, late: u64, from: u64, to: u64) -> u64 {
    let backlog = (0..calls).map(|_| Spec::on(&[0]).at(0, 0).again_until(to));
    let mut world = World::new(1, one_limit(budget, vec![1]), backlog.collect());
    world.late = late;
    // What is left when the backlog ends would play on for ever at a slow rate.
    for call in &mut world.calls {
        call.patience = Some(to);
    }
    let run = driver::play(&world);
    limits::nothing_is_above_a_limit(&run);
    run.starts().filter(|(at, _, _)| (from..to).contains(at)).count() as u64
}

#[test]
fn a_backlog_uses_each_kind_of_rate_to_the_full() {
    let exact = RateKind::Sliding { transit: Duration::ZERO };
    assert_eq!(starts_under_backlog(rate(10, SEC, exact), 30, 0, 0, 60 * SEC), 600);
    let bucket = RateKind::Bucket { burst: 10 };
    assert_eq!(starts_under_backlog(rate(10, SEC, bucket), 30, 0, SEC, 60 * SEC), 590);
    let calendar = RateKind::Calendar { ends: Instant::from_nanos(SEC) };
    assert_eq!(starts_under_backlog(rate(10, SEC, calendar), 30, 0, 0, 60 * SEC), 600);
    // Transit lengthens the period: 10 in any 1.25 s.
    let transit = RateKind::Sliding { transit: Duration::from_millis(250) };
    assert_eq!(starts_under_backlog(rate(10, SEC, transit), 30, 0, 0, 60 * SEC), 480);
}

/// Under a backlog, at any moment, all of the quota (but for less than one call) was taken within
/// the period, the transit and one sub-window of a 128th.
#[test]
fn a_large_sliding_window_leaves_at_most_a_128th_of_its_quota_unused() {
    for seed in seeds(10) {
        let rng = &mut Rng::new(seed);
        let (amount, cost) = (rng.range(1_025, 4_000u64), rng.range(20, 60u64));
        let (period, transit) = (rng.range(SEC / 2, 2 * SEC), rng.pick(&[0, 3 * MS]));
        let until = 5 * period;
        let kind = RateKind::Sliding { transit: Duration::from_nanos(transit) };
        let (counts, length) = (Counts::Unit(Unit(0)), Duration::from_nanos(period));
        let budget = BudgetConfig::Rate { counts, amount, period: length, kind };
        let mut spec = Spec::on(&[0]);
        spec.takes[0].costs.push(Cost { unit: Unit(0), amount: cost });
        let calls = (0..3 * amount / cost).map(|_| {
            // They come one by one, so that they leave the window one by one.
            let call = spec.clone().at(rng.range(0, period - 1), 0);
            call.again_until(until)
        });
        let world = World::new(seed, one_limit(budget, vec![1]), calls.collect());
        let run = driver::play(&world);
        limits::nothing_is_above_a_limit(&run);
        let waits = run.events.iter().find(|event| matches!(event.what, What::Waits(_)));
        let backlogged = waits.unwrap().at;
        let starts: Vec<u64> = run.starts().map(|(at, _, _)| at).collect();
        let window = period + transit + period.div_ceil(128);
        for start in starts.iter().filter(|at| (backlogged + 1..until).contains(*at)) {
            let before = start - 1;
            let taken = starts.iter().filter(|at| **at <= before && **at + window > before);
            let taken = taken.count() as u64 * cost;
            assert!(taken + cost > amount, "seed {seed}, at {before}: {taken} of {amount} used");
        }
    }
}

#[test]
fn a_timer_that_is_late_by_up_to_2_ms_costs_a_quick_bucket_nothing() {
    for late in [0, MS, 2 * MS] {
        let bucket = RateKind::Bucket { burst: 1 };
        let started = starts_under_backlog(rate(200, SEC, bucket), 4, late, 0, 20 * SEC);
        assert!(
            (3_990..=4_001).contains(&started),
            "{started} with timers late by up to {late} ns"
        );
    }
}

#[test]
fn calls_on_a_rate_start_at_exactly_the_moments_it_allows() {
    for (kind, expected) in [
        (RateKind::Sliding { transit: Duration::ZERO }, [0, 0, 1000, 1000, 2000, 2000]),
        (RateKind::Bucket { burst: 1 }, [0, 500, 1000, 1500, 2000, 2500]),
        (RateKind::Calendar { ends: Instant::from_nanos(300 * MS) }, [0, 0, 300, 300, 1300, 1300]),
    ] {
        let calls = (0..6).map(|_| Spec::on(&[0]).at(0, 0)).collect();
        let world = World::new(1, one_limit(rate(2, SEC, kind), vec![1]), calls);
        let run = driver::play(&world);
        let starts: Vec<u64> = run.starts().map(|(at, _, _)| at / MS).collect();
        assert_eq!(starts, expected, "{kind:?}");
    }
}
