//! Random playings, and the same figures looked up instant by instant.

use super::super::made::{MS, empty};
use super::super::{series, shares_by_flow};
use super::figure;
use crate::lab::Entry;
use crate::lab::record::{CallRecord, Status};
use crate::lab::regime::Clock;
use crate::lab::script::{FaultAt, FaultWhat, ScriptFault};
use crate::sim::rng::{Rng, whole};

/// All moments of these playings are whole milliseconds below this.
const END: u64 = 160;

fn random(seed: u64) -> Entry {
    let mut rng = Rng::new(seed);
    let mut entry = empty("own");
    entry.played.job.size = Some(rng.range(1, 6));
    let mut turns = Vec::new();
    for _ in 0..rng.range(1, 6) {
        let flow = rng.pick(&["a", "b", "heavy"]);
        turns.push(entry.turn(flow, rng.pick(&["high", "low"])));
    }
    for _ in 0..rng.range(1, 40) {
        let asked = rng.below(60);
        let mut at = asked + rng.below(10);
        let mut runs = Vec::new();
        for _ in 0..rng.below(3) {
            let ended = at + rng.below(20);
            runs.push((at, ended));
            at = ended + rng.below(5);
        }
        let answered =
            rng.percent(85).then_some(at.max(asked).saturating_sub(rng.below(3)).max(asked));
        let good = [Status::Succeeded, Status::Degraded, Status::Failed, Status::Refused];
        let status = if answered.is_some() { rng.pick(&good) } else { Status::Lost };
        let turn = turns[rng.index(turns.len())];
        let call = entry.call(turn, (asked, answered), status, &runs);
        let tool = rng.index(2);
        entry.script_mut().calls[call].tool = tool;
    }
    entry
}

/// The records of which the figure is, and the moments from 0 to the end.
fn records(entry: &Entry, tool: Option<usize>) -> Vec<&CallRecord> {
    let of =
        |record: &&CallRecord| tool.is_none_or(|it| entry.script.calls[record.call].tool == it);
    entry.played.records.iter().filter(of).collect()
}

fn inside(record: &CallRecord, at: u64) -> usize {
    record.runs.iter().filter(|run| run.started <= at && at < run.ended).count()
}

fn out(record: &CallRecord, at: u64, ended: u64) -> bool {
    record.asked <= at && at < record.answered.unwrap_or(ended)
}

fn most(of: impl Fn(u64) -> usize) -> f64 {
    (0..END).map(|at| of(at * MS)).max().unwrap() as f64
}

#[test]
fn what_goes_on_at_one_instant_is_what_is_seen_at_each_of_them() {
    for seed in 0..300 {
        let entry = random(seed);
        let ended = entry.played.facts.ended;
        for (tool, of) in [(None, ""), (Some(0), " of search"), (Some(1), " of fetch")] {
            let records = records(&entry, tool);
            let count =
                |holds: &dyn Fn(&CallRecord) -> bool| records.iter().filter(|it| holds(it)).count();
            let seen = |name: &str| figure(&format!("{name}{of}"), &entry).unwrap();
            let peak = most(|at| records.iter().map(|record| inside(record, at)).sum());
            assert_eq!(seen("peak"), peak, "seed {seed}");
            let outstanding = most(|at| count(&|record| out(record, at, ended)));
            assert_eq!(seen("outstanding"), outstanding, "seed {seed}");
            let queue = most(|at| count(&|it| out(it, at, ended) && inside(it, at) == 0));
            assert_eq!(seen("queue"), queue, "seed {seed}");
            let starts = |at: u64| {
                let runs = records.iter().flat_map(|record| &record.runs);
                runs.filter(|run| (at..at + 7 * MS).contains(&run.started)).count()
            };
            assert_eq!(seen("starts in 7ms"), most(starts), "seed {seed}");
        }
    }
}

#[test]
fn a_rank_is_the_least_value_that_so_many_do_not_exceed() {
    for seed in 0..200 {
        let entry = random(seed);
        let good = entry.played.records.iter().filter(|record| record.status.is_good());
        let latencies: Vec<u64> = good.map(|it| it.answered.unwrap() - it.asked).collect();
        for (text, thousandths) in [("p1", 10), ("p50", 500), ("p95", 950), ("p99.9", 999)] {
            let reaches = |value: u64| {
                let below = latencies.iter().filter(|latency| **latency <= value).count();
                below * 1000 >= latencies.len() * thousandths
            };
            let least = latencies.iter().copied().filter(|value| reaches(*value)).min();
            assert_eq!(figure(text, &entry), least.map(|nanos| nanos as f64 / 1e9), "seed {seed}");
        }
    }
}

