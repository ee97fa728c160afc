//! From figures to places on a side, and where to put ticks.

use super::super::data::Axis;
use crate::lab::figures::{Unit, show};

/// A side of a drawing.
pub(super) struct Scale {
    from: f64,
    to: f64,
    /// Where `from` is, and where `to` is.
    place: (f64, f64),
    log: bool,
    unit: Unit,
    /// About how many ticks have room.
    room: u32,
}

impl Scale {
    /// A side that has room for all of these, from 0 or, where steps multiply, from the least of them.
    pub(super) fn over(
        axis: &Axis,
        values: impl Iterator<Item = f64>,
        place: (f64, f64),
        room: u32,
    ) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.chain(axis.most).filter(|value| value.is_finite()) {
            if !axis.log || value > 0.0 {
                least = least.min(value);
                most = most.max(value);
            }
        }
        if most <= 0.0 || !most.is_finite() {
            (least, most) = (if axis.log { 0.1 } else { 0.0 }, 1.0);
        }
        let mut scale =
            Scale { from: least, to: most, place, log: axis.log, unit: axis.unit, room };
        if axis.log {
            // Without any width there would be nowhere to be.
            scale.to = scale.to.max(scale.from * 2.0);
        } else {
            scale.from = least.min(0.0);
        }
        scale
    }

    /// Goes on to the next tick.
    pub(super) fn rounded(mut self) -> Self {
        if self.log {
            let steps = nice(self.from, self.to);
            self.from = steps.first().copied().unwrap_or(self.from);
            self.to = steps.last().copied().unwrap_or(self.to);
        } else {
            let step = self.step();
            self.to = (self.to / step - 1e-9).ceil() * step;
        }
        self
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.place.0 + share.clamp(0.0, 1.0) * (self.place.1 - self.place.0)
    }

    /// Where ticks are, each with what is written at it.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        if self.log {
            return self.powers();
        }
        let (factor, _) = in_one_unit(self.to, self.unit);
        let step = self.step();
        let mut ticks = Vec::new();
        let mut index = (self.from / step).ceil();
        while index * step <= self.to * (1.0 + 1e-9) {
            ticks.push((index * step, show(index * step / factor, Unit::Plain)));
            index += 1.0;
        }
        ticks
    }

    /// In what the ticks are, to stand beside the name; where steps multiply they say it themselves.
    pub(super) fn suffix(&self) -> &'static str {
        if self.log { "" } else { in_one_unit(self.to, self.unit).1 }
    }

    /// At 1, 2 and 5 times powers of ten, or at some of the powers only where those are too many.
    fn powers(&self) -> Vec<(f64, String)> {
        let inside = |value: &f64| *value >= self.from * 0.999 && *value <= self.to * 1.001;
        let all = nice(self.from, self.to).into_iter().filter(inside).collect::<Vec<_>>();
        let powers = || all.iter().copied().filter(|value| (value.log10().fract()).abs() < 1e-6);
        let every = powers().count().div_ceil(self.room as usize + 1).max(1);
        let some: Vec<f64> = if all.len() <= self.room as usize + 2 {
            all
        } else {
            powers().step_by(every).collect()
        };
        some.into_iter().map(|value| (value, show(value, self.unit))).collect()
    }

    /// The distance of ticks: 1, 2 or 5 times a power of ten, in the unit that is shown.
    fn step(&self) -> f64 {
        let (factor, _) = in_one_unit(self.to, self.unit);
        let rough = (self.to - self.from) / factor / f64::from(self.room);
        let ten = 10_f64.powf(rough.log10().floor());
        let nice = [1.0, 2.0, 5.0, 10.0].into_iter().find(|nice| nice * ten >= rough * 0.999);
        let step = nice.unwrap_or(10.0) * ten;
        let whole = self.unit == Unit::Count || self.unit == Unit::Bytes;
        factor * if whole { step.max(1.0) } else { step }
    }
}

/// What all figures along a side are divided by, and what they are in then.
fn in_one_unit(most: f64, unit: Unit) -> (f64, &'static str) {
    const KIB: f64 = 1_024.0;
    match unit {
        Unit::Count | Unit::Plain => (1.0, ""),
        Unit::PerSecond => (1.0, "/s"),
        Unit::Share => (0.01, "%"),
        Unit::Time if most < 0.001 => (0.000_001, "µs"),
        Unit::Time if most < 1.0 => (0.001, "ms"),
        Unit::Time if most < 600.0 => (1.0, "s"),
        Unit::Time => (60.0, "min"),
        Unit::Bytes if most < KIB => (1.0, "B"),
        Unit::Bytes if most < KIB * KIB => (KIB, "KiB"),
        Unit::Bytes if most < KIB * KIB * KIB => (KIB * KIB, "MiB"),
        Unit::Bytes => (KIB * KIB * KIB, "GiB"),
    }
}

/// 1, 2 and 5 times powers of ten, from the last that is not above `from` to the first that is not
/// below `to`.
fn nice(from: f64, to: f64) -> Vec<f64> {
    let mut power = (from.log10() + 1e-9).floor();
    let mut steps = Vec::new();
    loop {
        for times in [1.0, 2.0, 5.0] {
            let step = times * 10_f64.powf(power);
            if step <= from * 1.000_1 {
                steps.clear();
            }
            steps.push(step);
            if step >= to * 0.999_9 {
                return steps;
            }
        }
        power += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(unit: Unit, log: bool, values: &[f64]) -> Vec<String> {
        let axis = Axis { name: String::new(), unit, log, most: None };
        let scale = Scale::over(&axis, values.iter().copied(), (0.0, 100.0), 5).rounded();
        scale.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_and_go_past_the_most() {
        assert_eq!(ticks(Unit::Count, false, &[3.0, 97.0]), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(ticks(Unit::Count, false, &[2.0]), ["0", "1", "2"]);
        assert_eq!(ticks(Unit::Time, false, &[0.0123]), ["0", "5", "10", "15"]);
        assert_eq!(ticks(Unit::Share, false, &[0.5]), ["0", "10", "20", "30", "40", "50"]);
    }

    #[test]
    fn where_steps_multiply_ticks_do_too() {
        assert_eq!(ticks(Unit::Time, true, &[0.03, 200.0]), ["100 ms", "1 s", "10 s", "100 s"]);
        assert_eq!(
            ticks(Unit::Time, true, &[0.03, 0.3]),
            ["20 ms", "50 ms", "100 ms", "200 ms", "500 ms"]
        );
        assert_eq!(ticks(Unit::Count, true, &[1.0, 10.0]), ["1", "2", "5", "10"]);
    }

    #[test]
    fn nothing_at_all_still_has_a_side() {
        assert_eq!(ticks(Unit::Count, false, &[]), ["0", "1"]);
        assert_eq!(ticks(Unit::Count, false, &[0.0, f64::NAN]), ["0", "1"]);
        assert!(!ticks(Unit::Time, true, &[0.0]).is_empty());
    }

    #[test]
    fn places_stay_inside() {
        let axis = Axis { name: String::new(), unit: Unit::Count, log: true, most: None };
        let scale = Scale::over(&axis, [1.0, 100.0].into_iter(), (50.0, 0.0), 5);
        assert_eq!(scale.at(0.0), 50.0);
        assert_eq!(scale.at(10.0), 25.0);
        assert_eq!(scale.at(1e9), 0.0);
    }
}
