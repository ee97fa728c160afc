//! The command line of `rampmeter lab`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rampmeter_lab::lab::Regime;
use rampmeter_lab::lab::findings::{Kind, Severity};

use super::named;

/// Exit codes of whatever plays.
const EXIT_CODES: &str = "Exit codes:
  0    all was played, and what the scenarios say must hold does
  1    something that must hold does not or cannot be told, a playing broke, or an output could not be
       written
  2    nothing was played: the usage, a scenario or the folder is wrong
  130  it was interrupted; what was played is kept, and the same command goes on from there";

#[derive(Args, Debug)]
pub(crate) struct LabArgs {
    #[command(subcommand)]
    pub(crate) command: LabCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum LabCommand {
    /// Play scenarios under several regimes, and report what happens.
    Run(LabRunArgs),
    /// List the scenarios and the hypotheses.
    List(ListArgs),
    /// Make the report of what was played again.
    Report(ReportArgs),
    /// Set two folders of playings side by side.
    Compare(CompareArgs),
    /// Find the limits that meet aims at the greatest goodput.
    Tune(TuneArgs),
    /// Add to the findings of a folder, or list them.
    #[command(subcommand)]
    Finding(FindingCommand),
    /// Play what comes on standard input, in this process, and write what happens.
    #[command(hide = true)]
    Play,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct LabRunArgs {
    /// Families, scenarios, or scenario files of one's own [default: all built-in families].
    #[arg(value_name = "FAMILY|SCENARIO|FILE")]
    pub(crate) what: Vec<String>,

    /// The folder for what is played and the report; what is there already is not played again.
    #[arg(long, value_name = "DIR", default_value = "lab-out")]
    pub(crate) out: PathBuf,

    /// By the wall clock, one playing after the other, each in a process of its own, with memory that
    /// is really held and work that really keeps a core busy. If nothing is named, only what ends
    /// within 10 s and what no other clock can tell.
    #[arg(long)]
    pub(crate) real: bool,

    /// Under these regimes: unlimited, semaphore, rate-limiter, rampmeter, stageflow [default: what
    /// each scenario says].
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = named("unlimited, semaphore, rate-limiter, rampmeter or stageflow", Regime::named))]
    pub(crate) regimes: Vec<Regime>,

    /// How many seeds each is played with; more show the spread.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) seeds: u64,

    /// The first of them.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,

    /// How many are played at once in virtual time [default: one for each core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(crate) threads: Option<u32>,

    /// The Python that has `stageflow-core`, for the regime of that name [default: python3].
    #[arg(long, value_name = "PATH")]
    pub(crate) python: Option<PathBuf>,

    /// Play all of it again.
    #[arg(long)]
    pub(crate) fresh: bool,

    /// Print the summary as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ReportArgs {
    /// The folder that `rampmeter lab run --out` wrote.
    #[arg(value_name = "DIR", default_value = "lab-out")]
    pub(crate) folder: PathBuf,

    /// Print the summary as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// A folder that `rampmeter lab run --out` wrote.
    #[arg(value_name = "A")]
    pub(crate) before: PathBuf,

    /// Another one.
    #[arg(value_name = "B")]
    pub(crate) after: PathBuf,
}

#[derive(Args, Debug)]
#[command(after_help = "Exit codes:
  0    limits were found, and they meet the aims on fresh seeds
  1    no limits meet the aims; the nearest are shown
  2    nothing was tried: the usage, the policy, the workload or an aim is wrong
  130  it was interrupted")]
pub(crate) struct TuneArgs {
    /// The policy whose limits are to be found.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,

    /// A scenario, by name or as a file, or the events of a run of `rampmeter run --events`.
    #[arg(long, value_name = "SCENARIO|FILE")]
    pub(crate) workload: String,

    /// What must hold, such as "p95 of high <= 2s", "no throttled" or "memory <= 512MiB"; repeatable.
    #[arg(long = "aim", value_name = "AIM")]
    pub(crate) aims: Vec<String>,

    /// How many seeds each policy is tried with.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) seeds: u32,

    /// How many settings are tried at most.
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) most: u32,

    /// Write the policy that was found here; a folder that is missing is made.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Print what was found as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum FindingCommand {
    /// Add a finding; one with this id must not be there yet.
    Add(FindingAddArgs),
    /// List the findings.
    List(FindingListArgs),
}

#[derive(Args, Debug)]
pub(crate) struct FindingAddArgs {
    /// The folder that `rampmeter lab run --out` wrote.
    #[arg(long, value_name = "DIR", default_value = "lab-out")]
    pub(crate) out: PathBuf,

    /// Its id, which no other finding has.
    #[arg(long)]
    pub(crate) id: String,

    /// bug, risk, strength, improvement, developer-experience, missing-api or component.
    #[arg(long, value_parser = named("bug, risk, strength, improvement, developer-experience, missing-api or component", Kind::named))]
    pub(crate) kind: Kind,

    /// critical, high, medium, low or info.
    #[arg(long, value_parser = named("critical, high, medium, low or info", Severity::named))]
    pub(crate) severity: Severity,

    /// What was found, in a sentence.
    #[arg(long)]
    pub(crate) title: String,

    /// What shows it.
    #[arg(long)]
    pub(crate) evidence: String,

    /// The scenario that reproduces it.
    #[arg(long)]
    pub(crate) scenario: Option<String>,

    /// What provides what is missing, such as a document.
    #[arg(long, value_name = "WHERE")]
    pub(crate) component: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct FindingListArgs {
    /// The folder that `rampmeter lab run --out` wrote.
    #[arg(long, value_name = "DIR", default_value = "lab-out")]
    pub(crate) out: PathBuf,
}
