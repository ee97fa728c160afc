use super::support::{MS, SECOND, answered_ms, count, peak, plays, script, slots, terms, tool};
use crate::lab::record::{RunEnd, Status};
use crate::lab::regime::Regime;
use crate::lab::script::{FaultAt, FaultWhat};

const ALL: [Regime; 4] =
    [Regime::Unlimited, Regime::Semaphore, Regime::RateLimiter, Regime::Rampmeter];

#[test]
fn a_call_fails_when_its_work_is_done_if_its_draw_is_below_the_share_that_does() {
    for regime in ALL {
        let mut script = script(vec![tool("t")]).asks(0, 0, 4);
        script.tools[0].fails = 0.3;
        for (call, fail_at) in script.calls.iter_mut().zip([0.29, 0.3, 0.9, 0.0]) {
            call.fail_at = fail_at;
        }
        let played = plays(&slots(8), &script, regime);
        let failed: Vec<_> = played.records.iter().map(|it| it.status == Status::Failed).collect();
        assert_eq!(failed, [true, false, false, true], "{regime}");
        assert_eq!(answered_ms(&played), [Some(100); 4], "{regime}");
        assert_eq!(played.records[0].runs[0].end, RunEnd::Failed, "{regime}");
    }
}

#[test]
fn a_tool_fails_from_its_nth_run_on() {
    let mut script = script(vec![tool("t")]).asks(0, 0, 3).asks(SECOND, 0, 3);
    script.tools[0].fails_from = Some(2);
    let played = plays(&slots(8), &script, Regime::Unlimited);
    let failed: Vec<_> = played.records.iter().map(|it| it.status == Status::Failed).collect();
    assert_eq!(failed, [false, false, true, true, true, true]);
}

#[test]
fn each_attempt_draws_its_own_and_every_one_that_came_to_the_tool_is_a_run() {
    let policy = "[tools.t]\nlimits = []\naccess = \"read\"\n\
                  retry = { attempts = 3, base = \"10ms\" }\n";
    let mut script = script(vec![tool("t")]).asks(0, 0, 1);
    script.tools[0].fails = 0.5;
    script.calls[0].fail_at = 0.1;
    let played = plays(&terms(policy), &script, Regime::Rampmeter);
    let ends: Vec<_> = played.records[0].runs.iter().map(|run| run.end).collect();
    // 0.1, and then 0.1 and the golden ratio's 0.618 are 0.718.
    assert_eq!(ends, [RunEnd::Failed, RunEnd::Done]);
    assert_eq!(played.records[0].status, Status::Succeeded);
}

#[test]
fn what_stands_in_for_a_tool_takes_its_own_usual_time_and_the_answer_is_degraded() {
    let policy = "[tools.t]\nlimits = []\nfallback = [{ tool = \"other\" }]\n\
                  [tools.other]\nlimits = []\n";
    let mut script = script(vec![tool("t"), tool("other")]).asks(0, 0, 1);
    script.tools[0].fails = 1.0;
    script.tools[1].usual = 30 * MS;
    let played = plays(&terms(policy), &script, Regime::Rampmeter);
    assert_eq!(played.records[0].status, Status::Degraded);
    let runs: Vec<_> = played.records[0].runs.iter().map(|run| (run.ended / MS, run.end)).collect();
    assert_eq!(runs, [(100, RunEnd::Failed), (130, RunEnd::Done)]);
}

#[test]
fn what_hangs_runs_until_it_is_cut_short() {
    let mut script = script(vec![tool("t")]).asks(0, 0, 2);
    (script.tools[0].hangs, script.tools[0].timeout) = (0.5, Some(SECOND));
    (script.calls[0].hang_at, script.ends) = (0.4, 5 * SECOND);
    let unlimited = plays(&slots(8), &script, Regime::Unlimited);
    assert_eq!(answered_ms(&unlimited), [None, Some(100)]);
    assert_eq!(unlimited.records[0].runs[0].end, RunEnd::Running);
    let remedied = plays(&slots(8), &script, Regime::Semaphore);
    assert_eq!(answered_ms(&remedied), [Some(1000), Some(100)]);
    assert_eq!(remedied.records[0].runs[0].end, RunEnd::Cut);
}

#[test]
fn memory_is_counted_while_it_is_held() {
    let mut script = script(vec![tool("t")]).asks(0, 0, 10);
    script.tools[0].memory = 2 << 20;
    for (regime, held) in [(Regime::Unlimited, 10), (Regime::Semaphore, 8), (Regime::Rampmeter, 5)]
    {
        let played = plays(&slots(5), &script, regime);
        assert_eq!(played.facts.held_bytes_peak, held * (2 << 20), "{regime}");
    }
}

