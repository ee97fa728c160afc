//! Resource keys: readers together, a writer alone, and who goes first by ticket.

use rampmeter_core::*;

use super::stage::{Ask, SLIDING, Stage, on, tokens};

const L: u16 = 0;
const M: u16 = 1;

fn slots(size: u64) -> BudgetConfig {
    BudgetConfig::slots(size)
}

fn stage() -> Stage {
    Stage::of(&[slots(1), slots(4)])
}

fn none() -> Ask {
    on(&[])
}

#[test]
fn readers_share_a_key_and_a_writer_has_it_alone() {
    let mut stage = stage();
    let readers = [(); 3].map(|()| stage.runs(&none().reads("k")));
    let writer = stage.waits(&none().writes("k"));
    let other = stage.runs(&none().writes("l"));
    assert_eq!(stage.end(readers[0]), []);
    assert_eq!(stage.end(readers[1]), []);
    assert_eq!(stage.end(readers[2]), [writer]);
    let (reader, second) = (stage.waits(&none().reads("k")), stage.waits(&none().writes("k")));
    assert_eq!(stage.end(writer), [reader]);
    assert_eq!(stage.end(reader), [second]);
    assert_eq!(stage.end(second), []);
    assert_eq!(stage.end(other), []);
    assert_eq!(stage.engine.snapshot(stage.now).keys, []);
}

#[test]
fn readers_that_come_after_a_writer_wait_behind_it() {
    let mut stage = stage();
    let first = stage.runs(&none().reads("k"));
    let writer = stage.waits(&none().writes("k").priority(2));
    let later = [1, 2].map(|flow| stage.waits(&none().reads("k").flow(flow)));
    let last = stage.waits(&none().writes("k").flow(7));
    assert_eq!(stage.end(first), [writer]);
    assert_eq!(stage.end(writer), later);
    let after = stage.waits(&none().reads("k").flow(9));
    assert_eq!(stage.end(later[0]), []);
    assert_eq!(stage.end(later[1]), [last]);
    assert_eq!(stage.end(last), [after]);
}

#[test]
fn a_call_takes_its_place_on_a_key_when_it_asks_wherever_it_waits() {
    let mut stage = stage();
    let busy = stage.runs(&on(&[L]));
    let first = stage.waits(&on(&[L]).writes("k"));
    // The key is free, but it is the first one's when that one starts.
    let reader = stage.waits(&none().reads("k"));
    assert_eq!(stage.tries(&none().reads("k").flow(5)), {
        let (limit, retry) = (Some(LimitId::FIRST_KEY), Retry::OnRelease);
        Decision::Refused(Refusal { reason: Reason::WouldWait, limit, retry })
    });
    let told = stage.engine.explain(stage.now, reader).unwrap();
    assert_eq!((told.waits_for, told.ahead, told.waiting), (WaitsFor::Turn, 1, 2));
    assert_eq!(stage.engine.limit_name(told.limit), "k");
    assert_eq!(stage.gives_up(first), [reader], "it is gone, and with it its place");
    assert_eq!(stage.end(busy), []);
    let busy = stage.runs(&on(&[L]));
    let second = stage.waits(&on(&[L]).reads("k"));
    let third = stage.runs(&none().reads("k").flow(3));
    assert_eq!(stage.end(busy), [second], "readers are in nobody's way");
    for id in [second, third, reader] {
        assert_eq!(stage.end(id), []);
    }
}

#[test]
fn a_key_named_twice_is_used_as_the_stronger_access_says() {
    let mut stage = stage();
    let both = stage.runs(&none().reads("k").writes("k").reads("k"));
    let reader = stage.waits(&none().reads("k"));
    assert_eq!(stage.end(both), [reader]);
}

#[test]
fn a_claimant_withholds_nothing_from_those_before_it_in_a_line() {
    let mut stage = Stage::of(&[slots(2), slots(1)]);
    let (host, api) = (stage.runs(&on(&[L])), stage.runs(&on(&[M])));
    let first = stage.waits(&on(&[L, M]).writes("k"));
    // It claims the limit, of which it needs more than is free.
    let second = stage.waits(&on(&[L]).weight(2).writes("k").flow(2));
    assert!(stage.engine.explain(stage.now, second).unwrap().claims);
    assert_eq!(stage.end(api), [first], "which needs a slot of the limit, too");
    assert_eq!(stage.end(host), []);
    // From here on nobody is before it.
    let light = stage.waits(&on(&[L]).flow(3));
    assert_eq!(stage.end(first), [second]);
    assert_eq!(stage.end(second), [light]);
}

