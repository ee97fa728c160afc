//! How long each tool's calls take, learned from those that ended: a mean for costs, and a high
//! quantile for promises.
//!
//! The mean is exponentially weighted with factor 1/8, as TCP keeps its round-trip time (RFC 6298).
//! The quantile comes from a histogram with four buckets an octave, halved now and then so that it
//! forgets; it errs by at most a quarter, on the safe side.

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use crate::call::ToolId;

/// What is assumed of a tool that has not been seen.
const UNSEEN: Duration = Duration::from_millis(100);

/// Calls of a tool that must have ended before its quantile means anything.
const ENOUGH: u16 = 8;

/// So many calls are remembered at the most.
const REMEMBERED: u16 = 256;

const BUCKETS: usize = 128;
/// The first bucket ends here; what is quicker is as good as instant.
const FIRST_NANOS: u64 = 1 << 16;

#[derive(Clone, Debug, Default)]
pub(crate) struct Estimates(Vec<Tool>);

#[derive(Clone, Debug, Default)]
struct Tool {
    /// 0 if no call has ended.
    mean_nanos: u64,
    histogram: Option<Box<Histogram>>,
}

#[derive(Clone, Debug)]
struct Histogram {
    counts: [u16; BUCKETS],
    sum: u16,
    /// The high quantile when `sum` was `read_at`: it is read more often than it changes.
    high_nanos: u64,
    read_at: u16,
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
        if histogram.sum < ENOUGH {
            return None;
        }
        if histogram.read_at != histogram.sum {
            (histogram.high_nanos, histogram.read_at) = (histogram.high(), histogram.sum);
        }
        Some(histogram.high_nanos)
    }

    /// A call of the tool has ended.
    #[inline]
    pub(crate) fn learn(&mut self, tool: ToolId, took_nanos: u64) {
        let index = usize::from(tool.0);
        if index >= self.0.len() {
            self.0.resize_with(index + 1, Tool::default);
        }
        let took_nanos = took_nanos.max(1);
        let Tool { mean_nanos: mean, histogram } = &mut self.0[index];
        *mean = if *mean == 0 { took_nanos } else { *mean - *mean / 8 + took_nanos / 8 }.max(1);
        let histogram = histogram.get_or_insert_with(|| Box::new(Histogram::NEW));
        histogram.counts[bucket(took_nanos)] += 1;
        histogram.sum += 1;
        if histogram.sum >= REMEMBERED {
            histogram.forget();
        }
    }
}

impl Histogram {
    const NEW: Histogram = Histogram { counts: [0; BUCKETS], sum: 0, high_nanos: 0, read_at: 0 };

    fn high(&self) -> u64 {
        let mut beyond = self.sum / 20;
        for (bucket, count) in self.counts.iter().enumerate().rev() {
            if *count > beyond {
                return ends_at(bucket);
            }
            beyond -= count;
        }
        u64::MAX
    }

    #[cold]
    fn forget(&mut self) {
        (self.sum, self.read_at) = (0, 0);
        for count in &mut self.counts {
            *count /= 2;
            self.sum += *count;
        }
    }
}

/// Four buckets an octave.
#[inline]
fn bucket(nanos: u64) -> usize {
    if nanos < FIRST_NANOS {
        return 0;
    }
    let octave = nanos.ilog2();
    let quarter = (nanos >> (octave - 2)) & 3;
    (1 + 4 * (octave - FIRST_NANOS.ilog2()) as usize + quarter as usize).min(BUCKETS - 1)
}

/// The least duration above a bucket.
fn ends_at(bucket: usize) -> u64 {
    let Some(above) = bucket.checked_sub(1) else { return FIRST_NANOS };
    // BUCKETS is small, so this stays below 2^51.
    ((FIRST_NANOS * (5 + (above % 4) as u64)) << (above / 4)) / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_ends_above_what_is_in_it_by_a_quarter_at_most() {
        let mut nanos = FIRST_NANOS;
        while nanos < 1 << 40 {
            let end = ends_at(bucket(nanos));
            assert!(nanos < end && end <= nanos + nanos / 4 + 1, "{nanos} {end}");
            nanos += nanos / 7 + 3;
        }
        assert_eq!(ends_at(bucket(5)), FIRST_NANOS);
    }

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
    fn the_buckets_begin_where_the_last_ends_and_the_last_takes_the_rest() {
        for at in 0..BUCKETS - 1 {
            assert_eq!(bucket(ends_at(at)), at + 1);
            assert_eq!(bucket(ends_at(at) - 1), at);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
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
}
