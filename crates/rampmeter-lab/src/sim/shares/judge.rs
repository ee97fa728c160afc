//! The judge of shares, and its allocator.

use super::super::scene::{MS, SEC};
use super::super::verdict::{Judge, Verdict, must};
use super::{Party, SINCE, Scene};

/// What the engine assumes of a tool that it has not seen.
const GUESS: u64 = 100 * MS;

impl Scene {
    /// Every two within their bound, and everybody within what water-filling gives; says how close
    /// it came.
    pub(super) fn judge(&self) -> Verdict<f64> {
        let depth = if self.slots { self.capacity } else { 1 };
        let of = |priority: usize| {
            let mine = self.parties.iter().filter(move |it| usize::from(it.priority) == priority);
            mine.collect::<Vec<_>>()
        };
        let mut closest: f64 = 0.0;
        let mut apart = |what: &str, one: [f64; 3], other: [f64; 3]| {
            let [(served, weight, cost), (served_2, weight_2, cost_2)] =
                [one, other].map(|[served, weight, cost]| (served, weight, cost));
            let bound = (2 * depth + 1) as f64 * (cost / weight + cost_2 / weight_2);
            let apart = (served / weight - served_2 / weight_2).abs();
            closest = closest.max(apart / bound);
            must(apart <= bound, Judge::Waits, || {
                format!("{what} are {apart:.0} apart, above {bound:.0}: {one:?} {other:?}")
            })
        };
        let figures = |party: &Party| [party.served, f64::from(party.weight), self.cost(party)];
        for priority in 0..self.weights.len() {
            let backlogged: Vec<_> =
                of(priority).into_iter().filter(|it| it.every.is_none()).collect();
            for (place, one) in backlogged.iter().enumerate() {
                for other in &backlogged[..place] {
                    apart("two flows", figures(one), figures(other))?;
                }
            }
        }
        let backlogged =
            (0..self.weights.len()).filter(|it| of(*it).iter().any(|it| it.every.is_none()));
        let classes: Vec<[f64; 3]> = backlogged
            .map(|priority| {
                let served = of(priority).iter().map(|it| it.served).sum();
                let cost = of(priority).iter().map(|it| self.cost(it)).fold(0.0, f64::max);
                [served, f64::from(self.weights[priority]), cost]
            })
            .collect();
        for (place, one) in classes.iter().enumerate() {
            for other in &classes[..place] {
                apart("two priorities", *one, *other)?;
            }
        }
        self.everybody_gets_what_water_filling_gives(depth)?;
        Ok(closest)
    }

    fn everybody_gets_what_water_filling_gives(&self, depth: u64) -> Verdict {
        let given: f64 = self.parties.iter().map(|party| party.served).sum();
        must(given >= 0.98 * self.all(), Judge::Idle, || {
            format!("{given:.0} of {:.0} were given under a backlog", self.all())
        })?;
        let due = self.allocate(given);
        for (place, party) in self.parties.iter().enumerate() {
            let weight = f64::from(party.weight);
            let class = f64::from(self.weights[usize::from(party.priority)]);
            let beside = self.parties.iter().map(|other| {
                let their_class = f64::from(self.weights[usize::from(other.priority)]);
                self.cost(party)
                    + self.cost(other)
                        * (weight / f64::from(other.weight)).max(1.0)
                        * (class / their_class).max(1.0)
            });
            let slack = (2 * depth + 1) as f64 * beside.sum::<f64>();
            let missing = due[place] - party.served;
            must(missing <= slack, Judge::Waits, || {
                format!(
                    "party {place} was served {:.0}, not {:.0}, less {slack:.0}",
                    party.served, due[place]
                )
            })?;
        }
        Ok(())
    }

    /// The most that one call costs, or is guessed to.
    fn cost(&self, party: &Party) -> f64 {
        if !self.slots {
            return party.takes as f64;
        }
        let longest = party.runs.iter().copied().max().unwrap_or(0);
        (longest.max(GUESS) * party.takes) as f64
    }

    /// All that the limit can give.
    pub(super) fn all(&self) -> f64 {
        let seconds = (self.until - SINCE) as f64 / SEC as f64;
        self.capacity as f64 * seconds * if self.slots { SEC as f64 } else { 1.0 }
    }

    /// What each party is entitled to of so much, by what all of them ask for.
    pub(super) fn allocate(&self, all: f64) -> Vec<f64> {
        let asks = |party: &Party| if party.every.is_some() { party.asked } else { f64::INFINITY };
        let of = |priority: usize| {
            self.parties.iter().filter(move |it| usize::from(it.priority) == priority)
        };
        let classes: Vec<_> = (0..self.weights.len())
            .map(|it| (f64::from(self.weights[it]), of(it).map(asks).sum::<f64>()))
            .collect();
        let per_class = water_filling(all, &classes);
        let mut due = vec![0.0; self.parties.len()];
        for (priority, all) in per_class.iter().enumerate() {
            let mine: Vec<_> = of(priority).map(|it| (f64::from(it.weight), asks(it))).collect();
            let places = (0..self.parties.len())
                .filter(|it| usize::from(self.parties[*it].priority) == priority);
            for (place, share) in places.zip(water_filling(*all, &mine)) {
                due[place] = share;
            }
        }
        due
    }
}

/// Max-min fairness by weight, each with a weight and a demand: the level rises until all is given
/// away, and whoever has what they asked for drops out.
fn water_filling(mut left: f64, claimants: &[(f64, f64)]) -> Vec<f64> {
    let mut given = vec![0.0; claimants.len()];
    let mut open: Vec<usize> = (0..claimants.len()).filter(|it| claimants[*it].1 > 0.0).collect();
    while !open.is_empty() && left > 1e-9 {
        let weights: f64 = open.iter().map(|it| claimants[*it].0).sum();
        let to_next = |it: &usize| (claimants[*it].1 - given[*it]) / claimants[*it].0;
        let rise = open.iter().map(to_next).fold(left / weights, f64::min);
        for it in &open {
            given[*it] += rise * claimants[*it].0;
        }
        left -= rise * weights;
        open.retain(|it| given[*it] + 1e-9 < claimants[*it].1);
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_some_leave_is_shared_by_weight() {
        let shares = water_filling(12.0, &[(1.0, f64::INFINITY), (2.0, 1.0), (3.0, f64::INFINITY)]);
        assert_eq!(shares, [2.75, 1.0, 8.25]);
        assert_eq!(water_filling(5.0, &[(1.0, 2.0), (1.0, 1.0)]), [2.0, 1.0]);
    }
}