#[test]
fn nothing_is_idle_while_those_whose_turn_it_is_are_held_back_at_a_key() {
    let mut stage = Stage::of(&[slots(1), slots(1)]);
    let (host, api) = (stage.runs(&on(&[L])), stage.runs(&on(&[M])));
    let first = stage.waits(&on(&[L, M]).writes("k"));
    let second = stage.waits(&on(&[L]).writes("k").flow(2));
    let mut host = host;
    for flow in 10..14 {
        let filler = stage.waits(&on(&[L]).flow(flow));
        assert_eq!(stage.end(host), [filler], "neither of the two can start");
        host = filler;
    }
    assert_eq!(stage.end(api), []);
    assert_eq!(stage.end(host), [first]);
    assert_eq!(stage.end(first), [second]);
}

#[test]
fn who_is_rescued_is_the_one_at_the_head_of_the_line() {
    let mut stage = Stage::of(&[slots(1), slots(1)]);
    let (busy, mut other) = (stage.runs(&on(&[L])), stage.runs(&on(&[M])));
    let head = stage.waits(&on(&[L]).writes("k"));
    let behind = stage.waits(&none().writes("k").flow(2));
    // The head's flow has no need of rescue: it starts something all the time.
    for round in 1..=3 {
        let next = stage.waits(&on(&[M]));
        assert_eq!(stage.at(round * 10_000), []);
        assert_eq!(stage.end(other), [next]);
        other = next;
    }
    stage.at(30_001);
    let rescued = [head, behind].map(|it| stage.engine.explain(stage.now, it).unwrap().rescued);
    assert_eq!(rescued, [true, false]);
    let important = stage.waits(&on(&[L]).priority(0).flow(3));
    assert_eq!(stage.end(busy), [head]);
    assert_eq!(stage.end(head), [important, behind]);
}

#[test]
fn a_nested_writer_borrows_what_its_caller_reads_and_waits_for_the_other_readers() {
    let mut stage = stage();
    let caller = stage.runs(&none().reads("k"));
    let other = stage.runs(&none().reads("k"));
    let child = stage.waits(&none().writes("k").made_by(caller));
    let later = stage.waits(&none().reads("k").flow(3));
    assert_eq!(stage.end(other), [child], "those who came later wait for it too");
    assert_eq!(stage.end(child), [later]);
    assert_eq!(stage.end(caller), []);
}

#[test]
fn what_a_server_said_is_about_the_limits_of_a_call_and_not_about_its_keys() {
    let mut stage = stage();
    let call = stage.runs(&on(&[L]).writes("k"));
    let (now, mut out) = (stage.now, Outputs::new());
    assert!(stage.engine.throttled(now, call, None, &mut out));
    assert!(stage.engine.observe(now, call, &[], &mut out));
    assert!(stage.engine.settle(now, call, &[], &mut out));
    assert_eq!(stage.end_as(call, Outcome::Overloaded), []);
    let other = stage.runs(&none().writes("k"));
    assert_eq!(stage.end(other), []);
}

#[test]
fn nested_calls_pass_the_line() {
    let mut stage = stage();
    let caller = stage.runs(&none().reads("k"));
    let writer = stage.waits(&none().writes("k"));
    let child = stage.runs(&none().reads("k").made_by(caller));
    let other = stage.runs(&on(&[L]).made_by(caller));
    for id in [child, other] {
        assert_eq!(stage.end(id), []);
    }
    assert_eq!(stage.end(caller), [writer]);
}

#[test]
fn of_two_readers_who_each_have_a_call_that_writes_one_is_refused_and_the_rest_finish() {
    let mut stage = stage();
    let a = stage.runs(&none().reads("k"));
    let b = stage.runs(&none().reads("k"));
    let upgrade = stage.waits(&none().writes("k").made_by(a));
    let refusal = stage.refused(&none().writes("k").made_by(b));
    assert_eq!(refusal.reason, Reason::WouldDeadlock);
    assert_eq!(stage.engine.limit_name(refusal.limit.unwrap()), "k");
    let cycle = stage.engine.cycle();
    assert_eq!(cycle.iter().map(|step| step.caller).collect::<Vec<_>>(), [b, a]);
    assert!(cycle.iter().all(|step| step.limit == refusal.limit));
    assert_eq!(stage.end(b), [upgrade]);
    assert_eq!(stage.end(upgrade), []);
    assert_eq!(stage.end(a), []);
}

