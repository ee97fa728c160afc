//! What a user would otherwise take: a semaphore, a rate limiter, or both.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use priority_semaphore::PrioritySemaphore;
use tokio::sync::Semaphore;

/// 64 slots of tokio's semaphore, and a rate of governor that never runs out.
pub(crate) struct Pair {
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) rate: DefaultDirectRateLimiter,
}

impl Pair {
    pub(crate) fn new() -> Pair {
        let most = NonZeroU32::new(1_000_000_000).unwrap();
        let rate = governor(1_000_000_000, most);
        Pair { slots: Arc::new(Semaphore::new(64)), rate }
    }

    /// One admission and release.
    pub(crate) async fn one(&self) {
        let permit = self.slots.clone().acquire_owned().await.unwrap();
        self.rate.until_ready().await;
        black_box(&permit);
    }

    pub(crate) async fn semaphore_alone(&self) {
        black_box(&self.slots.clone().acquire_owned().await.unwrap());
    }

    pub(crate) async fn governor_alone(&self) {
        self.rate.until_ready().await;
    }
}

/// So many a second.
pub(crate) fn governor(a_second: u32, burst: NonZeroU32) -> DefaultDirectRateLimiter {
    let a_second = NonZeroU32::new(a_second).unwrap();
    RateLimiter::direct(Quota::per_second(a_second).allow_burst(burst))
}

/// One unit every `interval`, and at most `burst` saved up.
pub(crate) fn leaky_bucket(interval: Duration, burst: usize) -> leaky_bucket::RateLimiter {
    leaky_bucket::RateLimiter::builder().interval(interval).max(burst).initial(burst).build()
}

pub(crate) async fn priority_semaphore(slots: &Arc<PrioritySemaphore>) {
    black_box(&slots.acquire(1).await.unwrap());
}
