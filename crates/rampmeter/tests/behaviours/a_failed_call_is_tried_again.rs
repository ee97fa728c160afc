use std::sync::{Arc, Mutex};
use std::time::Duration;

use rampmeter::retry::NoRetry;
use rampmeter::{Access, CallError, CallResult, EventKind, Tool, ToolError, TurnRequest};
use serde_json::json;

use crate::support::{Inside, World, assert_idle, assert_sums, openai};

/// When the tool was run, in milliseconds.
type Runs = Arc<Mutex<Vec<u64>>>;

/// A tool that says `answers` one after the other, and at last that it is done.
fn scripted(world: &World, runs: &Runs, answers: Vec<ToolError>) -> Tool {
    let (world, runs, answers) = (world.clone(), runs.clone(), Arc::new(answers));
    Tool::raw("t", "", json!({}), move |_| {
        let (world, runs, answers) = (world.clone(), runs.clone(), answers.clone());
        async move {
            let run = {
                let mut runs = runs.lock().unwrap();
                runs.push(world.now_ms());
                runs.len() - 1
            };
            answers.get(run).map_or(Ok(format!("done at run {run}")), |error| Err(error.clone()))
        }
    })
}

fn run(policy: &str, answers: Vec<ToolError>) -> (World, CallResult, Vec<u64>) {
    let (world, runs) = (World::new(policy), Runs::default());
    let executor = world.executor([scripted(&world, &runs, answers)]);
    let turn = executor.resolve(&openai(&[("a", "t", "{}")])).unwrap();
    let mut report = world.run(executor.run_turn(TurnRequest::new(turn)));
    assert_idle(&world.gate, policy);
    assert_sums(&world.gate, policy);
    let runs = runs.lock().unwrap().clone();
    (world, report.results.remove(0), runs)
}

fn no_room(retry_after: Option<u64>, may_have_run: bool) -> ToolError {
    let retry_after = retry_after.map(Duration::from_secs);
    ToolError::Overloaded { message: "no room".into(), retry_after, may_have_run }
}

const READS: &str = "[tools.t]\naccess = \"read\"\nretry = { attempts = 4, base = \"1s\" }\n";

#[test]
fn what_may_be_done_twice_is_tried_again_each_time_later_and_the_result_tells_of_it() {
    let errors = vec![ToolError::failed("first"), ToolError::failed("second")];
    let (world, result, runs) = run(READS, errors);
    assert_eq!(result.output, Ok("done at run 2".into()));
    let waits: Vec<_> = result.attempts.iter().map(|it| it.again_after.unwrap()).collect();
    assert!(waits[0] <= Duration::from_secs(1) && waits[1] <= Duration::from_secs(2), "{waits:?}");
    let said: Vec<_> = result.attempts.iter().map(|it| it.error.to_string()).collect();
    assert_eq!(said, ["first", "second"]);
    let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap();
    assert_eq!(runs, [0, millis(waits[0]), millis(waits[0] + waits[1])]);
    assert_eq!(world.gate.counters().of(EventKind::Invoked), 3, "each passes the limits again");
}

#[test]
fn a_write_of_which_nobody_knows_whether_it_was_done_is_not_done_again() {
    let writes = "[tools.t]\nretry = 4";
    let (_, result, runs) = run(writes, vec![ToolError::failed("reset"); 9]);
    assert_eq!((result.output, runs.len()), (Err(CallError::Failed("reset".into())), 1));
    assert_eq!(result.no_retry, Some(NoRetry::NotIdempotent));
    let declared = format!("{writes}\nidempotent = true");
    let (_, result, runs) = run(&declared, vec![ToolError::failed("reset"); 9]);
    assert_eq!((runs.len(), result.attempts.len()), (4, 3));
    assert_eq!(result.no_retry, Some(NoRetry::Exhausted));
    let (_, result, runs) = run(writes, vec![no_room(None, false); 2]);
    assert_eq!((result.output.is_ok(), runs.len()), (true, 3), "what was refused has not run");
    let (_, result, runs) = run(writes, vec![no_room(None, true); 2]);
    assert_eq!((result.output.is_ok(), runs.len()), (false, 1));
}

#[test]
fn a_servers_delay_is_never_shortened_and_one_that_is_too_long_is_said_at_once() {
    let (_, result, runs) = run(READS, vec![no_room(Some(30), false)]);
    assert!(result.output.is_ok() && (30_000..31_000).contains(&runs[1]), "{runs:?}");
    let (world, result, runs) = run(READS, vec![no_room(Some(3600), false)]);
    assert_eq!((runs.len(), world.now_ms()), (1, 0));
    assert_eq!(result.no_retry, Some(NoRetry::OutOfTime));
    assert!(result.content().contains("try again in 3600"), "{}", result.content());
}

