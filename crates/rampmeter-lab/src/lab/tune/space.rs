//! Between which bounds a knob makes any difference.

use rampmeter::Policy;
use rampmeter::policy::{DrawPolicy, ToolPolicy};

use super::knobs::{Knob, Knobs, What};
use super::search::Space;
use super::workload::Workload;
use crate::lab::script::{Script, Session};

/// What is behind a recording is known as far as it was used: to so many times that it is searched.
const BEYOND_SEEN: u64 = 2;

/// From the least that is legal to the most that these scripts could use at once, or within a
/// period, and to what is given if that is more. Of what was recorded it is not much more than was
/// used then. What nothing uses stays as it is.
pub(crate) fn space(
    knobs: &Knobs,
    policy: &Policy,
    workload: &Workload,
    scripts: &[&Script],
) -> Space {
    let bounds = knobs.knobs.iter().enumerate().map(|(at, knob)| {
        let used = scripts.iter().map(|script| most_used(knob, policy, script)).max();
        let mut used = used.unwrap_or(0);
        if let Some(seen) = most_seen(knob, policy, workload) {
            used = used.min(BEYOND_SEEN * seen);
        }
        if used == 0 {
            return (knob.given, knob.given);
        }
        let least = knobs.least(at);
        (least, used.max(knob.given).max(least))
    });
    Space(bounds.collect())
}

/// The most that a recording had of it at once, or within a period; of each flow, if there is a limit for
/// each.
pub(super) fn most_seen(knob: &Knob, policy: &Policy, workload: &Workload) -> Option<u64> {
    let Workload::Replay(replay) = workload else { return None };
    let amount = |tool: &str| policy.tool(tool).map_or(0, |tool| one_run(knob, tool));
    Some(replay.most_used(knob.what, is_per_flow(knob, policy), amount))
}

/// Whether there is one such limit for each flow, as limits per any label are played.
pub(super) fn is_per_flow(knob: &Knob, policy: &Policy) -> bool {
    policy.limits.iter().any(|limit| limit.name == knob.limit && limit.per.is_some())
}

fn most_used(knob: &Knob, policy: &Policy, script: &Script) -> u64 {
    let each: Vec<u64> = script
        .tools
        .iter()
        .map(|tool| {
            let tool = policy.tool(&tool.name);
            tool.map_or(0, |tool| one_call(knob, tool))
        })
        .collect();
    let mut by_turn = vec![0_u64; script.turns.len()];
    for call in &script.calls {
        if let Some(turn) = by_turn.get_mut(call.turn) {
            *turn += each.get(call.tool).copied().unwrap_or(0);
        }
    }
    let turn = |at: &usize| by_turn.get(*at).copied().unwrap_or(0);
    match knob.what {
        What::Rate(..) => by_turn.iter().sum(),
        What::Slots => script.sessions.iter().map(|session| at_once(session, turn)).sum(),
    }
}

/// A session waits for one turn before it asks for the next, unless it is a producer.
fn at_once(session: &Session, turn: impl Fn(&usize) -> u64) -> u64 {
    let turns = session.turns.iter().map(turn);
    if session.pulled { turns.sum() } else { turns.max().unwrap_or(0) }
}

/// What one call of a tool takes of what the knob bounds, retries included where they count.
fn one_call(knob: &Knob, tool: &ToolPolicy) -> u64 {
    let attempts = tool.retry.as_ref().map_or(1, |retry| u64::from(retry.attempts));
    let times = if knob.what == What::Slots { 1 } else { attempts };
    one_run(knob, tool) * times
}

fn one_run(knob: &Knob, tool: &ToolPolicy) -> u64 {
    let draws = |draw: &&DrawPolicy| draw.limit == knob.limit;
    let Some(draw) = tool.draws.iter().find(draws) else { return 0 };
    match knob.what {
        What::Slots => draw.weight,
        What::Rate(unit, _) => draw.said(unit).unwrap_or(1),
    }
}
