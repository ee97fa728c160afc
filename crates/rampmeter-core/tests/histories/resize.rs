//! Live change of the limits while calls run and wait.

use std::time::Duration;

use rampmeter_core::*;

fn limit(budgets: Vec<BudgetConfig>) -> LimitConfig {
    LimitConfig { name: "host".into(), budgets, ..LimitConfig::default() }
}

fn engine(limits: Vec<LimitConfig>) -> Engine {
    Engine::new(Config { limits, ..Config::default() }).unwrap()
}

fn ask(engine: &mut Engine, now: Instant, weight: u64, tokens: u64, out: &mut Outputs) -> Decision {
    let costs = [Cost { unit: Unit(0), amount: tokens }];
    let call = Call {
        tool: ToolId(0),
        flow: Flow { id: 1, weight: 1 },
        priority: Priority(0),
        labels: &[],
        draws: &[Draw { limit: LimitId(0), weight, costs: &costs }],
        keys: &[],
        parent: None,
        deadline: Instant::NEVER,
        queue_timeout: Duration::from_secs(1_000),
        arrived: Instant::NEVER,
    };
    engine.admit(now, &call, out)
}

fn granted(decision: Decision) -> CallId {
    match decision {
        Decision::Granted(id) => id,
        other => panic!("{other:?}"),
    }
}

fn waiting(decision: Decision) -> CallId {
    match decision {
        Decision::Waiting(id) => id,
        other => panic!("{other:?}"),
    }
}

fn held(engine: &Engine, budget: usize) -> (u64, u64) {
    match engine.snapshot(Instant::EPOCH).limits[0].instances[0].budgets[budget] {
        BudgetSnapshot::Concurrency { size, held, .. } => (held, size),
        BudgetSnapshot::Rate { used, amount, .. } => (used, amount),
    }
}

fn edit(engine: &mut Engine, edits: Vec<Edit>, out: &mut Outputs) -> Vec<LimitId> {
    engine.edit(edits).unwrap().commit(Instant::EPOCH, out)
}

#[test]
fn a_weight_4_call_that_waits_while_the_limit_shrinks_to_2_is_told_never_and_another_starts_when_it_has_grown()
 {
    let (mut out, now) = (Outputs::new(), Instant::EPOCH);
    let mut engine = engine(vec![limit(vec![BudgetConfig::slots(8)])]);
    let running = [4, 4].map(|weight| granted(ask(&mut engine, now, weight, 0, &mut out)));
    let heavy = waiting(ask(&mut engine, now, 4, 0, &mut out));
    let light = waiting(ask(&mut engine, now, 1, 0, &mut out));
    out.clear();
    let to = |size| vec![Edit::Replace(LimitId(0), limit(vec![BudgetConfig::slots(size)]))];
    edit(&mut engine, to(2), &mut out);
    let never = Refusal { reason: Reason::TooLarge, limit: Some(LimitId(0)), retry: Retry::Never };
    assert!(out.contains(&Output::Refused(heavy, never)));
    assert_eq!(held(&engine, 0), (8, 2), "running calls are not touched");
    assert_eq!(ask(&mut engine, now, 4, 0, &mut out), Decision::Refused(never));
    out.clear();
    engine.release(now, running[0], Outcome::Succeeded, &mut out);
    assert!(!out.contains(&Output::Granted(light)), "four are held of two");
    engine.release(now, running[1], Outcome::Succeeded, &mut out);
    assert!(out.contains(&Output::Granted(light)));
    let more = waiting(match ask(&mut engine, now, 2, 0, &mut out) {
        Decision::Granted(_) => panic!("one of two slots is held"),
        other => other,
    });
    out.clear();
    edit(&mut engine, to(8), &mut out);
    assert!(out.contains(&Output::Granted(more)));
    granted(ask(&mut engine, now, 4, 0, &mut out));
    assert_eq!(held(&engine, 0), (7, 8));
}

