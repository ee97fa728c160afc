//! In whose time it is played.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use rampmeter::runtime::{BoxFuture, Counter, Runtime, TokioRuntime, VirtualTime};
use rampmeter_core::Instant;

use super::super::regime::Clock;

/// What runs everything, on one thread.
pub(super) enum Loop {
    Virtual(VirtualTime),
    Real(tokio::runtime::Runtime, Arc<OneThread>),
}

impl Loop {
    /// A loop whose time begins now.
    pub(super) fn new(clock: Clock) -> io::Result<Loop> {
        Ok(match clock {
            Clock::Virtual => Loop::Virtual(VirtualTime::new()),
            Clock::Real => {
                let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
                let inner = TokioRuntime::new();
                let plug = OneThread { inner, handle: tokio.handle().clone() };
                Loop::Real(tokio, Arc::new(plug))
            }
        })
    }

    pub(super) fn runtime(&self) -> Arc<dyn Runtime> {
        match self {
            Loop::Virtual(time) => Arc::new(time.clone()),
            Loop::Real(_, plug) => plug.clone(),
        }
    }

    /// Runs until it is ready, or nothing can happen any more.
    pub(super) fn block_on(&self, until: impl Future<Output = ()>) {
        match self {
            Loop::Virtual(time) => time.block_on(until).unwrap_or_default(),
            Loop::Real(tokio, _) => tokio.block_on(until),
        }
    }
}

/// Tokio on one thread that is always blocked on, so that everything may be spawned there: also what
/// the plug of the library would rather have a thread of its own for.
pub(super) struct OneThread {
    inner: TokioRuntime,
    handle: tokio::runtime::Handle,
}

impl Runtime for OneThread {
    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn counter(&self) -> Option<Counter> {
        self.inner.counter()
    }

    fn wall_clock(&self) -> SystemTime {
        self.inner.wall_clock()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<()> {
        self.inner.sleep_until(at)
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.handle.spawn(task);
    }
}
