//! Limits that go by how their calls end: learned slots, and breakers. They come from a stream of
//! their own, so that what else a seed makes is the same with them and without.

use std::time::Duration;

use rampmeter_core::{Adaptive, AdaptiveRule, Breaker, BudgetConfig, LimitConfig, WhenOpen};

use super::super::mix::Mix;
use super::super::rng::Rng;
use super::Scene;

impl Scene {
    /// Makes some of the limits go by how calls end.
    pub(crate) fn learn(&mut self, seed: u64, allowed: Mix) {
        let mut rng = Rng::new(seed ^ 0x6C65_6172_6E65_6421);
        self.mix.adaptive = rng.percent(35) && allowed.adaptive;
        self.mix.breakers = rng.percent(35) && allowed.breakers;
        let pace = self.pace;
        // Limits of one instance only: what is said of them is said of no other.
        for limit in self.config.limits.iter_mut().filter(|limit| limit.per.is_none()) {
            if rng.percent(60) && self.mix.adaptive {
                limit.adaptive = adaptive(&mut rng, limit);
            }
            if rng.percent(50) && self.mix.breakers {
                limit.breaker = Some(breaker(&mut rng, pace));
            }
        }
    }
}

fn adaptive(rng: &mut Rng, limit: &LimitConfig) -> Option<Adaptive> {
    let sizes = limit.budgets.iter().filter_map(|budget| match budget {
        BudgetConfig::Concurrency { size, .. } => Some(*size),
        BudgetConfig::Rate { .. } => None,
    });
    let [size] = sizes.collect::<Vec<u64>>().try_into().ok()?;
    let rule = if rng.percent(75) { AdaptiveRule::Aimd } else { AdaptiveRule::Vegas };
    Some(Adaptive { rule, min: rng.range(1, size.div_ceil(2)), max: size + rng.below(3 * size) })
}

fn breaker(rng: &mut Rng, pace: u64) -> Breaker {
    let small = |number: u64| u32::try_from(number).unwrap_or(1);
    Breaker {
        failures_per_mille: small(rng.range(1, 1_000)),
        over: Duration::from_nanos(rng.scale(pace, pace * 50)),
        min_calls: small(rng.range(1, 20)),
        open_for: Duration::from_nanos(rng.scale(pace / 4 + 1, pace * 20)),
        probes: small(rng.range(1, 4)),
        when_open: if rng.percent(60) { WhenOpen::Refuse } else { WhenOpen::Wait },
    }
}
