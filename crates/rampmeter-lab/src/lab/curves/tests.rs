//! Curves of a server whose law is known, played by a model that is right by Little's law.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rampmeter::Policy;

use super::*;
use crate::lab::record::{CallRecord, Facts, Played, Run, RunEnd, Status};
use crate::lab::regime::Job;
use crate::lab::scenario::{Family, Rate, Scenario, Sweep};
use crate::lab::script::{Script, ScriptCall, ScriptTool};
use crate::sim::rng::whole;

const LAW: Usl = Usl { lambda: 10.0, sigma: 0.02, kappa: 0.001 };
const SIZES: [u64; 10] = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64];

fn scenario(memory: bool) -> Scenario {
    let policy = "[limits.api]\nconcurrency = 1\n[tools.ask]\nlimits = [\"api\"]\n[tools.aside]\n";
    Scenario {
        name: "curves/known".into(),
        family: Family::Curves,
        about: format!("A law that is known{}.", if memory { ", and memory" } else { "" }),
        text: String::new(),
        loads: Vec::new(),
        tools: Vec::new(),
        servers: Vec::new(),
        faults: Vec::new(),
        policy: Policy::parse("policy.toml", policy).unwrap(),
        semaphore: 8,
        rate: Rate { calls: 1, period: Duration::from_secs(1) },
        deadline: None,
        ends: Duration::from_secs(3600),
        only: None,
        regimes: vec![Regime::Rampmeter],
        pipeline: false,
        holds: Vec::new(),
        published: Vec::new(),
        sweep: Some(Sweep { limit: "api".into(), sizes: SIZES.to_vec() }),
    }
}

fn tool(name: &str, memory: u64) -> ScriptTool {
    ScriptTool {
        name: name.into(),
        usual: 0,
        server: None,
        memory,
        cpu: 0,
        fails: 0.0,
        fails_from: None,
        hangs: 0.0,
        ignores_cancel: 0,
        races: None,
        timeout: None,
    }
}

/// A thousand calls, always `size` of them inside, each for as long as the law says; at the beginning
/// there are a hundred others, which draw on no limit.
fn entry(law: Usl, size: u64, seed: u64, memory: u64) -> Entry {
    let stay = whole(1e9 / law.lambda * law.slowness(size as f64) * (1.0 + 0.01 * seed as f64));
    let call = |tool: usize| ScriptCall {
        tool,
        turn: 0,
        takes: stay,
        fail_at: 0.5,
        hang_at: 0.5,
        fault_at: 0.5,
        parent: None,
        children: Vec::new(),
        arguments: "{}".into(),
    };
    let calls: Vec<_> = (0..1_100).map(|at| call(usize::from(at >= 1_000))).collect();
    let record = |at: usize| {
        let started = if at < 1_000 { at as u64 / size * stay } else { 0 };
        let run = Run { started, ended: started + stay, end: RunEnd::Done };
        let answered = Some(run.ended);
        CallRecord { call: at, asked: 0, answered, status: Status::Succeeded, runs: vec![run] }
    };
    let facts = Facts {
        held_bytes_peak: memory * size,
        gate_peaks: BTreeMap::from([("api".to_owned(), size)]),
        ..Facts::default()
    };
    let (regime, clock) = (Regime::Rampmeter, Clock::Virtual);
    let job = Job { scenario: "curves/known".into(), regime, seed, clock, size: Some(size) };
    let script = Script {
        scenario: "curves/known".into(),
        seed,
        ends: u64::MAX,
        deadline: None,
        pipeline: false,
        tools: vec![tool("ask", memory), tool("aside", 0)],
        servers: Vec::new(),
        faults: Vec::new(),
        sessions: Vec::new(),
        turns: Vec::new(),
        calls,
    };
    Entry {
        scenario: Arc::new(scenario(memory > 0)),
        script: Arc::new(script),
        played: Played { job, records: (0..1_100).map(record).collect(), facts },
    }
}

fn study(law: Usl, sizes: &[u64], memory: u64) -> Study {
    let each = sizes.iter().flat_map(|size| [1, 2, 3].map(|seed| entry(law, *size, seed, memory)));
    Study { entries: each.collect() }
}

fn only(study: &Study) -> Curve {
    let mut curves = curves(study);
    assert_eq!(curves.len(), 1);
    curves.remove(0)
}

#[test]
fn the_law_behind_a_sweep_is_found_and_so_is_its_best() {
    let curve = only(&study(LAW, &SIZES, 0));
    let fitted = curve.fit.as_ref().unwrap();
    // The seeds are 1, 2 and 3 % slower than the law.
    assert!((fitted.law.lambda - 10.0 / 1.02).abs() < 0.1, "{fitted:?}");
    assert!((fitted.law.sigma - LAW.sigma).abs() < 0.003, "{fitted:?}");
    assert!((fitted.law.kappa / LAW.kappa - 1.0).abs() < 0.05, "{fitted:?}");
    let best = LAW.best().unwrap();
    let spread = curve.best_by_fit.unwrap();
    assert!((spread.median / best - 1.0).abs() < 0.03, "{spread:?} for {best}");
    assert_eq!(curve.fitted_seeds, (3, 3));
    // Of what was swept, 32 is next to the best of 31.3.
    assert_eq!(curve.best_by_search, Some(32));
    assert_eq!(curve.search_spread, OverSeeds::of([32.0]));
}

