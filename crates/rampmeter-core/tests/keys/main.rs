//! Keys under many seeds, judged by books that share nothing with the engine. `--nocapture` prints
//! the figures; `RAMPMETER_SEED=N` plays one seed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]

mod philosophers;
mod storms;
mod table;
#[path = "../properties/whereabouts.rs"]
mod whereabouts;

/// The seeds of a test.
pub(crate) fn seeds(many: u64) -> Vec<u64> {
    match std::env::var("RAMPMETER_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..many).collect(),
    }
}

/// Numbers drawn from a seed.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
