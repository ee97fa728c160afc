//! What scripts come to under the driver: what is Stageflow's own, and what the lab asks of a child.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rampmeter_lab::lab::play::{Terms, child, stageflow};
use rampmeter_lab::lab::scenario::Rate;
use rampmeter_lab::lab::script::{ScriptQuota, ScriptServer, Turn};
use rampmeter_lab::lab::{CallRecord, Clock, Played, Regime, RunEnd, Script, Status};

use crate::place::python;
use crate::scripts::{MS, SECOND, any, driven, job, printed, read, tool, turn_of};

/// One turn, as a pipeline of stages side by side.
fn pipeline_of(takes_ms: &[u64]) -> Script {
    Script { pipeline: true, ..turn_of(tool(), takes_ms) }
}

/// When it was answered in milliseconds, and what of.
fn answers(records: &[CallRecord]) -> Vec<(Option<u64>, Status)> {
    records.iter().map(|record| (record.answered.map(|at| at / MS), record.status)).collect()
}

/// When its only run ended in milliseconds, and how.
fn end(record: &CallRecord) -> (u64, RunEnd) {
    assert_eq!(record.runs.len(), 1, "{record:?}");
    (record.runs[0].ended / MS, record.runs[0].end)
}

/// What the tool does is done by a server with these quotas.
fn has_a_server(script: &mut Script, quotas: Vec<ScriptQuota>) {
    let server = ScriptServer { name: "s".into(), sigma: 0.1, kappa: 0.01, full: None, quotas };
    script.servers = vec![server];
    script.tools[0].server = Some(0);
}

fn as_child(command: Command, script: &Script, clock: Clock) -> Played {
    let rate = Rate { calls: 1, period: Duration::from_secs(1) };
    let terms = Terms { policy: None, semaphore: 1, rate };
    let job = job(Regime::Stageflow, clock);
    child::play_on(command, &terms, script, &job, &AtomicBool::new(false)).unwrap()
}

#[test]
fn a_turn_is_a_pipeline_of_stages_side_by_side() {
    let (records, facts) = driven(&pipeline_of(&[30, 10, 20]));
    let all = [30, 10, 20].map(|at| (Some(at), Status::Succeeded));
    assert_eq!(answers(&records), all);
    assert_eq!(facts.ended, 30 * MS);
}

#[test]
fn a_sequence_is_a_pipeline_of_stages_in_a_row() {
    let mut script = pipeline_of(&[30, 10, 20]);
    script.turns[0].sequence = true;
    let (records, _) = driven(&script);
    let asked: Vec<_> = records.iter().map(|record| record.asked / MS).collect();
    assert_eq!(asked, [0, 30, 40]);
    assert_eq!(answers(&records)[2], (Some(60), Status::Succeeded));
}

#[test]
fn a_stage_that_fails_ends_its_turn_and_its_siblings_run_on_for_nobody() {
    let mut script = pipeline_of(&[10, 20, 30]);
    script.tools[0].fails = 0.1;
    script.calls[1].fail_at = 0.0;
    let (records, facts) = driven(&script);
    let expected =
        [(Some(10), Status::Succeeded), (Some(20), Status::Failed), (Some(20), Status::Cancelled)];
    assert_eq!(answers(&records), expected);
    assert_eq!(end(&records[2]), (30, RunEnd::Cut));
    assert_eq!(facts.ended, 30 * MS);
}

#[test]
fn a_stage_that_is_throttled_raises_and_its_siblings_are_cut_at_once() {
    let mut script = pipeline_of(&[10, 20, 30]);
    has_a_server(&mut script, vec![ScriptQuota { calls: 2, period: SECOND }]);
    let (records, _) = driven(&script);
    let statuses: Vec<_> = records.iter().map(|record| record.status).collect();
    assert_eq!(statuses, [Status::Cancelled, Status::Cancelled, Status::Throttled]);
    assert_eq!(end(&records[0]), (0, RunEnd::Cut));
}

