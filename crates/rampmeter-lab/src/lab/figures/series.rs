//! What goes on over time, for pictures.

use super::super::study::Entry;
use super::calls::asked;
use super::figure::seconds;
use super::moments::{self, Span};
use super::scope::Picked;

/// What went on in each of some steps of time, from the beginning on.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    /// How long each step lasts, in seconds: 1, 2 or 5 of something.
    pub step: f64,
    /// The most calls inside tools at one instant of it.
    pub inside: Vec<f64>,
    /// The most calls waiting at one instant of it.
    pub waiting: Vec<f64>,
    /// Good answers in each of its seconds.
    pub good: Vec<f64>,
    /// Other answers in each of its seconds.
    pub bad: Vec<f64>,
}

/// In at most so many steps, of which there are more than a third as many.
pub fn series(entry: &Entry, steps: usize) -> Series {
    let inside = moments::inside(entry, &Picked::All);
    let waiting = moments::waiting(entry, &Picked::All);
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for (record, _) in asked(entry, &Picked::All) {
        let answers = if record.status.is_good() { &mut good } else { &mut bad };
        answers.extend(record.answered);
    }
    let spans = inside.iter().chain(&waiting).map(|(_, to)| *to);
    let last = spans.chain(good.iter().chain(&bad).copied()).max().unwrap_or(0);
    let steps = Steps::covering(last, steps);
    Series {
        step: seconds(steps.nanos),
        inside: steps.most(inside),
        waiting: steps.most(waiting),
        good: steps.rate(&good),
        bad: steps.rate(&bad),
    }
}

struct Steps {
    nanos: u64,
    count: usize,
}

impl Steps {
    /// Steps of 1, 2 or 5 of something, at most so many, that hold all moments up to the last.
    fn covering(last: u64, at_most: usize) -> Steps {
        let at_most = at_most.max(1) as u64;
        let powers = (0..19).map(|power| 10_u64.pow(power));
        let mut sizes = powers.flat_map(|power| [1, 2, 5].map(|of| power.saturating_mul(of)));
        let nanos = sizes.find(|nanos| last / nanos < at_most).unwrap_or(u64::MAX);
        Steps { nanos, count: usize::try_from(last / nanos).unwrap_or(0) + 1 }
    }

    fn of(&self, moment: u64) -> usize {
        usize::try_from(moment / self.nanos).unwrap_or(usize::MAX).min(self.count - 1)
    }

    fn rate(&self, moments: &[u64]) -> Vec<f64> {
        let mut counts = vec![0_u32; self.count];
        for moment in moments {
            counts[self.of(*moment)] += 1;
        }
        counts.into_iter().map(|count| f64::from(count) / seconds(self.nanos)).collect()
    }

    /// The most spans open at one instant of each step.
    fn most(&self, spans: Vec<Span>) -> Vec<f64> {
        let mut events: Vec<(u64, i64)> = Vec::with_capacity(2 * spans.len());
        for (from, to) in spans.into_iter().filter(|(from, to)| from < to) {
            events.extend([(from, 1), (to, -1)]);
        }
        events.sort_unstable();
        let mut most = vec![0_i64; self.count];
        let (mut open, mut since) = (0, 0);
        for together in events.chunk_by(|(one, _), (other, _)| one == other) {
            let moment = together[0].0;
            // Open from the last change up to the nanosecond before this one.
            for step in &mut most[self.of(since)..=self.of(moment.saturating_sub(1))] {
                *step = open.max(*step);
            }
            open += together.iter().map(|(_, more)| more).sum::<i64>();
            since = moment;
        }
        most.into_iter().map(|most| most as f64).collect()
    }
}
