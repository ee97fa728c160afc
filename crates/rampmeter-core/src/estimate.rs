//! How long each tool's calls take and how many units, learned from those that ended: a mean for
//! shares, and a high quantile for promises and reservations.
//!
//! The mean is exponentially weighted with factor 1/8, as TCP keeps its round-trip time (RFC 6298).
//! The quantile is that below which nineteen of twenty lie; of durations it errs by at most a
//! quarter, of units by a sixteenth, on the safe side. Until eight are known, the largest of them
//! stands for it.

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use crate::call::{Cost, ToolId, Unit};
use crate::histogram::Histogram;

/// What is assumed of a tool that has not been seen.
const UNSEEN: Duration = Duration::from_millis(100);

/// Calls of a tool that must have ended before its quantile means anything.
const ENOUGH: u16 = 8;

/// Below 65 µs a call is as good as instant.
type Durations = Histogram<16, 2, 128>;
type Amounts = Histogram<4, 4, 600>;

/// Units of which a tool's use is learned.
const UNITS: usize = 16;

#[derive(Clone, Debug, Default)]
pub(crate) struct Estimates(Vec<Tool>);

#[derive(Clone, Debug, Default)]
struct Tool {
    /// 0 if no call has ended.
    mean_nanos: u64,
    histogram: Option<Box<Durations>>,
    units: Vec<Used>,
}

/// What a tool's calls took of one unit.
#[derive(Clone, Debug)]
struct Used {
    unit: Unit,
    amounts: Box<Amounts>,
    most: u64,
}

impl Estimates {
    /// What a call of the tool will take, in the mean.
    #[inline]
    pub(crate) fn mean_nanos(&self, tool: ToolId) -> u64 {
        match self.0.get(usize::from(tool.0)) {
            Some(tool) if tool.mean_nanos > 0 => tool.mean_nanos,
            _ => crate::time::nanos(UNSEEN),
        }
    }

    /// Whether any call of the tool has ended.
    pub(crate) fn knows(&self, tool: ToolId) -> bool {
        self.0.get(usize::from(tool.0)).is_some_and(|tool| tool.mean_nanos > 0)
    }

    /// What nineteen of twenty calls of the tool took at the most; `None` while few have ended.
    pub(crate) fn high_nanos(&mut self, tool: ToolId) -> Option<u64> {
        let histogram = self.0.get_mut(usize::from(tool.0))?.histogram.as_deref_mut()?;
        (histogram.len() >= ENOUGH).then(|| histogram.high())
    }

    /// A call of the tool has ended.
    #[inline(always)]
    pub(crate) fn learn(&mut self, tool: ToolId, took_nanos: u64) {
        let index = usize::from(tool.0);
        let took_nanos = took_nanos.max(1);
        match self.0.get_mut(index) {
            Some(Tool { mean_nanos: mean, histogram: Some(histogram), .. }) => {
                *mean = (*mean - *mean / 8 + took_nanos / 8).max(1);
                histogram.add(took_nanos);
            }
            _ => self.learn_first(index, took_nanos),
        }
    }

    #[cold]
    fn learn_first(&mut self, index: usize, took_nanos: u64) {
        if index >= self.0.len() {
            self.0.resize_with(index + 1, Tool::default);
        }
        let tool = &mut self.0[index];
        tool.mean_nanos = took_nanos;
        tool.histogram.get_or_insert_with(|| Box::new(Durations::NEW)).add(took_nanos);
    }

    /// What a call of the tool should take of a unit; `None` if none has told.
    pub(crate) fn amount(&mut self, tool: ToolId, unit: Unit) -> Option<u64> {
        let units = &mut self.0.get_mut(usize::from(tool.0))?.units;
        let used = units.iter_mut().find(|used| used.unit == unit)?;
        let enough = used.amounts.len() >= ENOUGH;
        Some(if enough { used.amounts.high().min(used.most) } else { used.most })
    }

