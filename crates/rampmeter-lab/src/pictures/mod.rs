//! Pictures of how calls are ordered, made by playing small histories against the engine. They
//! stand in `docs/pictures`; a test holds them to what the engine does.

mod stage;
mod svg;

use stage::{Part, play};
use svg::{Look, Panel, draw};

/// Every picture: its file's name, and the file.
pub fn all() -> Vec<(&'static str, String)> {
    vec![("shares.svg", shares()), ("claims.svg", claims()), ("loans.svg", loans())]
}

const BLUE: &str = "#3b6fb5";
const ORANGE: &str = "#e08a2c";
const GREY: &str = "#9aa5b1";
const GREEN: &str = "#4c9a62";

fn part(at_ms: u64, runs_ms: u64, weight: u64, kind: u16) -> Part {
    Part { at_ms, runs_ms, weight, priority: 0, kind, parent: None }
}

/// Two priorities, both backlogged: four parts to one, in slot-seconds and not in calls.
fn shares() -> String {
    let mut parts = Vec::new();
    parts.extend((0..60).map(|_| Part { priority: 0, ..part(0, 500, 1, 0) }));
    parts.extend((0..12).map(|_| Part { priority: 1, ..part(0, 1_000, 1, 1) }));
    let acts = play(4, &[4, 1], true, &parts);
    let looks = [
        Look { name: "priority of weight 4, 0.5 s a call", colour: BLUE },
        Look { name: "priority of weight 1, 1 s a call", colour: ORANGE },
    ];
    let title = "both wait: the one gets four fifths of the slots' time, the other one fifth";
    draw(8_000, &looks, &[Panel { title, slots: 4, parts: &parts, acts }])
}

/// A call that needs the whole limit, among long and short ones.
fn claims() -> String {
    let long = (0..4u64).map(|at| part(0, 1_600 + 1_200 * at, 1, 0));
    let mut parts: Vec<Part> = long.collect();
    parts.push(part(300, 1_000, 4, 1));
    parts.extend((0..60).map(|at| part(400 + at * 10, 400, 1, 2)));
    let looks = [
        Look { name: "calls that ran before", colour: GREY },
        Look { name: "weight 4, came at 0.3 s", colour: ORANGE },
        Look { name: "weight 1, 0.4 s each, came later", colour: BLUE },
    ];
    let panel = |title, backfill| Panel {
        title,
        slots: 4,
        parts: &parts,
        acts: play(4, &[1], backfill, &parts),
    };
    let without =
        panel("a claim that withholds strictly: slots stand empty until all four are free", false);
    let with =
        panel("with backfill: short calls use the gap, and the heavy one starts no later", true);
    draw(8_000, &looks, &[without, with])
}

/// Callers lend their slots to one of their calls at a time.
fn loans() -> String {
    let child =
        |at_ms, runs_ms, parent| Part { parent: Some(parent), ..part(at_ms, runs_ms, 1, 1) };
    let parts = [
        part(0, 4_000, 1, 0),
        part(0, 3_000, 1, 0),
        child(500, 1_500, 0),
        child(600, 1_200, 0),
        child(700, 1_000, 1),
        part(200, 1_500, 1, 2),
    ];
    let acts = play(2, &[1], true, &parts);
    let looks = [
        Look { name: "callers", colour: GREY },
        Look { name: "their calls, on lent slots", colour: GREEN },
        Look { name: "somebody else's call", colour: BLUE },
    ];
    let title = "two slots, both held by callers: their calls run on them one at a time";
    draw(6_000, &looks, &[Panel { title, slots: 2, parts: &parts, acts }])
}
