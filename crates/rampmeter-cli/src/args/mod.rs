//! The command line.

mod lab;

pub(crate) use lab::{
    CompareArgs, FindingAddArgs, FindingCommand, FindingListArgs, LabArgs, LabCommand, LabRunArgs,
    ListArgs, ReportArgs, TuneArgs,
};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rampmeter::Durability;
use rampmeter::format::Format;

use rampmeter_provider::{Charge, KindName, Latency, OtherUser, Style};

use crate::exit::EXIT_CODES;

/// Ramp metering for the tool calls of AI agents.
#[derive(Parser, Debug)]
#[command(name = "rampmeter", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run the tool calls of a model's turns under a policy.
    Run(RunArgs),
    /// Check a policy: every error at once, what it leaves open, and what it comes to.
    Check(CheckArgs),
    /// Say why calls of a run waited, limit by limit, from its events.
    Explain(ExplainArgs),
    /// Serve a provider on loopback that enforces quotas, to try limits against.
    MockProvider(MockProviderArgs),
    /// Measure what limits do, under load that is made up or was recorded, and find the right ones.
    Lab(LabArgs),
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct RunArgs {
    /// A turns file (JSON Lines, one assistant message a line), or a folder with rampmeter.toml and
    /// turns.jsonl.
    pub(crate) path: PathBuf,

    /// The policy [default: rampmeter.toml beside the turns].
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// The format of all turns: openai-chat, openai-responses, anthropic, gemini, bedrock, mcp,
    /// mcp-batch or stageflow [default: found out per line].
    #[arg(long, value_name = "NAME", value_parser = str::parse::<Format>)]
    pub(crate) format: Option<Format>,

    /// Write the tool messages here, in the turns' own format and order.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Write every event here, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,

    /// Write here, when the run is over, the state that its calls shared and which call wrote what,
    /// as one JSON object.
    #[arg(long, value_name = "FILE")]
    pub(crate) bag: Option<PathBuf>,

    /// Write the metrics of the whole run here at its end, in the text format of Prometheus.
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<PathBuf>,

    /// A label of all calls of a turn, read from a field of its line; repeatable. FIELD may be a
    /// dotted path.
    #[arg(long = "label", value_name = "NAME=FIELD", value_parser = name_and_field)]
    pub(crate) labels: Vec<(String, String)>,

    /// The field of a turn's line that names its flow.
    #[arg(long, value_name = "FIELD", value_parser = field)]
    pub(crate) flow: Option<String>,

    /// The field of a turn's line that names its priority, instead of its tools'.
    #[arg(long, value_name = "FIELD", value_parser = field)]
    pub(crate) priority: Option<String>,

    /// How many turns are in progress at once [default: the policy's, else 16].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) turns_at_once: Option<u32>,

    /// Keep here what the rates have used, so that the quotas of the next run carry on.
    #[arg(long, value_name = "FILE", conflicts_with = "unlimited")]
    pub(crate) state: Option<PathBuf>,

    /// When that is on the disk [default: the policy's, else interval].
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) durability: Option<Written>,

    /// Do the same work with all limits off.
    #[arg(long, conflicts_with = "compare")]
    pub(crate) unlimited: bool,

    /// Do all the work twice, with all limits off and then under them, and show both side by side.
    #[arg(long)]
    pub(crate) compare: bool,

    /// Run nothing and write nothing: print which calls of each turn would wait for which, and why.
    #[arg(long, conflicts_with_all = ["out", "events", "state", "durability", "unlimited", "compare"])]
    pub(crate) plan: bool,

    /// Print the summary as one JSON object; with --compare, one with both; with --plan, one object
    /// for each call.
    #[arg(long)]
    pub(crate) json: bool,

    /// What the latencies and failures of simulated tools are drawn from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

/// When what was used is on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Written {
    /// Once a second, and at the end.
    Interval,
    /// Before each call that uses it starts.
    Strict,
}