#[test]
fn what_is_too_late_is_so_by_its_own_clock() {
    for seed in 0..200 {
        let mut entry = random(seed);
        entry.script_mut().deadline = Some(25 * MS);
        let ended = entry.played.facts.ended;
        let (mut in_time, mut past) = (0.0, 0.0);
        for record in &entry.played.records {
            let turn = entry.script.calls[record.call].turn;
            let siblings = entry.played.records.iter();
            let siblings = siblings.filter(|it| entry.script.calls[it.call].turn == turn);
            let until = siblings.map(|it| it.asked).min().unwrap() + 25 * MS;
            let answered = record.answered.is_some_and(|answered| answered <= until);
            in_time += f64::from(u8::from(record.status.is_good() && answered));
            let runs_at =
                |at: u64| inside(record, at) > 0 || record.runs.iter().any(|run| run.started == at);
            let busy = (until / MS..END)
                .any(|at| inside(record, at * MS) > 0 || (at * MS > until && runs_at(at * MS)));
            past += f64::from(u8::from((!answered && ended > until) || busy));
        }
        assert_eq!(figure("in time", &entry), Some(in_time), "seed {seed}");
        assert_eq!(figure("past deadline", &entry), Some(past), "seed {seed}");
        entry.played.job.clock = Clock::Real;
        assert!(figure("in time", &entry).unwrap() >= in_time);
    }
}

/// What each wants of `what`, by halving the interval in which the level lies at which it is used up.
fn poured(what: f64, parts: &[(f64, f64)]) -> Vec<f64> {
    let at = |level: f64| parts.iter().map(move |(weight, wants)| wants.min(level * weight));
    let (mut low, mut high) = (0.0, 1e6);
    for _ in 0..200 {
        let level = (low + high) / 2.0;
        if at(level).sum::<f64>() < what { low = level } else { high = level }
    }
    at(high).collect()
}

#[test]
fn shares_and_entitlements_are_what_they_are_at_each_instant() {
    let weights = |priority: &str| if priority == "high" { 16.0 } else { 1.0 };
    let mut contended = 0;
    for seed in 0..300 {
        let entry = random(seed);
        let slots = entry.played.job.size.unwrap() as f64;
        let ended = entry.played.facts.ended;
        let names: Vec<(&str, &str)> = ["high", "low"]
            .iter()
            .flat_map(|p| ["a", "b", "heavy"].map(|flow| (*p, flow)))
            .collect();
        let (mut held, mut entitled) = (vec![0.0; 6], vec![0.0; 6]);
        for at in (0..END).map(|at| at * MS) {
            let (mut wants, mut open) = (vec![0.0; 6], vec![0.0; 6]);
            for record in &entry.played.records {
                let turn = &entry.script.turns[entry.script.calls[record.call].turn];
                let flow =
                    names.iter().position(|it| *it == (&*turn.priority, &*turn.flow)).unwrap();
                wants[flow] += f64::from(u8::from(out(record, at, ended)));
                open[flow] += inside(record, at) as f64;
            }
            let many = wants.iter().filter(|wants| **wants > 0.0).count() > 1;
            if !many || wants.iter().sum::<f64>() <= slots {
                continue;
            }
            let of = |class: usize| wants[3 * class..3 * class + 3].to_vec();
            let classes =
                [(weights("high"), of(0).iter().sum()), (weights("low"), of(1).iter().sum())];
            let given = poured(open.iter().sum::<f64>().min(slots), &classes);
            for class in 0..2 {
                let parts: Vec<(f64, f64)> = [1.0, 1.0, 3.0].into_iter().zip(of(class)).collect();
                for (flow, given) in poured(given[class], &parts).into_iter().enumerate() {
                    entitled[3 * class + flow] += given;
                }
            }
            held.iter_mut().zip(&open).for_each(|(held, open)| *held += open);
        }
        let shares = shares_by_flow(&entry);
        let (all, due) = (held.iter().sum::<f64>(), entitled.iter().sum::<f64>());
        contended += usize::from(due > 0.0);
        for share in &shares {
            let flow = names.iter().position(|it| *it == (&*share.priority, &*share.flow)).unwrap();
            assert!((share.share - held[flow] / all).abs() < 1e-9, "seed {seed}: {share:?}");
            assert!((share.entitled - entitled[flow] / due).abs() < 1e-9, "seed {seed}: {share:?}");
        }
        assert_eq!(shares.is_empty(), all == 0.0 || due == 0.0, "seed {seed}");
        let got: Vec<f64> =
            (0..6).filter(|it| entitled[*it] > 1e-12).map(|it| held[it] / entitled[it]).collect();
        let jain = got.iter().sum::<f64>().powi(2)
            / got.len() as f64
            / got.iter().map(|x| x * x).sum::<f64>();
        if let Some(fairness) = figure("fairness", &entry) {
            assert!((fairness - jain).abs() < 1e-9, "seed {seed}: {fairness} {jain}");
        }
    }
    assert!(contended > 150, "{contended}");
}

