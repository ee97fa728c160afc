//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rampmeter::Durability;

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
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct RunArgs {
    /// A turns file (JSON Lines, one assistant message a line; OpenAI Chat or Anthropic), or a
    /// folder with rampmeter.toml and turns.jsonl.
    pub(crate) path: PathBuf,

    /// The policy [default: rampmeter.toml beside the turns].
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// Write the tool messages here, in the turns' own format and order.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Write every event here, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,

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

    /// Print the summary as one JSON object; with --compare, one with both.
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