#[test]
fn a_refusal_and_a_snapshot_name_the_key() {
    let mut stage = stage();
    let writer = stage.runs(&none().writes("file:/a/b"));
    let waits = stage.waits(&none().reads("file:/a/b").may_wait(5));
    let keys = stage.engine.snapshot(stage.now).keys;
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!(
        (key.name.as_str(), key.written, key.readers, key.waiting),
        ("file:/a/b", true, 0, 1)
    );
    stage.at(5);
    let refusal =
        Refusal { reason: Reason::QueueTimeout, limit: Some(key.key), retry: Retry::OnRelease };
    assert!(stage.out.contains(&Output::Refused(waits, refusal)), "{:?}", stage.out);
    assert_eq!(stage.engine.limit_name(key.key), "file:/a/b");
    stage.end(writer);
}

#[test]
fn as_many_keys_are_in_use_as_may_be_and_one_that_nobody_uses_makes_room() {
    let config = Config { max_keys: 2, key_queue_size: 1, ..Config::default() };
    let mut stage = Stage::new(config);
    let both = stage.runs(&none().writes("a").reads("b"));
    let refusal = stage.refused(&none().reads("c"));
    assert_eq!((refusal.reason, refusal.retry), (Reason::TooManyKeys, Retry::OnRelease));
    let waits = stage.waits(&none().reads("a"));
    let refusal = stage.refused(&none().reads("a").flow(2));
    assert_eq!(refusal.reason, Reason::QueueFull);
    assert_eq!(stage.end(both), [waits]);
    let next = stage.runs(&none().writes("c"));
    assert_eq!(stage.refused(&none().reads("b")).reason, Reason::TooManyKeys);
    assert_eq!(stage.end(next), []);
    assert_eq!(stage.end(waits), []);
    // Two new ones at once do not push each other out.
    let both = stage.runs(&none().writes("d").writes("e"));
    let reader = stage.waits(&none().reads("d"));
    assert_eq!(stage.end(both), [reader]);
    let long = "k".repeat(MAX_KEY_BYTES + 1);
    assert_eq!(stage.refused(&none().reads(&long)).reason, Reason::Unsupported);
}

#[test]
fn a_prepared_call_keeps_its_key_until_it_is_given_back() {
    let mut stage = Stage::new(Config { max_keys: 1, ..Config::default() });
    let now = stage.now;
    let kind = stage.with(&none().writes("k"), |engine, call| engine.prepare(now, call)).unwrap();
    assert_eq!(stage.refused(&none().reads("other")).reason, Reason::TooManyKeys);
    let (flow, deadline, priority) = (Flow { id: 1, weight: 1 }, Instant::NEVER, Priority(0));
    let terms = Terms { flow, priority, deadline, parent: None };
    let mut out = Outputs::new();
    let Decision::Granted(first) = stage.engine.admit_prepared(now, &kind, &terms, &mut out) else {
        panic!("the key is free");
    };
    let Decision::Waiting(second) = stage.engine.admit_prepared(now, &kind, &terms, &mut out)
    else {
        panic!("the key is held");
    };
    assert_eq!(stage.end(first), [second]);
    assert_eq!(stage.end(second), []);
    stage.engine.discard(kind);
    let other = stage.runs(&none().reads("other"));
    stage.end(other);
}

#[test]
fn writers_are_not_starved_by_readers() {
    let mut stage = stage();
    // Two readers are always there: as one ends, another has come.
    let mut readers = vec![stage.runs(&none().reads("k"))];
    let mut longest = 0;
    for round in 0..100 {
        let writer = stage.waits(&none().writes("k").flow(1_000 + round));
        let mut queued = vec![];
        let mut ends = 0;
        loop {
            queued.push(stage.waits(&none().reads("k").flow(round)));
            ends += 1;
            if stage.end(readers.remove(0)).contains(&writer) {
                break;
            }
        }
        longest = longest.max(ends);
        readers = stage.end(writer);
        assert_eq!(readers, queued);
    }
    println!("at most {longest} readers ended before the writer started");
    assert!(longest <= 2);
}

/// It takes nothing of the limit's tokens, and all of the key.
#[test]
fn a_call_that_takes_nothing_of_a_rate_waits_at_a_limit_and_then_at_a_key() {
    let limit = LimitConfig {
        budgets: vec![BudgetConfig::slots(1), tokens(10, 1_000, SLIDING)],
        ..LimitConfig::default()
    };
    let mut stage = Stage::new(Config { limits: vec![limit], ..Config::default() });
    let holds_slot = stage.runs(&on(&[0]));
    let holds_key = stage.runs(&on(&[]).writes("file:/a"));
    let waits = stage.waits(&on(&[0]).writes("file:/a"));
    assert_eq!(stage.end(holds_slot), []);
    assert_eq!(stage.end(holds_key), [waits]);
}
