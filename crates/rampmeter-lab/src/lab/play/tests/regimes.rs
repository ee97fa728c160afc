use super::support::{MS, SECOND, answered_ms, count, peak, plays, script, slots, terms, tool};
use crate::lab::record::{RunEnd, Status};
use crate::lab::regime::Regime;

#[test]
fn a_hundred_calls_are_inside_at_once_where_nothing_limits_them() {
    let script = script(vec![tool("t")]).asks(0, 0, 100);
    let played = plays(&slots(8), &script, Regime::Unlimited);
    assert_eq!(peak(&played.records), 100);
    assert_eq!(count(&played, Status::Succeeded), 100);
    assert_eq!(played.facts.ended, 100 * MS);
}

#[test]
fn a_semaphore_of_eight_lets_eight_inside() {
    let script = script(vec![tool("t")]).asks(0, 0, 100);
    let played = plays(&slots(50), &script, Regime::Semaphore);
    assert_eq!(peak(&played.records), 8);
    assert_eq!(count(&played, Status::Succeeded), 100);
    // Thirteen rounds of a tenth of a second.
    assert_eq!(played.facts.ended, 1300 * MS);
}

#[test]
fn a_gate_of_eight_slots_lets_eight_inside() {
    let script = script(vec![tool("t")]).asks(0, 0, 100);
    let played = plays(&slots(8), &script, Regime::Rampmeter);
    assert_eq!(peak(&played.records), 8);
    assert_eq!(count(&played, Status::Succeeded), 100);
    assert_eq!(played.facts.ended, 1300 * MS);
    assert_eq!(played.facts.gate_peaks["host"], 8);
    assert_eq!(played.facts.events["tool.completed"], 100);
    // Each has its answer when its own run is over, not with its turn's last.
    assert_eq!(answered_ms(&played)[..3], [Some(100); 3]);
}

#[test]
fn a_token_bucket_starts_ten_at_once_and_then_one_each_tenth_of_a_second() {
    let script = script(vec![tool("t")]).asks(0, 0, 15);
    let played = plays(&slots(8), &script, Regime::RateLimiter);
    let starts: Vec<_> = played.records.iter().map(|it| it.runs[0].started / MS).collect();
    assert_eq!(starts[..10], [0; 10]);
    assert_eq!(starts[10..], [100, 200, 300, 400, 500]);
}

#[test]
fn a_time_out_ends_a_run_under_the_remedies_and_not_where_nothing_limits() {
    let mut slow = tool("t");
    slow.timeout = Some(30 * MS);
    let script = script(vec![slow]).asks(0, 0, 1);
    for regime in [Regime::Semaphore, Regime::RateLimiter] {
        let played = plays(&slots(8), &script, regime);
        assert_eq!(count(&played, Status::TimedOut), 1, "{regime}");
        let run = &played.records[0].runs[0];
        assert_eq!((run.ended, run.end), (30 * MS, RunEnd::Cut), "{regime}");
    }
    assert_eq!(count(&plays(&slots(8), &script, Regime::Unlimited), Status::Succeeded), 1);
    let short = terms("[tools.t]\nlimits = []\ntimeout = \"30ms\"\n");
    assert_eq!(count(&plays(&short, &script, Regime::Rampmeter), Status::TimedOut), 1);
}

#[test]
fn the_calls_of_a_sequence_are_asked_for_one_after_the_other() {
    for regime in [Regime::Unlimited, Regime::Semaphore, Regime::Rampmeter] {
        let mut script = script(vec![tool("t")]).asks(50 * MS, 0, 3);
        script.turns[0].sequence = true;
        let played = plays(&slots(8), &script, regime);
        let asked: Vec<_> = played.records.iter().map(|it| it.asked / MS).collect();
        assert_eq!(asked, [50, 150, 250], "{regime}");
        assert_eq!(played.facts.ended, 350 * MS, "{regime}");
    }
}

#[test]
fn a_session_thinks_between_its_turns() {
    for regime in [Regime::Unlimited, Regime::Rampmeter] {
        let script = script(vec![tool("t")]).asks(0, 0, 2).asks(0, 0, 2);
        let played = plays(&slots(8), &script.in_one_session(SECOND, false), regime);
        assert_eq!(answered_ms(&played), [100, 100, 1200, 1200].map(Some), "{regime}");
    }
}

#[test]
fn what_runs_at_the_end_runs_until_then_and_nobody_is_answered_any_more() {
    for regime in [Regime::Unlimited, Regime::Semaphore, Regime::Rampmeter] {
        let mut script = script(vec![tool("t")]).asks(0, 0, 10).asks(SECOND, 0, 1);
        script.ends = 150 * MS;
        let played = plays(&slots(8), &script, regime);
        let answered = count(&played, Status::Succeeded);
        assert_eq!(answered, if regime == Regime::Unlimited { 10 } else { 8 }, "{regime}");
        assert_eq!(count(&played, Status::Lost), 10 - answered, "{regime}");
        for record in played.records.iter().filter(|it| it.status == Status::Lost) {
            assert_eq!(record.answered, None, "{regime}");
            assert_eq!((record.runs[0].ended, record.runs[0].end), (150 * MS, RunEnd::Running));
        }
        assert_eq!((played.facts.ended, played.facts.never_asked), (150 * MS, 1), "{regime}");
    }
}

#[test]
fn ten_thousand_calls_at_once_are_played_under_every_regime() {
    for regime in [Regime::Unlimited, Regime::Semaphore, Regime::Rampmeter, Regime::RateLimiter] {
        let mut script = script(vec![tool("t")]);
        script.ends = 3600 * SECOND;
        let played = plays(&slots(64), &script.asks(0, 0, 10_000), regime);
        assert_eq!(count(&played, Status::Succeeded), 10_000, "{regime}");
    }
}

#[test]
fn the_same_script_gives_the_same_records_byte_for_byte() {
    for regime in [Regime::Unlimited, Regime::Semaphore, Regime::RateLimiter, Regime::Rampmeter] {
        let mut script = script(vec![tool("a"), tool("b")]);
        script.tools[0].fails = 0.6;
        for (at, flow) in (0..20).zip(["x", "y"].into_iter().cycle()) {
            script = script.asks_for(at * 7 * MS, flow, "normal", &[0, 1, 0]);
        }
        let text = || {
            let played = plays(&slots(3), &script, regime);
            serde_json::to_string(&(played.records, played.facts)).unwrap()
        };
        assert_eq!(text(), text(), "{regime}");
    }
}

#[test]
fn a_limit_per_any_label_is_kept_apart_for_each_flow() {
    let per_tenant = terms(
        "[limits.host]\nconcurrency = 2\nper = \"tenant\"\n[tools.\"*\"]\nlimits = [\"host\"]\n\
         access = \"read\"\nqueue_timeout = \"1h\"\n[turn]\ndeadline = \"1h\"\n",
    );
    let script = script(vec![tool("t")]);
    let script = script.asks_for(0, "a", "normal", &[0; 4]).asks_for(0, "b", "normal", &[0; 4]);
    let played = plays(&per_tenant, &script, Regime::Rampmeter);
    assert_eq!(count(&played, Status::Succeeded), 8);
    assert_eq!(peak(&played.records), 4);
}
