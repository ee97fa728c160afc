//! What tuning came to, in words, for a terminal.

use std::fmt::{self, Write as _};

use super::tuned::{Reached, Step, Tuned, TunedAim, TunedKnob, Under};
use crate::lab::curves::OverSeeds;
use crate::lab::figures::{Unit, show};

/// From so much on a part is told as times.
const MANY: f64 = 4.0;

impl fmt::Display for Tuned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.head())?;
        let knobs: Vec<_> = self.knobs.iter().map(|knob| self.knob(knob)).collect();
        f.write_str(&table(["limit", "given", "use", "a little more of it"], &knobs))?;
        let mut figures = vec![
            under("goodput", &self.goodput, Unit::PerSecond),
            under("good / asked", &self.good, Unit::Share),
        ];
        figures.extend(self.aims.iter().map(aim));
        writeln!(f)?;
        f.write_str(&table(["aim", "given", "use", "use, on fresh seeds"], &figures))?;
        for aim in &self.aims {
            if let Some(text) = self.cost(aim) {
                write!(f, "\n{text}")?;
            }
        }
        for remark in &self.remarks {
            write!(f, "\n{remark}")?;
        }
        for (name, why) in &self.left_alone {
            write!(f, "\n{name} is left as it is: {why}")?;
        }
        let (tried, seeds) = (self.tried.len(), self.seeds.len());
        writeln!(
            f,
            "\n{tried} settings were tried on {seeds} seeds, and what is to be used on {} more",
            self.fresh.len()
        )
    }
}

impl Tuned {
    fn head(&self) -> String {
        let met = match (self.met, self.aims.is_empty(), self.cut_short) {
            (true, false, _) => "the limits that meet every aim at the greatest goodput",
            (true, true, _) => "the limits with the greatest goodput",
            (false, _, false) => {
                "no limits were found that meet every aim on all seeds; the nearest to them"
            }
            (false, _, true) => {
                "the search was cut short before it found limits that meet every aim; the nearest to them"
            }
        };
        let is_beyond = |knob: &TunedKnob| knob.seen.is_some_and(|seen| knob.found > seen);
        let mut head = met.to_owned();
        if self.met && self.cut_short {
            head += " of those that were tried before the search was cut short";
        }
        if self.knobs.iter().any(is_beyond) {
            head += ", if what was not recorded is as what was";
        }
        head
    }

    fn knob(&self, knob: &TunedKnob) -> [String; 4] {
        let up = match &knob.up {
            None if knob.between.0 == knob.between.1 => "nothing here depends on it".to_owned(),
            None if knob.found < knob.between.1 => "not tried".to_owned(),
            None => format!("{} is the most that was searched", knob.between.1),
            Some(step) => self.step(step),
        };
        [knob.name.clone(), knob.given.to_string(), knob.found.to_string(), up]
    }

    fn step(&self, step: &Step) -> String {
        let place = self.knobs.iter().zip(&step.setting).find(|(knob, to)| knob.found != **to);
        let mut text = place.map_or(String::new(), |(_, to)| format!("{to}: "));
        let _ = match step.gain {
            gain if gain.abs() < 0.0005 => write!(text, "the same goodput"),
            gain => write!(text, "{} goodput", more(gain)),
        };
        for (at, worst, missed) in &step.breaks {
            let aim = &self.aims[*at];
            let worst = worst.map_or("nothing".into(), |worst| show(worst, aim.unit));
            let _ = write!(text, ", breaks `{}` with {worst}{}", aim.aim, over(*missed, aim));
        }
        if step.fewer_good {
            text += ", fewer good answers than as given";
        }
        text
    }

    /// What an aim costs, or that it cannot be met.
    fn cost(&self, aim: &TunedAim) -> Option<String> {
        if let Some(relaxed) = &aim.relaxed {
            if relaxed.gain < 0.0005 {
                return None;
            }
            let how = match relaxed.bound {
                Some(bound) => format!("relaxed to {}", show(bound, aim.unit)),
                None => "left out".to_owned(),
            };
            let gain = more(relaxed.gain);
            return Some(format!("`{}`, {how}, would give {gain} goodput", aim.aim));
        }
        if aim.found.missed == 0.0 {
            return None;
        }
        let Some(best) = aim.best_seen else {
            return Some(format!(
                "`{}` cannot be told here: no setting that was tried came to such a figure",
                aim.aim
            ));
        };
        let best = show(best, aim.unit);
        Some(format!(
            "`{}` is missed{}; whatever the other aims, the best that was seen is {best}",
            aim.aim,
            over(aim.found.missed, aim)
        ))
    }
}

fn under(name: &str, under: &Under, unit: Unit) -> [String; 4] {
    let Under { given, found, fresh } = *under;
    [name.to_owned(), spread(given, unit), spread(Some(found), unit), spread(fresh, unit)]
}

fn aim(aim: &TunedAim) -> [String; 4] {
    let reached = |reached: &Option<Reached>| match reached {
        None => "–".to_owned(),
        Some(it) if it.holds == it.of => spread(it.value, aim.unit),
        Some(it) => {
            format!("{}, missed on {} of {}", spread(it.value, aim.unit), it.of - it.holds, it.of)
        }
    };
    [aim.aim.clone(), reached(&aim.given), reached(&Some(aim.found)), reached(&aim.fresh)]
}

/// By how much a bound is missed, where a share of it says something.
fn over(missed: f64, aim: &TunedAim) -> String {
    match aim.bound != 0.0 && missed < 1e5 {
        true if missed >= MANY => format!(", {} times the aim", show(1.0 + missed, Unit::Plain)),
        true => format!(", {:.1} % off", 100.0 * missed),
        false => String::new(),
    }
}

/// By what part there is more, or less.
fn more(share: f64) -> String {
    match share >= MANY {
        true => format!("{} times the", show(share + 1.0, Unit::Plain)),
        false => format!("{:+.1} %", 100.0 * share),
    }
}

fn spread(of: Option<OverSeeds>, unit: Unit) -> String {
    let Some(OverSeeds { least, median, most }) = of else { return "nothing".into() };
    let median = show(median, unit);
    let (least, most) = (show(least, unit), show(most, unit));
    if least == most { median } else { format!("{median} ({least} … {most})") }
}

/// Columns as wide as what is in them.
fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in [&head].into_iter().chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
