//! The plug between the gate and whatever runs it: a clock, a sleep, a place for one task.

mod counter;
#[cfg(feature = "tokio")]
mod tokio;
mod virtual_time;

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::time::SystemTime;

use rampmeter_core::Instant;

#[cfg(feature = "tokio")]
pub use self::tokio::TokioRuntime;
pub use self::virtual_time::VirtualTime;
pub use counter::Counter;

/// A future on the heap that any thread may poll.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What the gate needs of a runtime.
pub trait Runtime: Send + Sync + 'static {
    /// The time since an epoch of the runtime's choice. Never runs backwards.
    fn now(&self) -> Instant;

    /// A clock that says the same as [`Runtime::now`] and is quicker to ask, if there is one. The
    /// gate asks for it once.
    fn counter(&self) -> Option<Counter> {
        None
    }

    /// The time of day, which may be set; it places the windows of calendar rates.
    fn wall_clock(&self) -> SystemTime;

    /// What the gate's chance comes from, asked for once: another number for each gate, so that
    /// several gates do not wait alike, unless the same program shall do the same thing twice.
    fn seed(&self) -> u64 {
        RandomState::new().hash_one(0)
    }

    /// A future that is ready at `at`.
    fn sleep_until(&self, at: Instant) -> BoxFuture<()>;

    /// Runs a task until it ends. The gate has at most one, which keeps time for all that waits;
    /// if the runtime drops it, the gate starts another when it is next needed.
    fn spawn(&self, task: BoxFuture<()>);
}