#[test]
fn what_is_wrong_in_one_edit_undoes_all_of_them() {
    let mut out = Outputs::new();
    let mut engine = engine(vec![limit(vec![BudgetConfig::slots(8)])]);
    let error = engine
        .edit(vec![
            Edit::Replace(LimitId(0), limit(vec![BudgetConfig::slots(2)])),
            Edit::Add(limit(vec![BudgetConfig::slots(0)])),
        ])
        .unwrap_err();
    assert!(error.message.contains("concurrency of 0"), "{error}");
    assert!(engine.edit(vec![Edit::Remove(LimitId(1))]).is_err());
    assert!(engine.edit(vec![Edit::Weights(vec![1, 2])]).is_err());
    let per = LimitConfig { per: Some(LabelId(0)), ..limit(vec![BudgetConfig::slots(8)]) };
    assert!(engine.edit(vec![Edit::Replace(LimitId(0), per)]).is_err());
    let twice = vec![Edit::Remove(LimitId(0)), Edit::Pause(LimitId(0))];
    assert!(engine.edit(twice).is_err());
    granted(ask(&mut engine, Instant::EPOCH, 8, 0, &mut out));
    assert_eq!(held(&engine, 0), (8, 8));
}

#[test]
fn a_paused_limit_starts_nothing_and_goes_on_where_it_was() {
    let (mut out, now) = (Outputs::new(), Instant::EPOCH);
    let mut engine = engine(vec![limit(vec![BudgetConfig::slots(2)])]);
    let running = granted(ask(&mut engine, now, 1, 0, &mut out));
    edit(&mut engine, vec![Edit::Pause(LimitId(0))], &mut out);
    let waits = [1, 1].map(|weight| waiting(ask(&mut engine, now, weight, 0, &mut out)));
    assert_eq!(engine.explain(now, waits[0]).unwrap().waits_for, WaitsFor::Resume);
    out.clear();
    engine.release(now, running, Outcome::Succeeded, &mut out);
    engine.advance(Instant::from_millis(500_000), &mut out);
    assert!(out.is_empty());
    edit(&mut engine, vec![Edit::Resume(LimitId(0))], &mut out);
    assert!(waits.iter().all(|id| out.contains(&Output::Granted(*id))));
}

#[test]
fn a_limit_that_is_removed_is_in_nobodys_way_and_one_that_is_added_counts_from_then_on() {
    let (mut out, now) = (Outputs::new(), Instant::EPOCH);
    let mut engine = engine(vec![limit(vec![BudgetConfig::slots(1)])]);
    let running = granted(ask(&mut engine, now, 1, 0, &mut out));
    let waits = waiting(ask(&mut engine, now, 1, 0, &mut out));
    out.clear();
    let added = edit(
        &mut engine,
        vec![Edit::Remove(LimitId(0)), Edit::Add(limit(vec![BudgetConfig::slots(3)]))],
        &mut out,
    );
    assert_eq!(added, [LimitId(1)]);
    assert!(out.contains(&Output::Granted(waits)));
    let decision = ask(&mut engine, now, 1, 0, &mut out);
    assert!(matches!(decision, Decision::Refused(Refusal { reason: Reason::Unsupported, .. })));
    for id in [running, waits] {
        assert!(engine.release(now, id, Outcome::Succeeded, &mut out));
    }
    let snapshot = engine.snapshot(now);
    assert_eq!(snapshot.limits.len(), 1);
    assert_eq!(snapshot.limits[0].limit, LimitId(1));
}

#[test]
fn a_limit_that_gets_other_budgets_counts_those_who_run_and_keeps_what_was_used() {
    let (mut out, now) = (Outputs::new(), Instant::EPOCH);
    let tokens = |amount, burst| BudgetConfig::Rate {
        counts: Counts::Unit(Unit(0)),
        amount,
        period: Duration::from_secs(60),
        kind: RateKind::Bucket { burst },
    };
    let mut engine = engine(vec![limit(vec![tokens(60, 100)])]);
    let running = [(); 3].map(|()| granted(ask(&mut engine, now, 2, 30, &mut out)));
    // A concurrency before the rate, whose burst grows.
    let budgets = vec![BudgetConfig::slots(7), tokens(60, 120)];
    edit(&mut engine, vec![Edit::Replace(LimitId(0), limit(budgets))], &mut out);
    assert_eq!(held(&engine, 0), (6, 7), "three calls of weight 2 run");
    assert_eq!(held(&engine, 1), (90, 60), "90 tokens are not refilled yet");
    let waits = waiting(ask(&mut engine, now, 2, 30, &mut out));
    out.clear();
    engine.release(now, running[0], Outcome::Succeeded, &mut out);
    assert!(out.contains(&Output::Granted(waits)));
    assert_eq!(held(&engine, 1), (120, 60));
    for id in [running[1], running[2], waits] {
        assert!(engine.release(now, id, Outcome::Succeeded, &mut out));
    }
    assert_eq!(held(&engine, 0), (0, 7));
}

