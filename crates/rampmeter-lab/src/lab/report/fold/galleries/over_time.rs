//! What waits and what is answered, over time, all regimes in one drawing.

use super::super::super::data::{Cell, Chart, Drawing, Form, Line, Picture, Table};
use super::super::curves::axis;
use super::super::plays::{Plays, clock_name, sentence, shown};
use super::super::stages::{points, shades};
use crate::lab::Regime;
use crate::lab::figures::{Series, Unit, series, show};

/// Those in which something piles up and, if all goes well, is worked off.
const DRAWN: [&str; 3] = ["chaos/cascade", "stress/variable", "chaos/slow-answers"];

const STEPS: usize = 120;
const ROWS: usize = 20;

/// What is drawn of each.
struct Of {
    title: &'static str,
    side: &'static str,
    unit: Unit,
    series: fn(&Series) -> &Vec<f64>,
}

const EACH: [Of; 2] = [
    Of {
        title: "queue",
        side: "calls waiting",
        unit: Unit::Count,
        series: |series| &series.waiting,
    },
    Of {
        title: "good answers",
        side: "good answers",
        unit: Unit::PerSecond,
        series: |series| &series.good,
    },
];

pub(super) fn pictures(plays: &[Plays<'_>]) -> Vec<Picture> {
    let named = |name: &&str| plays.iter().find(|plays| plays.scenario.name == **name);
    let pictures = DRAWN.iter().filter_map(named).map(|plays| {
        let drawn = plays.regimes.iter();
        let drawn = drawn.filter_map(|(regime, all)| Some((*regime, series(all.first()?, STEPS))));
        let drawn: Vec<(Regime, Series)> = drawn.collect();
        EACH.map(|of| picture(plays, &of, &drawn))
    });
    pictures.flatten().collect()
}

fn picture(plays: &Plays<'_>, of: &Of, drawn: &[(Regime, Series)]) -> Picture {
    let line = |(regime, series): &(Regime, Series)| Line {
        name: regime.to_string(),
        ink: super::ink(*regime),
        form: Form::Step,
        points: points((of.series)(series), series.step),
        band: Vec::new(),
    };
    let first = plays.regimes.first().and_then(|(_, entries)| entries.first());
    let about = sentence(&plays.scenario.about);
    Picture {
        title: format!("{}: {}", plays.scenario.name, of.title),
        caption: format!("{about} In {}, the first seed.", clock_name(plays.clock)),
        drawing: Drawing::Chart(Chart {
            x: axis("time", Unit::Time, false),
            y: axis(of.side, of.unit, false),
            lines: drawn.iter().map(line).collect(),
            shades: first.map(|entry| shades(entry)).unwrap_or_default(),
            marks: Vec::new(),
        }),
        table: table(of, drawn),
    }
}

fn table(of: &Of, drawn: &[(Regime, Series)]) -> Table {
    let lasts = drawn.iter().map(|(_, it)| (of.series)(it).len() as f64 * it.step);
    let all = lasts.fold(0.0, f64::max);
    let row = |at: usize| {
        let from = all * at as f64 / ROWS as f64;
        let value = |(_, series): &(_, Series)| {
            let mut steps = (1_u32..).zip((of.series)(series));
            let here = steps.find(|(at, _)| f64::from(*at) * series.step > from);
            Cell::figure(shown(here.map(|(_, value)| *value), of.unit))
        };
        let time = Cell::word(show(from, Unit::Time));
        std::iter::once(time).chain(drawn.iter().map(value)).collect()
    };
    let head = std::iter::once("Time").chain(drawn.iter().map(|(regime, _)| regime.as_str()));
    Table { head: head.map(str::to_owned).collect(), rows: (0..ROWS).map(row).collect() }
}