#[test]
fn two_cores_are_shared_first_come_first_served() {
    let mut script = script(vec![tool("t")]).asks(0, 0, 5);
    (script.tools[0].cpu, script.tools[0].usual) = (50 * MS, 0);
    script.calls.iter_mut().for_each(|call| call.takes = 10 * MS);
    let played = plays(&slots(8), &script, Regime::Unlimited);
    assert_eq!(answered_ms(&played), [60, 60, 110, 110, 160].map(Some));
}

#[test]
fn updates_of_a_counter_are_lost_where_calls_race_and_none_where_they_write_a_key() {
    let mut script = script(vec![tool("t")]).asks(0, 0, 20);
    script.tools[0].races = Some("total".to_owned());
    let unlimited = plays(&slots(8), &script, Regime::Unlimited);
    assert_eq!(unlimited.facts.counters["total"], (20, 1));
    let semaphore = plays(&slots(8), &script, Regime::Semaphore);
    assert_eq!(semaphore.facts.counters["total"], (20, 3));
    let policy = "[tools.t]\nlimits = []\nwrites = [\"total\"]\n";
    let gated = plays(&terms(policy), &script, Regime::Rampmeter);
    assert_eq!(gated.facts.counters["total"], (20, 20));
    assert_eq!(peak(&gated.records), 1);
}

#[test]
fn work_that_ignores_its_end_keeps_its_slot_of_the_gate_and_not_its_permit_of_a_semaphore() {
    let policy = "[limits.host]\nconcurrency = 2\n[tools.t]\nlimits = [\"host\"]\n\
                  access = \"read\"\ntimeout = \"40ms\"\ngrace = \"1m\"\n";
    let mut script = script(vec![tool("t")]).asks(0, 0, 4);
    script.tools[0].ignores_cancel = 30 * MS;
    script.tools[0].timeout = Some(40 * MS);
    let ended = |played: &crate::lab::Played| -> Vec<_> {
        played.records.iter().map(|it| (it.runs[0].ended / MS, it.runs[0].end)).collect()
    };
    let gated = plays(&terms(policy), &script, Regime::Rampmeter);
    assert_eq!(ended(&gated), [70, 70, 140, 140].map(|at| (at, RunEnd::Cut)));
    assert_eq!(answered_ms(&gated), [40, 40, 110, 110].map(Some));
    assert_eq!((peak(&gated.records), count(&gated, Status::TimedOut)), (2, 4));
    let mut two = terms(policy);
    two.semaphore = 2;
    let remedied = plays(&two, &script, Regime::Semaphore);
    assert_eq!(ended(&remedied), [70, 70, 110, 110].map(|at| (at, RunEnd::Cut)));
    assert_eq!(peak(&remedied.records), 4);
}

#[test]
fn work_that_ignores_its_end_is_done_when_it_is_done() {
    let mut script = script(vec![tool("t")]).asks(0, 0, 1);
    script.tools[0].ignores_cancel = 10 * SECOND;
    script.tools[0].timeout = Some(40 * MS);
    script.tools[0].races = Some("total".to_owned());
    let played = plays(&slots(8), &script, Regime::Semaphore);
    assert_eq!(played.records[0].status, Status::TimedOut);
    let run = &played.records[0].runs[0];
    assert_eq!((run.ended, run.end), (100 * MS, RunEnd::Cut));
    // What it did nobody asked for any more, and it did it all the same.
    assert_eq!(played.facts.counters["total"], (1, 1));
}

#[test]
fn nested_calls_deadlock_where_each_needs_a_permit_and_not_under_the_gate() {
    let mut script = script(vec![tool("parent"), tool("child")]).asks(0, 0, 8).each_calls(1, 2);
    script.ends = 60 * SECOND;
    let stuck = plays(&slots(8), &script, Regime::Semaphore);
    assert_eq!(count(&stuck, Status::Lost), 24, "all of them, parents and children");
    assert_eq!(stuck.facts.ended, 60 * SECOND);
    let unlimited = plays(&slots(8), &script, Regime::Unlimited);
    assert_eq!((count(&unlimited, Status::Succeeded), unlimited.facts.ended), (24, 200 * MS));
    let gated = plays(&slots(8), &script, Regime::Rampmeter);
    assert_eq!(count(&gated, Status::Succeeded), 24);
    // Eight children run on the slots that their callers lend them, and then the other eight.
    assert_eq!(gated.facts.ended, 300 * MS);
    assert_eq!(gated.facts.gate_peaks["host"], 8);
}

