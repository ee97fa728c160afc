//! Turns from a stream, pulled only as fast as their calls are admitted.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{FuturesOrdered, Stream, StreamExt};

use super::room::Room;
use super::{Executor, TurnReport, TurnRequest};
use crate::runtime::BoxFuture;

/// How much a stream of turns has open at once. What is beyond stays with its producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamOptions {
    /// Turns that were pulled and whose reports were not handed on, at least 1.
    pub turns_at_once: usize,
    /// Calls of these turns that wait to be admitted, at least 1. The others of a large turn are
    /// asked for as these are answered, those of earlier turns first.
    pub calls_waiting: usize,
}

impl Default for StreamOptions {
    /// 16 turns, 256 waiting calls.
    fn default() -> StreamOptions {
        StreamOptions { turns_at_once: 16, calls_waiting: 256 }
    }
}

/// The stream of [`Executor::stream`].
///
/// # Cancel safety
/// Dropping it cancels every call of the turns that are open; their reports are lost. While one turn
/// is taken down, a call of another may be admitted to what that frees, and is cancelled too. Turns
/// that were not pulled are still the producer's.
#[must_use = "turns run only while this is polled"]
pub struct Turns<S> {
    executor: Executor,
    options: StreamOptions,
    /// `None` once it has ended.
    source: Option<Pin<Box<S>>>,
    open: FuturesOrdered<BoxFuture<TurnReport>>,
    room: Room,
    pulled: u64,
}

impl Executor {
    /// Runs the turns of `source`, several at once; their reports come in the order of the turns.
    /// The next turn is pulled only while fewer than [`StreamOptions::turns_at_once`] are open and
    /// fewer than [`StreamOptions::calls_waiting`] of their calls wait. So however fast the
    /// producer is, what is queued and held in memory is bounded, and nothing is lost.
    ///
    /// Turns run only while the stream is polled. An iterator becomes a source by
    /// `futures_util::stream::iter`.
    pub fn stream<S>(&self, source: S, options: StreamOptions) -> Turns<S>
    where
        S: Stream<Item = TurnRequest>,
    {
        Turns {
            executor: self.clone(),
            options,
            source: Some(Box::pin(source)),
            open: FuturesOrdered::new(),
            room: Room::new(self.may_wait(options.calls_waiting)),
            pulled: 0,
        }
    }

    /// How many calls of a stream may wait: no more than the shortest queue takes, since whoever
    /// comes beyond that is refused.
    fn may_wait(&self, calls: usize) -> usize {
        let queues = self.policy.limits.iter().map(|limit| &limit.queue);
        let shortest = queues.map(|it| it.per_flow.unwrap_or(it.size).min(it.size)).min();
        let shortest = shortest.map_or(calls, |it| usize::try_from(it).unwrap_or(calls));
        calls.min(shortest).max(1)
    }
}

impl<S: Stream<Item = TurnRequest>> Turns<S> {
    /// Opens the next turn, if there may be one more and the producer has one.
    fn pull(&mut self, context: &mut Context<'_>) -> bool {
        let full = self.open.len() >= self.options.turns_at_once.max(1) || !self.room.has_free();
        let Some(source) = self.source.as_mut().filter(|_| !full) else { return false };
        match source.as_mut().poll_next(context) {
            Poll::Pending => false,
            Poll::Ready(None) => {
                self.source = None;
                false
            }
            Poll::Ready(Some(request)) => {
                let (executor, seat) = (self.executor.clone(), self.room.seat(self.pulled));
                self.pulled += 1;
                self.open.push_back(Box::pin(async move {
                    executor.run_seated(request, std::future::pending(), seat).await
                }));
                true
            }
        }
    }
}

impl<S: Stream<Item = TurnRequest>> Stream for Turns<S> {
    type Item = TurnReport;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TurnReport>> {
        loop {
            let pulled = self.pull(context);
            // Polled after each pull, so that a turn has asked for its calls before it is seen
            // whether there is room for the next one.
            match self.open.poll_next_unpin(context) {
                Poll::Ready(Some(report)) => return Poll::Ready(Some(report)),
                Poll::Ready(None) if self.source.is_none() => return Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending if pulled => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// The source is the caller's and may show nothing of itself.
impl<S> fmt::Debug for Turns<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns")
            .field("options", &self.options)
            .field("open", &self.open.len())
            .field("pulled", &self.pulled)
            .finish_non_exhaustive()
    }
}
