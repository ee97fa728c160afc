//! A script is played in a process of its own, and whatever becomes of that is told.
#![cfg(all(feature = "lab", unix))]
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rampmeter::Policy;
use rampmeter_lab::lab::play::{Terms, child, play_on};
use rampmeter_lab::lab::scenario::Rate;
use rampmeter_lab::lab::{Clock, Job, Played, Regime, Script, Status};

fn script() -> Script {
    let call = |at: usize| {
        format!(
            r#"{{"tool":0,"turn":{at},"takes":20000000,"fail_at":0.5,"hang_at":0.5,"fault_at":0.5,
                "parent":null,"children":[],"arguments":"{{}}"}}"#
        )
    };
    let turn = |at: usize| {
        format!(r#"{{"load":"l","flow":"f","priority":"normal","sequence":false,"calls":[{at}]}}"#)
    };
    let session = |at: usize| format!(r#"{{"at":0,"turns":[{at}],"think":0,"pulled":false}}"#);
    let list = |of: &dyn Fn(usize) -> String| (0..3).map(of).collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"scenario":"own/test","seed":1,"ends":2000000000,"deadline":null,"pipeline":false,
            "tools":[{{"name":"t","usual":20000000,"server":null,"memory":8388608,"cpu":1000000,
            "fails":0.0,"fails_from":null,"hangs":0.0,"ignores_cancel":0,"races":"total",
            "timeout":null}}],
            "servers":[],"faults":[],"sessions":[{}],"turns":[{}],"calls":[{}]}}"#,
        list(&session),
        list(&turn),
        list(&call)
    );
    serde_json::from_str(&text).unwrap()
}

fn terms() -> Terms {
    let text =
        "[limits.host]\nconcurrency = 1\n[tools.t]\nlimits = [\"host\"]\naccess = \"read\"\n";
    let policy = Some(Policy::parse("test.toml", text).unwrap());
    Terms { policy, semaphore: 2, rate: Rate { calls: 10, period: Duration::from_secs(1) } }
}

fn job(regime: Regime, clock: Clock) -> Job {
    Job { scenario: "own/test".to_owned(), regime, seed: 1, clock, size: None }
}

fn in_child(command: Command, clock: Clock) -> Played {
    let job = job(Regime::Rampmeter, clock);
    child::play_on(command, &terms(), &script(), &job, &AtomicBool::new(false)).unwrap()
}

/// A child that does as this says.
fn shell(does: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", does]);
    command
}

fn plays() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rampmeter-play"))
}

#[test]
fn a_child_tells_what_it_would_have_told_here() {
    for regime in [Regime::Unlimited, Regime::Semaphore, Regime::RateLimiter, Regime::Rampmeter] {
        let job = job(regime, Clock::Virtual);
        let stop = AtomicBool::new(false);
        let there = child::play_on(plays(), &terms(), &script(), &job, &stop).unwrap();
        let here = play_on(&terms(), &script(), &job);
        assert_eq!((here.facts.broken.as_ref(), here.records.len()), (None, 3), "{regime}");
        assert_eq!(there, here, "{regime}");
    }
}

#[test]
fn in_real_time_memory_is_held_and_a_heart_beats() {
    let played = in_child(plays(), Clock::Real);
    assert_eq!(played.facts.broken, None);
    assert!(played.records.iter().all(|it| it.status == Status::Succeeded));
    // One after the other, each for its 20 ms and one on the processor.
    assert!(played.facts.ended >= 63_000_000);
    assert!(!played.facts.lags.is_empty());
    assert_eq!(played.facts.held_bytes_peak, 8 << 20);
    if cfg!(target_os = "linux") {
        let (before, peak) = played.facts.resident.unwrap();
        assert!(peak - before >= 8 << 20, "{before} {peak}");
        assert!(played.facts.cpu.unwrap() > 0);
    }
}

#[test]
fn a_child_that_dies_leaves_what_it_had_told_and_its_last_words() {
    let record = r#"{"record":{"call":1,"asked":0,"answered":5,"status":"succeeded"}}"#;
    let command =
        shell(&format!("cat > /dev/null; echo '{record}'; echo out of cheese >&2; exit 3"));
    let played = in_child(command, Clock::Virtual);
    assert_eq!((played.records.len(), played.records[0].call), (1, 1));
    assert_eq!(played.facts.ended, 5);
    let broken = played.facts.broken.unwrap();
    assert!(broken.contains("exit status: 3") && broken.contains("out of cheese"), "{broken}");
    let killed = in_child(shell("kill -9 $$"), Clock::Virtual).facts.broken.unwrap();
    assert!(killed.contains("signal: 9"), "{killed}");
}

#[test]
fn of_two_records_of_a_call_the_last_one_counts() {
    let record = |status: &str| {
        format!(r#"{{"record":{{"call":0,"asked":0,"answered":5,"status":"{status}"}}}}"#)
    };
    let (first, last) = (record("succeeded"), record("degraded"));
    let says = format!("cat > /dev/null; echo '{first}'; echo '{last}'; echo '{{\"facts\":{{}}}}'");
    let played = in_child(shell(&says), Clock::Virtual);
    assert_eq!(played.facts.broken, None);
    assert_eq!(played.records[0].status, Status::Degraded);
}

#[test]
fn a_child_that_talks_nonsense_is_not_listened_to() {
    let played = in_child(shell("echo hello; exec sleep 100"), Clock::Virtual);
    let broken = played.facts.broken.unwrap();
    assert!(broken.contains("line 1") && broken.contains("hello"), "{broken}");
    let other = r#"{"record":{"call":3,"asked":0,"answered":null,"status":"lost"}}"#;
    let played = in_child(shell(&format!("echo '{other}'")), Clock::Virtual);
    assert!(played.facts.broken.unwrap().contains("no call 3"));
}

#[test]
fn a_child_that_hangs_is_killed_when_its_time_is_over_or_when_it_is_to_be_stopped() {
    let (terms, script, job) = (terms(), script(), job(Regime::Rampmeter, Clock::Real));
    let stop = AtomicBool::new(true);
    let played = child::play_on(shell("exec sleep 100"), &terms, &script, &job, &stop).unwrap();
    assert_eq!(played.facts.broken.as_deref(), Some("it was stopped"));
    let short = Duration::from_millis(100);
    let never = AtomicBool::new(false);
    let played = child::play_within(shell("exec sleep 100"), &terms, &script, &job, short, &never);
    assert!(played.unwrap().facts.broken.unwrap().contains("killed"));
}

#[test]
fn what_cannot_be_started_is_said_so() {
    let nobody = Command::new("/nowhere/to/be/found");
    let job = job(Regime::Rampmeter, Clock::Virtual);
    let error = child::play_on(nobody, &terms(), &script(), &job, &AtomicBool::new(false));
    assert!(error.unwrap_err().contains("/nowhere/to/be/found"));
}
