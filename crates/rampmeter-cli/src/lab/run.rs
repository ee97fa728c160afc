//! `rampmeter lab run`: scenarios are played, kept and reported.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rampmeter_lab::lab::plan::{Ask, Plan, Planned};
use rampmeter_lab::lab::play::{self, child};
use rampmeter_lab::lab::store::{Flaw, Store};
use rampmeter_lab::lab::{Clock, Played, Regime, Scenario};

use super::build::build;
use super::pick::pick;
use super::report;
use super::stageflow::{Found, Stageflow};
use super::stop::Stop;
use super::work::{Tally, Work};
use crate::args::LabRunArgs;
use crate::exit::Exit;
use crate::say::say;

pub(super) fn run(args: &LabRunArgs) -> Result<Exit, String> {
    let stageflow = Found::of(args)?;
    let plan = plan(args, &stageflow)?;
    let program = std::env::current_exe()
        .map_err(|error| format!("cannot find this program's own file: {error}"))?;
    let store = Store::open(&args.out).map_err(|error| error.to_string())?;
    for planned in &plan.jobs {
        let kept = store.keep_scenario(&planned.source.scenario);
        kept.map_err(|error| format!("{error}; {GO_ON}"))?;
    }
    let stop = Stop::on_interrupt()?;
    let by = build();
    let player = Player { program: &program, stageflow: stageflow.here(), stop: &stop };
    let work = Work {
        plan: &plan,
        store: &store,
        by: &|job| match (job.regime, player.stageflow) {
            (Regime::Stageflow, Some(stageflow)) => format!("{by}, {}", stageflow.under()),
            _ => by.clone(),
        },
        play: |planned: &Planned| player.play(planned),
        fresh: args.fresh,
        threads: threads(args),
        stop: &stop,
    };
    let tally = work.all();
    after(&plan, &store, &tally);
    if stop.is_set() {
        interrupted(&plan, &args.out, &tally);
        return Ok(Exit::Interrupted);
    }
    let whole = tally.unwritten.is_none() && tally.broken.is_empty();
    if tally.kept + tally.found == 0 {
        return Ok(Exit::Partly);
    }
    let exit = report::make(&store, args.json)?;
    Ok(if whole { exit } else { Exit::Partly })
}

/// What is to be played; what is left out is told.
fn plan(args: &LabRunArgs, stageflow: &Found) -> Result<Plan, String> {
    if args.seed.checked_add(args.seeds - 1).is_none() {
        return Err(format!(
            "--seeds {} from --seed {} go past {}, the greatest there is: begin with a smaller one",
            args.seeds,
            args.seed,
            u64::MAX
        ));
    }
    let plan = Plan::of(&Ask {
        scenarios: scenarios(args)?,
        regimes: (!args.regimes.is_empty()).then(|| args.regimes.clone()),
        first_seed: args.seed,
        seeds: args.seeds,
        clock: if args.real { Clock::Real } else { Clock::Virtual },
        stageflow: stageflow.here().is_some(),
    });
    before(args, &plan, stageflow)?;
    Ok(plan)
}

/// By the wall clock, what takes longer than this is played if it is named, or if nothing else can tell.
const SHORT: Duration = Duration::from_secs(10);

fn scenarios(args: &LabRunArgs) -> Result<Vec<Arc<Scenario>>, String> {
    let mut scenarios = pick(&args.what)?;
    if args.real && args.what.is_empty() {
        let all = scenarios.len();
        scenarios.retain(|it| it.ends <= SHORT || it.only == Some(Clock::Real));
        say(format_args!(
            "left out: {} scenarios that go on for longer than {} s; name those that are to be played",
            all - scenarios.len(),
            SHORT.as_secs()
        ));
    }
    Ok(scenarios)
}

const GO_ON: &str = "the same command goes on from here";

/// What plays a job.
struct Player<'a> {
    program: &'a Path,
    stageflow: Option<&'a Stageflow>,
    stop: &'a Stop,
}

impl Player<'_> {
    fn play(&self, planned: &Planned) -> Option<Played> {
        let Planned { source, job } = planned;
        let (scenario, script) = (&source.scenario, source.script());
        let command = match (job.regime, self.stageflow) {
            (Regime::Stageflow, Some(stageflow)) => stageflow.command(),
            _ if job.clock == Clock::Virtual => return Some(play::play(scenario, script, job)),
            _ => {
                let mut command = Command::new(self.program);
                command.args(["lab", "play"]);
                command
            }
        };
        let played = child::play(command, scenario, script, job, self.stop.flag());
        // What was cut short because somebody interrupted is no playing.
        (!self.stop.is_set()).then_some(played)
    }
}

/// By the wall clock, one must not be in the other's way.
fn threads(args: &LabRunArgs) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let asked = args.threads.and_then(|threads| usize::try_from(threads).ok());
    if args.real { 1 } else { asked.unwrap_or(cores) }
}

/// What is left out, and why.
fn before(args: &LabRunArgs, plan: &Plan, stageflow: &Found) -> Result<(), String> {
    let names: Vec<_> = plan.other_clock.iter().map(|it| it.name.as_str()).collect();
    if !names.is_empty() {
        let (clock, remedy) = match args.real {
            true => ("virtual time", "without --real they are played"),
            false => ("the wall clock", "--real plays them"),
        };
        let names = names.join(", ");
        say(format_args!("left out, since they tell nothing but by {clock}: {names}; {remedy}"));
    }
    if let (Found::Missing(why), 1..) = (stageflow, plan.without_stageflow) {
        say(format_args!("left out: the regime stageflow, for {why}"));
    }
    match plan.jobs.is_empty() {
        true => Err("there is nothing to play: name scenarios or regimes that can be".into()),
        false => Ok(()),
    }
}

/// What did not go as planned.
fn after(plan: &Plan, store: &Store, tally: &Tally) {
    let path = |at: usize| store.path(&plan.jobs[at].job);
    let (outdated, others): (Vec<_>, Vec<_>) =
        tally.again.iter().partition(|(_, flaw)| *flaw == Flaw::Outdated);
    for (at, flaw) in others {
        say(format_args!("{}: {flaw}; it was played again", path(*at).display()));
    }
    if !outdated.is_empty() {
        say(format_args!(
            "{} playings of another build, text or stageflow-core were played again",
            outdated.len()
        ));
    }
    for (at, why) in &tally.broken {
        say(format_args!("error: {} was not played to its end: {why}", path(*at).display()));
    }
    if let Some(error) = &tally.unwritten {
        let missing = plan.jobs.len() - tally.found - tally.kept;
        say(format_args!(
            "error: {error}; {missing} of {} are not played or not kept, {GO_ON}",
            plan.jobs.len()
        ));
    }
}

fn interrupted(plan: &Plan, out: &Path, tally: &Tally) {
    say(format_args!(
        "{} of {} are played and kept in {}; {GO_ON}, and `rampmeter lab report {}` reports what is \
         there",
        tally.found + tally.kept,
        plan.jobs.len(),
        out.display(),
        out.display(),
    ));
}