#[test]
fn what_comes_after_a_stage_that_failed_is_never_asked_for() {
    let mut script = pipeline_of(&[10, 10, 10]);
    script.turns[0].sequence = true;
    script.tools[0].fails_from = Some(1);
    let (records, facts) = driven(&script);
    assert_eq!(answers(&records), [(Some(10), Status::Succeeded), (Some(20), Status::Failed)]);
    assert_eq!(facts.never_asked, 1);
}

#[test]
fn a_stage_has_thirty_seconds_and_a_call_of_the_registry_all_the_time_there_is() {
    let mut script = pipeline_of(&[40_000, 50_000]);
    let (records, _) = driven(&script);
    assert_eq!(answers(&records), [(Some(30_000), Status::TimedOut); 2]);
    script.pipeline = false;
    let (records, _) = driven(&script);
    assert_eq!(answers(&records)[1], (Some(50_000), Status::Succeeded));
}

#[test]
fn the_same_script_prints_the_same_bytes() {
    // Many stages of one moment, one of which fails: nothing may go by where they lie in memory.
    let mut script = pipeline_of(&[10; 40]);
    script.tools[0].fails = 0.1;
    script.calls[17].fail_at = 0.0;
    assert_eq!(printed(&script, Clock::Virtual), printed(&script, Clock::Virtual));
    let script = any(7);
    assert_eq!(printed(&script, Clock::Virtual), printed(&script, Clock::Virtual));
}

#[test]
fn in_real_time_memory_is_held_and_what_it_costs_is_measured() {
    let bytes = 16 << 20;
    let mut script = turn_of(tool(), &[20; 4]);
    (script.tools[0].memory, script.tools[0].cpu) = (bytes, 5 * MS);
    has_a_server(&mut script, Vec::new());
    let (records, facts) = read(&printed(&script, Clock::Real));
    assert!(records.iter().all(|record| record.status == Status::Succeeded), "{records:?}");
    assert_eq!(facts.held_bytes_peak, 4 * bytes);
    if cfg!(target_os = "linux") {
        let (before, peak) = facts.resident.unwrap();
        // The kernel counts by and by: three of four are beyond doubt.
        assert!(peak - before >= 3 * bytes, "{before} to {peak} bytes");
    }
    assert!(!facts.lags.is_empty() && facts.cpu.is_some_and(|cpu| cpu > 0), "{facts:?}");
}

#[test]
fn as_a_child_of_the_lab_it_says_what_it_ran_on() {
    let played =
        as_child(stageflow::command(python()), &turn_of(tool(), &[10, 20]), Clock::Virtual);
    assert_eq!(played.facts.broken, None);
    assert_eq!(answers(&played.records), [10, 20].map(|at| (Some(at), Status::Succeeded)));
    let under = stageflow::find(python()).unwrap();
    assert_eq!(played.facts.under, Some(under.to_string()));
}

#[test]
fn a_driver_that_breaks_says_why_and_keeps_what_it_knows() {
    let mut script = turn_of(tool(), &[10, 20]);
    script.calls[1].arguments = "{\"q\": ".to_owned();
    script.turns[0].sequence = true;
    script.sessions[0].turns = vec![0, 1];
    script.turns.push(Turn { calls: vec![1], ..script.turns[0].clone() });
    script.turns[0].calls = vec![0];
    let played = as_child(stageflow::command(python()), &script, Clock::Virtual);
    let broken = played.facts.broken.unwrap();
    assert!(broken.contains("stageflow did not resolve its calls: Invalid JSON"), "{broken}");
    assert_eq!(answers(&played.records)[0], (Some(10), Status::Succeeded));
}

#[test]
fn a_python_without_stageflow_is_told_apart() {
    // As little a Python as can be.
    let error = stageflow::find(Path::new(env!("CARGO"))).unwrap_err();
    assert!(error.contains("has no stageflow-core that it can use: "), "{error}");
    assert!(error.contains("pip install stageflow-core=="), "{error}");
}
