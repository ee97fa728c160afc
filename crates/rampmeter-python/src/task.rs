//! Futures of Rust's that belong to no loop, such as the gate's timer: polled by whoever wakes them,
//! at once. They do little and never block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use parking_lot::Mutex;
use rampmeter::runtime::BoxFuture;

pub(crate) struct Task {
    /// `None` once it has ended.
    future: Mutex<Option<BoxFuture<()>>>,
    /// It was woken while somebody polled it.
    again: AtomicBool,
}

impl Task {
    /// Runs it until it first waits.
    pub(crate) fn start(future: BoxFuture<()>) {
        let future = Mutex::new(Some(future));
        Arc::new(Task { future, again: AtomicBool::new(false) }).run();
    }

    fn run(self: Arc<Self>) {
        loop {
            let Some(mut future) = self.future.try_lock() else {
                self.again.store(true, Ordering::SeqCst);
                // Whoever polls it may have looked for the last time before that was set.
                if self.future.is_locked() {
                    return;
                }
                continue;
            };
            self.again.store(false, Ordering::SeqCst);
            let ended = future.take().is_none_or(|mut running| {
                let waker = Waker::from(self.clone());
                let waits = running.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
                if waits {
                    *future = Some(running);
                }
                !waits
            });
            drop(future);
            if ended || !self.again.load(Ordering::SeqCst) {
                return;
            }
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.run();
    }
}
