//! Runs the turns, some at a time, and hands their results on in the turns' order.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use rampmeter::format::Format;
use rampmeter::{Executor, StateBag, Status, TurnReport, TurnRequest};
use tokio::sync::watch;

use super::errors::Errors;
use super::source::{BrokenLine, TurnLine};

/// What the summary needs to know of one call.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CallRecord {
    pub(crate) tool: Arc<str>,
    pub(crate) flow: Arc<str>,
    pub(crate) priority: Option<Arc<str>>,
    pub(crate) status: Status,
    pub(crate) waited: Option<Duration>,
    pub(crate) ran: Option<Duration>,
    pub(crate) retries: u64,
    pub(crate) degraded: bool,
    pub(crate) shared: bool,
}

/// What came of a file of turns.
#[derive(Debug, Default)]
pub(crate) struct Driven {
    pub(crate) turns: u64,
    pub(crate) broken_lines: u64,
    pub(crate) calls: Vec<CallRecord>,
    pub(crate) errors: Errors,
    pub(crate) elapsed: Duration,
}

/// Who hears of results as they are complete, in the turns' order.
pub(crate) trait Listener {
    fn broken(&mut self, line: &BrokenLine);
    fn turn(&mut self, number: u64, report: &TurnReport);
}

/// Tells a run to stop; dropping it does not.
pub(crate) type Stop = watch::Receiver<bool>;

/// Runs all turns, in this format or in any, at most `at_once` at a time, or until it is told to
/// stop. They share `bag`.
pub(crate) async fn drive(
    executor: &Executor,
    bag: &StateBag,
    lines: impl Iterator<Item = Result<TurnLine, BrokenLine>> + Send,
    format: Option<Format>,
    at_once: usize,
    stop: &Stop,
    listener: &mut impl Listener,
) -> Driven {
    let started = executor.gate().now();
    let lines = lines.take_while(|_| !*stop.borrow()).enumerate();
    let turns = stream::iter(lines)
        .map(|(place, line)| one(executor, bag, place, line, format, stop.clone()));
    let mut turns = std::pin::pin!(turns.buffer_unordered(at_once.max(1)));
    let mut driven = Driven::default();
    let mut early = BTreeMap::new();
    let mut next = 0;
    while let Some((place, end)) = turns.next().await {
        early.insert(place, end);
        while let Some(end) = early.remove(&next) {
            next += 1;
            driven.take(end, listener);
        }
    }
    driven.elapsed = executor.gate().now().saturating_since(started);
    driven
}

/// The turn of a line, with all that its fields say of it.
pub(crate) fn request(
    executor: &Executor,
    line: TurnLine,
    format: Option<Format>,
) -> Result<(TurnLine, TurnRequest), BrokenLine> {
    let turn = executor.resolve_as(&line.text, format).map_err(|error| BrokenLine {
        number: line.number,
        column: error.column,
        message: error.reason,
    })?;
    let mut request = TurnRequest::new(turn).number(line.number);
    if let Some(flow) = &line.flow {
        request = request.flow(flow);
    }
    for (name, value) in &line.labels {
        request = request.label(name, value);
    }
    if let Some(priority) = &line.priority {
        request = request.priority(priority);
    }
    Ok((line, request))
}

enum End {
    Broken(BrokenLine),
    Turn { number: u64, flow: Arc<str>, report: TurnReport },
}

async fn one(
    executor: &Executor,
    bag: &StateBag,
    place: usize,
    line: Result<TurnLine, BrokenLine>,
    format: Option<Format>,
    stop: Stop,
) -> (usize, End) {
    let (line, request) = match line.and_then(|line| request(executor, line, format)) {
        Ok(resolved) => resolved,
        Err(broken) => return (place, End::Broken(broken)),
    };
    let request = request.state(bag);
    let flow: Arc<str> = line.flow.as_deref().unwrap_or(rampmeter::DEFAULT_FLOW).into();
    let report = executor.run_turn_until(request, stopped(stop)).await;
    (place, End::Turn { number: line.number, flow, report })
}

/// Ready once the run is told to stop.
///
/// The flag is read at every poll: it is set before those who wait for it are woken, one by one,
/// and a turn that was not woken yet would start what the first one's end has made room for.
async fn stopped(mut stop: Stop) {
    let flag = stop.clone();
    let told = tokio::task::unconstrained(stop.wait_for(|stop| *stop));
    // Fused: if the sender is gone, nobody will ever stop the run.
    let mut told = std::pin::pin!(told.fuse());
    poll_fn(|context| {
        // It leaves word whom to wake; what it says of the flag may be late.
        drop(told.as_mut().poll(context));
        if *flag.borrow() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Driven {
    fn take(&mut self, end: End, listener: &mut impl Listener) {
        match end {
            End::Broken(line) => {
                self.broken_lines += 1;
                listener.broken(&line);
            }
            End::Turn { number, flow, report } => {
                self.turns += 1;
                listener.turn(number, &report);
                report.results.iter().for_each(|result| self.errors.note(result));
                self.calls.extend(report.results.into_iter().map(|result| CallRecord {
                    tool: result.name.as_str().into(),
                    flow: flow.clone(),
                    status: result.status(),
                    retries: result.retries(),
                    priority: result.priority,
                    waited: result.waited,
                    ran: result.ran,
                    degraded: result.degraded.is_some(),
                    shared: result.shared,
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Waker};

    #[test]
    fn a_turn_that_has_not_been_woken_yet_knows_of_the_stop_all_the_same() {
        let (sender, stop) = watch::channel(false);
        let mut turn = pin!(stopped(stop));
        let mut context = Context::from_waker(Waker::noop());
        assert!(turn.as_mut().poll(&mut context).is_pending());
        // Sets the flag and wakes nobody: so it is until a waker's turn has come.
        sender.send_if_modified(|stop| {
            *stop = true;
            false
        });
        assert!(turn.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn without_anybody_who_could_stop_it_a_run_goes_on() {
        let (sender, stop) = watch::channel(false);
        let mut turn = pin!(stopped(stop));
        drop(sender);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            assert!(turn.as_mut().poll(&mut context).is_pending());
        }
    }
}
