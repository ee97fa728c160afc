//! Figures of small playings, worked out on paper.

use super::super::made::{MS, empty};
use super::super::{Aim, recoveries, series, shares_by_flow, waits_by_priority};
use super::figure;
use crate::lab::record::{RunEnd, Status};
use crate::lab::regime::Clock;
use crate::lab::script::{FaultAt, FaultWhat, ScriptFault};

#[test]
fn latency_is_of_good_calls_only_and_a_rank_is_one_of_its_values() {
    let mut entry = empty("own");
    let turn = entry.turn("a", "high");
    for answered in [10, 20, 30, 40] {
        entry.good(turn, 0, answered);
    }
    entry.call(turn, (0, Some(500)), Status::Failed, &[(0, 500)]);
    entry.call(turn, (0, Some(50)), Status::Degraded, &[]);
    assert_eq!(figure("p50", &entry), Some(0.03));
    assert_eq!(figure("p95", &entry), Some(0.05));
    assert_eq!(figure("p20", &entry), Some(0.01));
    assert_eq!(figure("p20.1", &entry), Some(0.02));
    assert_eq!(figure("mean", &entry).map(|mean| (mean * 1e6).round()), Some(30_000.0));
    assert_eq!(figure("max of high", &entry), Some(0.05));
    assert_eq!(figure("max of low", &entry), None);
    assert_eq!(figure("slowdown p50", &entry), Some(3.0));
    assert_eq!(figure("good", &entry), Some(5.0));
    assert_eq!(figure("succeeded / asked", &entry), Some(4.0 / 6.0));
    assert_eq!(figure("asked / refused", &entry), None);
}

#[test]
fn a_call_that_another_makes_is_asked_for_only_by_the_name_of_its_tool() {
    let mut entry = empty("own");
    let turn = entry.turn("a", "high");
    let parent = entry.call(turn, (0, Some(40)), Status::Succeeded, &[(0, 40)]);
    let child = entry.call(turn, (10, Some(40)), Status::Succeeded, &[(10, 40)]);
    let script = entry.script_mut();
    script.calls[child].parent = Some(parent);
    script.calls[child].tool = 1;
    script.calls[parent].children.push(child);
    assert_eq!(figure("asked", &entry), Some(1.0));
    assert_eq!(figure("asked of high", &entry), Some(1.0));
    assert_eq!(figure("asked of fetch", &entry), Some(1.0));
    assert_eq!(figure("max of fetch", &entry), Some(0.03));
    assert_eq!(figure("peak", &entry), Some(2.0));
    assert_eq!(figure("peak of high", &entry), Some(2.0));
    assert_eq!(figure("peak of search", &entry), Some(1.0));
    // The parent's work, then the child's, takes 20 ms alone.
    assert_eq!(figure("slowdown max", &entry), Some(2.0));
}

#[test]
fn runs_that_meet_at_one_nanosecond_do_not_overlap() {
    let mut entry = empty("own");
    let turn = entry.turn("a", "high");
    entry.good(turn, 0, 10);
    entry.good(turn, 10, 20);
    entry.good(turn, 10, 10);
    assert_eq!(figure("peak", &entry), Some(1.0));
    entry.good(turn, 9, 11);
    assert_eq!(figure("peak", &entry), Some(2.0));
    assert_eq!(figure("starts in 10ms", &entry), Some(3.0));
    assert_eq!(figure("starts in 11ms", &entry), Some(4.0));
}

