//! Who waits, who gets what, how long it takes to recover, and what piles up.

use std::collections::BTreeMap;

use super::super::data::{
    Bar, Cell, Chart, Drawing, Form, Gallery, Group, Ink, Line, Picture, Rows, Table,
};
use super::curves::axis;
use super::plays::{Plays, clock_name};
use super::stages::{points, shades, wrong};
use crate::lab::Entry;
use crate::lab::curves::OverSeeds;
use crate::lab::figures::{
    PriorityWaits, Series, Unit, recoveries, series, shares_by_flow, show, waits_by_priority,
};

/// More flows than can be told apart are not drawn.
const FLOWS: usize = 12;
const STEPS: usize = 120;
const ROWS: usize = 20;

/// What piles up is drawn of these.
const OVER_TIME: [&str; 4] =
    ["chaos/cascade", "stress/variable", "chaos/slow-answers", "stress/sustained"];

pub(super) fn all(plays: &[Plays<'_>]) -> Vec<Gallery> {
    let gallery = |title: &str, about: &str, pictures: Vec<Picture>| Gallery {
        title: title.to_owned(),
        about: about.to_owned(),
        pictures,
    };
    let over_time = || {
        let named = |name: &&str| plays.iter().find(|plays| plays.scenario.name == **name);
        OVER_TIME.iter().filter_map(named)
    };
    let all = [
        gallery(
            "Who waits",
            "From asked for to inside a tool, by priority: a bar reaches the 95th percentile, the thin line the \
             longest wait.",
            plays.iter().filter_map(waits).collect(),
        ),
        gallery(
            "Who gets what",
            "Each flow's part of the time inside tools while there is not enough for all. The upright mark is \
             what it is entitled to.",
            plays.iter().filter_map(shares).collect(),
        ),
        gallery(
            "What comes after a fault",
            "From a fault's end until good answers come as before it.",
            plays.iter().filter_map(recovery).collect(),
        ),
        gallery(
            "What piles up",
            "Calls that wait, and below them the good answers in each second; faults are shaded.",
            over_time().flat_map(|plays| [queue(plays), answers(plays)]).collect(),
        ),
    ];
    all.into_iter().filter(|gallery| !gallery.pictures.is_empty()).collect()
}

fn waits(plays: &Plays<'_>) -> Option<Picture> {
    // By priority, and by regime within it; over the seeds.
    let mut priorities: Vec<String> = Vec::new();
    let mut found = BTreeMap::<_, Vec<PriorityWaits>>::new();
    for (regime, entries) in &plays.regimes {
        for waits in entries.iter().flat_map(|entry| waits_by_priority(entry)) {
            if !priorities.contains(&waits.priority) {
                priorities.push(waits.priority.clone());
            }
            found.entry((waits.priority.clone(), *regime)).or_default().push(waits);
        }
    }
    let mut rows = Vec::new();
    let mut group = |name: &String| {
        let bar = |(regime, _): &(_, Vec<&Entry>)| {
            let waits = found.get(&(name.clone(), *regime))?;
            let median = |of: fn(&PriorityWaits) -> f64| {
                let ran = waits.iter().filter(|waits| waits.ran > 0);
                Some(OverSeeds::of(ran.map(of))?.median)
            };
            let figures = [
                median(|it| it.p50),
                median(|it| it.p95),
                median(|it| it.p99),
                median(|it| it.max),
            ];
            let words = [name.clone(), regime.to_string()].map(Cell::Word);
            rows.push(words.into_iter().chain(figures.map(|it| figure(it, Unit::Time))).collect());
            let ink = Ink { regime: Some(*regime), dash: 0 };
            let (value, other) = (figures[1], figures[3]);
            Some(Bar { name: regime.to_string(), ink, value, other, tick: None })
        };
        Group { name: name.clone(), bars: plays.regimes.iter().filter_map(bar).collect() }
    };
    let groups: Vec<Group> = priorities.iter().map(&mut group).collect();
    (groups.len() > 1).then(|| Picture {
        title: plays.scenario.name.clone(),
        caption: format!("{} In {}.", stop(&plays.scenario.about), clock_name(plays.clock)),
        drawing: Drawing::Rows(Rows {
            axis: axis("wait: 95th percentile, longest", Unit::Time, false),
            groups,
        }),
        table: table(&["Priority", "Regime", "p50", "p95", "p99", "Longest"], rows),
    })
}

fn shares(plays: &Plays<'_>) -> Option<Picture> {
    let mut groups: Vec<Group> = Vec::new();
    let mut rows = Vec::new();
    for (regime, entries) in &plays.regimes {
        for share in shares_by_flow(entries.first()?) {
            let name = format!("{}, {}", share.flow, share.priority);
            rows.push(vec![
                Cell::word(name.clone()),
                Cell::word(regime.as_str()),
                Cell::figure(show(share.share, Unit::Share)),
                Cell::figure(show(share.entitled, Unit::Share)),
            ]);
            let bar = Bar {
                name: regime.to_string(),
                ink: Ink { regime: Some(*regime), dash: 0 },
                value: Some(share.share),
                other: None,
                tick: Some(share.entitled),
            };
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.bars.push(bar),
                None => groups.push(Group { name, bars: vec![bar] }),
            }
        }
    }
    (2..=FLOWS).contains(&groups.len()).then(|| Picture {
        title: plays.scenario.name.clone(),
        caption: format!("{} In {}.", stop(&plays.scenario.about), clock_name(plays.clock)),
        drawing: Drawing::Rows(Rows {
            axis: axis("share, and entitlement", Unit::Share, false),
            groups,
        }),
        table: table(&["Flow, priority", "Regime", "Share", "Entitled to"], rows),
    })
}