#[test]
fn recovery_is_the_first_moment_at_which_a_window_holds_enough() {
    let mut told = [0; 3];
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut entry = empty("own");
        let turn = entry.turn("a", "high");
        // In steps of 50 ms; thinner after the fault for a while, or for good.
        let (thin, back) = (rng.range(5, 40), rng.range(90, 240));
        for step in 0..200_u64 {
            let share = if (100..back).contains(&step) { thin } else { 60 };
            if rng.percent(share) {
                entry.good(turn, step * 50, step * 50);
            }
        }
        let (from, until) = (100 * 50, 110 * 50);
        let (at, what) = (FaultAt::Process, FaultWhat::Crashes);
        entry.script_mut().faults.push(ScriptFault {
            from: from * MS,
            until: until * MS,
            at,
            what,
        });
        let answers: Vec<u64> =
            entry.played.records.iter().filter_map(|it| it.answered).map(|it| it / MS).collect();
        let before = answers.iter().filter(|answer| **answer < from).count() as f64;
        let took = (from - answers[0]) as f64;
        let window = (took * 20.0 / before).max(1000.0);
        let enough = before / took * window * 0.9;
        let holds = |at: f64| {
            answers.iter().filter(|a| (at..=at + window + 1e-6).contains(&(**a as f64))).count()
        };
        let recovered = (until * 10..=20_000 * 10).map(|tenth| tenth as f64 / 10.0);
        let first = recovered.into_iter().find(|at| holds(*at) as f64 >= enough - 1e-9);
        let expected = match first {
            _ if before < 20.0 => None,
            Some(at) => Some((at - until as f64) / 1000.0),
            None => Some(f64::INFINITY),
        };
        let found = figure("recovery", &entry);
        let near = match (found, expected) {
            (Some(found), Some(expected)) => found == expected || (found - expected).abs() <= 2e-4,
            _ => found == expected,
        };
        assert!(near, "seed {seed}: {found:?}, not {expected:?}");
        told[match found {
            Some(0.0) => 0,
            Some(took) if took.is_finite() => 1,
            _ => 2,
        }] += 1;
    }
    assert!(told.iter().all(|told| *told > 10), "{told:?}");
}

#[test]
fn a_series_tells_the_most_of_each_step_and_all_answers() {
    for seed in 0..200 {
        let entry = random(seed);
        let ended = entry.played.facts.ended;
        for steps in [1, 7, 50] {
            let series = series(&entry, steps);
            let covered = series.step * series.inside.len() as f64;
            assert!(series.inside.len() <= steps && covered > ended as f64 / 1e9);
            if series.step < 0.001 {
                continue;
            }
            let step = whole((series.step * 1e3).round());
            let most = |from: u64, of: &dyn Fn(&CallRecord, u64) -> usize| {
                let at =
                    |at: u64| entry.played.records.iter().map(|it| of(it, at * MS)).sum::<usize>();
                (from..from + step).map(at).max().unwrap() as f64
            };
            for (at, (open, waiting)) in series.inside.iter().zip(&series.waiting).enumerate() {
                let from = at as u64 * step;
                assert_eq!(*open, most(from, &inside), "seed {seed}");
                let waits = |it: &CallRecord, at: u64| {
                    usize::from(out(it, at, ended) && inside(it, at) == 0)
                };
                assert_eq!(*waiting, most(from, &waits), "seed {seed}");
            }
            let answers = series.good.iter().chain(&series.bad).sum::<f64>() * series.step;
            let answered = entry.played.records.iter().filter(|it| it.answered.is_some()).count();
            assert!((answers - answered as f64).abs() < 1e-6);
        }
    }
}
