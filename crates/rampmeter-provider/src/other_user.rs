//! Somebody else on the same key, whose calls no client sees but in what is left.

use crate::clock::whole;
use crate::config::OtherUser;
use crate::meter::Meter;

/// When somebody else takes how much of one quota: every period of it has its bites, each at a
/// random moment. Periods count from when the provider started.
#[derive(Debug, Clone)]
pub(crate) struct Appetite {
    rng: fastrand::Rng,
    bites: u32,
    bite: u64,
    period_ns: u64,
    /// Which period's bites are drawn; the moments still to come, the latest first.
    period: u64,
    to_come_ns: Vec<u64>,
}

impl Appetite {
    pub(crate) fn new(user: OtherUser, meter: &Meter, rng: fastrand::Rng) -> Appetite {
        let quota = meter.quota();
        let bite = whole((quota.amount as f64 * user.share / f64::from(user.bites)).round());
        let mut appetite = Appetite {
            rng,
            bites: user.bites,
            bite,
            period_ns: quota.period_ns,
            period: 0,
            to_come_ns: Vec::new(),
        };
        appetite.draw();
        appetite
    }

    /// The next bite up to this moment: when, and how much.
    pub(crate) fn next_until(&mut self, now_ns: u64) -> Option<(u64, u64)> {
        loop {
            match self.to_come_ns.last() {
                Some(&at_ns) if at_ns > now_ns => return None,
                Some(&at_ns) => {
                    self.to_come_ns.pop();
                    return Some((at_ns, self.bite));
                }
                None if now_ns / self.period_ns > self.period => {
                    // Whatever was to be eaten in periods that nobody saw no longer counts but for
                    // the last one.
                    self.period =
                        (self.period + 1).max((now_ns / self.period_ns).saturating_sub(1));
                    self.draw();
                }
                None => return None,
            }
        }
    }

    fn draw(&mut self) {
        let from_ns = self.period.saturating_mul(self.period_ns);
        let moments =
            (0..self.bites).map(|_| from_ns.saturating_add(self.rng.u64(..self.period_ns)));
        self.to_come_ns = moments.collect();
        self.to_come_ns.sort_unstable_by(|a, b| b.cmp(a));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::{KindName, Quota, SECOND_NS, Unit};

    #[test]
    fn somebody_else_takes_the_share_of_each_period_and_at_the_same_moments_for_a_seed() {
        let quota = Quota::parse(Unit::Tokens, "1000/s", KindName::Sliding, None).unwrap();
        let eaten = |seed| {
            let user = OtherUser { share: 0.2, bites: 4 };
            let rng = fastrand::Rng::with_seed(seed);
            let mut appetite = Appetite::new(user, &Meter::new(quota, 0), rng);
            let mut eaten = Vec::new();
            for now_ns in (0..10 * SECOND_NS).step_by(70_000_000) {
                eaten.extend(std::iter::from_fn(|| appetite.next_until(now_ns)));
            }
            eaten
        };
        let bites = eaten(1);
        for second in 0..9 {
            let in_it = bites.iter().filter(|(at_ns, _)| at_ns / SECOND_NS == second);
            assert_eq!(in_it.map(|(_, bite)| bite).sum::<u64>(), 200, "in second {second}");
        }
        assert!(bites.is_sorted_by_key(|(at_ns, _)| *at_ns));
        assert_eq!(bites, eaten(1));
        assert_ne!(bites, eaten(2));
    }
}
