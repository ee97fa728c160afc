//! How long work takes, by chance: each distribution by the inverse of its own formula.

use std::f64::consts::{LN_2, TAU};
use std::time::Duration;

use super::types::Spread;
use crate::sim::rng::{Rng, whole};

/// No work takes longer: a tail without an end would outlast every scenario.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874_040_841;

impl Spread {
    /// One of its durations, in nanoseconds.
    pub(super) fn draw(&self, rng: &mut Rng) -> u64 {
        let chance = rng.unit();
        let nanos = match *self {
            Spread::Fixed(always) => nanos(always),
            Spread::Uniform(least, most) => nanos(least) + (nanos(most) - nanos(least)) * chance,
            Spread::Exponential(mean) => nanos(mean) * -(1.0 - chance).ln(),
            Spread::LogNormal(median, p99) => {
                let sigma = (nanos(p99) / nanos(median)).ln() / Z99;
                nanos(median) * (sigma * normal(chance, rng.unit())).exp()
            }
            Spread::Pareto(least, shape) => nanos(least) / (1.0 - chance).powf(1.0 / shape),
        };
        whole(nanos.round().min(self::nanos(LONGEST)))
    }

    /// Half of its durations are shorter; in nanoseconds.
    pub(super) fn median(&self) -> u64 {
        let nanos = match *self {
            Spread::Fixed(always) => nanos(always),
            Spread::Uniform(least, most) => f64::midpoint(nanos(least), nanos(most)),
            Spread::Exponential(mean) => nanos(mean) * LN_2,
            Spread::LogNormal(median, _) => nanos(median),
            Spread::Pareto(least, shape) => nanos(least) * 2f64.powf(1.0 / shape),
        };
        whole(nanos.round())
    }
}

/// A number of the standard normal distribution of two that are evenly distributed (Box, Muller
/// 1958).
fn normal(chance: f64, other: f64) -> f64 {
    (-2.0 * (1.0 - chance).ln()).sqrt() * (TAU * other).cos()
}

fn nanos(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: f64 = 1e6;

    /// Many durations, in order, in milliseconds.
    fn drawn(spread: Spread) -> Vec<f64> {
        let mut rng = Rng::new(7);
        let mut all: Vec<_> = (0..100_000).map(|_| spread.draw(&mut rng) as f64 / MS).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= expected * 0.02
    }

    /// The cumulative distribution of each says at which rank a duration stands.
    #[test]
    fn as_many_are_shorter_as_the_formula_of_the_distribution_says() {
        let ms = Duration::from_millis;
        let sigma = 5f64.ln() / 2.326_348;
        type Cdf<'a> = &'a dyn Fn(f64) -> f64;
        let cases: [(Spread, &[f64], Cdf<'_>); 4] = [
            (Spread::Uniform(ms(10), ms(90)), &[20.0, 50.0, 85.0], &|x| (x - 10.0) / 80.0),
            (Spread::Exponential(ms(50)), &[5.0, 50.0, 200.0], &|x| 1.0 - (-x / 50.0).exp()),
            (Spread::Pareto(ms(10), 1.5), &[11.0, 20.0, 90.0], &|x| 1.0 - (10.0 / x).powf(1.5)),
            (Spread::LogNormal(ms(40), ms(200)), &[40.0, 200.0, 40.0 * sigma.exp()], &|x| {
                // At the median, at the 99th percentile, and one standard deviation above.
                if x < 41.0 {
                    0.5
                } else if x > 199.0 {
                    0.99
                } else {
                    0.841_345
                }
            }),
        ];
        for (spread, at, cdf) in cases {
            let all = drawn(spread);
            for &x in at {
                let found = all.partition_point(|it| *it < x) as f64 / all.len() as f64;
                // Four standard deviations of a share over so many.
                let expected = cdf(x);
                let bound = 4.0 * (expected * (1.0 - expected) / all.len() as f64).sqrt();
                assert!((found - expected).abs() <= bound, "{spread:?} {x}: {found} {expected}");
            }
            assert!(near(all[all.len() / 2], spread.median() as f64 / MS), "{spread:?}");
        }
    }

    #[test]
    fn means_are_those_of_the_formula() {
        let ms = Duration::from_millis;
        let sigma = 5f64.ln() / 2.326_348;
        let cases = [
            (Spread::Fixed(ms(50)), 50.0),
            (Spread::Uniform(ms(10), ms(90)), 50.0),
            (Spread::Exponential(ms(50)), 50.0),
            (Spread::LogNormal(ms(40), ms(200)), 40.0 * (sigma * sigma / 2.0).exp()),
            (Spread::Pareto(ms(10), 4.0), 10.0 * 4.0 / 3.0),
        ];
        for (spread, mean) in cases {
            let all = drawn(spread);
            let found = all.iter().sum::<f64>() / all.len() as f64;
            assert!(near(found, mean), "{spread:?}: {found} {mean}");
        }
    }
}
