//! The simulator against the engine: a slice of what `cargo xtask sim` plays.
//!
//! A failure names its seed; `cargo xtask sim --seed N --steps N` plays it again and tells its end.
//!
//! 1. Nothing is admitted above a limit.
//! 2. A call that is not admitted consumes nothing.
//! 3. Every call gets exactly one answer; every permit is released exactly once.
//! 4. No call waits while every limit it needs has room.
//! 5. Every wait has a stated bound.
//! 6. Nested calls never deadlock, and none is refused as deadlocked without a cycle.
//! 8. An expired or cancelled call never starts.
//! 9. The same inputs give the same outputs, bit for bit.
//! 10. Bad input never panics and never loses anything.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use rampmeter_lab::sim::{Count, Mix, Totals, play, play_claims, play_keys, play_shares};

/// Plays seeds and fails with what the judges say; returns what happened in all of them.
fn no_judge_objects(seeds: std::ops::Range<u64>, steps: u64, mix: Mix) -> Totals {
    let mut totals = Totals::default();
    for seed in seeds {
        let run = play(seed, steps, mix, 0);
        if let Some(violation) = run.violation {
            panic!("{violation}");
        }
        totals += &run.totals;
    }
    totals
}

const PLAIN: Mix = Mix {
    nested: false,
    edits: false,
    evict: false,
    per_flow: false,
    settles: false,
    throttles: false,
    retries: false,
    ..Mix::ALL
};

#[test]
fn calls_and_faults_at_random_break_nothing() {
    let totals = no_judge_objects(0..120, 4_000, PLAIN);
    for count in [Count::GrantedLater, Count::Hangs, Count::Vanished, Count::Aligns] {
        assert!(totals.of(count) > 0, "no {count:?}: {totals:?}");
    }
}

#[test]
fn reserved_slots_are_kept_for_their_priorities() {
    let mix = Mix { faults: false, clocks: false, ..PLAIN };
    no_judge_objects(1_000..1_080, 3_000, mix);
}

#[test]
fn full_queues_evict_whoever_has_the_most_of_them() {
    let totals =
        no_judge_objects(2_000..2_080, 3_000, Mix { evict: true, per_flow: true, ..PLAIN });
    assert!(totals.of(Count::Evicted) > 0, "{totals:?}");
}

#[test]
fn nested_calls_never_deadlock_and_none_is_refused_without_a_cycle() {
    let totals = no_judge_objects(3_000..3_120, 3_000, Mix { nested: true, ..PLAIN });
    for count in [Count::Nested, Count::WouldDeadlock, Count::Borrowed] {
        assert!(totals.of(count) > 0, "no {count:?}: {totals:?}");
    }
}

#[test]
fn limits_change_while_calls_run_and_counts_survive() {
    let totals = no_judge_objects(4_000..4_080, 3_000, Mix { edits: true, ..PLAIN });
    assert!(totals.of(Count::Edits) > 0, "{totals:?}");
}

#[test]
fn calls_that_come_again_go_by_when_they_were_asked_for_first() {
    let mix = Mix { retries: true, evict: true, nested: true, ..PLAIN };
    let totals = no_judge_objects(7_000..7_120, 3_000, mix);
    assert!(totals.of(Count::CameAgain) > 10_000, "{totals:?}");
}

#[test]
fn limits_that_go_by_how_calls_end_keep_to_their_rules() {
    let totals = no_judge_objects(6_000..6_120, 3_000, PLAIN);
    for count in [Count::Resized, Count::Opened, Count::RefusedByBreaker] {
        assert!(totals.of(count) > 100, "too little {count:?}: {totals:?}");
    }
}

#[test]
fn calls_that_tell_what_they_took_are_corrected_where_they_were_charged() {
    let totals = no_judge_objects(6_000..6_080, 3_000, Mix { settles: true, ..PLAIN });
    assert!(totals.of(Count::Settled) > 0, "{totals:?}");
}

#[test]
fn everything_at_once_breaks_nothing() {
    let totals = no_judge_objects(5_000..5_120, 4_000, Mix::ALL);
    assert!(totals.of(Count::Throttled) > 0, "{totals:?}");
}

#[test]
fn backlogged_flows_and_priorities_get_what_water_filling_gives_them() {
    let mut closest: f64 = 0.0;
    for seed in 0..40 {
        let shares = play_shares(seed);
        assert_eq!(shares.violation, None);
        closest = closest.max(shares.closest);
    }
    println!("the greatest difference was {closest:.2} of its bound");
}

#[test]
fn calls_that_need_several_limits_or_much_of_one_start_within_their_bound() {
    let (mut closest, mut judged): (f64, u64) = (0.0, 0);
    for seed in 0..40 {
        let claims = play_claims(seed);
        assert_eq!(claims.violation, None);
        (closest, judged) = (closest.max(claims.closest), judged + claims.judged);
    }
    println!("{judged} heavy calls; the longest wait was {closest:.2} of its bound");
    assert!(judged > 1_000);
}

#[test]
fn keys_are_written_alone_and_by_ticket_and_nobody_waits_for_nothing() {
    let (mut started, mut cycles, mut raised, mut heads, mut most) = (0, 0, 0, 0, (0, 0));
    for seed in 0..400 {
        let keys = play_keys(seed);
        assert_eq!(keys.violation, None);
        (started, cycles) = (started + keys.started, cycles + keys.cycles);
        (raised, heads) = (raised + keys.raised, heads + keys.rescued_heads);
        most = (most.0.max(keys.peaks.0), most.1.max(keys.peaks.1));
    }
    println!(
        "{started} calls started, {cycles} refused as cycles; {raised} times one waited at an \
         inherited priority, {heads} times one was rescued for those behind it; the most readers \
         and writers at one key: {most:?}"
    );
    assert!(cycles > 0 && raised > 0 && heads > 0 && most.0 > 1 && most.1 == 1);
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..20 {
        let (one, other) = (play(seed, 2_000, Mix::ALL, 0), play(seed, 2_000, Mix::ALL, 0));
        assert_eq!(one.differs_from(&other), None);
    }
}

#[test]
fn no_judge_objects_any_more_to_seeds_that_failed() {
    let kept = include_str!("../seeds.txt").lines().filter(|line| !line.starts_with('#'));
    for line in kept.filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let (seed, steps) = (words[0].parse().unwrap(), words[1].parse().unwrap());
        let without = |mix: Mix, name| mix.without(name).unwrap();
        let mix = words[2]
            .strip_prefix("without=")
            .map_or(Mix::ALL, |names| names.split(',').fold(Mix::ALL, without));
        let run = play(seed, steps, mix, 0);
        assert_eq!(run.violation, None, "{line}");
    }
}
