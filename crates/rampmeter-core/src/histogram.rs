//! A histogram of whole numbers whose buckets grow with them, read for a high quantile.
//!
//! Log-linear as HdrHistogram's: `2^BITS` buckets an octave above `2^FIRST`, so a quantile errs by at
//! most `1/2^BITS`, on the safe side. Counts are halved when there are `REMEMBERED`, so that it
//! forgets.

/// So many numbers are remembered at the most.
const REMEMBERED: u16 = 256;

#[derive(Clone, Debug)]
pub(crate) struct Histogram<const FIRST: u32, const BITS: u32, const BUCKETS: usize> {
    counts: [u16; BUCKETS],
    sum: u16,
    /// The high quantile when `sum` was `read_at`: it is read more often than it changes.
    high: u64,
    read_at: u16,
}

impl<const FIRST: u32, const BITS: u32, const BUCKETS: usize> Histogram<FIRST, BITS, BUCKETS> {
    pub(crate) const NEW: Self = Histogram { counts: [0; BUCKETS], sum: 0, high: 0, read_at: 0 };

    /// How many numbers it remembers.
    pub(crate) fn len(&self) -> u16 {
        self.sum
    }

    #[inline]
    pub(crate) fn add(&mut self, number: u64) {
        self.counts[Self::bucket(number)] += 1;
        self.sum += 1;
        if self.sum >= REMEMBERED {
            self.forget();
        }
    }

    /// What nineteen of twenty numbers were below.
    pub(crate) fn high(&mut self) -> u64 {
        if self.read_at != self.sum {
            (self.high, self.read_at) = (self.find_high(), self.sum);
        }
        self.high
    }

    fn find_high(&self) -> u64 {
        let mut beyond = self.sum / 20;
        for (bucket, count) in self.counts.iter().enumerate().rev() {
            if *count > beyond {
                return Self::ends_at(bucket);
            }
            beyond -= count;
        }
        u64::MAX
    }

    #[cold]
    fn forget(&mut self) {
        (self.sum, self.read_at) = (0, 0);
        for count in &mut self.counts {
            *count /= 2;
            self.sum += *count;
        }
    }

    #[inline]
    fn bucket(number: u64) -> usize {
        if number < 1 << FIRST {
            return 0;
        }
        let octave = number.ilog2();
        let part = (number >> (octave - BITS)) & ((1 << BITS) - 1);
        (1 + ((octave - FIRST) << BITS) as usize + usize::try_from(part).unwrap_or(0))
            .min(BUCKETS - 1)
    }

    /// The least number above a bucket.
    fn ends_at(bucket: usize) -> u64 {
        let Some(above) = bucket.checked_sub(1) else { return 1 << FIRST };
        let (octave, part) = (above >> BITS, above & ((1 << BITS) - 1));
        let parts = u128::from((1u64 << BITS) + part as u64 + 1);
        let end = (parts << octave << FIRST) >> BITS;
        u64::try_from(end).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Histogram;

    type Coarse = Histogram<16, 2, 128>;
    type Fine = Histogram<4, 4, 600>;

    #[test]
    fn a_bucket_ends_above_what_is_in_it_by_its_part_of_an_octave_at_most() {
        let mut number = 1 << 16;
        while number < 1 << 40 {
            let end = Coarse::ends_at(Coarse::bucket(number));
            assert!(number < end && end <= number + number / 4 + 1, "{number} {end}");
            let end = Fine::ends_at(Fine::bucket(number));
            assert!(number < end && end <= number + number / 16 + 1, "{number} {end}");
            number += number / 7 + 3;
        }
        assert_eq!(Coarse::ends_at(Coarse::bucket(5)), 1 << 16);
    }

    #[test]
    fn the_buckets_begin_where_the_last_ends_and_the_last_takes_the_rest() {
        for at in 0..127 {
            assert_eq!(Coarse::bucket(Coarse::ends_at(at)), at + 1);
            assert_eq!(Coarse::bucket(Coarse::ends_at(at) - 1), at);
        }
        for at in 0..599 {
            assert_eq!(Fine::bucket(Fine::ends_at(at)), at + 1);
            assert_eq!(Fine::bucket(Fine::ends_at(at) - 1), at);
        }
        assert_eq!(Coarse::bucket(u64::MAX), 127);
        assert_eq!(Fine::bucket(u64::MAX), 599);
    }
}