#[test]
fn a_call_between_two_attempts_waits() {
    let mut entry = empty("own");
    let turn = entry.turn("a", "high");
    entry.call(turn, (0, Some(50)), Status::Succeeded, &[(10, 20), (40, 50)]);
    entry.call(turn, (25, None), Status::Lost, &[]);
    assert_eq!(figure("wait max", &entry), Some(0.01));
    assert_eq!(figure("queue", &entry), Some(2.0));
    assert_eq!(figure("outstanding", &entry), Some(2.0));
    let series = series(&entry, 10);
    assert_eq!(series.step, 0.01);
    assert_eq!(series.inside, [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(series.waiting, [1.0, 0.0, 2.0, 2.0, 1.0, 0.0]);
    assert_eq!(series.good, [0.0, 0.0, 0.0, 0.0, 0.0, 100.0]);
}

#[test]
fn what_comes_after_the_deadline_of_its_turn_is_too_late() {
    let mut entry = empty("own");
    let turn = entry.turn("a", "high");
    entry.good(turn, 100, 150);
    // Asked for later in the same turn, so the turn's deadline is nearer than its own would be.
    entry.good(turn, 150, 201);
    // Answered in time, but its work goes on.
    entry.call(turn, (100, Some(200)), Status::Cancelled, &[(100, 260)]);
    entry.call(turn, (100, None), Status::Lost, &[]);
    assert_eq!(figure("past deadline", &entry), None);
    assert_eq!(figure("in time", &entry), Some(2.0));
    entry.script_mut().deadline = Some(100 * MS);
    assert_eq!(figure("past deadline", &entry), Some(3.0));
    assert_eq!(figure("in time", &entry), Some(1.0));
    assert_eq!(figure("duration", &entry), Some(0.16));
    assert_eq!(figure("goodput", &entry), Some(1.0 / 0.16));
    assert_eq!(figure("throughput", &entry), Some(3.0 / 0.16));
    entry.played.job.clock = Clock::Real;
    assert_eq!(figure("in time", &entry), Some(2.0));
    assert_eq!(figure("past deadline", &entry), Some(2.0));
}

#[test]
fn a_call_that_is_never_answered_is_waited_for_until_the_end() {
    let mut entry = empty("own");
    let turn = entry.turn("a", "high");
    entry.good(turn, 0, 10);
    entry.call(turn, (0, None), Status::Lost, &[(0, 4_000)]);
    assert_eq!(figure("duration", &entry), Some(4.0));
    assert_eq!(figure("goodput", &entry), Some(0.25));
    assert_eq!(figure("throughput", &entry), Some(0.25));
}

#[test]
fn throttles_are_attempts_that_were_turned_away_whatever_came_of_the_call() {
    let mut entry = empty("own");
    let turn = entry.turn("a", "high");
    entry.call(turn, (0, Some(50)), Status::Succeeded, &[(10, 20), (40, 50)]);
    entry.played.records[0].runs[0].end = RunEnd::Throttled;
    assert_eq!(figure("throttles", &entry), Some(1.0));
    assert_eq!(figure("throttled", &entry), Some(0.0));
    assert_eq!(figure("runs", &entry), Some(2.0));
}

#[test]
fn what_is_known_of_the_whole_is_told() {
    let mut entry = empty("own");
    let turn = entry.turn("a", "high");
    entry.good(turn, 0, 10);
    assert_eq!(figure("lost updates", &entry), None);
    assert_eq!(figure("lag p99", &entry), None);
    let facts = &mut entry.played.facts;
    facts.counters.insert("one".into(), (20, 1));
    facts.counters.insert("two".into(), (5, 5));
    facts.held_bytes_peak = 4096;
    facts.resident = Some((1000, 9000));
    facts.lags = vec![MS, 2 * MS, 9 * MS];
    facts.never_asked = 7;
    entry.script_mut().tools[0].memory = 1024;
    assert_eq!(figure("lost updates", &entry), Some(19.0));
    assert_eq!(figure("memory", &entry), Some(4096.0));
    assert_eq!(figure("memory wanted", &entry), Some(1024.0));
    assert_eq!(figure("lag p50", &entry), Some(0.002));
    assert_eq!(figure("never asked", &entry), Some(7.0));
    entry.played.job.clock = Clock::Real;
    assert_eq!(figure("memory", &entry), Some(8000.0));
}

#[test]
fn a_flow_that_crowds_the_others_out_is_unfair_and_one_that_takes_its_share_is_not() {
    let mut entry = empty("own");
    let [one, other] = ["one", "other"].map(|flow| entry.turn(flow, "high"));
    // One slot; each asks for two calls at once, and has to wait.
    entry.call(one, (0, Some(10)), Status::Succeeded, &[(0, 10)]);
    entry.call(one, (0, Some(20)), Status::Succeeded, &[(10, 20)]);
    entry.call(other, (0, Some(30)), Status::Succeeded, &[(20, 30)]);
    // For 20 ms both want it, `one` has it; from then on `other` is alone.
    assert_eq!(figure("share of one", &entry), Some(1.0));
    assert_eq!(figure("fairness", &entry), Some(0.5));
    let [first, second] = &shares_by_flow(&entry)[..] else { panic!("two flows") };
    assert_eq!((first.share, first.entitled), (1.0, 0.5));
    assert_eq!((second.flow.as_str(), second.share, second.entitled), ("other", 0.0, 0.5));
    // Served in turn they are as fair as can be, up to where one of them has done.
    let runs = [(0, 10), (20, 30), (10, 20)];
    for (record, (started, ended)) in entry.played.records.iter_mut().zip(runs) {
        (record.runs[0].started, record.runs[0].ended) = (started * MS, ended * MS);
        record.answered = Some(ended * MS);
    }
    assert_eq!(figure("fairness", &entry), Some(1.0));
    // Where there is enough for all, there is nothing to be unfair with.
    entry.played.job.size = Some(3);
    assert_eq!(figure("fairness", &entry), None);
    assert_eq!(figure("share of one", &entry), None);
}

#[test]
fn entitlement_goes_by_weight_and_no_further_than_demand() {
    let mut entry = empty("own");
    entry.played.job.size = Some(8);
    let high = entry.turn("a", "high");
    let light = entry.turn("light", "low");
    let heavy = entry.turn("heavy", "low");
    // Eight slots, sixteenfold weight for `high`, which wants two of them only.
    for _ in 0..2 {
        entry.good(high, 0, 100);
    }
    for turn in [light, heavy] {
        for _ in 0..20 {
            let runs: &[(u64, u64)] =
                if entry.played.records.len() < 8 { &[(0, 100)] } else { &[] };
            entry.call(turn, (0, Some(100)), Status::Succeeded, runs);
        }
    }
    let shares = shares_by_flow(&entry);
    let entitled = |flow: &str| shares.iter().find(|share| share.flow == flow).unwrap().entitled;
    for (flow, share) in [("a", 0.25), ("light", 0.1875), ("heavy", 0.5625)] {
        assert!((entitled(flow) - share).abs() < 1e-9, "{flow}: {}", entitled(flow));
    }
}

#[test]
fn waits_are_told_by_priority_heaviest_first() {
    let mut entry = empty("own");
    let [low, high] = ["low", "high"].map(|priority| entry.turn("a", priority));
    entry.call(low, (0, Some(50)), Status::Succeeded, &[(40, 50)]);
    entry.call(low, (0, Some(5)), Status::Refused, &[]);
    entry.call(high, (0, Some(20)), Status::Succeeded, &[(10, 20)]);
    let waits = waits_by_priority(&entry);
    let told = waits.iter().map(|it| (it.priority.as_str(), it.asked, it.ran, it.p95));
    assert_eq!(told.collect::<Vec<_>>(), [("high", 1, 1, 0.01), ("low", 2, 1, 0.04)]);
}

#[test]
fn a_playing_has_recovered_when_answers_come_as_before() {
    let mut entry = empty("own");
    let turn = entry.turn("a", "high");
    // Ten answers a second for ten seconds, none for the five of the fault and two more, then ten again.
    for at in (0..10_000).chain(17_000..25_000).step_by(100) {
        entry.good(turn, at, at + 50);
    }
    entry.script_mut().faults.push(ScriptFault {
        from: 10_000 * MS,
        until: 15_000 * MS,
        at: FaultAt::Server(0),
        what: FaultWhat::Fails(1.0),
    });
    // Of the 20 of two seconds 18 are enough: the last of them is answered 1.75 s after the second at
    // which answers come again, and a window of two seconds that ends then begins 0.25 s before that.
    let back = figure("recovery", &entry).unwrap();
    assert!((back - 1.75).abs() < 1e-9, "{back}");
    assert_eq!(recoveries(&entry)[0].place, "api");
    assert!(Aim::parse("recovery <= 2s").unwrap().judge(&entry).holds.unwrap());

    entry.played.records.retain(|record| record.asked < 18_000 * MS);
    assert_eq!(figure("recovery", &entry), Some(f64::INFINITY));
    assert_eq!(Aim::parse("recovery <= 2h").unwrap().judge(&entry).holds, Some(false));

    entry.played.records.retain(|record| record.asked > 8_500 * MS);
    assert_eq!(figure("recovery", &entry), None);
}
