//! When turns come.

use std::time::Duration;

use super::types::{Arrive, Load};
use crate::sim::rng::{Rng, whole};

/// Who asks for turns one after the other: when they begin, and which of the load's turns they ask for.
pub(super) struct Asker {
    pub(super) at: u64,
    pub(super) turns: Vec<usize>,
}

/// Everybody who asks for a load's turns. Turns that come by the clock are asked for by somebody else
/// each.
pub(super) fn askers(load: &Load, rng: &mut Rng) -> Vec<Asker> {
    let start = nanos(load.start);
    match load.arrive {
        Arrive::Users(users, _) => {
            let users = usize::try_from(users).unwrap_or(usize::MAX);
            let turns = usize::try_from(load.most_turns()).unwrap_or(usize::MAX);
            let of_user = |user| (user..turns).step_by(users).collect::<Vec<_>>();
            (0..users.min(turns)).map(|user| Asker { at: start, turns: of_user(user) }).collect()
        }
        Arrive::Pulled => {
            let turns = usize::try_from(load.most_turns()).unwrap_or(usize::MAX);
            vec![Asker { at: start, turns: (0..turns).collect() }]
        }
        _ => {
            let moments = moments(load, rng).into_iter().enumerate();
            moments.map(|(turn, at)| Asker { at, turns: vec![turn] }).collect()
        }
    }
}

/// When each turn comes, of those that come by the clock.
fn moments(load: &Load, rng: &mut Rng) -> Vec<u64> {
    let most = load.turns.unwrap_or(u64::MAX);
    let lasts = load.lasts.map_or(u64::MAX, nanos);
    let mut after = 0u64;
    let mut moments = Vec::new();
    for turn in 0..most {
        after = match load.arrive {
            Arrive::Every(period) => nanos(period).saturating_mul(turn),
            Arrive::Bursts(together, period) => nanos(period).saturating_mul(turn / together),
            // The time between two turns of a Poisson process is exponentially distributed.
            Arrive::Poisson(rate) => {
                after.saturating_add(whole(-(1.0 - rng.unit()).ln() / rate * 1e9))
            }
            Arrive::AtOnce | Arrive::Users(..) | Arrive::Pulled => 0,
        };
        if after >= lasts {
            break;
        }
        moments.push(nanos(load.start).saturating_add(after));
    }
    moments
}

impl Load {
    /// How many turns it has; if they come by chance for a while, so many in the mean.
    pub(super) fn most_turns(&self) -> u64 {
        let lasts = self.lasts.map(|lasts| lasts.as_secs_f64());
        let in_time = lasts.map(|lasts| match self.arrive {
            Arrive::Every(period) => ceil(lasts / period.as_secs_f64()),
            Arrive::Bursts(together, period) => {
                ceil(lasts / period.as_secs_f64()).saturating_mul(together)
            }
            Arrive::Poisson(rate) => ceil(lasts * rate),
            Arrive::AtOnce | Arrive::Users(..) | Arrive::Pulled => u64::MAX,
        });
        self.turns.unwrap_or(u64::MAX).min(in_time.unwrap_or(u64::MAX))
    }
}

fn ceil(number: f64) -> u64 {
    whole(number.ceil())
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
