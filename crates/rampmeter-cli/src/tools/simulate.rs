//! A simulated tool: how long a call takes and whether it fails is drawn from the call itself.
//!
//! The draw depends on the seed and on the call alone, not on order or time. So two runs over the
//! same turns, one limited and one not, do the same work.

use std::sync::Arc;
use std::time::Duration;

use super::provider::Provider;

/// A tool that waits, and fails now and then.
#[derive(Debug, Clone)]
pub(crate) struct Simulate {
    /// The shortest and the longest time a call takes, both included.
    pub latency: (Duration, Duration),
    /// The share of calls that fail, from 0 to 1.
    pub fail: f64,
    /// Who is asked before each call, if anybody.
    pub provider: Option<Arc<Provider>>,
    /// The tokens a call costs with the provider.
    pub tokens: u64,
    /// What the draws start from.
    pub seed: u64,
}

/// What one call will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How long it takes.
    pub latency: Duration,
    /// Whether it then fails.
    pub fails: bool,
}

impl Simulate {
    /// The plan of a call. Raising `fail` adds failures and takes none away.
    pub(crate) fn plan(&self, tool: &str, id: &str, arguments: &str) -> Plan {
        let mut state = self.seed;
        for part in [tool, id, arguments] {
            absorb(&mut state, part.as_bytes());
        }
        let latency = self.latency(next(&mut state));
        Plan { latency, fails: unit(next(&mut state)) < self.fail }
    }

    fn latency(&self, draw: u64) -> Duration {
        let (shortest, longest) = self.latency;
        let steps = longest.saturating_sub(shortest).as_nanos().saturating_add(1);
        // The top half of a 128-bit product is the draw scaled to the steps, without bias to speak of.
        let step = u64::try_from(steps).map_or(draw, |n| high_half(draw, n));
        shortest + Duration::from_nanos(step)
    }
}

/// Mixes bytes into the state. The length goes first, so that `ab` + `c` and `a` + `bc` differ.
fn absorb(state: &mut u64, bytes: &[u8]) {
    *state ^= bytes.len() as u64;
    *state = next(state);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        *state ^= u64::from_le_bytes(word);
        *state = next(state);
    }
}

/// The next number of SplitMix64 (Steele, Lea and Flood, 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number from 0 to below 1, of 53 bits.
fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1_u64 << 53) as f64
}

fn high_half(a: u64, b: u64) -> u64 {
    u64::try_from((u128::from(a) * u128::from(b)) >> 64).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
