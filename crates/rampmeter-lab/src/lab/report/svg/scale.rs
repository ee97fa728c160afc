//! From figures to places on a side, and where to put ticks.

use super::super::data::Axis;
use super::super::show::{self, Unit};

/// A side of a drawing.
pub(super) struct Scale {
    from: f64,
    to: f64,
    /// Where `from` is, and where `to` is.
    place: (f64, f64),
    log: bool,
    unit: Unit,
    /// About how many ticks have room.
    room: f64,
}

impl Scale {
    /// A side that has room for all of these, from 0 or, where steps multiply, from the least of them.
    pub(super) fn over(
        axis: &Axis,
        values: impl Iterator<Item = f64>,
        place: (f64, f64),
        room: f64,
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
            scale.from = tenth(least).min(tenth(most));
            scale.to = tenth_above(most).max(scale.from * 10.0);
        } else {
            scale.from = least.min(0.0);
        }
        scale
    }

    /// Goes on to the next tick.
    pub(super) fn rounded(mut self) -> Self {
        if !self.log {
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
        let (factor, _) = show::scale(self.to, self.unit);
        let step = self.step();
        let mut ticks = Vec::new();
        let mut index = (self.from / step).ceil();
        while index * step <= self.to * (1.0 + 1e-9) {
            ticks.push((index * step, show::digits(index * step / factor)));
            index += 1.0;
        }
        ticks
    }

    /// In what the ticks are, to stand beside the name; where steps multiply they say it themselves.
    pub(super) fn suffix(&self) -> &'static str {
        if self.log { "" } else { show::scale(self.to, self.unit).1.trim_start() }
    }

    fn powers(&self) -> Vec<(f64, String)> {
        let decades = (self.to / self.from).log10().round();
        let every = (decades / self.room).ceil().max(1.0);
        let mut ticks = Vec::new();
        let mut power = 0.0;
        while power <= decades {
            let value = self.from * 10_f64.powf(power);
            ticks.push((value, show::show(value, self.unit)));
            power += every;
        }
        ticks
    }

    /// The distance of ticks: 1, 2 or 5 times a power of ten, in the unit that is shown.
    fn step(&self) -> f64 {
        let (factor, _) = show::scale(self.to, self.unit);
        let rough = (self.to - self.from) / factor / self.room;
        let ten = 10_f64.powf(rough.log10().floor());
        let nice = [1.0, 2.0, 5.0, 10.0].into_iter().find(|nice| nice * ten >= rough * 0.999);
        let step = nice.unwrap_or(10.0) * ten;
        let whole = self.unit == Unit::Count || self.unit == Unit::Bytes;
        factor * if whole { step.max(1.0) } else { step }
    }
}

fn tenth(value: f64) -> f64 {
    10_f64.powf((value.log10() + 1e-9).floor())
}

fn tenth_above(value: f64) -> f64 {
    10_f64.powf((value.log10() - 1e-9).ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(unit: Unit, log: bool, values: &[f64]) -> Vec<String> {
        let axis = Axis { name: String::new(), unit, log, most: None };
        let scale = Scale::over(&axis, values.iter().copied(), (0.0, 100.0), 5.0).rounded();
        scale.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_and_go_past_the_most() {
        assert_eq!(ticks(Unit::Count, false, &[3.0, 97.0]), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(ticks(Unit::Count, false, &[2.0]), ["0", "1", "2"]);
        assert_eq!(ticks(Unit::Seconds, false, &[0.0123]), ["0", "5", "10", "15"]);
        assert_eq!(ticks(Unit::Share, false, &[0.5]), ["0", "10", "20", "30", "40", "50"]);
    }

    #[test]
    fn where_steps_multiply_ticks_are_powers_of_ten() {
        assert_eq!(ticks(Unit::Seconds, true, &[0.03, 2.0]), ["10 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!(ticks(Unit::Count, true, &[1.0, 10.0]), ["1", "10"]);
    }

    #[test]
    fn nothing_at_all_still_has_a_side() {
        assert_eq!(ticks(Unit::Count, false, &[]), ["0", "1"]);
        assert_eq!(ticks(Unit::Count, false, &[0.0, f64::NAN]), ["0", "1"]);
        assert!(!ticks(Unit::Seconds, true, &[0.0]).is_empty());
    }

    #[test]
    fn places_stay_inside() {
        let axis = Axis { name: String::new(), unit: Unit::Count, log: true, most: None };
        let scale = Scale::over(&axis, [1.0, 100.0].into_iter(), (50.0, 0.0), 5.0);
        assert_eq!(scale.at(0.0), 50.0);
        assert_eq!(scale.at(10.0), 25.0);
        assert_eq!(scale.at(1e9), 0.0);
    }
}
