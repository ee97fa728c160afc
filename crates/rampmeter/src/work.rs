//! Work that may go on when its call is over.
//!
//! A call's own future is dropped when its time is up, and with it ends whatever it did. But work
//! that it handed to others goes on: a thread, a process, a spawned task. Whoever does such work
//! keeps a [`Hold`]: as long as one lives the work counts as going on, and the call's slots and
//! keys stay taken by it until the policy's `grace` is over, or for good.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::gate::Overrun;

/// The work of one call, as its [`Invocation`](crate::Invocation) has it. It holds nothing itself;
/// see [`Work::hold`]. Without a gate a hold keeps nothing either.
#[derive(Clone, Default)]
pub struct Work(Arc<Mutex<State>>);

/// As long as it or a clone of it lives, its call's work goes on.
///
/// ```
/// use rampmeter::{Invocation, Tool, ToolError};
/// let tool = Tool::raw("index", "", serde_json::json!({}), |call: Invocation| async move {
///     let hold = call.work.hold();
///     let (sender, answer) = tokio::sync::oneshot::channel();
///     std::thread::spawn(move || {
///         for part in 0..100 {
///             if hold.is_cancelled() {
///                 return;
///             }
///             // … one hundredth of the work …
///             # let _ = part;
///         }
///         hold.finish();
///         let _ = sender.send("done".to_owned());
///     });
///     answer.await.map_err(ToolError::failed)
/// });
/// # let _ = tool;
/// ```
pub struct Hold {
    work: Arc<Mutex<State>>,
    /// It was taken before the call was over.
    keeps: bool,
}

#[derive(Default)]
struct State {
    holds: usize,
    /// The call has its result, or its caller is gone.
    over: bool,
    /// It was over before it was answered.
    cancelled: bool,
    /// An answer came when it was over.
    late: bool,
    /// What is to be given back when the work has ended.
    overrun: Option<Overrun>,
    /// Who waits for the cancellation, by number.
    waiting: Vec<(u64, Waker)>,
    next: u64,
}

impl Work {
    /// From now on the work goes on until what this returns is dropped, with all its clones. Of a
    /// call that is over it keeps nothing, and is cancelled.
    pub fn hold(&self) -> Hold {
        let mut state = self.0.lock();
        let keeps = !state.over;
        state.holds += usize::from(keeps);
        Hold { work: self.0.clone(), keeps }
    }

    /// The call is over, answered or not. Says whether its work goes on.
    pub(crate) fn over(&self, answered: bool) -> bool {
        let mut state = self.0.lock();
        let goes_on = state.holds > 0;
        state.over = true;
        // What begins only now has nobody to begin for.
        state.cancelled |= !answered || !goes_on;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
        goes_on
    }

    /// What is to be given back when the work has ended.
    pub(crate) fn give_back(&self, overrun: Overrun) {
        let mut state = self.0.lock();
        if state.holds > 0 {
            state.overrun = Some(overrun);
            return;
        }
        let late = state.late;
        // It ended meanwhile.
        drop(state);
        overrun.ended(late);
    }
}

impl Hold {
    /// Whether the call was given up: its time is over, its turn was stopped, or its caller is
    /// gone. Nobody waits for an answer any more.
    pub fn is_cancelled(&self) -> bool {
        !self.keeps || self.work.lock().cancelled
    }

    /// Ready when the call is given up; never, if it is answered before.
    ///
    /// # Cancel safety
    /// Dropping it loses nothing.
    pub async fn cancelled(&self) {
        Cancelled { hold: self, number: None }.await;
    }

    /// The work has come to its answer. Says whether somebody waits for it; if nobody does, it is
    /// counted as late, and is to be dropped.
    pub fn finish(self) -> bool {
        let mut state = self.work.lock();
        state.late |= state.over && self.keeps;
        !state.over
    }
}

impl Clone for Hold {
    fn clone(&self) -> Hold {
        self.work.lock().holds += usize::from(self.keeps);
        Hold { work: self.work.clone(), keeps: self.keeps }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.keeps {
            return;
        }
        let mut state = self.work.lock();
        state.holds -= 1;
        let last = state.holds == 0;
        let (overrun, late) = (state.overrun.take_if(|_| last), state.late);
        // The gate wakes others, who may have work of this very call.
        drop(state);
        if let Some(overrun) = overrun {
            overrun.ended(late);
        }
    }
}

struct Cancelled<'a> {
    hold: &'a Hold,
    number: Option<u64>,
}

impl Future for Cancelled<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.hold.work.lock();
        if !self.hold.keeps || state.cancelled {
            return Poll::Ready(());
        }
        let known = self.number.and_then(|it| state.waiting.iter().position(|(at, _)| *at == it));
        let mut waker = context.waker().clone();
        match known {
            Some(at) => std::mem::swap(&mut state.waiting[at].1, &mut waker),
            None => {
                state.next += 1;
                let number = state.next;
                state.waiting.push((number, waker.clone()));
                drop(state);
                self.number = Some(number);
                return Poll::Pending;
            }
        }
        drop(state);
        // The waker before this one: dropping it may drop a task, with the holds that it has.
        drop(waker);
        Poll::Pending
    }
}

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.hold.work.lock();
        let at = state.waiting.iter().position(|(at, _)| *at == number);
        let waker = at.map(|at| state.waiting.swap_remove(at));
        drop(state);
        drop(waker);
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("holds", &self.0.lock().holds).finish_non_exhaustive()
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}
