//! 10. Bad input never panics and never loses anything: it gets an answer that says why.

use std::time::Duration;

use rampmeter_core::*;

use super::seed::{Rng, seeds};

const EXTREMES: [u64; 8] = [0, 1, 2, 63, 1 << 32, u64::MAX / 2, u64::MAX - 1, u64::MAX];

fn limit(budgets: Vec<BudgetConfig>, per: Option<LabelId>, rng: &mut Rng) -> LimitConfig {
    LimitConfig {
        name: "limit".into(),
        budgets,
        per,
        max_instances: rng.pick(&[1, 2, u32::MAX]),
        queue_size: rng.pick(&[0, 1, u32::MAX]),
        queue_age: rng.pick(&[None, Some(Duration::ZERO), Some(Duration::MAX)]),
        ..LimitConfig::default()
    }
}

fn budget(rng: &mut Rng) -> BudgetConfig {
    if rng.percent(40) {
        return BudgetConfig::slots(rng.pick(&EXTREMES));
    }
    BudgetConfig::Rate {
        counts: rng.pick(&[Counts::Calls, Counts::Unit(Unit(0)), Counts::Unit(Unit(255))]),
        amount: rng.pick(&EXTREMES),
        period: Duration::from_nanos(rng.pick(&EXTREMES)),
        kind: match rng.below(3) {
            0 => RateKind::Sliding { transit: Duration::from_nanos(rng.pick(&EXTREMES)) },
            1 => RateKind::Bucket { burst: rng.pick(&EXTREMES) },
            _ => RateKind::Calendar { ends: Instant::from_nanos(rng.pick(&EXTREMES)) },
        },
    }
}

#[test]
fn no_figure_and_no_order_of_inputs_makes_the_engine_panic() {
    let mut engines = 0;
    for seed in seeds(3_000) {
        let rng = &mut Rng::new(seed ^ 0xBAD);
        let limits = (0..rng.below(4)).map(|_| {
            let budgets = (0..rng.below(3)).map(|_| budget(rng)).collect();
            let per = rng.percent(50).then_some(LabelId(7));
            limit(budgets, per, rng)
        });
        let limits = limits.collect();
        let priorities = (0..rng.below(4)).map(|_| rng.pick(&[0, 1, u32::MAX])).collect();
        let Ok(mut engine) = Engine::new(Config { limits, priorities, ..Config::default() }) else {
            continue;
        };
        engines += 1;
        let mut out = Outputs::new();
        let mut ids = Vec::new();
        for _ in 0..60 {
            step(&mut engine, rng, &mut ids, &mut out);
        }
        // Whatever happened, all of it can be ended.
        let end = Instant::from_nanos(u64::MAX);
        for id in ids {
            engine.cancel(end, id, &mut out);
            engine.release(end, id, Outcome::Cancelled, &mut out);
        }
        assert_eq!((engine.running(), engine.waiting()), (0, 0), "seed {seed}");
    }
    assert!(engines > 100 || std::env::var("RAMPMETER_SEED").is_ok());
}

fn step(engine: &mut Engine, rng: &mut Rng, ids: &mut Vec<CallId>, out: &mut Outputs) {
    let now = Instant::from_nanos(rng.pick(&EXTREMES) / rng.pick(&[1, 1_000, 1 << 40]));
    match rng.below(10) {
        0..=6 => ask(engine, now, rng, ids, out),
        7 => {
            if let Some(id) = ids.pop() {
                engine.release(now, id, Outcome::Failed, out);
                engine.cancel(now, id, out);
            }
        }
        8 => {
            let limit = LimitId(rng.pick(&[0, 1, 9, u16::MAX]));
            engine.align(now, limit, rng.below(3), Instant::from_nanos(rng.pick(&EXTREMES)), out);
        }
        _ => {
            engine.advance(now, out);
            let _ = engine.snapshot(now);
        }
    }
    let _ = engine.next_moment();
}

