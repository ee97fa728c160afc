//! The few facts that matter, in the figures of this very run. What they say is true whichever way the
//! figures come out.

use super::super::data::Fact;
use super::plays::{Plays, unit};
use crate::lab::Regime;
use crate::lab::figures::{Unit, show};

/// A fact to look for.
struct Sought {
    /// The scenarios that tell it, the best first.
    scenarios: &'static [&'static str],
    what: &'static str,
    figure: &'static str,
    /// `{asked}`, `{unlimited}` and `{rampmeter}` are filled in.
    sentence: &'static str,
}

const SOUGHT: [Sought; 4] = [
    Sought {
        scenarios: &["stress/burst-1000", "stress/burst-100", "stress/burst-10000"],
        what: "Inside tools at once",
        figure: "peak",
        sentence: "Without limits {unlimited} of {asked} calls ran at once; under the policy {rampmeter}.",
    },
    Sought {
        scenarios: &["chaos/throttling", "stress/rate-50"],
        what: "Turned away by a server",
        figure: "throttles",
        sentence: "A server with a quota turned calls away {unlimited} times without limits, and \
                   {rampmeter} times under the policy; {asked} were asked for.",
    },
    Sought {
        scenarios: &["adversarial/priorities"],
        what: "Important calls, 95th percentile",
        figure: "p95 of high",
        sentence: "Beside a batch that is too much for the server, 95 of 100 important calls were answered \
                   within {unlimited} without limits, and within {rampmeter} under the policy.",
    },
    Sought {
        scenarios: &["chaos/cascade"],
        what: "Answered in time through a slow spell",
        figure: "in time / asked",
        sentence: "A database was slow for ten of thirty seconds: {unlimited} of all callers had their answer \
                   in time without limits, {rampmeter} under the policy.",
    },
];

pub(super) fn facts(plays: &[Plays<'_>]) -> Vec<Fact> {
    SOUGHT.iter().filter_map(|sought| fact(plays, sought)).collect()
}

fn fact(plays: &[Plays<'_>], sought: &Sought) -> Option<Fact> {
    let named = |name: &&str| plays.iter().find(|plays| plays.scenario.name == **name);
    let plays = sought.scenarios.iter().find_map(named)?;
    let value = |regime| {
        let value = plays.median(regime, sought.figure)?;
        Some(show(value, unit(sought.figure)))
    };
    let (unlimited, rampmeter) = (value(Regime::Unlimited)?, value(Regime::Rampmeter)?);
    let asked = show(plays.median(Regime::Unlimited, "asked")?, Unit::Count);
    let seeds = plays.under(Regime::Rampmeter).len();
    let of_seeds = if seeds > 1 { format!(", median of {seeds} seeds") } else { String::new() };
    let sides = [Regime::Unlimited, Regime::Stageflow, Regime::Rampmeter];
    let sentence = sought.sentence.replace("{asked}", &asked);
    Some(Fact {
        what: format!("{}{of_seeds}", sought.what),
        sides: sides.into_iter().filter_map(|regime| Some((regime, value(regime)?))).collect(),
        sentence: sentence.replace("{unlimited}", &unlimited).replace("{rampmeter}", &rampmeter),
    })
}
