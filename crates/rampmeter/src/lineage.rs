//! Which running call makes a call.
//!
//! A call that a running call makes is *nested*: it has its caller's flow and priority, ends its
//! wait by its caller's deadline and time-out, and may run on the slots that its caller lends it
//! while it waits. How lineage travels: a future that is polled in a permit's
//! [`scope`](crate::Permit::scope) has it by itself, on any runtime; whatever leaves that future, as
//! a spawned task or another thread does, carries a [`Lineage`] with it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use rampmeter_core::CallId;

use crate::permit::Permit;

/// A running call, as the one that makes others. It is a name, not a hold: when the call has
/// ended, calls that are made in its name are refused as
/// [`NoParent`](rampmeter_core::Reason::NoParent).
///
/// ```
/// # use rampmeter::{Gate, Policy};
/// # async fn work(gate: Gate) -> Result<(), Box<dyn std::error::Error>> {
/// let lineage = gate.lineage();                     // inside a tool: the call that runs it
/// tokio::spawn(async move {
///     let Some(lineage) = lineage else { return };
///     lineage.scope(async { /* calls made here are nested again */ }).await;
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lineage {
    /// The gate's serial number.
    gate: u64,
    call: CallId,
}

pin_project! {
    /// A future whose calls are nested under a running call. Made by [`Lineage::scope`].
    ///
    /// # Cancel safety
    /// That of the future inside.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are polled"]
    pub struct Scope<F> {
        lineage: Lineage,
        #[pin]
        future: F,
    }
}

impl Lineage {
    /// Runs `future`; calls made inside at the same gate are nested under this call. It reaches
    /// what is polled as part of `future`, and not what it spawns.
    pub fn scope<F: Future>(self, future: F) -> Scope<F> {
        Scope { lineage: self, future }
    }

    /// [`Lineage::scope`] for code that is not async.
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        let _inside = Inside::enter(self);
        work()
    }

    pub(crate) fn new(gate: u64, call: CallId) -> Lineage {
        Lineage { gate, call }
    }

    /// The call, if it is one of this gate's.
    pub(crate) fn at(self, gate: u64) -> Option<CallId> {
        (self.gate == gate).then_some(self.call)
    }

    /// The innermost call of this gate in whose scope the caller is.
    #[inline]
    pub(crate) fn current(gate: u64) -> Option<CallId> {
        if DEPTH.get() == 0 { None } else { innermost(gate) }
    }
}

impl From<&Permit> for Lineage {
    fn from(permit: &Permit) -> Lineage {
        permit.lineage()
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _inside = Inside::enter(*this.lineage);
        this.future.poll(context)
    }
}

thread_local! {
    /// Scopes that this thread is in. It needs no clean-up, so whoever is in none pays one load.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The scopes, outermost first: those of several gates may lie in each other.
    static SCOPES: RefCell<Vec<Lineage>> = const { RefCell::new(Vec::new()) };
}

#[cold]
fn innermost(gate: u64) -> Option<CallId> {
    let found =
        SCOPES.try_with(|scopes| scopes.borrow().iter().rev().find_map(|lineage| lineage.at(gate)));
    found.unwrap_or_default()
}

/// While it lives, this thread is in a scope. A panic leaves it too.
struct Inside;

impl Inside {
    fn enter(lineage: Lineage) -> Inside {
        DEPTH.set(DEPTH.get() + 1);
        // At the end of a thread there may be no scopes any more; then nothing is nested.
        let _ = SCOPES.try_with(|scopes| scopes.borrow_mut().push(lineage));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        let _ = SCOPES.try_with(|scopes| scopes.borrow_mut().pop());
    }
}