fn recovery(plays: &Plays<'_>) -> Option<Picture> {
    let script = &plays.regimes.first()?.1.first()?.script;
    let mut groups = Vec::new();
    let mut rows = Vec::new();
    for (at, fault) in script.faults.iter().enumerate() {
        let mut bars = Vec::new();
        let (from, until) = (fault.from as f64 / 1e9, fault.until as f64 / 1e9);
        let entry = plays.regimes.first()?.1.first()?;
        let name = format!(
            "{}, {} to {}",
            wrong(entry, fault),
            show(from, Unit::Time),
            show(until, Unit::Time)
        );
        for (regime, entries) in &plays.regimes {
            let took = entries.iter().filter_map(|entry| recoveries(entry).get(at)?.took);
            let took = OverSeeds::of(took).map(|over| over.median);
            rows.push(vec![
                Cell::word(name.clone()),
                Cell::word(regime.as_str()),
                figure(took, Unit::Time),
            ]);
            let ink = Ink { regime: Some(*regime), dash: 0 };
            bars.push(Bar { name: regime.to_string(), ink, value: took, other: None, tick: None });
        }
        groups.push(Group { name, bars });
    }
    let told = groups.iter().flat_map(|group| &group.bars).any(|bar| bar.value.is_some());
    told.then(|| Picture {
        title: plays.scenario.name.clone(),
        caption: format!("{} In {}.", stop(&plays.scenario.about), clock_name(plays.clock)),
        drawing: Drawing::Rows(Rows { axis: axis("time to recover", Unit::Time, false), groups }),
        table: table(&["Fault", "Regime", "Took"], rows),
    })
}

fn queue(plays: &Plays<'_>) -> Picture {
    let caption = format!(
        "{} Calls that wait to get inside, in {}.",
        stop(&plays.scenario.about),
        clock_name(plays.clock)
    );
    over_time(plays, "queue", "calls waiting", Unit::Count, caption, |series| &series.waiting)
}

fn answers(plays: &Plays<'_>) -> Picture {
    let caption = format!(
        "{} Good answers a second, in {}.",
        stop(&plays.scenario.about),
        clock_name(plays.clock)
    );
    over_time(plays, "good answers", "good answers", Unit::PerSecond, caption, |series| {
        &series.good
    })
}

fn over_time(
    plays: &Plays<'_>,
    what: &str,
    side: &str,
    unit: Unit,
    caption: String,
    of: fn(&Series) -> &Vec<f64>,
) -> Picture {
    let mut lines = Vec::new();
    let mut drawn = Vec::new();
    for (regime, entries) in &plays.regimes {
        let Some(series) = entries.first().map(|entry| series(entry, STEPS)) else { continue };
        lines.push(Line {
            name: regime.to_string(),
            ink: Ink { regime: Some(*regime), dash: 0 },
            form: Form::Step,
            points: points(of(&series), series.step),
            band: Vec::new(),
        });
        drawn.push((*regime, series));
    }
    let first = plays.regimes.first().and_then(|(_, entries)| entries.first());
    let all =
        drawn.iter().map(|(_, series)| of(series).len() as f64 * series.step).fold(0.0, f64::max);
    let row = |at: usize| {
        let from = all * at as f64 / ROWS as f64;
        let value = |(_, series): &(_, Series)| {
            let step = series.step;
            let here = (0_u32..).zip(of(series)).find(|(at, _)| f64::from(*at + 1) * step > from);
            figure(here.map(|(_, value)| *value), unit)
        };
        let time = Cell::word(show(from, Unit::Time));
        std::iter::once(time).chain(drawn.iter().map(value)).collect()
    };
    let head = std::iter::once("Time").chain(drawn.iter().map(|(regime, _)| regime.as_str()));
    Picture {
        title: format!("{}: {what}", plays.scenario.name),
        caption,
        drawing: Drawing::Chart(Chart {
            x: axis("time", Unit::Time, false),
            y: axis(side, unit, false),
            lines,
            shades: first.map(|entry| shades(entry)).unwrap_or_default(),
            marks: Vec::new(),
        }),
        table: Table {
            head: head.map(str::to_owned).collect(),
            rows: (0..ROWS).map(row).collect(),
        },
    }
}

fn figure(value: Option<f64>, unit: Unit) -> Cell {
    Cell::figure(value.map_or_else(|| "–".to_owned(), |value| show(value, unit)))
}

fn table(head: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    Table { head: head.iter().map(|text| (*text).to_owned()).collect(), rows }
}

fn stop(about: &str) -> String {
    let about = about.trim_end_matches('.');
    if about.ends_with('?') { about.to_owned() } else { format!("{about}.") }
}