#[test]
fn calls_that_draw_on_no_swept_limit_are_not_in_flight_there() {
    let curve = only(&study(LAW, &SIZES, 0));
    for point in &curve.points {
        let in_flight = point.in_flight.unwrap().median;
        assert!((in_flight / point.size as f64 - 1.0).abs() < 0.05, "{point:?}");
    }
}

/// Kneedle (Satopää et al.: "Finding a 'Kneedle' in a Haystack", 2011) at its core: where the curve,
/// scaled to the unit square, is furthest above its diagonal.
fn kneedle(points: &[Point]) -> u64 {
    let x = |point: &Point| point.size as f64;
    let y = |point: &Point| point.throughput.unwrap().median;
    let (first, last) = (points.first().unwrap(), points.last().unwrap());
    let top = points.iter().map(y).fold(0.0, f64::max);
    let above = |point: &&Point| {
        (y(point) - y(first)) / (top - y(first)) - (x(point) - x(first)) / (x(last) - x(first))
    };
    points.iter().max_by(|a, b| above(a).total_cmp(&above(b))).unwrap().size
}

#[test]
fn the_knee_is_that_of_the_law_however_far_the_sweep_goes() {
    let law = LAW.knee().unwrap();
    let all: Vec<u64> = (1..=64).collect();
    let whole = only(&study(LAW, &all, 0));
    let part = only(&study(LAW, &all[..24], 0));
    for curve in [&whole, &part] {
        let Some(Knee::At(knee)) = curve.knee else { panic!("{:?}", curve.knee) };
        let knee = knee as f64;
        assert!((knee - law).abs() <= 1.0, "{knee} for {law}");
    }
    // Why it is not found by the curve's shape.
    assert_ne!(kneedle(&whole.points), kneedle(&part.points));
}

#[test]
fn a_sweep_that_never_falls_has_no_best_by_its_law() {
    let curve = only(&study(Usl { kappa: 0.0, ..LAW }, &SIZES, 0));
    assert_eq!((curve.best_by_fit, curve.fitted_seeds), (None, (0, 3)));
    assert!(curve.fit.unwrap().best().to_string().starts_with("no best: still rising"));
    assert_eq!(curve.best_by_search, Some(64));
}

#[test]
fn one_size_makes_a_point_and_no_law() {
    let curve = only(&study(LAW, &[8], 0));
    assert!(curve.fit.unwrap_err().contains("sweep more sizes"));
    assert_eq!((curve.points.len(), curve.best_by_fit, curve.knee), (1, None, None));
}

#[test]
fn a_knee_at_the_edge_of_a_sweep_is_told_as_an_edge() {
    let linear = Usl { lambda: 10.0, sigma: 0.0, kappa: 0.0 };
    assert_eq!(only(&study(linear, &SIZES, 0)).knee, Some(Knee::Largest(64)));
    let falling = Usl { lambda: 10.0, sigma: 1.0, kappa: 0.1 };
    assert_eq!(only(&study(falling, &[2, 4, 8], 0)).knee, Some(Knee::Smallest(2)));
    // With less than one call at once nothing is done.
    assert_eq!(only(&study(falling, &[1, 2, 4], 0)).knee, Some(Knee::At(1)));
}

/// Nine of ten calls at sizes above 8 are turned away at once by what they call.
fn with_a_quota(sizes: &[u64]) -> Study {
    let mut study = study(Usl { lambda: 10.0, sigma: 0.0, kappa: 0.0 }, sizes, 0);
    for entry in &mut study.entries {
        if entry.played.job.size <= Some(8) {
            continue;
        }
        for record in entry.played.records.iter_mut().filter(|it| it.call % 10 > 0) {
            record.status = Status::Throttled;
            record.runs[0].end = RunEnd::Throttled;
        }
    }
    study
}

#[test]
fn answers_that_turn_calls_away_make_no_knee() {
    let curve = only(&with_a_quota(&[1, 2, 4, 8, 16, 32]));
    assert_eq!(curve.knee, Some(Knee::At(8)));
    let good: Vec<f64> = curve.points.iter().map(|point| point.good.unwrap().median).collect();
    assert_eq!(good, [1.0, 1.0, 1.0, 1.0, 0.1, 0.1]);
}

#[test]
fn memory_is_told_of_tools_that_hold_some() {
    let with = study(LAW, &[1, 8], 2_000);
    let told: Vec<_> = memory(&with).iter().map(|it| (it.in_flight, it.bytes)).collect();
    // With the hundred that hold nothing.
    assert_eq!(told[0], (101.0, 2_000.0));
    assert_eq!(told[3], (108.0, 16_000.0));
    assert_eq!(only(&with).points[1].memory, OverSeeds::of([16_000.0]));
    let without = study(LAW, &[1, 8], 0);
    assert_eq!(memory(&without), Vec::new());
    assert_eq!(only(&without).points[1].memory, None);
}

#[test]
fn a_study_without_sweeps_has_no_curves() {
    let mut entry = entry(LAW, 8, 1, 0);
    entry.played.job.size = None;
    assert_eq!(curves(&Study { entries: vec![entry] }), Vec::new());
}

#[test]
fn a_playing_that_broke_off_is_no_point_of_a_curve() {
    let whole = study(LAW, &SIZES, 2_000);
    let mut with_broken = whole.clone();
    let mut broken = entry(LAW, 8, 4, 2_000);
    broken.played.records.truncate(10);
    broken.played.facts.broken = Some("killed by signal 9".into());
    with_broken.entries.push(broken);
    assert_eq!(curves(&with_broken), curves(&whole));
    assert_eq!(memory(&with_broken), memory(&whole));
}
