//! What tuning came to, in words, for a terminal.

use std::fmt::{self, Write as _};

use super::tuned::{Reached, Step, Tried, Tuned, TunedAim, TunedKnob};
use crate::lab::curves::OverSeeds;
use crate::lab::figures::{Unit, show};

/// From so much on a part is told as times.
const MANY: f64 = 4.0;

impl fmt::Display for Tuned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = match (self.met, self.aims.is_empty()) {
            (true, false) => "the limits that meet every aim at the greatest goodput",
            (true, true) => "the limits with the greatest goodput",
            (false, _) => {
                "no limits were found that meet every aim on all seeds; the nearest to them"
            }
        };
        writeln!(f, "{head}\n")?;
        let knobs: Vec<_> = self.knobs.iter().map(|knob| self.knob(knob)).collect();
        f.write_str(&table(["limit", "given", "use", "a little more of it"], &knobs))?;
        let goodput = |of: Option<OverSeeds>| spread(of, Unit::PerSecond);
        let mut figures = vec![[
            "goodput".to_owned(),
            goodput(self.goodput.given),
            goodput(Some(self.goodput.found)),
            goodput(self.goodput.fresh),
        ]];
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
    /// All settings that were tried, best first, as a table for a terminal.
    pub fn tried_in_words(&self) -> String {
        let mut tried: Vec<_> = self.tried.iter().collect();
        let goodput = |it: &Tried| it.goodput.median;
        tried.sort_by(|a, b| b.met.cmp(&a.met).then(goodput(b).total_cmp(&goodput(a))));
        let row = |it: &&Tried| {
            let values: Vec<_> = it.setting.iter().map(ToString::to_string).collect();
            let worst = it.worst.iter().zip(&self.aims);
            let worst =
                worst.map(|(value, aim)| value.map_or("–".into(), |it| show(it, aim.unit)));
            let met = if it.met { "yes" } else { "no" };
            let goodput = spread(Some(it.goodput), Unit::PerSecond);
            [values.join(", "), goodput, worst.collect::<Vec<_>>().join(", "), met.to_owned()]
        };
        let aims: Vec<_> = self.aims.iter().map(|aim| aim.aim.as_str()).collect();
        let worst = format!("worst of {}", aims.join(", "));
        let head = ["limits, in the order above", "goodput", &worst, "met"];
        table(head, &tried.iter().map(row).collect::<Vec<_>>())
    }

    fn knob(&self, knob: &TunedKnob) -> [String; 4] {
        let up = match &knob.up {
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
        let best = aim.best_seen.map_or("nothing".into(), |best| show(best, aim.unit));
        Some(format!(
            "`{}` is missed{}; whatever the other aims, the best that was seen is {best}",
            aim.aim,
            over(aim.found.missed, aim)
        ))
    }
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
        true if missed >= MANY => format!(", off by {} times the bound", show(missed, Unit::Plain)),
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