#[test]
fn the_gate_has_one_budget_of_retries_for_all() {
    let policy = format!("[retries]\nratio = \"10%\"\nmin_per_second = 0\nburst = 5\n{READS}");
    let (world, runs) = (World::new(&policy), Runs::default());
    let executor = world.executor([scripted(&world, &runs, vec![ToolError::failed("down"); 999])]);
    let other = executor.clone();
    let ids: Vec<_> = (0..50).map(|id| id.to_string()).collect();
    let calls: Vec<_> = ids.iter().map(|id| (id.as_str(), "t", "{}")).collect();
    let turn = || TurnRequest::new(executor.resolve(&openai(&calls)).unwrap());
    let both = futures_util::future::join(executor.run_turn(turn()), other.run_turn(turn()));
    let (one, two) = world.run(both);
    let refused = |it: &&CallResult| it.no_retry == Some(NoRetry::Budget);
    let all = || one.results.iter().chain(&two.results);
    // 100 first attempts pay for 10, and 5 were there: what they pay beyond the burst is lost.
    let retried = runs.lock().unwrap().len() - 100;
    assert!((5..=15).contains(&retried), "{retried}");
    assert_eq!(
        all().filter(refused).count(),
        100 - all().filter(|it| it.no_retry == Some(NoRetry::Exhausted)).count()
    );
}

#[test]
fn the_turns_deadline_ends_a_call_that_waits_for_its_next_attempt() {
    let policy = format!("[turn]\ndeadline = \"2s\"\n{READS}");
    let (world, result, runs) = run(&policy, vec![ToolError::failed("down"); 9]);
    assert!(result.output.is_err() && world.now_ms() <= 2_000);
    assert!(runs.iter().all(|at| *at < 2_000), "{runs:?}");
    assert!(matches!(result.no_retry, Some(NoRetry::OutOfTime | NoRetry::Exhausted)));
}

#[test]
fn a_call_keeps_its_place_in_the_order_of_its_turn_while_it_is_tried_again() {
    let policy = "[tools.t]\naccess = \"write\"\nretry = 2\nidempotent = true";
    let (world, runs) = (World::new(policy), Runs::default());
    let executor = world.executor([scripted(&world, &runs, vec![ToolError::failed("once")])]);
    let turn = executor.resolve(&openai(&[("a", "t", "{}"), ("b", "t", "{}")])).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    let said: Vec<_> = report.results.iter().map(CallResult::content).collect();
    assert_eq!(said, ["done at run 1", "done at run 2"]);
}

#[test]
fn a_retry_is_not_put_behind_those_that_came_after_its_call() {
    let policy = "[limits.one]\nconcurrency = 1\n[tools.t]\nlimits = [\"one\"]\naccess = \"read\"\n\
                  retry = { attempts = 2, base = \"1ms\", max = \"1ms\" }";
    let world = World::new(policy);
    let order: Arc<Mutex<Vec<String>>> = Arc::default();
    let (inner, log) = (world.clone(), order.clone());
    let tool = Tool::raw("t", "", json!({}), move |call| {
        let (world, log) = (inner.clone(), log.clone());
        async move {
            world.sleep(10).await;
            let first = {
                let mut log = log.lock().unwrap();
                log.push(call.id.to_string());
                log.len() == 1
            };
            if first { Err(ToolError::failed("once")) } else { Ok(String::new()) }
        }
    })
    .access(Access::Read);
    let executor = world.executor([tool]);
    let ids: Vec<_> = (0..4).map(|id| id.to_string()).collect();
    let calls: Vec<_> = ids.iter().map(|id| (id.as_str(), "t", "{}")).collect();
    let turn = executor.resolve(&openai(&calls)).unwrap();
    world.run_until(1);
    world.run(executor.run_turn(TurnRequest::new(turn)));
    assert_eq!(*order.lock().unwrap(), ["0", "1", "0", "2", "3"]);
}

#[test]
fn an_attempt_whose_work_goes_on_is_over_before_the_next_one_begins() {
    let policy = r#"
        [turn]
        deadline = "20s"
        [tools.t]
        writes = ["file"]
        idempotent = true
        timeout = "1s"
        retry = { attempts = 3, base = "1ms", max = "1ms" }
    "#;
    let world = World::new(policy);
    let (runs, inside) = (Runs::default(), Arc::<Inside>::default());
    let tool = {
        let (world, runs, inside) = (world.clone(), runs.clone(), inside.clone());
        Tool::raw("t", "", json!({}), move |call| {
            let (world, runs, inside) = (world.clone(), runs.clone(), inside.clone());
            async move {
                let here = Inside::enter(&inside);
                let run = {
                    let mut runs = runs.lock().unwrap();
                    runs.push(world.now_ms());
                    runs.len()
                };
                let (hold, other) = (call.work.hold(), world.clone());
                // The work goes on for four seconds, whoever waits for it: the last for ever.
                world.spawn(async move {
                    other.sleep(if run < 3 { 4_000 } else { 3_600_000 }).await;
                    drop((here, hold));
                });
                world.sleep(3_600_000).await;
                Ok(String::new())
            }
        })
    };
    let executor = world.executor([tool]);
    let turn = executor.resolve(&openai(&[("a", "t", "{}"), ("b", "t", "{}")])).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    let runs = runs.lock().unwrap().clone();
    assert_eq!((runs.as_slice(), inside.peak()), ([0, 4_000, 8_000].as_slice(), 1));
    assert_eq!(report.results[0].no_retry, Some(NoRetry::Exhausted));
    assert_eq!(report.results[1].output, Err(CallError::TurnDeadline));
    assert_eq!(world.now_ms(), 20_000, "the work of the first still holds the key");
}
