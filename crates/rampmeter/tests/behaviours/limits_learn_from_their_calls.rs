//! Calls tell what they took and what their servers said; the limits go by that.

use std::time::Duration;

use rampmeter::{
    Call, EventKind, Gate, Outcome, Permit, Reason, Retry, Tool, ToolError, TurnRequest, Unit,
};

use crate::support::{World, openai};

const GROQ: &str = r#"
    [limits.groq]
    requests = ["30/min", { rate = "1000/day", kind = "calendar", zone = "UTC" }]
    tokens = { rate = "6000/min", kind = "bucket", burst = 6000 }
    [limits.mine]
    concurrency = 100
    [tools.chat]
    limits = ["groq", "mine"]
    [tools.other]
    limits = ["mine"]
"#;

fn admit(gate: &Gate, call: Call<'_>) -> Permit {
    gate.try_admit(call).unwrap()
}

fn used(gate: &Gate, budget: usize) -> u64 {
    match &gate.snapshot().limits[0].instances[0].budgets[budget] {
        rampmeter::BudgetSnapshot::Rate { used, .. } => *used,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_calls_take_is_learned_and_the_next_reserve_as_much() {
    let world = World::new(GROQ);
    let gate = &world.gate;
    let first = admit(gate, Call::new("chat"));
    assert_eq!(used(gate, 2), 750, "an eighth of the bucket, while nothing is known");
    assert!(first.report().used(&[(Unit::Tokens, 400)]));
    assert!(!first.report().used(&[(Unit::Tokens, 1)]), "it counts once");
    first.finish(Outcome::Succeeded);
    assert_eq!(used(gate, 2), 400);
    let second = admit(gate, Call::new("chat"));
    assert_eq!(used(gate, 2), 800);
    let handle = gate.handle(&Call::new("chat")).unwrap();
    second.report().used(&[(Unit::Tokens, 900)]);
    let third = gate.try_admit(&handle).unwrap();
    assert_eq!(used(gate, 2), 400 + 900 + 900, "a handle learns, too");
    let said = admit(gate, Call::new("chat").tokens(5));
    assert_eq!(used(gate, 2), 2_205, "its own word counts");
    for permit in [second, third, said] {
        permit.finish(Outcome::Succeeded);
    }
    assert_eq!(used(gate, 2), 2_205, "whoever never tells keeps what was reserved");
}

#[test]
fn input_and_output_tokens_are_budgeted_apart() {
    let world = World::new(
        r#"
        [limits.claude]
        input_tokens = "1000/min"
        output_tokens = "200/min"
        [tools.chat]
        limits = { claude = { input_tokens = 100, output_tokens = 60 } }
        "#,
    );
    let gate = &world.gate;
    let permits: Vec<Permit> = (0..3).map(|_| admit(gate, Call::new("chat"))).collect();
    assert_eq!((used(gate, 0), used(gate, 1)), (300, 180));
    assert!(gate.try_admit("chat").is_err());
    permits[0].report().used(&[(Unit::InputTokens, 900), (Unit::OutputTokens, 10)]);
    assert_eq!((used(gate, 0), used(gate, 1)), (1_100, 130));
    let refusal = gate.try_admit(Call::new("chat").cost(Unit::InputTokens, 0)).map(drop);
    assert!(refusal.is_ok(), "of input none is left, and it needs none");
}

#[test]
fn a_throttled_call_stops_those_limits_that_listen_and_no_others() {
    let world = World::new(GROQ);
    let gate = &world.gate;
    let mut events = gate.subscribe(100);
    let first = admit(gate, Call::new("chat"));
    assert!(first.report().throttled(Some(Duration::from_secs(8))));
    let refusal = gate.try_admit("chat").unwrap_err();
    let Retry::After(wait) = refusal.retry else { panic!("{refusal:?}") };
    assert!(wait >= Duration::from_secs(8) && wait <= Duration::from_millis(8_500), "{wait:?}");
    assert_eq!(refusal.limit.as_deref(), Some("groq"));
    assert!(refusal.to_string().contains("cools down"), "{refusal}");
    drop(admit(gate, Call::new("other")));
    let short = gate.try_admit(Call::new("chat").deadline(Duration::from_secs(1)));
    assert_eq!(short.unwrap_err().reason, Reason::WouldWait);
    first.finish(Outcome::Overloaded);
    let cooling = events.drain().into_iter().find(|it| it.kind == EventKind::Cooling);
    let cooling = cooling.unwrap();
    assert_eq!((cooling.limit.as_deref(), cooling.lasts), (Some("groq"), Some(wait)));
}

#[test]
fn a_tool_that_was_throttled_need_not_tell_twice() {
    let world = World::new(GROQ);
    let busy = Tool::raw("chat", "Chats.", serde_json::json!({}), |_| async {
        let retry_after = Some(Duration::from_secs(20));
        Err(ToolError::Overloaded { message: "429".into(), retry_after, may_have_run: false })
    });
    let executor = world.executor(vec![busy]);
    let turn = executor.resolve(&openai(&[("1", "chat", "{}")])).unwrap();
    world.run(executor.run_turn(TurnRequest::new(turn)));
    let refusal = world.gate.try_admit("chat").unwrap_err();
    assert!(matches!(refusal.retry, Retry::After(wait) if wait >= Duration::from_secs(20)));
}

#[test]
fn the_limit_admits_no_more_than_the_servers_last_word() {
    let world = World::new(GROQ);
    let gate = &world.gate;
    let first = admit(gate, Call::new("chat").tokens(10));
    let feedback = first.report().headers([
        ("x-ratelimit-limit-requests", "1000"),
        ("x-ratelimit-remaining-requests", "2"),
        ("x-ratelimit-reset-requests", "2h0m0s"),
        ("x-ratelimit-remaining-tokens", "5900"),
        ("nonsense", "\u{1f980}"),
    ]);
    assert_eq!(feedback.quotas.len(), 2);
    for _ in 0..2 {
        admit(gate, Call::new("chat").tokens(10)).finish(Outcome::Succeeded);
    }
    let refusal = gate.try_admit(Call::new("chat").tokens(10)).unwrap_err();
    let Retry::After(wait) = refusal.retry else { panic!("{refusal:?}") };
    assert_eq!(wait, Duration::from_secs(7_200), "the day's quota, and not a passing throttle");
}

#[test]
fn a_spent_day_is_told_apart_from_a_passing_throttle() {
    let world = World::new(GROQ);
    let gate = &world.gate;
    let mut events = gate.subscribe(100);
    let first = admit(gate, Call::new("chat").tokens(10));
    first.report().headers([
        ("x-ratelimit-limit-requests", "1000"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "2h0m0s"),
    ]);
    first.report().throttled(Some(Duration::from_secs(7_200)));
    first.finish(Outcome::Overloaded);
    let told: Vec<_> = events.drain().into_iter().map(|event| event.kind).collect();
    assert!(told.contains(&EventKind::Spent) && !told.contains(&EventKind::Cooling), "{told:?}");
    let refusal = gate.try_admit(Call::new("chat").tokens(10)).unwrap_err();
    assert_eq!(refusal.retry, Retry::After(Duration::from_secs(7_200)));
}

#[test]
fn a_call_that_has_ended_says_nothing_any_more() {
    let world = World::new(GROQ);
    let first = admit(&world.gate, Call::new("chat").tokens(10));
    let report = first.report();
    first.finish(Outcome::Succeeded);
    assert!(!report.used(&[(Unit::Tokens, 9)]) && !report.throttled(None));
    report.headers([("x-ratelimit-remaining-tokens", "0")]);
    assert!(world.gate.try_admit("chat").is_ok());
}

#[test]
fn gates_on_a_real_clock_do_not_come_back_at_one_instant() {
    let policy = crate::support::policy(GROQ);
    let waits: std::collections::BTreeSet<u64> = (0..8)
        .map(|_| {
            let gate = Gate::new(&policy).unwrap();
            let first = admit(&gate, Call::new("chat"));
            first.report().throttled(Some(Duration::from_secs(1_000_000)));
            let Retry::After(wait) = gate.try_admit("chat").unwrap_err().retry else { panic!() };
            // A second of the 62,500 that are added at random is more than this takes.
            wait.as_secs()
        })
        .collect();
    assert!(waits.len() >= 7, "{waits:?}");
}
