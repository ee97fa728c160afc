use super::super::{play, play_on, play_telling};
use super::support::{SECOND, job, peak, plays, script, server, slots, tool};
use crate::lab::record::Status;
use crate::lab::regime::{Clock, Job, Regime};
use crate::lab::scenario;
use crate::lab::script::{FaultAt, FaultWhat, Script};

fn broken(script: &Script, job: &Job) -> String {
    play_on(&slots(8), script, job).facts.broken.unwrap()
}

#[test]
fn a_script_that_points_nowhere_is_not_played() {
    let good = script(vec![tool("t")]).asks(0, 0, 2).before(server("s"));
    assert_eq!(plays(&slots(8), &good, Regime::Unlimited).records.len(), 2);
    let breaks: [fn(&mut Script); 7] = [
        |it| it.tools[0].server = Some(1),
        |it| it.calls[1].tool = 1,
        |it| it.calls[1].turn = 1,
        |it| it.calls[0].children = vec![2],
        |it| it.turns[0].calls.push(2),
        |it| it.sessions[0].turns.push(1),
        |it| *it = it.clone().fault(0, 1, FaultAt::Tool(1), FaultWhat::Fails(1.0)),
    ];
    for breaks in breaks {
        let mut script = good.clone();
        breaks(&mut script);
        let why = broken(&script, &job(Regime::Unlimited));
        assert!(why.contains("of the script names the"), "{why}");
    }
}

#[test]
fn stageflow_is_not_played_here() {
    let script = script(vec![tool("t")]).asks(0, 0, 1);
    assert!(broken(&script, &job(Regime::Stageflow)).contains("Python"));
}

#[test]
fn a_panic_is_told_with_what_was_known_by_then() {
    for clock in [Clock::Virtual, Clock::Real] {
        let mut script = script(vec![tool("t")]).asks(0, 0, 1).asks(SECOND / 100, 0, 1);
        script.calls.iter_mut().for_each(|call| call.takes = 1);
        let telling = Box::new(|record: &crate::lab::CallRecord| {
            assert!(record.call == 0, "enough of it");
        });
        let job = Job { clock, ..job(Regime::Unlimited) };
        let played = play_telling(&slots(8), &script, &job, Some(telling));
        assert!(played.facts.broken.unwrap().contains("panicked"), "{clock:?}");
        assert_eq!(played.records[0].status, Status::Succeeded, "{clock:?}");
    }
}

#[test]
fn a_size_is_that_of_the_limit_which_the_scenario_sweeps() {
    let text = r#"
        about = "One limit, of several sizes."
        ends = "1m"
        semaphore = 3
        [[load]]
        name = "all"
        turns = 1
        calls = [{ tool = "t", count = 40 }]
        [tools.t]
        takes = "100ms"
        [policy.limits.host]
        concurrency = 4
        [policy.tools.t]
        limits = ["host"]
        access = "read"
        [sweep]
        limit = "host"
        concurrency = [5, 10]
    "#;
    let scenario = scenario::read("own/test.toml", text).unwrap();
    let script = Script::of(&scenario, 1);
    let peak = |regime, size| {
        let played = play(&scenario, &script, &Job { size, ..job(regime) });
        assert_eq!(played.facts.broken, None);
        peak(&played.records)
    };
    assert_eq!((peak(Regime::Rampmeter, None), peak(Regime::Rampmeter, Some(10))), (4, 10));
    assert_eq!((peak(Regime::Semaphore, None), peak(Regime::Semaphore, Some(5))), (3, 5));
    let nothing = scenario::read("own/test.toml", text.split("[sweep]").next().unwrap()).unwrap();
    let played = play(&nothing, &script, &Job { size: Some(5), ..job(Regime::Rampmeter) });
    assert!(played.facts.broken.unwrap().contains("sweeps nothing"));
}
