//! `rampmeter run`: a file of turns through the gate.

mod bag;
mod build;
mod drive;
mod errors;
mod fields;
mod live;
mod output;
mod plan;
#[cfg(test)]
mod quickstart;
mod remarks;
mod show;
mod source;
mod state;
mod summary;
mod table;
mod tracker;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use rampmeter::policy::Policy;
use rampmeter::runtime::{Runtime, TokioRuntime};
use rampmeter::state_bag::BagRules;
use rampmeter::{Executor, Gate, Metrics, StateBag};
use tokio::sync::watch;

use crate::args::RunArgs;
use crate::check;
use crate::exit::Exit;
use crate::interrupt::interrupted;
use crate::say::say;
use crate::tools::end_all;
use build::Tools;
use drive::Stop;
use fields::Fields;
use output::{Files, Results};
use source::{BrokenLine, Paths, TurnLine};
use state::StateFile;
use summary::Summary;
pub(crate) use table::short;

/// Events held for the writer before some are missed; the summary would say so.
const EVENT_BUFFER: usize = 1 << 20;

/// How long after its grace a command is certain to have ended.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &RunArgs) -> Exit {
    match try_run(args) {
        Ok(exit) => exit,
        Err(message) => {
            say(format_args!("error: {message}"));
            Exit::Refused
        }
    }
}

fn try_run(args: &RunArgs) -> Result<Exit, String> {
    let paths = Paths::of(args)?;
    let Some(policy) = check::load(&paths.policy) else { return Ok(Exit::Refused) };
    let fields = Fields::of(args, &policy);
    if args.plan {
        return plan::print(args, &paths, &policy, fields);
    }
    let regimes: &[Regime] = match (args.compare, args.unlimited) {
        (true, _) => &[Regime::Unlimited, Regime::Limited],
        (false, true) => &[Regime::Unlimited],
        (false, false) => &[Regime::Limited],
    };
    // All that is read is open before the first file to write is emptied.
    let inputs = regimes.iter().map(|_| source::lines(&paths.turns, fields.clone()));
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let state = StateFile::of(args, &policy, &paths);
    let mut files = Files::create(args, &paths, state.as_ref().map(StateFile::path))?;
    remarks::before(args, &policy, &fields);
    if let (true, Some(state)) = (args.compare, &state) {
        // The run that uses it is the second one; what is wrong with it is said before the first.
        let runtime = Arc::new(TokioRuntime::new());
        let gate = Gate::with_runtime(&policy, runtime).map_err(|error| error.to_string())?;
        state.open(&gate)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let (stop_sender, stop) = watch::channel(false);
    runtime.spawn(stop_on_interrupt(stop_sender));
    let mut summaries = Vec::new();
    let mut whole = true;
    for (at, (regime, lines)) in regimes.iter().zip(inputs).enumerate() {
        // Only the last run writes files: with --compare that is the one under limits.
        let last = at + 1 == regimes.len();
        let files = if last { std::mem::take(&mut files) } else { Files::default() };
        let state = state.as_ref().filter(|_| *regime == Regime::Limited);
        let work = Work { regime: *regime, lines, files, state };
        let done = runtime.block_on(one(args, &paths, &policy, work, &stop))?;
        whole &= done.whole;
        summaries.push(done.summary);
        if *stop.borrow() {
            break;
        }
    }
    remarks::after(&fields, &summaries);
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

/// What one run reads and writes.
struct Work<'a, L> {
    regime: Regime,
    lines: L,
    files: Files,
    state: Option<&'a StateFile>,
}

async fn one(
    args: &RunArgs,
    paths: &Paths,
    policy: &Policy,
    work: Work<'_, impl Iterator<Item = Result<TurnLine, BrokenLine>> + Send>,
    stop: &Stop,
) -> Result<Done, String> {
    let Work { regime, lines, files, state } = work;
    let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::new());
    let (executor, tools) = prepare(policy, regime, &runtime, args.seed)?;
    let at_once = args.turns_at_once.unwrap_or(policy.run.turns_at_once) as usize;
    let recorder = files
        .events
        .map(|file| tokio::spawn(output::record(executor.gate().subscribe(EVENT_BUFFER), file)));
    let metrics = files.metrics.map(|file| (measure(executor.gate()), file));
    // Once somebody reads the events: a cool-down that goes on is one.
    state.map_or(Ok(()), |state| state.open(executor.gate()))?;
    let watcher = tokio::spawn(live::watch(executor.gate().clone(), regime.name()));
    let mut results = Results { turns: &paths.turns, out: files.out };
    let start_ns = tools.clock.now_ns();
    let shared = StateBag::new(BagRules::of(policy)).map_err(|error| error.to_string())?;
    let driven =
        drive::drive(&executor, &shared, lines, args.format, at_once, stop, &mut results).await;
    // What was given up is still being ended; nothing of it outlives the run.
    let graces = policy.tools.iter().map(|tool| tool.overrun.grace).max().unwrap_or_default();
    let _ = tokio::time::timeout(graces + ENDS_WITHIN, executor.gate().at_rest()).await;
    watcher.abort();
    let _ = watcher.await;
    let gate = executor.gate();
    let mut summary = summary::sum_up(policy, regime.name(), &driven, &tools, gate, start_ns);
    let mut whole = driven.broken_lines == 0 && results.out.is_none_or(|mut out| out.finish());
    whole &= state.is_none() || StateFile::close(executor.gate());
    if let Some(mut file) = files.bag {
        file.write(&bag::written(&shared));
        whole &= file.finish();
    }
    if let Some(((metrics, counting), mut file)) = metrics {
        counting.abort();
        // It holds a share in the gate, whose end the recorder waits for.
        let _ = counting.await;
        whole &= file.write_page(&metrics.render());
    }
    drop(executor);
    if let Some(recorder) = recorder {
        let (written, missed) = recorder.await.unwrap_or((false, 0));
        summary.events_missed = missed;
        whole &= written && missed == 0;
    }
    Ok(Done { summary, whole })
}

/// Metrics of a gate, and the task that counts events as they come.
fn measure(gate: &Gate) -> (Arc<Metrics>, tokio::task::JoinHandle<()>) {
    let metrics = Arc::new(Metrics::new(gate));
    let counting = metrics.clone();
    (metrics, tokio::spawn(async move { counting.keep_up().await }))
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

fn print(args: &RunArgs, policy: &Policy, summaries: &[Summary]) {
    let text = match args.json {
        true => format!("{}\n", show::json(summaries, args.compare)),
        false => show::screen(policy, summaries),
    };
    // A reader that has seen enough may close the pipe.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// The first interrupt stops the run in order, the second at once.
async fn stop_on_interrupt(stop: watch::Sender<bool>) {
    interrupted().await;
    say("interrupted: ending what runs; interrupt again to leave at once");
    let _ = stop.send(true);
    interrupted().await;
    end_all();
    std::process::exit(Exit::Interrupted.code().into());
}
