//! Histories that break simpler rules, each with its figures. `--nocapture` prints them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod abandoned;
mod adaptive;
mod arrivals;
mod backfill;
mod bench;
mod breakers;
mod claims;
mod cooling;
mod edits;
mod expiries;
mod explained;
mod figures;
mod gaps;
mod inheritance;
mod instances;
mod keys;
mod lineage;
mod nested;
mod pressure;
mod queues;
mod refusals;
mod rescues;
mod resize;
mod settle;
mod stage;
mod turns;
mod usage;
mod words;

use std::time::Duration;

use bench::{Job, Workbench, draw, percentile};
use rampmeter_core::{BudgetConfig, Counts, Instant, RateKind, Unit};

const CRITICAL: u8 = 0;
const HIGH: u8 = 1;
const NORMAL: u8 = 2;
const LOW: u8 = 3;

fn slots(size: u64) -> BudgetConfig {
    BudgetConfig::slots(size)
}

/// An exponential service time of mean 1 s, from a state.
fn about_a_second(state: &mut u64) -> u64 {
    let unit = (draw(state, 1 << 53) as f64 + 1.0) / (1u64 << 53) as f64;
    (-unit.ln() * 1000.0).ceil() as u64
}

/// Critical calls need A and B; a backlog of low calls saturates each alone.
#[test]
fn critical_calls_over_two_saturated_limits_start_within_half_a_second() {
    let mut bench = Workbench::new(vec![("A", slots(8)), ("B", slots(8))]);
    let mut state = 1;
    bench.closed = |job, seed| {
        let mut state = seed;
        (job.class == 0).then(|| Job { runs_ms: about_a_second(&mut state), ..*job })
    };
    for limit in [0, 1] {
        for _ in 0..32 {
            let runs_ms = about_a_second(&mut state);
            let draws = [Some((limit, 1)), None, None];
            let flow = u64::from(limit);
            bench.arrives(0, Job { class: 0, flow, priority: LOW, draws, runs_ms });
        }
    }
    let mut at = 1_000;
    while at < 300_000 {
        let draws = [Some((0, 1)), Some((1, 1)), None];
        let runs_ms = about_a_second(&mut state);
        bench.arrives(at, Job { class: 1, flow: 9, priority: CRITICAL, draws, runs_ms });
        at += about_a_second(&mut state);
    }
    bench.run(300_000);
    let waits = bench.waits(1, 0);
    let (median, p95) = (percentile(&waits, 50), percentile(&waits, 95));
    let (a, b) = (bench.use_of(0, 8), bench.use_of(1, 8));
    println!(
        "critical: median {median} ms, 95 % {p95} ms, longest {:?}; use {a:.3} {b:.3}",
        waits.last()
    );
    assert!(median <= 500, "median {median} ms");
    assert!(a >= 0.97 && b >= 0.97, "use {a:.3} and {b:.3}");
}

/// A batch of 3,466 low calls on eight slots, one second each; a person asks at 31 s.
#[test]
fn a_high_call_behind_thousands_of_low_ones_starts_within_two_seconds() {
    let mut bench = Workbench::new(vec![("A", slots(8))]);
    let draws = [Some((0, 1)), None, None];
    for _ in 0..3_466 {
        bench.arrives(0, Job { class: 0, flow: 0, priority: LOW, draws, runs_ms: 1_000 });
    }
    bench.arrives(31_000, Job { class: 1, flow: 1, priority: HIGH, draws, runs_ms: 1_000 });
    bench.run(440_000);
    let wait = bench.waits(1, 0)[0];
    println!("high: {wait} ms; low started {} of 3466", bench.started(0));
    assert!(wait <= 2_000, "{wait} ms");
    assert_eq!(bench.started(0), 3_466);
}

/// Eight flows of weight-1 calls and one of weight-50 calls on a rate of 100/s, burst 50.
#[test]
fn a_flow_of_heavy_calls_gets_its_share_beside_light_ones() {
    let rate = BudgetConfig::Rate {
        counts: Counts::Unit(Unit(0)),
        amount: 100,
        period: Duration::from_secs(1),
        kind: RateKind::Bucket { burst: 50 },
    };
    let mut bench = Workbench::new(vec![("R", rate)]);
    bench.closed = |job, _| Some(*job);
    for flow in 0..8 {
        for _ in 0..3 {
            let draws = [Some((0, 1)), None, None];
            bench.arrives(0, Job { class: 0, flow, priority: NORMAL, draws, runs_ms: 0 });
        }
    }
    for _ in 0..2 {
        let draws = [Some((0, 50)), None, None];
        bench.arrives(0, Job { class: 1, flow: 99, priority: NORMAL, draws, runs_ms: 0 });
    }
    bench.run(300_000);
    let (heavy, light) = (bench.started(1) * 50, bench.started(0));
    let all = (heavy + light) as f64;
    let (share, used) = (heavy as f64 / all * 100.0, all / (100.0 * 300.0 + 50.0) * 100.0);
    let waits = bench.waits(1, 0);
    println!(
        "heavy flow {share:.2} % (fair 11.11 %), longest wait {:?} ms; rate used {used:.2} %",
        waits.last()
    );
    assert!((share - 100.0 / 9.0).abs() <= 2.0, "{share:.2} %");
    assert!(used >= 98.0, "{used:.2} %");
}