fn ask(engine: &mut Engine, now: Instant, rng: &mut Rng, ids: &mut Vec<CallId>, out: &mut Outputs) {
    let costs: Vec<Cost> = (0..rng.below(3))
        .map(|_| Cost { unit: Unit(rng.pick(&[0, 255])), amount: rng.pick(&EXTREMES) })
        .collect();
    let draws: Vec<Draw<'_>> = (0..rng.below(4))
        .map(|_| Draw {
            limit: LimitId(rng.pick(&[0, 0, 1, 2, u16::MAX])),
            weight: rng.pick(&EXTREMES),
            costs: &costs,
        })
        .collect();
    let value = rng.pick(&["", "a", "b"]);
    let labels = [(LabelId(rng.pick(&[7, 8])), value)];
    let call = Call {
        tool: ToolId(rng.pick(&[0, 1, u16::MAX])),
        flow: Flow { id: rng.next() % 3, weight: rng.pick(&[0, 1, u32::MAX]) },
        priority: Priority(rng.pick(&[0, 1, 3, u8::MAX])),
        labels: &labels,
        draws: &draws,
        keys: match rng.below(20) {
            0 => &[("key", KeyAccess::Exclusive)],
            1 => &[("", KeyAccess::Shared), ("key", KeyAccess::Shared)],
            _ => &[],
        },
        parent: ids.last().copied().filter(|_| rng.percent(5)),
        deadline: Instant::from_nanos(rng.pick(&EXTREMES)),
        queue_timeout: Duration::from_nanos(rng.pick(&EXTREMES)),
        arrived: Instant::NEVER,
    };
    let decision = match rng.below(4) {
        0 => engine.try_admit(now, &call, out),
        1 => match engine.prepare(now, &call) {
            Ok(kind) => {
                let now = Instant::from_nanos(rng.pick(&EXTREMES));
                let (flow, priority) = (call.flow, Priority(rng.pick(&[0, 255])));
                let terms = Terms { flow, priority, deadline: call.deadline, parent: None };
                let said = engine.admit_prepared(now, &kind, &terms, out);
                engine.discard(kind);
                said
            }
            Err(refusal) => Decision::Refused(refusal),
        },
        _ => engine.admit(now, &call, out),
    };
    match decision {
        Decision::Granted(id) | Decision::Waiting(id) | Decision::Pending(id) => ids.push(id),
        Decision::Refused(_) => {}
    }
}