    /// A call of the tool took so much of a unit.
    pub(crate) fn learn_amount(&mut self, tool: ToolId, cost: Cost) {
        let index = usize::from(tool.0);
        if index >= self.0.len() {
            self.0.resize_with(index + 1, Tool::default);
        }
        let units = &mut self.0[index].units;
        let at = units.iter().position(|used| used.unit == cost.unit);
        let at = at.unwrap_or_else(|| {
            units.push(Used { unit: cost.unit, amounts: Box::new(Amounts::NEW), most: 0 });
            units.len() - 1
        });
        if at < UNITS {
            units[at].amounts.add(cost.amount);
            units[at].most = units[at].most.max(cost.amount);
        }
        units.truncate(UNITS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_quantile_ignores_one_of_twenty_and_no_more() {
        let (mut estimates, tool) = (Estimates::default(), ToolId(3));
        for _ in 0..7 {
            estimates.learn(tool, 1_000_000);
        }
        assert_eq!(estimates.high_nanos(tool), None, "too few have ended");
        for _ in 0..32 {
            estimates.learn(tool, 1_000_000);
        }
        estimates.learn(tool, 1_000_000_000);
        assert!(estimates.high_nanos(tool).is_some_and(|high| high < 1_300_000));
        for _ in 0..3 {
            estimates.learn(tool, 1_000_000_000);
        }
        assert!(estimates.high_nanos(tool).is_some_and(|high| high >= 1_000_000_000));
    }

    #[test]
    fn what_is_long_past_is_forgotten() {
        let (mut estimates, tool) = (Estimates::default(), ToolId(0));
        for took in [1_000_000_000u64, 1_000_000] {
            for _ in 0..2_000 {
                estimates.learn(tool, took);
            }
        }
        assert!(estimates.high_nanos(tool).is_some_and(|high| high < 1_300_000));
    }

    #[test]
    fn the_mean_moves_an_eighth_of_the_way_and_a_tool_that_was_not_seen_is_guessed() {
        let (mut estimates, tool) = (Estimates::default(), ToolId(2));
        assert_eq!((estimates.mean_nanos(tool), estimates.knows(tool)), (100_000_000, false));
        for (took, mean) in [(800, 800), (1_600, 900), (0, 788)] {
            estimates.learn(tool, took);
            assert_eq!((estimates.mean_nanos(tool), estimates.knows(tool)), (mean, true));
        }
        for other in [1, 3] {
            assert_eq!(estimates.mean_nanos(ToolId(other)), 100_000_000);
            assert!(!estimates.knows(ToolId(other)));
        }
        assert_eq!(estimates.high_nanos(ToolId(1)), None);
    }

    #[test]
    fn half_of_what_was_seen_is_forgotten_each_time_there_is_too_much_of_it() {
        let (mut estimates, tool) = (Estimates::default(), ToolId(0));
        let slow = |estimates: &mut Estimates| {
            estimates.high_nanos(tool).is_some_and(|high| high > 1_000_000_000)
        };
        for took in [(2_000_000_000u64, 255), (1_000, 128)] {
            (0..took.1).for_each(|_| estimates.learn(tool, took.0));
            assert!(slow(&mut estimates));
        }
        // Of 255 slow calls 127 are left after the first halving, 63, 31, 15, 7 and 3 after the
        // next, and then they are one of twenty at the most.
        for halvings in 1..6 {
            (0..128).for_each(|_| estimates.learn(tool, 1_000));
            assert_eq!(slow(&mut estimates), halvings < 4, "{halvings}");
        }
    }

    #[test]
    fn units_are_learned_apart_and_nineteen_of_twenty_calls_take_no_more_than_is_said() {
        let (mut estimates, tool) = (Estimates::default(), ToolId(1));
        let cost = |unit, amount| Cost { unit: Unit(unit), amount };
        assert_eq!(estimates.amount(tool, Unit(0)), None);
        estimates.learn_amount(tool, cost(0, 70));
        estimates.learn_amount(tool, cost(0, 50));
        assert_eq!(estimates.amount(tool, Unit(0)), Some(70), "the largest, while few are known");
        assert_eq!(estimates.amount(tool, Unit(1)), None);
        assert_eq!(estimates.amount(ToolId(0), Unit(0)), None);
        for _ in 0..10 {
            (600..=1_400).step_by(50).for_each(|it| estimates.learn_amount(tool, cost(1, it)));
        }
        let high = estimates.amount(tool, Unit(1)).unwrap_or(0);
        assert!((1_350..=1_400).contains(&high), "{high}");
    }
}
