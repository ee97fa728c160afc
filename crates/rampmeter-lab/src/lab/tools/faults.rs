//! What goes wrong in a tool or a server at a moment.

use super::super::script::{FaultAt, FaultWhat, Script, ScriptFault, again};
use super::Trouble;
use crate::sim::rng::whole;

/// What strikes a call that comes there now, if anything does. `drawn` is the call's draw.
pub(super) fn strikes(
    script: &Script,
    at: FaultAt,
    now: u64,
    (drawn, attempt): (f64, u32),
) -> Option<Trouble> {
    let drawn = again(drawn, attempt);
    present(script, at, now).find_map(|fault| match fault.what {
        FaultWhat::Fails(share) if drawn < share => Some(Trouble::Failed),
        FaultWhat::Throttles(share) if drawn < share => {
            Some(Trouble::Throttled { retry_after: Some(fault.until - now) })
        }
        _ => None,
    })
}

/// How many times as long everything takes there now.
pub(super) fn slowness(script: &Script, at: FaultAt, now: u64) -> f64 {
    let slower = present(script, at, now).filter_map(|fault| match fault.what {
        FaultWhat::Slower(times) if times > 0.0 => Some(times),
        _ => None,
    });
    slower.product()
}

/// When work of so many nanoseconds that begins now is done there. While a fault lasts it advances
/// more slowly, before and after as ever.
pub(super) fn done_at(script: &Script, at: FaultAt, now: u64, work: u64) -> u64 {
    let (mut now, mut left) = (now, work as f64);
    loop {
        let slower = slowness(script, at, now);
        let ends = now.saturating_add(whole((left * slower).round()));
        match changes(script, at).filter(|change| *change > now && *change < ends).min() {
            None => return ends,
            Some(change) => {
                left -= (change - now) as f64 / slower;
                now = change;
            }
        }
    }
}

/// The moments when a fault begins or ends there.
pub(super) fn changes(script: &Script, at: FaultAt) -> impl Iterator<Item = u64> + '_ {
    let faults = script.faults.iter().filter(move |fault| fault.at == at);
    faults.flat_map(|fault| [fault.from, fault.until])
}

fn present(script: &Script, at: FaultAt, now: u64) -> impl Iterator<Item = &ScriptFault> + '_ {
    script.faults.iter().filter(move |it| it.at == at && it.from <= now && now < it.until)
}
