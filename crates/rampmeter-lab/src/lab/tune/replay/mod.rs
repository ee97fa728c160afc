//! What was recorded in production, as a workload: the events that `rampmeter run --events` writes, or
//! any subscriber that writes them so.
//!
//! Turns come when they came, and ask for the same calls of the same flows and priorities. What is
//! behind each tool is estimated from how its runs went (`server.rs`): how they slow each other down,
//! so that each call's work can be told from what others added to it, and when it turns calls away.

mod profile;
mod read;
mod script;
mod server;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::BufRead;
use std::time::Duration;

use rampmeter::Policy;

use crate::lab::regime::Regime;
use crate::lab::scenario::{Family, Rate, Scenario, ServerSpec, Spread, ToolSpec};
use crate::lab::script::Script;
use read::{End, Recording};
use server::{Run, Slowness, Turns, Went};

use super::knobs::What;

/// A recording that can be played again.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What it is, as a scenario: its tools, and a server behind each. Its loads are in the script alone.
    pub scenario: Scenario,
    /// What the file lacks, and what was made of it.
    pub remarks: Vec<String>,
    tools: Vec<Tool>,
    recording: Recording,
    /// How long each call's work takes alone, where it ran; nanoseconds.
    works: Vec<Option<u64>>,
}

/// What is known of a tool.
#[derive(Clone, PartialEq, Debug)]
struct Tool {
    name: String,
    slowness: Slowness,
    turns: Turns,
    /// The share of its runs that failed.
    fails: f64,
    /// How long the work of its runs takes alone, sorted; nanoseconds.
    work: Vec<u64>,
    /// Arguments of a call, where its keys need some; `{call}` is its number.
    arguments: String,
}

/// Reads an events file; `name` is what errors call it. The policy is the one that the tools run
/// under: it tells which runs were out of time.
///
/// # Errors
///
/// It cannot be read, has no calls, or a line other than the last is no event.
pub fn replay(name: &str, file: impl BufRead, policy: &Policy) -> Result<Replay, String> {
    let recording = read::read(name, file)?;
    let mut runs = BTreeMap::<&str, Vec<(usize, Run)>>::new();
    for (at, call) in recording.calls.iter().enumerate() {
        let of_call = call.attempts.iter().filter_map(|it| run(it, policy, &call.tool));
        runs.entry(&call.tool).or_default().extend(of_call.map(|run| (at, run)));
    }
    let mut works = vec![None; recording.calls.len()];
    let tools = runs.into_iter();
    let tools = tools.map(|(name, runs)| Tool::of(name, &runs, &recording, policy, &mut works));
    let tools: Vec<Tool> = tools.collect();
    let scenario = scenario(name, &tools, &recording, policy);
    let remarks = remarks(name, &tools, &recording);
    Ok(Replay { scenario, remarks, tools, recording, works })
}

impl Replay {
    /// The recording with one seed: 1 is what was recorded; of any other, each call's work and whether it
    /// fails are drawn anew from those of its tool.
    pub fn script(&self, seed: u64) -> Script {
        script::script(self, seed)
    }

    /// The most that was used at once, or within a period, if a run of each tool uses so much.
    pub(super) fn most_used(&self, what: What, amount: impl Fn(&str) -> u64) -> u64 {
        // What ends is taken out of the sum before what begins at the same moment is added.
        let mut moves: Vec<(u64, bool, u64)> = Vec::new();
        for call in &self.recording.calls {
            for (from, to) in call.attempts.iter().filter_map(read::Attempt::inside) {
                let to = match what {
                    // What ends as it starts is there for a moment all the same.
                    What::Slots => to.max(from + 1),
                    What::Rate(_, period) => {
                        from + u64::try_from(period.as_micros()).unwrap_or(u64::MAX / 2)
                    }
                };
                let amount = amount(&call.tool);
                moves.extend([(from, true, amount), (to, false, amount)]);
            }
        }
        moves.sort_unstable();
        let (mut used, mut most) = (0_u64, 0);
        for (_, begins, amount) in moves {
            used = if begins { used + amount } else { used.saturating_sub(amount) };
            most = most.max(used);
        }
        most
    }
}

fn run(attempt: &read::Attempt, policy: &Policy, tool: &str) -> Option<Run> {
    let (from, to) = attempt.inside()?;
    let timeout = policy.tool(tool).map(|tool| tool.timeout);
    let is_out_of_time =
        timeout.is_some_and(|it| Duration::from_micros(to - from) >= it.mul_f64(0.95));
    let went = match attempt.end {
        End::Succeeded | End::Failed => Went::Through,
        End::Overloaded if is_out_of_time => Went::Cut,
        End::Overloaded => Went::Throttled,
        End::Cancelled | End::Refused | End::Unknown => Went::Cut,
    };
    Some(Run { from, to, went })
}

