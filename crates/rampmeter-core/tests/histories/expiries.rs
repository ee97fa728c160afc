//! Who has waited for as long as it may.

use rampmeter_core::*;

use crate::slots;
use crate::stage::{Stage, config, on};

fn held() -> Stage {
    let mut stage = Stage::of(&[slots(1)]);
    stage.runs(&on(&[0]).flow(9));
    stage
}

#[test]
fn calls_of_many_different_patiences_each_expire_at_their_own_moment() {
    let mut stage = held();
    let waits: Vec<_> =
        (0..50).map(|n| (n, stage.waits(&on(&[0]).may_wait(1_000 + 10 * (n * 7 % 50))))).collect();
    for (n, id) in waits {
        assert!(stage.engine.explain(stage.now, id).is_some(), "{n}");
    }
    for place in 0..50 {
        stage.at(1_000 + 10 * place - 1);
        assert_eq!(stage.refusals(), []);
        stage.at(1_000 + 10 * place);
        assert_eq!(stage.refusals().len(), 1, "{place}");
    }
}

#[test]
fn those_who_give_up_leave_the_others_moments_as_they_are() {
    for gone in [[0usize, 1], [1, 2], [2, 3], [0, 3]] {
        let mut stage = held();
        let mut waits = Vec::new();
        for at in 0..4 {
            stage.at(at * 10);
            waits.push(stage.waits(&on(&[0]).may_wait(1_000)));
        }
        for at in gone {
            assert_eq!(stage.gives_up(waits[at]), []);
        }
        for (at, id) in (0u64..).zip(&waits) {
            stage.at(1_000 + at * 10 - 1);
            assert_eq!(stage.refusals(), []);
            let next = stage.engine.next_moment();
            stage.at(1_000 + at * 10);
            if gone.contains(&(at as usize)) {
                assert_eq!(stage.refusals(), []);
            } else {
                assert_eq!(next, Some(Instant::from_millis(1_000 + at * 10)));
                assert_eq!(stage.refusals(), [(*id, Reason::QueueTimeout)]);
            }
        }
        assert_eq!(stage.engine.waiting(), 0);
        // The list is used again, by those who may wait as long and by others.
        let again = stage.waits(&on(&[0]).may_wait(1_000));
        let other = stage.waits(&on(&[0]).may_wait(500));
        stage.at(1_530);
        assert_eq!(stage.refusals(), [(other, Reason::QueueTimeout)]);
        stage.at(2_030);
        assert_eq!(stage.refusals(), [(again, Reason::QueueTimeout)]);
    }
}

#[test]
fn a_call_waits_no_longer_than_its_limits_queue_allows_and_is_told_which_it_waited_for() {
    let mut config = config(&[slots(1), slots(1)]);
    config.limits[0].queue_age = Some(core::time::Duration::from_millis(700));
    let mut stage = Stage::new(config);
    stage.runs(&on(&[0]));
    let holds = stage.runs(&on(&[1]));
    let young = stage.waits(&on(&[1, 0]).may_wait(600));
    let old = stage.waits(&on(&[1, 0]).may_wait(5_000));
    stage.end(holds);
    stage.at(600);
    let expired = |limit, reason| {
        let retry = Retry::OnRelease;
        Refusal { reason, limit: Some(LimitId(limit)), retry }
    };
    let said = Output::Refused(young, expired(0, Reason::QueueTimeout));
    assert!(stage.out.contains(&said), "{:?}", stage.out);
    stage.at(699);
    assert_eq!(stage.refusals(), []);
    stage.edit(vec![Edit::Pause(LimitId(0))]);
    stage.at(700);
    let refusal = Refusal { retry: Retry::OnResume, ..expired(0, Reason::QueueTimeout) };
    assert!(stage.out.contains(&Output::Refused(old, refusal)), "{:?}", stage.out);
}

#[test]
fn a_limit_is_said_to_be_saturated_while_somebody_waits_for_it() {
    let mut stage = held();
    let said = |stage: &Stage, saturated| {
        let limit = LimitId(0);
        let said = |it: &&Output| matches!(it, Output::Saturated { .. });
        let all: Vec<_> = stage.out.iter().filter(said).copied().collect();
        assert_eq!(all, [Output::Saturated { limit, saturated }]);
    };
    let first = stage.waits(&on(&[0]));
    said(&stage, true);
    let second = stage.waits(&on(&[0]).flow(2));
    assert_eq!(stage.out, []);
    stage.gives_up(first);
    assert_eq!(stage.out, []);
    stage.gives_up(second);
    said(&stage, false);
    stage.waits(&on(&[0]).may_wait(10));
    stage.at(10);
    said(&stage, false);
}