/// A provider's day is spent at 60 s; calls of the host alone come 20 a second.
#[test]
fn a_spent_daily_quota_does_not_idle_the_host() {
    let day = BudgetConfig::Rate {
        counts: Counts::Calls,
        amount: 60,
        period: Duration::from_secs(86_400),
        kind: RateKind::Calendar { ends: Instant::from_millis(86_400_000) },
    };
    let mut bench = Workbench::new(vec![("host", slots(64)), ("day", day)]);
    for second in 0..400 {
        let draws = [Some((0, 1)), Some((1, 1)), None];
        bench.arrives(
            second * 1_000,
            Job { class: 0, flow: 0, priority: NORMAL, draws, runs_ms: 1_000 },
        );
    }
    let late = |tick: u64| tick * 50 >= 200_000;
    for tick in 0..8_000 {
        let draws = [Some((0, 1)), None, None];
        let class = if late(tick) { 2 } else { 1 };
        bench.arrives(tick * 50, Job { class, flow: 1, priority: NORMAL, draws, runs_ms: 1_000 });
    }
    bench.run(401_000);
    println!(
        "host calls from 200 s on: {} of 4000; of the day {}",
        bench.started(2),
        bench.started(0)
    );
    assert_eq!(bench.started(2), 4_000);
    assert_eq!(bench.started(0), 60);
}

/// A call that needs seven of eight slots, in a steady stream of light ones of the same weight.
#[test]
fn a_call_that_needs_most_of_a_limit_is_not_passed_over_for_ever() {
    let mut bench = Workbench::new(vec![("A", slots(8))]);
    bench.closed = |job, seed| {
        let mut state = seed;
        (job.class == 0).then(|| Job { runs_ms: 500 + draw(&mut state, 1_000), ..*job })
    };
    for flow in 0..16 {
        let draws = [Some((0, 1)), None, None];
        bench.arrives(0, Job { class: 0, flow, priority: NORMAL, draws, runs_ms: 500 + flow * 60 });
    }
    for at in 0..20 {
        let draws = [Some((0, 7)), None, None];
        bench.arrives(
            5_000 + at * 10_000,
            Job { class: 1, flow: 99, priority: NORMAL, draws, runs_ms: 1_000 },
        );
    }
    bench.run(300_000);
    let waits = bench.waits(1, 0);
    println!(
        "heavy waits: median {} ms, longest {:?} ms; use {:.3}",
        percentile(&waits, 50),
        waits.last(),
        bench.use_of(0, 8)
    );
    assert_eq!(bench.started(1), 20);
    // Two rounds of the light flows, then the slots that run out: 1.5 s each at most.
    assert!(percentile(&waits, 100) <= 6_000, "{waits:?}");
}

/// Eight kinds of calls over four limits, one to three limits each, weights up to half a limit,
/// priorities at random, always six of each kind asked for: is every kind served?
#[test]
fn no_kind_of_call_starves_among_mixed_ones_over_several_limits() {
    let (mut starved, mut worst, mut uses, mut critical) = (0, 0, Vec::new(), Vec::new());
    for seed in 0..12u64 {
        let mut state = seed;
        let sizes: Vec<u64> = (0..4).map(|_| [1, 2, 4, 8][draw(&mut state, 4) as usize]).collect();
        let names = ["L0", "L1", "L2", "L3"];
        let limits = names.iter().zip(&sizes).map(|(name, size)| (*name, slots(*size)));
        let mut bench = Workbench::new(limits.collect());
        bench.closed = |job, seed| {
            let mut state = seed ^ job.flow << 32;
            Some(Job { runs_ms: 200 + draw(&mut state, 800), ..*job })
        };
        let mut kinds = Vec::new();
        for kind in 0..8usize {
            let many = [1, 1, 2, 2, 3][draw(&mut state, 5) as usize];
            let mut free = vec![0u16, 1, 2, 3];
            let mut draws = [None; 3];
            for place in draws.iter_mut().take(many) {
                let limit = free.remove(draw(&mut state, free.len() as u64) as usize);
                let most = (sizes[usize::from(limit)] / 2).max(1);
                *place = Some((limit, 1 + draw(&mut state, most)));
            }
            let priority = draw(&mut state, 4) as u8;
            let job = Job { class: kind, flow: kind as u64, priority, draws, runs_ms: 300 };
            kinds.push(job);
            for _ in 0..6 {
                bench.arrives(0, job);
            }
        }
        bench.run(200_000);
        for job in &kinds {
            starved += usize::from(bench.started(job.class) == 0);
            let waits = bench.waits(job.class, 0);
            worst = worst.max(percentile(&waits, 100));
            if job.priority == CRITICAL {
                critical.push(percentile(&waits, 50));
            }
        }
        let used = |limit: &u16| {
            kinds.iter().any(|job| job.draws.iter().flatten().any(|(it, _)| it == limit))
        };
        uses.extend(
            (0..4u16).filter(used).map(|limit| bench.use_of(limit, sizes[usize::from(limit)])),
        );
    }
    critical.sort_unstable();
    let mean = uses.iter().sum::<f64>() / uses.len() as f64;
    println!(
        "kinds starved {starved} of 96, worst wait {worst} ms, mean use {mean:.3}, critical kinds' median waits {critical:?}"
    );
    assert_eq!(starved, 0);
    assert!(mean >= 0.7, "{mean:.3}");
}
