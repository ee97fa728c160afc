//! Who waits, who gets what, how long it takes to recover, and what piles up.

mod machine;
mod over_time;
mod recovery;
mod shares;
mod waits;

use super::super::data::{Axis, Cell, Drawing, Gallery, Group, Ink, Picture, Rows, Table};
use super::plays::{Plays, clock_name, sentence};
use crate::lab::Regime;
use crate::lab::scenario::Family;

pub(super) fn all(plays: &[Plays<'_>]) -> Vec<Gallery> {
    let gallery = |title: &str, about: &str, pictures: Vec<Picture>| Gallery {
        title: title.to_owned(),
        about: about.to_owned(),
        pictures,
    };
    let all = [
        gallery(
            "Who waits",
            "By priority: a bar is how long calls wait to get inside a tool, the thin line ends where they are \
             answered; both are 95th percentiles. Without limits nobody waits outside, and all wait inside.",
            plays.iter().filter_map(waits::picture).collect(),
        ),
        gallery(
            "Who gets what",
            "Each flow's part of the time inside tools while there is not enough for all, with the first seed. \
             The upright mark is what it is entitled to then; flows that ask alike are taken together.",
            // Of what comes after something else, shares say nothing.
            plays
                .iter()
                .filter(|plays| plays.scenario.family != Family::Recovery)
                .filter_map(shares::picture)
                .collect(),
        ),
        gallery(
            "What comes after a fault",
            "From a fault's end until good answers come as before it.",
            plays.iter().filter_map(recovery::picture).collect(),
        ),
        gallery(
            "What the machine bears",
            "Memory that tools hold, and how late a heartbeat on the loop of the calls is. In virtual time \
             nothing is held but counted, and no loop is ever late.",
            machine::pictures(plays),
        ),
        gallery(
            "What piles up",
            "Calls that wait, and good answers in each second; faults are shaded.",
            over_time::pictures(plays),
        ),
    ];
    all.into_iter().filter(|gallery| !gallery.pictures.is_empty()).collect()
}

/// Rows of a scenario.
fn rows(plays: &Plays<'_>, axis: Axis, groups: Vec<Group>, table: Table) -> Picture {
    Picture {
        title: plays.scenario.name.clone(),
        caption: format!("{} In {}.", sentence(&plays.scenario.about), clock_name(plays.clock)),
        drawing: Drawing::Rows(Rows { axis, groups }),
        table,
    }
}

fn table(head: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    Table { head: head.iter().map(|text| (*text).to_owned()).collect(), rows }
}

const fn ink(regime: Regime) -> Ink {
    Ink { regime: Some(regime), dash: 0 }
}
