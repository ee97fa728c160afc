use super::support::{
    MS, SECOND, answered_ms, count, plays, quota, script, server, slots, terms, tool,
};
use crate::lab::record::Status;
use crate::lab::regime::Regime;
use crate::lab::script::{FaultAt, FaultWhat, ScriptServer};

#[test]
fn a_server_is_as_quick_as_the_scalability_law_says() {
    let (sigma, kappa) = (0.05, 0.002);
    for calls in [1, 2, 10, 40] {
        let usl = ScriptServer { sigma, kappa, ..server("s") };
        let script = script(vec![tool("t")]).asks(0, 0, calls).before(usl);
        let played = plays(&slots(8), &script, Regime::Unlimited);
        let n = calls as f64;
        let takes = 100e6 * (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0));
        for record in &played.records {
            let off = (record.answered.unwrap() as f64 - takes).abs();
            assert!(off <= 1.0, "{calls} calls: {off} ns off");
        }
    }
}

#[test]
fn whoever_comes_and_goes_changes_the_speed_for_the_others() {
    // Twice as many are half as quick: they share one.
    let shared = ScriptServer { sigma: 1.0, ..server("s") };
    let mut script = script(vec![tool("t")]).asks(0, 0, 1).asks(50 * MS, 0, 1).before(shared);
    script.calls[1].takes = 20 * MS;
    let played = plays(&slots(8), &script, Regime::Unlimited);
    assert_eq!(answered_ms(&played), [Some(120), Some(90)]);
}

#[test]
fn a_call_that_is_cut_short_leaves_its_server() {
    let shared = ScriptServer { sigma: 1.0, ..server("s") };
    let tools = vec![tool("t"), tool("short")];
    let mut script = script(tools).asks_for(0, "f", "normal", &[0, 1]).before(shared);
    script.tools[1].timeout = Some(60 * MS);
    let played = plays(&slots(8), &script, Regime::Semaphore);
    // By then 30 of its 100 ms were done, and from then on it is alone.
    assert_eq!(answered_ms(&played), [Some(130), Some(60)]);
}

#[test]
fn a_full_server_turns_away_who_comes_and_is_asked_again_under_a_policy() {
    let small = ScriptServer { full: Some(3), ..server("s") };
    let script = script(vec![tool("t")]).asks(0, 0, 5).before(small);
    let played = plays(&slots(8), &script, Regime::Unlimited);
    assert_eq!((count(&played, Status::Succeeded), count(&played, Status::Throttled)), (3, 2));
    assert_eq!(played.facts.ended, 100 * MS);
    assert_eq!(count(&plays(&slots(3), &script, Regime::Rampmeter), Status::Succeeded), 5);
}

#[test]
fn a_quota_throttles_exactly_what_is_more_than_it_in_any_period() {
    let limited = ScriptServer { quotas: vec![quota(10, SECOND)], ..server("s") };
    let mut script = script(vec![tool("t")]).before(limited);
    for tenth in 0..50 {
        script = script.asks(tenth * 100 * MS, 0, 2);
    }
    script.calls.iter_mut().for_each(|call| call.takes = MS);
    let played = plays(&slots(8), &script, Regime::Unlimited);
    // Twice the quota is asked for: half of it passes, five tenths of a second of each second.
    assert_eq!((count(&played, Status::Succeeded), count(&played, Status::Throttled)), (50, 50));
    let passed: Vec<_> =
        played.records.iter().filter(|it| it.status.is_good()).map(|it| it.asked).collect();
    let most = passed
        .iter()
        .map(|from| passed.iter().filter(|at| (*from..from + SECOND).contains(at)).count());
    assert_eq!(most.max(), Some(10));
}

#[test]
fn a_throttle_stops_the_limit_until_the_server_has_room_again() {
    let policy = "[limits.api]\nconcurrency = 50\nfeedback = true\n[tools.t]\nlimits = [\"api\"]\n\
                  access = \"read\"\nretry = { attempts = 5, base = \"10ms\" }\n\
                  queue_timeout = \"1m\"\n";
    let limited = ScriptServer { quotas: vec![quota(5, SECOND)], ..server("s") };
    let script = script(vec![tool("t")]).asks(0, 0, 8).before(limited);
    let played = plays(&terms(policy), &script, Regime::Rampmeter);
    assert_eq!(count(&played, Status::Succeeded), 8);
    assert!(played.facts.events["limit.cooling"] >= 1);
    let early = played.records.iter().filter(|it| it.answered < Some(SECOND)).count();
    assert_eq!(early, 5, "the others wait as long as they were told to");
}

#[test]
fn what_a_server_says_of_its_quota_keeps_calls_from_being_throttled() {
    let told = |feedback: bool| {
        // The policy believes that twice as much is allowed.
        let policy = format!(
            "[limits.api]\nrequests = \"20/s\"\nconcurrency = 1\nfeedback = {feedback}\n\
             [tools.t]\nlimits = [\"api\"]\naccess = \"read\"\nqueue_timeout = \"1m\"\n"
        );
        let limited = ScriptServer { quotas: vec![quota(10, SECOND)], ..server("s") };
        let mut script = script(vec![tool("t")]).asks(0, 0, 30).before(limited);
        script.calls.iter_mut().for_each(|call| call.takes = 10 * MS);
        count(&plays(&terms(&policy), &script, Regime::Rampmeter), Status::Throttled)
    };
    assert!(told(false) > 0);
    assert_eq!(told(true), 0);
}

#[test]
fn faults_of_a_server_strike_all_its_tools() {
    for (what, status) in
        [(FaultWhat::Fails(1.0), Status::Failed), (FaultWhat::Throttles(1.0), Status::Throttled)]
    {
        let script = script(vec![tool("a"), tool("b")]).before(server("s"));
        let script =
            script.asks_for(0, "f", "normal", &[0, 1]).asks_for(SECOND, "f", "normal", &[0, 1]);
        let script = script.fault(SECOND, 2 * SECOND, FaultAt::Server(0), what);
        let played = plays(&slots(8), &script, Regime::Unlimited);
        let statuses: Vec<_> = played.records.iter().map(|it| it.status).collect();
        assert_eq!(statuses, [Status::Succeeded, Status::Succeeded, status, status]);
    }
}

#[test]
fn a_server_is_slow_while_a_fault_lasts_for_whoever_is_inside() {
    let script = script(vec![tool("t")]).asks(0, 0, 2).asks(300 * MS, 0, 1).before(server("s"));
    let script = script.fault(50 * MS, 150 * MS, FaultAt::Server(0), FaultWhat::Slower(2.0));
    let played = plays(&slots(8), &script, Regime::Unlimited);
    assert_eq!(answered_ms(&played), [150, 150, 400].map(Some));
    let long = script_of_one().fault(50 * MS, 90 * MS, FaultAt::Server(0), FaultWhat::Slower(2.0));
    // 40 ms in which only 20 were done.
    assert_eq!(answered_ms(&plays(&slots(8), &long, Regime::Unlimited)), [Some(120)]);
}

fn script_of_one() -> crate::lab::Script {
    script(vec![tool("t")]).asks(0, 0, 1).before(server("s"))
}
