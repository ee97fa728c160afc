use std::time::Duration;

use super::{Plan, Simulate, next};

fn simulate(low: u64, high: u64, fail: f64, seed: u64) -> Simulate {
    let latency = (Duration::from_micros(low), Duration::from_micros(high));
    Simulate { latency, fail, provider: None, tokens: 0, seed }
}

#[test]
fn the_generator_is_splitmix64() {
    // The first numbers from the state 1234567, as published with the reference code.
    let mut state = 1_234_567;
    let drawn: Vec<u64> = (0..5).map(|_| next(&mut state)).collect();
    let published = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];
    assert_eq!(drawn, published);
}

#[test]
fn the_same_call_always_gets_the_same_plan() {
    let plans = |seed: u64| -> Vec<Plan> {
        let simulate = simulate(0, 1_000_000, 0.5, seed);
        (0..100).map(|id| simulate.plan("search", &format!("call_{id}"), "{}")).collect()
    };
    assert_eq!(plans(1), plans(1));
    assert_ne!(plans(1), plans(2));
}

#[test]
fn each_part_of_a_call_counts_and_so_does_where_it_ends() {
    let simulate = simulate(0, 1_000_000_000, 0.0, 7);
    let calls = [
        ("a", "b", "c"),
        ("b", "a", "c"),
        ("ab", "", "c"),
        ("", "ab", "c"),
        ("a", "bc", ""),
        ("a", "b", "c\0"),
        ("a", "b", ""),
        ("", "", ""),
        ("a", "b", "0123456789abcdef"),
        ("a", "b", "0123456789abcdeg"),
        ("a", "b", "1123456789abcdef"),
    ];
    let mut latencies: Vec<Duration> =
        calls.iter().map(|(tool, id, args)| simulate.plan(tool, id, args).latency).collect();
    latencies.sort_unstable();
    latencies.dedup();
    assert_eq!(latencies.len(), calls.len());
}

#[test]
fn latencies_lie_evenly_between_their_bounds() {
    let simulate = simulate(20_000, 80_000, 0.0, 3);
    let mut tenths = [0; 10];
    for id in 0..10_000 {
        let latency = simulate.plan("t", &id.to_string(), "{}").latency;
        assert!((simulate.latency.0..=simulate.latency.1).contains(&latency));
        let into = latency - simulate.latency.0;
        tenths[usize::try_from(into.as_micros() / 6_001).unwrap()] += 1;
    }
    assert!(tenths.iter().all(|n| (850..1150).contains(n)), "{tenths:?}");
}

#[test]
fn bounds_that_are_equal_or_extreme_are_kept() {
    assert_eq!(simulate(5, 5, 0.0, 1).plan("t", "1", "").latency, Duration::from_micros(5));
    // Reversed bounds are the policy's to refuse; here they count as the first alone.
    assert_eq!(simulate(5, 1, 0.0, 1).plan("t", "1", "").latency, Duration::from_micros(5));
    let widest = Simulate { latency: (Duration::ZERO, Duration::MAX), ..simulate(0, 0, 0.0, 1) };
    assert!(widest.plan("t", "1", "").latency > Duration::ZERO);
    let longest = Simulate { latency: (Duration::MAX, Duration::MAX), ..widest };
    assert_eq!(longest.plan("t", "1", "").latency, Duration::MAX);
}

#[test]
fn the_share_that_fails_is_the_one_asked_for() {
    for (fail, expected) in [
        (0.0, 0..=0),
        (0.02, 150..=250),
        (0.5, 4850..=5150),
        (1.0, 10_000..=10_000),
        (f64::NAN, 0..=0),
    ] {
        let simulate = simulate(0, 0, fail, 11);
        let failed = (0..10_000).filter(|id| simulate.plan("t", &id.to_string(), "{}").fails);
        let failed = failed.count();
        assert!(expected.contains(&failed), "{fail}: {failed}");
    }
}

#[test]
fn a_higher_share_only_adds_failures_and_changes_no_latency() {
    let (few, many) = (simulate(1, 1_000, 0.1, 5), simulate(1, 1_000, 0.3, 5));
    for id in 0..1000 {
        let (a, b) = (few.plan("t", &id.to_string(), "{}"), many.plan("t", &id.to_string(), "{}"));
        assert!(a.latency == b.latency && (b.fails || !a.fails));
    }
}
