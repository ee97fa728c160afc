//! The calls of a turn that have been asked for and not been answered.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::room::Place;
use crate::gate::Admission;
use crate::permit::Permit;
use crate::refusal::Refusal;

/// Dropped as a whole, it starts nothing in vain: a permit that nobody fetched is given back when
/// no call of the turn waits for its slot any more. Dropped one by one, each call would start the
/// next with it, and use its rate.
#[derive(Default)]
pub(super) struct Asking<'a>(FuturesUnordered<One<'a>>);

/// One of them, by its place.
pub(super) struct One<'a> {
    pub(super) at: usize,
    pub(super) admission: Admission<'a>,
    /// Held until it has its answer.
    pub(super) _place: Option<Place>,
}

impl<'a> Asking<'a> {
    pub(super) fn push(&mut self, one: One<'a>) {
        self.0.push(one);
    }

    /// The next answer.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<(usize, Result<Permit, Box<Refusal>>)> {
        match self.0.poll_next_unpin(context) {
            Poll::Ready(Some(answer)) => Poll::Ready(answer),
            _ => Poll::Pending,
        }
    }
}

impl Future for One<'_> {
    type Output = (usize, Result<Permit, Box<Refusal>>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let at = self.at;
        Pin::new(&mut self.admission).poll(context).map(|answer| (at, answer))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let unfetched: Vec<Permit> =
            self.0.iter_mut().filter_map(|one| one.admission.withdraw()).collect();
        drop(unfetched);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use super::*;
    use crate::call::Call;
    use crate::event::EventKind;
    use crate::gate::Gate;
    use crate::policy::Policy;
    use crate::runtime::VirtualTime;

    #[test]
    fn in_whatever_order_it_is_taken_down_no_call_starts_with_the_slot_of_another() {
        let text = "[limits.door]\nconcurrency = 1\n[tools.t]\nlimits = [\"door\"]";
        let policy = Policy::parse("test.toml", text).unwrap();
        let gate = Gate::with_runtime(&policy, Arc::new(VirtualTime::new())).unwrap();
        let held = gate.try_admit("t").unwrap();
        let mut waiting: Vec<_> = (0..5)
            .map(|at| One { at, admission: gate.admit(Call::new("t")), _place: None })
            .collect();
        let mut context = Context::from_waker(Waker::noop());
        for one in &mut waiting {
            assert!(Pin::new(one).poll(&mut context).is_pending());
        }
        let mut asking = Asking::default();
        // The set drops first what it was given last.
        waiting.into_iter().rev().for_each(|one| asking.push(one));
        drop(held);
        drop(asking);
        assert_eq!(gate.counters().of(EventKind::Started), 2, "the held one and the first");
        assert_eq!((gate.snapshot().running, gate.snapshot().waiting), (0, 0));
    }
}
