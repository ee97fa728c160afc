//! What happened, by family: key scenarios drawn, and the figures of all.

use super::super::data::{Cell, Chapter, Panel, Shade, Stage, Table};
use super::plays::{Plays, clock_name, over, sentence, shown, spread, unit};
use crate::lab::figures::{Figure, Series, Unit, series, show};
use crate::lab::scenario::Family;
use crate::lab::script::{FaultAt, FaultWhat, ScriptFault};
use crate::lab::{Clock, Entry, Regime};

/// Those that show most of their families; of each the first two that were played are drawn.
const KEYS: [&str; 14] = [
    "baseline/parallel-25",
    "stress/burst-1000",
    "stress/overload",
    "stress/burst-100",
    "chaos/cascade",
    "chaos/throttling",
    "chaos/slow-answers",
    "adversarial/herd",
    "adversarial/greedy-flow",
    "adversarial/nested",
    "adversarial/priorities",
    "recovery/degradation",
    "recovery/crash",
    "recovery/failed-fan-out",
];
const DRAWN: usize = 2;

/// More points than a drawing has pixels for tell nothing.
const STEPS: usize = 180;
/// A table that is read has about so many rows.
const ROWS: usize = 20;

const COLUMNS: [&str; 11] = [
    "asked",
    "good",
    "in time",
    "throttles",
    "lost",
    "peak",
    "queue",
    "p50",
    "p95",
    "goodput",
    "duration",
];

pub(super) fn chapters(plays: &[Plays<'_>]) -> Vec<Chapter> {
    let same = |a: &Plays<'_>, b: &Plays<'_>| a.scenario.family == b.scenario.family;
    let of_families = plays.chunk_by(same);
    of_families.filter(|plays| plays[0].scenario.family != Family::Curves).map(chapter).collect()
}

fn chapter(plays: &[Plays<'_>]) -> Chapter {
    let family = plays[0].scenario.family;
    Chapter {
        family: family_name(family).to_owned(),
        about: family_about(family).to_owned(),
        stages: keys(plays).into_iter().map(stage).collect(),
        figures: figures(plays),
    }
}

/// Those of the list in its order, and else the first ones; by the virtual clock where there is a choice.
fn keys<'a, 'b>(plays: &'a [Plays<'b>]) -> Vec<&'a Plays<'b>> {
    let named = |name: &&str| {
        let of_it = || plays.iter().filter(|plays| plays.scenario.name == **name);
        of_it().find(|plays| plays.clock == Clock::Virtual).or_else(|| of_it().next())
    };
    let found: Vec<_> = KEYS.iter().filter_map(named).take(DRAWN).collect();
    if found.is_empty() { plays.iter().take(DRAWN).collect() } else { found }
}

fn stage(plays: &Plays<'_>) -> Stage {
    let drawn =
        plays.regimes.iter().filter_map(|(regime, entries)| Some((*regime, *entries.first()?)));
    let drawn: Vec<(Regime, &Entry, Series)> =
        drawn.map(|(regime, entry)| (regime, entry, series(entry, STEPS))).collect();
    let seed = drawn.first().map_or(0, |(_, entry, _)| entry.played.job.seed);
    Stage {
        scenario: plays.scenario.name.clone(),
        about: sentence(&plays.scenario.about),
        caption: caption(plays, &drawn),
        played: format!("{}, seed {seed}", clock_name(plays.clock)),
        panels: drawn.iter().map(panel).collect(),
        table: over_time(&drawn),
    }
}

fn panel((regime, entry, series): &(Regime, &Entry, Series)) -> Panel {
    // Of what broke off as well: the panel says that it did.
    let figure = |name: &str| {
        let figure = Figure::parse(name).ok();
        shown(figure.and_then(|figure| figure.of(entry)), unit(name))
    };
    let throttled =
        entry.script.servers.iter().any(|it| it.full.is_some() || !it.quotas.is_empty());
    let mut figures = vec![
        ("most inside", figure("peak")),
        ("good answers", format!("{} of {}", figure("good"), figure("asked"))),
        ("p95", figure("p95")),
    ];
    if entry.script.deadline.is_some() {
        figures.push(("in time", figure("in time")));
    }
    if throttled {
        figures.push(("turned away", figure("throttles")));
    }
    if !entry.played.facts.counters.is_empty() {
        figures.push(("updates lost", figure("lost updates")));
    }
    Panel {
        regime: *regime,
        inside: points(&series.inside, series.step),
        waiting: points(&series.waiting, series.step),
        shades: shades(entry),
        figures: figures.into_iter().map(|(what, value)| (what.to_owned(), value)).collect(),
        broken: entry.played.facts.broken.clone(),
    }
}

/// What was counted in each step, from its beginning on, and nothing after the last.
pub(super) fn points(counted: &[f64], step: f64) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> =
        (0_u32..).zip(counted).map(|(at, count)| (f64::from(at) * step, *count)).collect();
    if let Some((last, _)) = points.last() {
        points.push((last + step, 0.0));
    }
    points
}

pub(super) fn shades(entry: &Entry) -> Vec<Shade> {
    let seconds = |nanos: u64| nanos as f64 / 1e9;
    let shade = |fault: &ScriptFault| Shade {
        from: seconds(fault.from),
        until: seconds(fault.until),
        name: wrong(entry, fault),
    };
    entry.script.faults.iter().map(shade).collect()
}

