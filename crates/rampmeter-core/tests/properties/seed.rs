//! Numbers from a seed (SplitMix64), so that a history that failed can be had again.

/// How a failed run is repeated: `RAMPMETER_SEED=17 cargo test -p rampmeter-core NAME`.
const ONE_SEED: &str = "RAMPMETER_SEED";

/// The seeds `0..count`, or the one that the environment names.
pub(crate) fn seeds(count: u64) -> std::ops::Range<u64> {
    match std::env::var(ONE_SEED).ok().and_then(|seed| seed.parse().ok()) {
        Some(one) => one..one + 1,
        None => 0..count,
    }
}

#[derive(Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0xA076_1D64_78BD_642F) ^ 0x5EED)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn range<T>(&mut self, least: T, most: T) -> T
    where
        T: Into<u64> + TryFrom<u64>,
        T::Error: std::fmt::Debug,
    {
        let (least, most) = (least.into(), most.into());
        T::try_from(least + self.next() % (most - least + 1)).unwrap()
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}
