//! What calls ask of the machine: memory that they hold, and a loop that is kept from reacting.

use super::super::super::data::{Bar, Cell, Group, Picture};
use super::super::curves::axis;
use super::super::plays::{Plays, spread, unit};
use crate::lab::scenario::Family;

/// What is drawn of each scenario in which there is any of it.
struct Of {
    group: &'static str,
    side: &'static str,
    figure: &'static str,
    /// Less than this under all regimes is not worth a picture.
    least: f64,
    /// What it would be without any limit, if there is such a figure.
    without: Option<&'static str>,
}

const EACH: [Of; 2] = [
    Of {
        group: "the most held at once",
        side: "memory, and what all calls at once would hold",
        figure: "memory",
        least: 1.0,
        without: Some("memory wanted"),
    },
    Of {
        group: "how late the loop is",
        side: "lateness of a heartbeat, 99th percentile",
        figure: "lag p99",
        least: 0.01,
        without: None,
    },
];

pub(super) fn pictures(plays: &[Plays<'_>]) -> Vec<Picture> {
    let plays = plays.iter().filter(|plays| plays.scenario.family != Family::Curves);
    plays.flat_map(|plays| EACH.iter().filter_map(|of| picture(plays, of))).collect()
}

fn picture(plays: &Plays<'_>, of: &Of) -> Option<Picture> {
    let unit = unit(of.figure);
    let mut bars = Vec::new();
    let mut rows = Vec::new();
    for (regime, _) in &plays.regimes {
        let over = plays.figure(*regime, of.figure);
        let tick = of.without.and_then(|name| plays.median(*regime, name));
        // Tools that hold nothing have nothing to show.
        if of.without.is_some() && tick.is_none_or(|wanted| wanted == 0.0) {
            return None;
        }
        let value = over.map(|over| over.median);
        rows.push(vec![Cell::word(regime.as_str()), Cell::figure(spread(over, unit))]);
        let name = regime.to_string();
        bars.push(Bar { name, ink: super::ink(*regime), value, other: None, tick });
    }
    let some = bars.iter().any(|bar| bar.value.is_some_and(|value| value >= of.least));
    let groups = vec![Group { name: of.group.to_owned(), bars }];
    let table = super::table(&["Regime", of.figure], rows);
    some.then(|| super::rows(plays, axis(of.side, unit, false), groups, table))
}