#[test]
fn a_rate_that_gets_another_figure_keeps_what_was_used_in_its_window() {
    let mut out = Outputs::new();
    let rate = |amount, kind| BudgetConfig::Rate {
        counts: Counts::Calls,
        amount,
        period: Duration::from_secs(10),
        kind,
    };
    let sliding = RateKind::Sliding { transit: Duration::ZERO };
    let calendar = RateKind::Calendar { ends: Instant::from_millis(10_000) };
    for kind in [sliding, calendar] {
        let mut engine = engine(vec![limit(vec![rate(3, kind)])]);
        for _ in 0..3 {
            granted(ask(&mut engine, Instant::EPOCH, 1, 0, &mut out));
        }
        let waits = waiting(ask(&mut engine, Instant::EPOCH, 1, 0, &mut out));
        let last = waiting(ask(&mut engine, Instant::EPOCH, 1, 0, &mut out));
        out.clear();
        let five = limit(vec![rate(4, kind)]);
        edit(&mut engine, vec![Edit::Replace(LimitId(0), five)], &mut out);
        assert!(out.contains(&Output::Granted(waits)) && !out.contains(&Output::Granted(last)));
        engine.advance(Instant::from_millis(9_999), &mut out);
        assert!(!out.contains(&Output::Granted(last)));
        engine.advance(Instant::from_millis(10_000), &mut out);
        assert!(out.contains(&Output::Granted(last)));
    }
}

#[test]
fn a_shrink_that_makes_two_trees_wait_for_each_other_refuses_the_newest_call() {
    let (mut out, now) = (Outputs::new(), Instant::EPOCH);
    let limits = vec![limit(vec![BudgetConfig::slots(1)]), limit(vec![BudgetConfig::slots(2)])];
    let mut engine = engine(limits);
    let ask = |engine: &mut Engine, parent, limit, out: &mut Outputs| {
        let call = Call {
            tool: ToolId(0),
            flow: Flow { id: 1, weight: 1 },
            priority: Priority(0),
            labels: &[],
            draws: &[Draw { limit: LimitId(limit), weight: 1, costs: &[] }],
            keys: &[],
            parent,
            deadline: Instant::NEVER,
            queue_timeout: Duration::from_secs(1_000),
            arrived: Instant::NEVER,
        };
        engine.admit(now, &call, out)
    };
    let host = granted(ask(&mut engine, None, 0, &mut out));
    let api = granted(ask(&mut engine, None, 1, &mut out));
    let other = granted(ask(&mut engine, None, 1, &mut out));
    let first = waiting(ask(&mut engine, Some(host), 1, &mut out));
    let newest = waiting(ask(&mut engine, Some(api), 0, &mut out));
    out.clear();
    let to_one = Edit::Replace(LimitId(1), limit(vec![BudgetConfig::slots(1)]));
    edit(&mut engine, vec![to_one], &mut out);
    let refused: Vec<_> = out
        .iter()
        .filter_map(|output| match output {
            Output::Refused(id, refusal) => Some((*id, refusal.reason)),
            _ => None,
        })
        .collect();
    assert_eq!(refused, [(newest, Reason::WouldDeadlock)]);
    out.clear();
    for id in [other, api] {
        engine.release(now, id, Outcome::Succeeded, &mut out);
    }
    assert!(out.contains(&Output::Granted(first)));
}
