//! The scenarios that come with the lab, under the real Stageflow.

use std::sync::atomic::AtomicBool;

use rampmeter_lab::lab::play::{child, play, stageflow};
use rampmeter_lab::lab::scenario::{built_in, read};
use rampmeter_lab::lab::{Clock, Facts, Job, Regime, Script};

use crate::place::python;
use crate::scripts::job;

/// Larger ones take longer, and try nothing else.
const CALLS: usize = 2_000;

#[test]
fn every_scenario_comes_to_what_it_comes_to_without_limits() {
    let mut compared = 0;
    for (name, text) in built_in() {
        let scenario = read(name, text).unwrap();
        let script = Script::of(&scenario, 1);
        if scenario.only == Some(Clock::Real) || script.calls.len() > CALLS {
            continue;
        }
        let job = |regime| Job { scenario: name.to_owned(), ..job(regime, Clock::Virtual) };
        let expected = play(&scenario, &script, &job(Regime::Unlimited));
        let (command, stop) = (stageflow::command(python()), AtomicBool::new(false));
        let played = child::play(command, &scenario, &script, &job(Regime::Stageflow), &stop);
        for (record, expected) in played.records.iter().zip(&expected.records) {
            assert_eq!(record, expected, "{name}, call {}", expected.call);
        }
        assert_eq!(played.records.len(), expected.records.len(), "{name}");
        assert_eq!(Facts { under: None, ..played.facts }, expected.facts, "{name}");
        compared += 1;
    }
    assert!(compared > 30, "only {compared} scenarios were compared");
}
