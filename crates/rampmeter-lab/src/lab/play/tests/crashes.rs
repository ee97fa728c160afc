use super::support::{
    MS, SECOND, answered_ms, count, plays, quota, script, server, slots, terms, tool,
};
use crate::lab::record::{RunEnd, Status};
use crate::lab::regime::Regime;
use crate::lab::script::{FaultAt, FaultWhat, Script, ScriptServer};

const ALL: [Regime; 4] =
    [Regime::Unlimited, Regime::Semaphore, Regime::RateLimiter, Regime::Rampmeter];

impl Script {
    fn crashes(self, from: u64, until: u64) -> Script {
        self.fault(from, until, FaultAt::Process, FaultWhat::Crashes)
    }
}

#[test]
fn what_was_lost_in_a_crash_is_asked_for_again_when_the_process_is_back() {
    for regime in ALL {
        let script =
            script(vec![tool("t")]).asks(0, 0, 2).asks(20 * MS, 0, 1).crashes(50 * MS, 250 * MS);
        let played = plays(&slots(8), &script, regime);
        for record in &played.records {
            let runs: Vec<_> =
                record.runs.iter().map(|it| (it.started / MS, it.ended / MS, it.end)).collect();
            let first = record.asked / MS;
            let lost = (first, 50, RunEnd::Cut);
            assert_eq!(runs, [lost, (250, 350, RunEnd::Done)], "{regime}");
            assert_eq!((record.status, record.answered), (Status::Succeeded, Some(350 * MS)));
        }
    }
}

#[test]
fn an_answer_outlives_the_process_and_what_is_asked_meanwhile_waits_for_it() {
    for regime in ALL {
        let tools = vec![tool("quick"), tool("slow")];
        let mut script = script(tools).asks_for(0, "f", "normal", &[0, 1]).asks(150 * MS, 0, 1);
        script.calls[0].takes = 30 * MS;
        let played = plays(&slots(8), &script.crashes(50 * MS, 250 * MS), regime);
        assert_eq!(answered_ms(&played), [30, 350, 350].map(Some), "{regime}");
        assert_eq!(played.records[0].runs.len(), 1, "{regime}: it is not asked for twice");
        assert_eq!(played.records[2].asked, 150 * MS, "{regime}");
        assert_eq!(count(&played, Status::Succeeded), 3, "{regime}");
    }
}

#[test]
fn what_waits_for_the_process_to_be_back_goes_on_in_the_order_in_which_it_came() {
    for regime in [Regime::Semaphore, Regime::Rampmeter] {
        let mut script = script(vec![tool("t")]).crashes(50 * MS, 250 * MS);
        for nth in 0..30 {
            script = script.asks((100 + nth) * MS, 0, 1);
        }
        let played = plays(&slots(8), &script, regime);
        let expected: Vec<_> = (0..30).map(|nth| Some(350 + 100 * (nth / 8))).collect();
        assert_eq!(answered_ms(&played), expected, "{regime}");
    }
}

#[test]
fn a_sequence_goes_on_where_it_was() {
    for regime in ALL {
        let mut script = script(vec![tool("t")]).asks(0, 0, 3).crashes(150 * MS, 200 * MS);
        script.turns[0].sequence = true;
        let played = plays(&slots(8), &script, regime);
        assert_eq!(answered_ms(&played), [100, 300, 400].map(Some), "{regime}");
    }
}

#[test]
fn a_producer_goes_on_where_it_was() {
    for regime in ALL {
        let mut script = script(vec![tool("t")]);
        for _ in 0..50 {
            script = script.asks(0, 0, 1);
        }
        let script = script.in_one_session(0, true).crashes(450 * MS, SECOND);
        let played = plays(&slots(4), &script, regime);
        assert_eq!(count(&played, Status::Succeeded), 50, "{regime}");
        let twice = played.records.iter().filter(|it| it.runs.len() > 1).count();
        let running = if regime == Regime::Rampmeter { 4 } else { twice };
        assert_eq!(twice, running, "{regime}");
    }
}

#[test]
fn work_that_goes_on_dies_with_its_process() {
    for regime in [Regime::Semaphore, Regime::Rampmeter] {
        let mut script = script(vec![tool("t")]).asks(0, 0, 1).crashes(60 * MS, 100 * MS);
        script.tools[0].ignores_cancel = SECOND;
        let played = plays(&slots(8), &script, regime);
        let run = &played.records[0].runs[0];
        assert_eq!((run.ended, run.end), (60 * MS, RunEnd::Cut), "{regime}");
    }
}

#[test]
fn a_server_forgets_nothing_when_its_caller_dies() {
    let limited = ScriptServer { quotas: vec![quota(4, 10 * SECOND)], ..server("s") };
    let script = script(vec![tool("t")]).asks(0, 0, 3).asks(SECOND, 0, 3);
    let script = script.before(limited).crashes(500 * MS, 600 * MS);
    let played = plays(&slots(8), &script, Regime::Unlimited);
    assert_eq!((count(&played, Status::Succeeded), count(&played, Status::Throttled)), (4, 2));
}

#[test]
fn a_gate_remembers_what_its_state_file_kept() {
    let policy = "[limits.api]\nrequests = \"10/min\"\n[tools.t]\nlimits = [\"api\"]\n\
                  access = \"read\"\nqueue_timeout = \"5m\"\n[turn]\ndeadline = \"10m\"\n";
    // Seven before the crash; three of those after it have room, and the others wait a minute.
    let script =
        script(vec![tool("t")]).asks(0, 0, 7).asks(4 * SECOND, 0, 5).crashes(2500 * MS, 3 * SECOND);
    let played = plays(&terms(policy), &script, Regime::Rampmeter);
    let early = played.records.iter().filter(|it| it.answered < Some(10 * SECOND)).count();
    assert_eq!((early, count(&played, Status::Succeeded)), (10, 12));
}

#[test]
fn those_who_wait_for_a_process_are_back_in_the_order_in_which_they_came() {
    for regime in [Regime::Semaphore, Regime::Rampmeter] {
        let mut script = script(vec![tool("t")]);
        for at in 0..60 {
            script = script.asks(at * MS + MS / 2, 0, 1);
        }
        let script = script.crashes(20 * MS, 100 * MS);
        let played = plays(&slots(8), &script, regime);
        let starts = played.records.iter().map(|it| it.runs.last().unwrap().started);
        assert!(starts.is_sorted(), "{regime}");
    }
}