/// A limit of two slots, and a call that is wrong in one way: the refusal that it gets.
fn refusal(change: impl FnOnce(&mut Call<'_>)) -> (Reason, Retry) {
    let mut rng = Rng::new(1);
    let mut config = limit(vec![BudgetConfig::slots(2)], Some(LabelId(7)), &mut rng);
    config.max_instances = 10;
    let config = Config { limits: vec![config], priorities: vec![1], ..Config::default() };
    let mut engine = Engine::new(config).unwrap();
    let draws = [Draw { limit: LimitId(0), weight: 1, costs: &[] }];
    let mut call = Call {
        tool: ToolId(0),
        flow: Flow { id: 1, weight: 1 },
        priority: Priority(0),
        labels: &[(LabelId(7), "a")],
        draws: &draws,
        keys: &[],
        parent: None,
        deadline: Instant::NEVER,
        queue_timeout: Duration::from_secs(1),
        arrived: Instant::NEVER,
    };
    change(&mut call);
    let mut out = Outputs::new();
    match engine.admit(Instant::EPOCH, &call, &mut out) {
        Decision::Refused(refusal) => (refusal.reason, refusal.retry),
        other => panic!("{other:?}"),
    }
}

/// The refusal of a call with these keys.
fn refusal_of(keys: &[(&str, KeyAccess)]) -> (Reason, Retry) {
    let mut engine = Engine::new(Config::default()).unwrap();
    let call = Call {
        tool: ToolId(0),
        flow: Flow { id: 1, weight: 1 },
        priority: Priority(0),
        labels: &[],
        draws: &[],
        keys,
        parent: None,
        deadline: Instant::NEVER,
        queue_timeout: Duration::from_secs(1),
        arrived: Instant::NEVER,
    };
    match engine.admit(Instant::EPOCH, &call, &mut Outputs::new()) {
        Decision::Refused(refusal) => (refusal.reason, refusal.retry),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_kind_of_wrong_call_is_refused_for_what_is_wrong_with_it() {
    let unsupported = (Reason::Unsupported, Retry::Never);
    assert_eq!(refusal(|call| call.priority = Priority(1)), unsupported);
    let long = "k".repeat(MAX_KEY_BYTES + 1);
    let long = [(long.as_str(), KeyAccess::Shared)];
    assert_eq!(refusal_of(&long), unsupported);
    let names: Vec<String> = (0..65).map(|key| format!("{key}")).collect();
    let many: Vec<_> = names.iter().map(|key| (key.as_str(), KeyAccess::Shared)).collect();
    assert_eq!(refusal_of(&many), unsupported, "65 of them");
    const TWICE: &[Draw<'_>] = &[Draw { limit: LimitId(0), weight: 1, costs: &[] }; 2];
    assert_eq!(refusal(|call| call.draws = TWICE), unsupported);
    assert_eq!(refusal(|call| call.labels = &[]), (Reason::MissingLabel, Retry::Never));
    assert_eq!(refusal(|call| call.deadline = Instant::EPOCH), (Reason::Deadline, Retry::Never));
    const UNKNOWN: &[Draw<'_>] = &[Draw { limit: LimitId(1), weight: 1, costs: &[] }];
    assert_eq!(refusal(|call| call.draws = UNKNOWN), unsupported);
    const HEAVY: &[Draw<'_>] = &[Draw { limit: LimitId(0), weight: 3, costs: &[] }];
    assert_eq!(refusal(|call| call.draws = HEAVY), (Reason::TooLarge, Retry::Never));
}

#[test]
fn values_of_a_label_come_and_go_by_the_thousand_in_bounded_memory() {
    let mut rng = Rng::new(1);
    let mut config = limit(vec![BudgetConfig::slots(1)], Some(LabelId(7)), &mut rng);
    config.max_instances = 50;
    let mut engine =
        Engine::new(Config { limits: vec![config], priorities: vec![1], ..Config::default() })
            .unwrap();
    let mut out = Outputs::new();
    let draws = [Draw { limit: LimitId(0), weight: 1, costs: &[] }];
    let mut held = Vec::new();
    let mut ask = |engine: &mut Engine, number: u64, now: u64| {
        let value = format!("tenant {number}");
        let call = Call {
            tool: ToolId(0),
            flow: Flow { id: number, weight: 1 },
            priority: Priority(0),
            labels: &[(LabelId(7), &value)],
            draws: &draws,
            keys: &[],
            parent: None,
            deadline: Instant::NEVER,
            queue_timeout: Duration::from_secs(1),
            arrived: Instant::NEVER,
        };
        engine.admit(Instant::from_millis(now), &call, &mut out)
    };
    for number in 0..5_000 {
        let Decision::Granted(id) = ask(&mut engine, number, number) else {
            panic!("{number}: idle instances are collected when another needs a place")
        };
        engine.release(Instant::from_millis(number), id, Outcome::Succeeded, &mut Outputs::new());
        let instances = engine.snapshot(Instant::EPOCH).limits[0].instances.len();
        assert!(instances <= 50, "{instances} instances");
    }
    // Only if all of them are in use is there no place for another.
    for number in 0..50 {
        let Decision::Granted(id) = ask(&mut engine, number, 6_000) else { panic!("{number}") };
        held.push(id);
    }
    let Decision::Refused(refusal) = ask(&mut engine, 50, 6_000) else { panic!() };
    assert_eq!((refusal.reason, refusal.retry), (Reason::TooManyInstances, Retry::OnRelease));
    let peaks = engine.snapshot(Instant::EPOCH).limits[0].peaks.clone();
    assert_eq!(peaks, [1], "the peak of collected instances is remembered");
}
