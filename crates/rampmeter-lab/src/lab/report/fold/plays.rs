//! Playings of one scenario in one clock, side by side.

use crate::lab::curves::OverSeeds;
use crate::lab::figures::{Figure, Unit, show};
use crate::lab::{Clock, Entry, Regime, Scenario, Study};

/// All playings of a scenario by one clock, those of a sweep left out.
pub(super) struct Plays<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) clock: Clock,
    /// By regime, in their order; each with its seeds.
    pub(super) regimes: Vec<(Regime, Vec<&'a Entry>)>,
}

impl<'a> Plays<'a> {
    /// Of all scenarios, by family, else in the order in which they come in the study.
    pub(super) fn all(study: &'a Study) -> Vec<Plays<'a>> {
        let mut all: Vec<Plays<'a>> = Vec::new();
        for entry in study.entries.iter().filter(|entry| entry.played.job.size.is_none()) {
            let job = &entry.played.job;
            let same = |plays: &&mut Plays<'_>| {
                plays.scenario.name == job.scenario && plays.clock == job.clock
            };
            match all.iter_mut().find(same) {
                Some(plays) => plays.add(entry),
                None => {
                    let regimes = vec![(job.regime, vec![entry])];
                    all.push(Plays { scenario: &entry.scenario, clock: job.clock, regimes });
                }
            }
        }
        all.sort_by_key(|plays| plays.scenario.family);
        all
    }

    fn add(&mut self, entry: &'a Entry) {
        let regime = entry.played.job.regime;
        match self.regimes.iter_mut().find(|(it, _)| *it == regime) {
            Some((_, entries)) => entries.push(entry),
            None => {
                self.regimes.push((regime, vec![entry]));
                self.regimes.sort_by_key(|(regime, _)| *regime);
            }
        }
    }

    /// The playings under a regime, which may be none.
    pub(super) fn under(&self, regime: Regime) -> &[&'a Entry] {
        self.regimes.iter().find(|(it, _)| *it == regime).map_or(&[], |(_, entries)| entries)
    }

    /// A figure under a regime, over the seeds.
    pub(super) fn figure(&self, regime: Regime, name: &str) -> Option<OverSeeds> {
        over(self.under(regime), name)
    }

    /// The median of a figure under a regime.
    pub(super) fn median(&self, regime: Regime, name: &str) -> Option<f64> {
        Some(self.figure(regime, name)?.median)
    }
}

/// A figure of some playings that differ by their seeds; of those that were played to their end.
pub(in super::super) fn over(entries: &[&Entry], name: &str) -> Option<OverSeeds> {
    let figure = Figure::parse(name).ok()?;
    let whole = entries.iter().filter(|entry| entry.is_whole());
    OverSeeds::of(whole.filter_map(|entry| figure.of(entry)))
}

/// What a figure of that name is in.
pub(in super::super) fn unit(name: &str) -> Unit {
    Figure::parse(name).map_or(Unit::Plain, |figure| figure.unit())
}

/// The median, and how far it spreads where that can be seen.
pub(in super::super) fn spread(over: Option<OverSeeds>, unit: Unit) -> String {
    let Some(over) = over else { return "–".to_owned() };
    let [least, median, most] = [over.least, over.median, over.most].map(|it| show(it, unit));
    if least == most { median } else { format!("{median} ({least} to {most})") }
}

/// How a clock is called.
pub(in super::super) const fn clock_name(clock: Clock) -> &'static str {
    match clock {
        Clock::Virtual => "virtual time",
        Clock::Real => "real time",
    }
}

/// A sentence ends with a stop, whatever its file says.
pub(super) fn sentence(about: &str) -> String {
    let about = about.trim();
    if about.ends_with(['.', '?', '!']) { about.to_owned() } else { format!("{about}.") }
}

/// A figure, or a dash where there is none.
pub(super) fn shown(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| "–".to_owned(), |value| show(value, unit))
}
