//! How long a call takes.

use crate::clock::whole;
use crate::config::{Config, Latency};

/// Draws one call's latency, by the provider's clock, when so many run, this one among them.
pub(crate) fn draw(config: &Config, rng: &mut fastrand::Rng, running: u32) -> u64 {
    let alone_ns = match config.latency {
        Latency::Fixed(ns) => ns,
        Latency::Uniform(least, most) => rng.u64(least..=most.max(least)),
        Latency::Lognormal { median_ns, sigma } => {
            // Box and Muller's normal deviate; 1 - f64 is never 0.
            let normal =
                (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos();
            whole(median_ns as f64 * (sigma * normal).exp())
        }
    };
    match config.capacity {
        Some(capacity) if running > capacity => {
            whole(alone_ns as f64 * f64::from(running) / f64::from(capacity.max(1)))
        }
        _ => alone_ns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(latency: Latency, running: u32) -> Vec<u64> {
        let config = Config { latency, capacity: Some(4), ..Config::default() };
        let mut rng = fastrand::Rng::with_seed(7);
        let mut drawn: Vec<_> = (0..10_001).map(|_| draw(&config, &mut rng, running)).collect();
        drawn.sort_unstable();
        drawn
    }

    #[test]
    fn latencies_are_distributed_as_it_is_said() {
        let uniform = drawn(Latency::Uniform(100, 200), 4);
        assert!(uniform[0] >= 100 && uniform[10_000] <= 200);
        assert!((140..160).contains(&uniform[5_000]));
        let lognormal = drawn(Latency::Lognormal { median_ns: 1_000, sigma: 0.5 }, 1);
        assert!((950..1_050).contains(&lognormal[5_000]), "{}", lognormal[5_000]);
        // The 84th percentile is one deviation up: e^0.5 times the median.
        assert!((1_560..1_740).contains(&lognormal[8_413]), "{}", lognormal[8_413]);
    }

    #[test]
    fn beyond_its_capacity_everything_takes_longer() {
        assert_eq!(drawn(Latency::Fixed(100), 4)[0], 100);
        assert_eq!(drawn(Latency::Fixed(100), 8)[0], 200);
    }
}