impl Tool {
    /// Of its runs, each with its call's place in the recording; tells how long the work of each took.
    fn of(
        name: &str,
        of_calls: &[(usize, Run)],
        recording: &Recording,
        policy: &Policy,
        works: &mut [Option<u64>],
    ) -> Tool {
        let runs: Vec<Run> = of_calls.iter().map(|(_, run)| *run).collect();
        let slowness = server::slowness(&runs);
        let profile = server::inside(&runs);
        let speed = profile.sum(|n| 1.0 / slowness.with(n));
        let mut work = Vec::new();
        for (call, run) in of_calls {
            let done = crate::sim::rng::whole(speed.between(run.from, run.to) * 1e3);
            let whole = match run.went {
                Went::Through => done,
                // Nobody knows; so it is cut short again where it was out of time.
                Went::Cut => 2 * done,
                Went::Throttled => continue,
            };
            if run.went == Went::Through {
                work.push(done);
            }
            works[*call] = works[*call].or(Some(whole));
        }
        work.sort_unstable();
        let attempts = recording.calls.iter().filter(|call| call.tool == name);
        let attempts = attempts.flat_map(|call| &call.attempts).filter(|it| it.inside().is_some());
        let ended = |end: End| attempts.clone().filter(|it| it.end == end).count() as f64;
        let (failed, good) = (ended(End::Failed), ended(End::Succeeded));
        Tool {
            name: name.to_owned(),
            turns: server::turns_away(&runs),
            slowness,
            fails: if failed > 0.0 { failed / (failed + good) } else { 0.0 },
            work,
            arguments: script::arguments(policy, name),
        }
    }

    /// In the middle; what never came to an end took nobody knows how long.
    fn usual(&self) -> u64 {
        self.work.get(self.work.len() / 2).copied().unwrap_or(1_000_000)
    }
}

fn scenario(name: &str, tools: &[Tool], recording: &Recording, policy: &Policy) -> Scenario {
    let lasts = Duration::from_micros(recording.until_us);
    let spec = |tool: &Tool| ToolSpec {
        name: tool.name.clone(),
        takes: Spread::Fixed(Duration::from_nanos(tool.usual())),
        server: Some(tool.name.clone()),
        memory: 0,
        cpu: Duration::ZERO,
        fails: tool.fails,
        fails_from: None,
        hangs: 0.0,
        ignores_cancel: Duration::ZERO,
        races: None,
        calls: Vec::new(),
    };
    let server = |tool: &Tool| ServerSpec {
        name: tool.name.clone(),
        sigma: tool.slowness.sigma,
        kappa: tool.slowness.kappa,
        full: if let Turns::Full(full) = tool.turns { Some(full) } else { None },
        quotas: match tool.turns {
            Turns::Quota(it) => {
                vec![Rate { calls: it.calls, period: Duration::from_nanos(it.period) }]
            }
            Turns::None | Turns::Full(_) | Turns::Somehow => Vec::new(),
        },
    };
    Scenario {
        name: name.to_owned(),
        family: Family::Own,
        about: format!("What {name} recorded, once more."),
        text: String::new(),
        loads: Vec::new(),
        tools: tools.iter().map(spec).collect(),
        servers: tools.iter().map(server).collect(),
        faults: Vec::new(),
        policy: policy.clone(),
        semaphore: 16,
        rate: Rate { calls: 100, period: Duration::from_secs(1) },
        deadline: None,
        // Other limits may take longer; what takes that much longer tells nothing more.
        ends: lasts * 2 + Duration::from_secs(60),
        only: None,
        regimes: vec![Regime::Rampmeter],
        pipeline: false,
        holds: Vec::new(),
        published: Vec::new(),
        sweep: None,
    }
}

fn remarks(name: &str, tools: &[Tool], recording: &Recording) -> Vec<String> {
    let mut remarks = Vec::new();
    if !recording.gaps.is_empty() {
        let gaps = recording.gaps.join("; ");
        remarks.push(format!("{name} is a part of what was recorded: {gaps}"));
    }
    remarks.push(format!(
        "{} calls are replayed when they were asked for, however quick the answers are now",
        recording.calls.len()
    ));
    let (told, others): (Vec<_>, Vec<_>) = tools
        .iter()
        .partition(|tool| tool.turns != Turns::None || tool.slowness != Slowness::default());
    remarks.extend(told.into_iter().map(behind));
    if !others.is_empty() {
        remarks.push(format!(
            "of {} tools runs are not seen to slow each other down or to be throttled",
            others.len()
        ));
    }
    remarks.push(
        "what was not recorded is not known: limits are searched up to twice what was used; run with \
         those, record again, and go on from there"
            .into(),
    );
    remarks
}

/// What is seen behind a tool.
fn behind(tool: &Tool) -> String {
    let mut text = format!("{}: ", tool.name);
    let Slowness { sigma, kappa } = tool.slowness;
    let _ = match sigma + kappa > 0.0 {
        true => write!(text, "runs slow each other down, σ = {sigma:.3} and κ = {kappa:.5}"),
        false => write!(text, "runs are not seen to slow each other down"),
    };
    let _ = match tool.turns {
        Turns::None => Ok(()),
        Turns::Full(full) => write!(text, "; throttles with {full} inside"),
        Turns::Quota(it) => {
            let period = Duration::from_nanos(it.period);
            write!(text, "; throttles what is more than {} in {period:?}", it.calls)
        }
        Turns::Somehow => {
            write!(text, "; throttles for no cause that can be seen, so it is not replayed")
        }
    };
    text
}