/// What was wrong, in words.
pub(super) fn wrong(entry: &Entry, fault: &ScriptFault) -> String {
    let script = &entry.script;
    let place = match fault.at {
        FaultAt::Tool(at) => script.tools.get(at).map_or("a tool", |it| &it.name),
        FaultAt::Server(at) => script.servers.get(at).map_or("a server", |it| &it.name),
        FaultAt::Process => "the process",
    };
    match fault.what {
        FaultWhat::Fails(share) => format!("{place}: {} fail", show(share, Unit::Share)),
        FaultWhat::Throttles(share) => {
            format!("{place}: {} turned away", show(share, Unit::Share))
        }
        FaultWhat::Slower(times) => format!("{place}: {} times as slow", show(times, Unit::Plain)),
        FaultWhat::Crashes => format!("{place} is dead"),
    }
}

/// The first of these that the policy makes a difference to is told.
const OUTCOMES: [(&str, &str); 3] = [
    ("lost updates", "Of updates {without} are lost without limits, {with} under the policy."),
    (
        "in time / asked",
        "{with} of those who ask have a good answer in time under the policy, {without} without limits.",
    ),
    (
        "p95",
        "95 of 100 good answers come within {with} under the policy, within {without} without limits.",
    ),
];

/// What to see, in the figures of the very playings that are drawn: whatever they are, it is true.
fn caption(plays: &Plays<'_>, drawn: &[(Regime, &Entry, Series)]) -> String {
    let both = |name: &str| {
        let unit = unit(name);
        let one = |regime| {
            let (_, entry, _) = drawn.iter().find(|(it, ..)| *it == regime)?;
            Some(show(over(&[entry], name)?.median, unit))
        };
        Some((one(Regime::Unlimited)?, one(Regime::Rampmeter)?))
    };
    let mut told = Vec::new();
    if let (Some((without, with)), Some((_, queue))) = (both("peak"), both("queue")) {
        let outside =
            if queue == "0" { "nobody waits".into() } else { format!("up to {queue} wait") };
        told.push(format!(
            "Without limits up to {without} calls are inside tools at once; under the policy up to {with}, and \
             {outside} outside."
        ));
    }
    let outcome = OUTCOMES.iter().find_map(|(figure, say)| {
        let (without, with) = both(figure).filter(|(without, with)| without != with)?;
        let say = say.replace("{without}", &without).replace("{with}", &with);
        Some(if plays.scenario.deadline.is_some() { say } else { say.replace(" in time", "") })
    });
    told.extend(outcome);
    told.join(" ")
}

fn over_time(drawn: &[(Regime, &Entry, Series)]) -> Table {
    let steps = drawn.iter().map(|(.., series)| (series.inside.len() as f64) * series.step);
    let all = steps.fold(0.0, f64::max);
    let row = |at: usize| {
        let (from, until) = (all * at as f64 / ROWS as f64, all * (at + 1) as f64 / ROWS as f64);
        let mut row = vec![Cell::word(show(from, Unit::Time))];
        for (.., series) in drawn {
            for counted in [&series.inside, &series.waiting] {
                row.push(Cell::figure(most_within(counted, series.step, from, until)));
            }
        }
        row
    };
    let heads = drawn.iter().flat_map(|(regime, ..)| [regime.to_string(), "waiting".into()]);
    Table {
        head: std::iter::once("From".to_owned()).chain(heads).collect(),
        rows: (0..ROWS).map(row).collect(),
    }
}

fn most_within(counted: &[f64], step: f64, from: f64, until: f64) -> String {
    let within = (0_u32..).zip(counted).filter(|(at, _)| {
        let begins = f64::from(*at) * step;
        begins < until && begins + step > from
    });
    let most = within.map(|(_, count)| *count).reduce(f64::max);
    shown(most, Unit::Count)
}

/// All scenarios of a family under all regimes.
fn figures(plays: &[Plays<'_>]) -> Table {
    let mut rows = Vec::new();
    for plays in plays {
        let real = if plays.clock == Clock::Real { ", in real time" } else { "" };
        for (regime, entries) in &plays.regimes {
            let name = format!("{}{real}", plays.scenario.name);
            let mut row = vec![Cell::word(name), Cell::word(regime.as_str())];
            for name in COLUMNS {
                row.push(Cell::figure(spread(over(entries, name), unit(name))));
            }
            rows.push(row);
        }
    }
    let head = ["scenario", "regime"].into_iter().chain(COLUMNS);
    Table { head: head.map(str::to_owned).collect(), rows }
}

pub(super) const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Baseline => "baseline",
        Family::Stress => "stress",
        Family::Chaos => "chaos",
        Family::Adversarial => "adversarial",
        Family::Recovery => "recovery",
        Family::Curves => "curves",
        Family::Own => "your own",
    }
}

const fn family_about(family: Family) -> &'static str {
    match family {
        Family::Baseline => "What is usual: a few calls, one after the other or side by side.",
        Family::Stress => "Much at once, in bursts, or for long.",
        Family::Chaos => "What calls depend on fails, hangs, slows down or turns them away.",
        Family::Adversarial => "Calls that are in each other's way.",
        Family::Recovery => "What comes after something went wrong.",
        Family::Curves => "A limit that is given one size after the other.",
        Family::Own => "Scenarios from files of your own.",
    }
}