#[test]
fn a_caller_that_is_cut_short_gives_up_what_it_called() {
    let policy = "[tools.\"*\"]\nlimits = []\ntimeout = \"150ms\"\n";
    for regime in [Regime::Semaphore, Regime::Rampmeter] {
        let mut script = script(vec![tool("parent"), tool("child")]).asks(0, 0, 1).each_calls(1, 1);
        script.tools[0].timeout = Some(150 * MS);
        let played = plays(&terms(policy), &script, regime);
        let child = &played.records[1];
        assert_eq!((child.status, child.runs[0].end), (Status::Cancelled, RunEnd::Cut), "{regime}");
        assert_eq!(answered_ms(&played), [Some(150); 2], "{regime}");
    }
}

#[test]
fn a_fault_strikes_the_share_of_calls_that_come_while_it_lasts() {
    let at = FaultAt::Tool(0);
    for (what, status) in [
        (FaultWhat::Fails(0.6), Status::Failed),
        (FaultWhat::Throttles(0.6), Status::Throttled),
        (FaultWhat::Fails(0.4), Status::Succeeded),
    ] {
        let script =
            script(vec![tool("t")]).asks(0, 0, 1).asks(SECOND, 0, 1).asks(2 * SECOND, 0, 1);
        let script = script.fault(SECOND, 2 * SECOND, at, what);
        for regime in ALL {
            let played = plays(&slots(8), &script, regime);
            let statuses: Vec<_> = played.records.iter().map(|it| it.status).collect();
            assert_eq!(statuses, [Status::Succeeded, status, Status::Succeeded], "{regime}");
        }
    }
}

#[test]
fn work_advances_slowly_while_a_fault_makes_it_slow() {
    let script = script(vec![tool("t")]).asks(0, 0, 1).asks(80 * MS, 0, 1).asks(300 * MS, 0, 1);
    let slow = FaultWhat::Slower(4.0);
    let script = script.fault(50 * MS, 250 * MS, FaultAt::Tool(0), slow);
    let played = plays(&slots(8), &script, Regime::Unlimited);
    // Half of it before, the other half four times as slow; 42.5 of it slowly and the rest not.
    let half = [Some(250), Some(307), Some(400)];
    assert_eq!(answered_ms(&played), half);
    assert_eq!(played.records[1].answered, Some(307 * MS + MS / 2));
}

#[test]
fn a_producer_is_held_back_by_the_gate_alone() {
    let mut script = script(vec![tool("t")]);
    for _ in 0..100 {
        script = script.asks(0, 0, 1);
    }
    let script = script.in_one_session(0, true);
    let asked = |regime| {
        let played = plays(&slots(4), &script, regime);
        assert_eq!(count(&played, Status::Succeeded), 100, "{regime}");
        played.records.iter().filter(|it| it.asked == 0).count()
    };
    assert_eq!(asked(Regime::Unlimited), 100);
    assert_eq!(asked(Regime::Semaphore), 100);
    // Sixteen turns are open at once.
    assert_eq!(asked(Regime::Rampmeter), 16);
}

#[test]
fn a_turn_past_its_deadline_is_given_up_by_the_gate_alone() {
    let mut script = script(vec![tool("t")]).asks(0, 0, 6);
    script.deadline = Some(250 * MS);
    let gated = plays(&slots(2), &script, Regime::Rampmeter);
    // The last two are refused as soon as it is known that they would come too late, or cut.
    assert_eq!(count(&gated, Status::Succeeded), 4);
    assert!(gated.records.iter().all(|it| it.answered <= Some(250 * MS)));
    let mut two = slots(2);
    two.semaphore = 2;
    assert_eq!(count(&plays(&two, &script, Regime::Semaphore), Status::Succeeded), 6);
}

#[test]
fn the_deadline_of_a_sequence_is_that_of_the_whole_turn() {
    let mut script = script(vec![tool("t")]).asks(0, 0, 3);
    (script.turns[0].sequence, script.deadline) = (true, Some(250 * MS));
    let gated = plays(&slots(2), &script, Regime::Rampmeter);
    assert_eq!(count(&gated, Status::Cancelled), 1);
    assert_eq!(gated.records[2].answered, Some(250 * MS));
}
