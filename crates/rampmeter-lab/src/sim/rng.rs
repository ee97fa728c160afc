//! Numbers from a seed (SplitMix64).

/// A stream of numbers; equal seeds give equal streams.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0xA076_1D64_78BD_642F) ^ 0x51_4D17)
    }

    /// A stream of its own, so that what one part draws does not move what the others do.
    pub(crate) fn fork(&mut self) -> Rng {
        Rng(self.next())
    }

    /// A stream of its own that does not move this one.
    pub(crate) fn later(&self) -> Rng {
        self.clone().fork().fork()
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`, which counts as 1 if it is 0.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(count.max(1));
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn range(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    /// From `least` to `most`, each order of magnitude as likely as the others.
    pub(crate) fn scale(&mut self, least: u64, most: u64) -> u64 {
        let (low, high) = ((least.max(1) as f64).ln(), (most.max(1) as f64).ln());
        whole((low + (high - low) * self.unit()).exp()).clamp(least, most)
    }

    /// Exponentially distributed about `mean`, at most twenty of it.
    pub(crate) fn about(&mut self, mean: u64) -> u64 {
        whole((mean as f64 * -(1.0 - self.unit()).ln()).min(mean as f64 * 20.0))
    }

    /// From 0 up to 1, which is left out.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }
}

/// A float as a whole number; what does not fit is cut.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(crate) fn whole(number: f64) -> u64 {
    number as u64
}
