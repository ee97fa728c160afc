//! Virtual time: a single-threaded runtime whose clock jumps to the next timer when nothing else
//! is left to do. An hour of waiting takes as long as the work in it, and the same program does
//! the same thing every time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use rampmeter_core::Instant;

use super::{BoxFuture, Runtime};

/// A runtime in virtual time, starting at its epoch, which is the Unix epoch too.
#[derive(Clone, Default)]
pub struct VirtualTime {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    now: Instant,
    next_id: u64,
    ready: VecDeque<u64>,
    /// Those in `ready`, so that who is woken twice is there once.
    queued: HashSet<u64>,
    tasks: HashMap<u64, Option<BoxFuture<()>>>,
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    sleepers: HashMap<u64, Waker>,
}

/// The id under which the future given to `block_on` is woken.
const MAIN: u64 = 0;

impl VirtualTime {
    /// A clock at its epoch, and no tasks.
    pub fn new() -> VirtualTime {
        VirtualTime::default()
    }

    /// Runs `future` to its end, and whatever else is spawned meanwhile. Returns `None` if
    /// everything waits and no timer is left that could change that.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        self.shared.lock().wake(MAIN);
        loop {
            while let Some(id) = self.pop_ready() {
                let waker = Waker::from(Arc::new(Task { id, runtime: self.clone() }));
                let mut context = Context::from_waker(&waker);
                if id == MAIN {
                    if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                        return Some(value);
                    }
                } else {
                    self.poll_task(id, &mut context);
                }
            }
            if !self.jump() {
                return None;
            }
        }
    }

    fn pop_ready(&self) -> Option<u64> {
        let mut shared = self.shared.lock();
        let id = shared.ready.pop_front()?;
        shared.queued.remove(&id);
        Some(id)
    }

    fn poll_task(&self, id: u64, context: &mut Context<'_>) {
        let task = self.shared.lock().tasks.get_mut(&id).and_then(Option::take);
        let Some(mut task) = task else { return };
        let ended = task.as_mut().poll(context).is_ready();
        let mut shared = self.shared.lock();
        if ended {
            shared.tasks.remove(&id);
        } else {
            shared.tasks.insert(id, Some(task));
        }
    }

    /// Moves the clock to the next timer that somebody waits for and wakes all that are due.
    fn jump(&self) -> bool {
        let mut woken = Vec::new();
        let mut shared = self.shared.lock();
        while let Some(Reverse((at, id))) = shared.timers.peek().copied() {
            if !woken.is_empty() && at > shared.now {
                break;
            }
            shared.timers.pop();
            if let Some(waker) = shared.sleepers.remove(&id) {
                shared.now = shared.now.max(at);
                woken.push(waker);
            }
        }
        drop(shared);
        let any = !woken.is_empty();
        woken.into_iter().for_each(Waker::wake);
        any
    }
}

impl Runtime for VirtualTime {
    fn now(&self) -> Instant {
        self.shared.lock().now
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.now().as_nanos())
    }

    fn seed(&self) -> u64 {
        0
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<()> {
        Box::pin(Sleep { at, id: None, runtime: self.clone() })
    }

    fn spawn(&self, task: BoxFuture<()>) {
        let mut shared = self.shared.lock();
        shared.next_id += 1;
        let id = shared.next_id;
        shared.tasks.insert(id, Some(task));
        shared.wake(id);
    }
}

impl Shared {
    fn wake(&mut self, id: u64) {
        if self.queued.insert(id) {
            self.ready.push_back(id);
        }
    }
}

struct Task {
    id: u64,
    runtime: VirtualTime,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.runtime.shared.lock().wake(self.id);
    }
}

struct Sleep {
    at: Instant,
    id: Option<u64>,
    runtime: VirtualTime,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let runtime = self.runtime.clone();
        let mut shared = runtime.shared.lock();
        if self.at <= shared.now {
            return Poll::Ready(());
        }
        let id = match self.id {
            Some(id) => id,
            None => {
                shared.next_id += 1;
                let id = shared.next_id;
                shared.timers.push(Reverse((self.at, id)));
                id
            }
        };
        shared.sleepers.insert(id, context.waker().clone());
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // The waker may hold the last reference to a task: it is dropped after the lock.
            let waker = self.runtime.shared.lock().sleepers.remove(&id);
            drop(waker);
        }
    }
}

impl std::fmt::Debug for VirtualTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VirtualTime").field("now", &self.now()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_sleeps_runs_in_the_order_of_their_ends() {
        let runtime = VirtualTime::new();
        let log = Arc::new(Mutex::new(Vec::new()));
        for seconds in [3600, 5, 60] {
            let (log, clock) = (log.clone(), runtime.clone());
            runtime.spawn(Box::pin(async move {
                clock.sleep_until(Instant::from_millis(seconds * 1000)).await;
                log.lock().push(seconds);
            }));
        }
        let end = Instant::from_millis(3_600_001);
        assert_eq!(runtime.block_on(runtime.sleep_until(end)), Some(()));
        assert_eq!(*log.lock(), [5, 60, 3600]);
        assert_eq!(runtime.now(), end);
    }

    #[test]
    fn when_nothing_can_happen_any_more_it_says_so() {
        assert_eq!(VirtualTime::new().block_on(std::future::pending::<()>()), None);
    }
}
