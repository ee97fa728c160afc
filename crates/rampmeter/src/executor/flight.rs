//! One run for identical calls that only read and are under way at one time.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::act::Act;
use super::drive::{Drive, Todo};
use super::one::Done;
use super::report::{CallError, CallResult, Degraded};
use crate::cache::{CacheKey, Follower, Joined, Landed, Leader};
use crate::runtime::BoxFuture;

/// What those who follow are told.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) output: Result<String, CallError>,
    pub(super) degraded: Option<Degraded>,
}

impl<'a> Drive<'a> {
    /// Asks for a call, unless one like it is under way and this one can share its result.
    pub(super) fn ask_or_follow(&mut self, at: usize) -> Todo<'a> {
        let call = &self.calls[at];
        // The one who makes a nested call may be the one under way: it would wait for itself.
        if !call.policy.is_some_and(|tool| tool.single_flight) || self.request.parent.is_some() {
            return self.ask(at);
        }
        let executor = self.executor;
        match executor.shared.flights.join(self.flight(at)) {
            Joined::Alone => self.ask(at),
            Joined::Leader(leader) => self.lead(at, leader),
            Joined::Follower(follower) => {
                // It does not wait at the gate; others may in its place.
                self.courses[at].place = None;
                let until = executor.gate.runtime().sleep_until(self.deadline);
                Some((at, Act::Follow(follower, until)))
            }
        }
    }

    /// It runs for all that follow.
    fn lead(&mut self, at: usize, leader: Leader<Common>) -> Todo<'a> {
        self.courses[at].leader = Some(leader);
        self.ask(at)
    }

    /// The call that was followed has a result, or has been given up.
    pub(super) fn followed(
        &mut self,
        at: usize,
        landed: Option<Landed<Common>>,
        results: &mut [CallResult],
    ) -> Todo<'a> {
        match landed {
            None => {
                self.note_answered(at, ("flight", false), results);
                self.ended(at, Done::at_once(Err(CallError::TurnDeadline)), results)
            }
            Some(Landed::Leads(leader)) => self.lead(at, leader),
            Some(Landed::Shared(Common { output, degraded })) => {
                let course = &mut self.courses[at];
                (course.shared, course.degraded) = (true, degraded);
                self.note_answered(at, ("flight", output.is_ok()), results);
                self.turn.ended(at, rampmeter_core::End::Final);
                self.settled(at, Done::at_once(output), results)
            }
        }
    }

    /// Calls of another priority do not share: an important one would wait like the other.
    fn flight(&self, at: usize) -> CacheKey {
        let (call, (arguments, labels)) = (&self.calls[at], self.given(at));
        let priority = self.request.priority.as_deref().unwrap_or_default();
        let what = format!("{priority}\n{}", call.name);
        CacheKey::new(&what, arguments, labels, Some(&self.request.flow))
    }
}

/// What becomes of a call that follows, until the turn's deadline.
pub(super) async fn follow(
    follower: Follower<Common>,
    mut until: BoxFuture<()>,
) -> Option<Landed<Common>> {
    let mut follower = pin!(follower);
    poll_fn(|context| {
        if let Poll::Ready(landed) = follower.as_mut().poll(context) {
            return Poll::Ready(Some(landed));
        }
        until.as_mut().poll(context).map(|()| None)
    })
    .await
}