impl Written {
    pub(crate) fn durability(self) -> Durability {
        match self {
            Written::Interval => Durability::default(),
            Written::Strict => Durability::Strict,
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "Exit codes:\n  0  it is a policy, perhaps with warnings\n  2  it is none")]
pub(crate) struct CheckArgs {
    /// The policy, or a folder with rampmeter.toml.
    pub(crate) policy: PathBuf,
}

#[derive(Args, Debug)]
#[command(after_help = "Exit codes:
  0  it is explained
  1  it is, as far as the events go: some are missing, or the last one is cut off
  2  it is not: the file cannot be read or holds no events, or no such call is in it")]
pub(crate) struct ExplainArgs {
    /// What `rampmeter run --events` wrote.
    pub(crate) events: PathBuf,

    /// A call: the id that the model gave it, TURN:ID, or #N, the Nth that was asked for. Without
    /// one: all waits by limit, and the longest.
    pub(crate) call: Option<String>,
}

#[derive(Args, Debug)]
#[command(
    after_help = "The first line of standard output is its address. Post to /v1/chat/completions as to OpenAI,
with \"stream\": true as well, or any JSON to /tool. An interrupt ends it.

Exit codes:
  0  it was interrupted, which is its end
  1  it was, and a line of the log could not be written
  2  it could not start: the usage, the configuration, the port or a file is wrong"
)]
pub(crate) struct MockProviderArgs {
    /// A configuration, TOML; the flags below win over it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The port on loopback [default: one that is free].
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,

    /// A quota of requests, such as 60/min or 14400/day; repeatable.
    #[arg(long, value_name = "RATE")]
    pub(crate) requests: Vec<String>,

    /// A quota of tokens, such as 6000/min; repeatable.
    #[arg(long, value_name = "RATE")]
    pub(crate) tokens: Vec<String>,

    /// How the quotas of the two flags above are counted.
    #[arg(long, default_value = "sliding", value_parser = named("bucket, sliding or calendar", KindName::named))]
    pub(crate) kind: KindName,

    /// Whose headers and errors it sends: openai, groq, anthropic, gemini, github, ietf-old or
    /// ietf-new [default: openai].
    #[arg(long, value_parser = named("openai, groq, anthropic, gemini, github, ietf-old or ietf-new", Style::named))]
    pub(crate) style: Option<Style>,

    /// What of a call's tokens is charged: what it states at its arrival, what it takes actually,
    /// what it states until it is settled, or what it took after its end [default: arrival].
    #[arg(long, value_name = "WHEN", value_parser = named("arrival, actual, settled or after", Charge::named))]
    pub(crate) charge: Option<Charge>,

    /// How many times as fast as the real clock its own runs: at 60 a minute's quota comes back
    /// in a second [default: 1].
    #[arg(long, value_name = "N")]
    pub(crate) speed: Option<f64>,

    /// How long a call takes by its clock: 50ms, or 20ms..80ms [default: 0].
    #[arg(long, value_parser = Latency::parse)]
    pub(crate) latency: Option<Latency>,

    /// The most calls that are answered at once; more get 429 [default: no bound].
    #[arg(long, value_name = "N")]
    pub(crate) at_once: Option<u32>,

    /// The share of calls that fail with 503, such as 2% [default: none].
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) faults: Option<f64>,

    /// Somebody else on the same key, who takes this share of every quota, such as 20%
    /// [default: nobody].
    #[arg(long, value_name = "SHARE", value_parser = other_user)]
    pub(crate) other_user: Option<OtherUser>,

    /// Write a line for every request here, JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,

    /// What faults, latencies and the other user are drawn from [default: 0].
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// A parser of names, which says the right ones when it is given another.
fn named<T: Clone + Send + Sync + 'static>(
    names: &'static str,
    find: fn(&str) -> Option<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |name| find(name).ok_or_else(|| format!("write {names}"))
}

/// `20%` or `0.2`.
fn share(text: &str) -> Result<f64, String> {
    let (number, of) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse::<f64>().map(|number| number / of);
    share.ok().filter(|share| (0.0..=1.0).contains(share)).ok_or("write 20% or 0.2".into())
}

fn other_user(text: &str) -> Result<OtherUser, String> {
    share(text).map(|share| OtherUser { share, bites: 8 })
}

fn name_and_field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() => Ok((name.into(), field(path)?)),
        _ => Err("write NAME=FIELD, as in tenant=metadata.tenant".into()),
    }
}

/// A dotted path.
fn field(path: &str) -> Result<String, String> {
    if path.split('.').any(str::is_empty) {
        return Err("name a field of the turn's line, as in user or metadata.user".into());
    }
    Ok(path.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
