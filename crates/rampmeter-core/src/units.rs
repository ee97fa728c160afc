//! Quantities of the scheduler, each with its unit.

use core::ops::Add;

/// Virtual time of fair queueing: seconds of a whole limit's capacity, divided by a weight.
///
/// A sixteenth of a nanosecond is one step, so a limit can be in use for 36 years before the
/// clock saturates, and a cost of a microsecond divided by a weight of 64 keeps 1/250 precision.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Virtual(u64);

const STEPS_PER_NANO: u64 = 16;

impl Virtual {
    /// `cost` served to a class or flow of this weight.
    pub(crate) fn served(cost: CapacityNanos, weight: u32) -> Virtual {
        Virtual(cost.0.saturating_mul(STEPS_PER_NANO) / u64::from(weight.max(1)))
    }

    pub(crate) fn of_nanos(nanos: u64) -> Virtual {
        Virtual(nanos.saturating_mul(STEPS_PER_NANO))
    }

    /// What is served to these weights in this much virtual time, in capacity-nanoseconds.
    pub(crate) fn work_of(self, weights: u64) -> u64 {
        mul_div(self.0, weights, STEPS_PER_NANO)
    }

    pub(crate) fn saturating_sub(self, other: Virtual) -> Virtual {
        Virtual(self.0.saturating_sub(other.0))
    }
}

impl Add for Virtual {
    type Output = Virtual;

    fn add(self, other: Virtual) -> Virtual {
        Virtual(self.0.saturating_add(other.0))
    }
}

/// Nanoseconds for which a call takes the whole of a limit: slot-seconds over slots, or units
/// over the rate. It makes slots and rates comparable in one limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) struct CapacityNanos(pub(crate) u64);

/// `a * b / c`, saturating; `c` of 0 counts as 1.
pub(crate) fn mul_div(a: u64, b: u64, c: u64) -> u64 {
    let c = c.max(1);
    match a.checked_mul(b) {
        Some(product) => product / c,
        None => u64::try_from(u128::from(a) * u128::from(b) / u128::from(c)).unwrap_or(u64::MAX),
    }
}
