//! `rampmeter run`: a file of turns through the gate.

mod build;
mod drive;
mod live;
mod output;
#[cfg(test)]
mod quickstart;
mod show;
mod source;
mod summary;
mod tracker;

use std::io::Write;
use std::sync::Arc;

use rampmeter::policy::{Policy, Severity};
use rampmeter::runtime::{Runtime, TokioRuntime};
use rampmeter::{Access, Executor, Gate};
use tokio::sync::watch;

use crate::args::RunArgs;
use crate::check;
use crate::exit::Exit;
use build::Tools;
use drive::Stop;
use output::{Lines, Results};
use source::{Fields, Paths};
use summary::Summary;

/// Events held for the writer before some are missed; the summary would say so.
const EVENT_BUFFER: usize = 1 << 20;

pub(crate) fn run(args: &RunArgs) -> Exit {
    match try_run(args) {
        Ok(exit) => exit,
        Err(message) => {
            eprintln!("error: {message}");
            Exit::Refused
        }
    }
}

fn try_run(args: &RunArgs) -> Result<Exit, String> {
    let paths = Paths::of(args)?;
    let Some(policy) = check::load(&paths.policy) else { return Ok(Exit::Refused) };
    check::remark(&policy, Severity::Warning);
    name_serialised(&policy);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let (stop_sender, stop) = watch::channel(false);
    runtime.spawn(stop_on_interrupt(stop_sender));
    let regimes: &[Regime] = match (args.compare, args.unlimited) {
        (true, _) => &[Regime::Unlimited, Regime::Limited],
        (false, true) => &[Regime::Unlimited],
        (false, false) => &[Regime::Limited],
    };
    let mut summaries = Vec::new();
    let mut whole = true;
    for (at, regime) in regimes.iter().enumerate() {
        // Only the last run writes files: with --compare that is the one under limits.
        let last = at + 1 == regimes.len();
        let done = runtime.block_on(one(args, &paths, &policy, *regime, last, &stop))?;
        whole &= done.whole;
        summaries.push(done.summary);
    }
    print(args, &policy, &summaries);
    Ok(if *stop.borrow() {
        Exit::Interrupted
    } else if whole {
        Exit::Done
    } else {
        Exit::Partly
    })
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Regime {
    Limited,
    Unlimited,
}

impl Regime {
    fn name(self) -> &'static str {
        match self {
            Regime::Limited => "limited",
            Regime::Unlimited => "unlimited",
        }
    }
}

struct Done {
    summary: Summary,
    whole: bool,
}

async fn one(
    args: &RunArgs,
    paths: &Paths,
    policy: &Policy,
    regime: Regime,
    writes: bool,
    stop: &Stop,
) -> Result<Done, String> {
    let file = |path: &Option<std::path::PathBuf>| {
        path.as_deref().filter(|_| writes).map(Lines::create).transpose()
    };
    let (out, events) = (file(&args.out)?, file(&args.events)?);
    let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::new());
    let (executor, tools) = prepare(policy, regime, &runtime, args.seed)?;
    let lines = source::lines(&paths.turns, Fields::of(args, policy))?;
    let at_once = args.turns_at_once.unwrap_or(policy.run.turns_at_once) as usize;
    let recorder = events
        .map(|file| tokio::spawn(output::record(executor.gate().subscribe(EVENT_BUFFER), file)));
    let watcher = tokio::spawn(live::watch(executor.gate().clone(), regime.name()));
    let mut results = Results { turns: &paths.turns, out };
    let start_ns = tools.clock.now_ns();
    let driven = drive::drive(&executor, lines, at_once, stop, &mut results).await;
    watcher.abort();
    let _ = watcher.await;
    let snapshot = executor.gate().snapshot();
    let mut summary = summary::sum_up(policy, regime.name(), &driven, &tools, &snapshot, start_ns);
    let mut whole = driven.broken_lines == 0 && results.out.is_none_or(|mut out| out.finish());
    drop(executor);
    if let Some(recorder) = recorder {
        let (written, missed) = recorder.await.unwrap_or((false, 0));
        summary.events_missed = missed;
        whole &= written && missed == 0;
    }
    Ok(Done { summary, whole })
}

/// The executor and the tools of one run.
fn prepare(
    policy: &Policy,
    regime: Regime,
    runtime: &Arc<dyn Runtime>,
    seed: u64,
) -> Result<(Executor, Tools), String> {
    let mut tools = build::build(policy, runtime, seed)?;
    let enforced = match regime {
        Regime::Limited => policy.clone(),
        Regime::Unlimited => policy.to_unlimited(),
    };
    let gate = Gate::with_runtime(&enforced, runtime.clone()).map_err(|error| error.to_string())?;
    let registry = std::mem::take(&mut tools.registry);
    Ok((Executor::new(gate, registry, enforced), tools))
}

/// Says which tools run one call at a time within a turn because nothing was said of them.
fn name_serialised(policy: &Policy) {
    if policy.undeclared == Access::Write {
        let silent = policy.tools.iter().filter(|tool| tool.access.is_none());
        let names: Vec<&str> = silent.map(|tool| tool.pattern.as_str()).collect();
        if !names.is_empty() {
            eprintln!(
                "note: calls of one turn run one after the other, since nothing says that they \
                 only read: {}\n  help: write access = \"read\" in the tool, or undeclared = \
                 \"read\" at the top of the policy",
                names.join(", ")
            );
        }
    }
}

fn print(args: &RunArgs, policy: &Policy, summaries: &[Summary]) {
    let runs: Vec<&Summary> = summaries.iter().collect();
    let mut text =
        if args.json { format!("{}\n", show::json(&runs)) } else { show::screen(policy, &runs) };
    if let (false, [unlimited, limited]) = (args.json, runs.as_slice()) {
        text.push('\n');
        text.push_str(&show::verdict(unlimited, limited));
        text.push('\n');
    }
    for run in runs.iter().filter(|run| run.events_missed > 0) {
        eprintln!("error: {} events were missed in the events file", run.events_missed);
    }
    // A reader that has seen enough may close the pipe.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// The first interrupt stops the run in order, the second at once.
async fn stop_on_interrupt(stop: watch::Sender<bool>) {
    if tokio::signal::ctrl_c().await.is_ok() {
        eprintln!("interrupted: ending what runs; press again to leave at once");
        let _ = stop.send(true);
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    }
    // Dropping the sender would not stop the run, but keep it so that `stop` stays readable.
    std::future::pending::<()>().await;
}
