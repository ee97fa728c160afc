//! What a user would otherwise combine: a semaphore and a rate limiter.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

/// 64 slots of tokio's semaphore, and a rate of governor that never runs out.
pub(crate) struct Pair {
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) rate: DefaultDirectRateLimiter,
}

impl Pair {
    pub(crate) fn new() -> Pair {
        let most = NonZeroU32::new(1_000_000_000).unwrap();
        let quota = Quota::per_second(most).allow_burst(most);
        Pair { slots: Arc::new(Semaphore::new(64)), rate: RateLimiter::direct(quota) }
    }

    /// One admission and release.
    pub(crate) async fn one(&self) {
        let permit = self.slots.clone().acquire_owned().await.unwrap();
        self.rate.until_ready().await;
        black_box(&permit);
    }
}
