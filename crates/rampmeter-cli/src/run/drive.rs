//! Runs the turns, some at a time, and hands their results on in the turns' order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use rampmeter::{Executor, Status, TurnReport, TurnRequest};
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

/// Runs all turns, at most `at_once` at a time, or until it is told to stop.
pub(crate) async fn drive(
    executor: &Executor,
    lines: impl Iterator<Item = Result<TurnLine, BrokenLine>> + Send,
    at_once: usize,
    stop: &Stop,
    listener: &mut impl Listener,
) -> Driven {
    let started = executor.gate().now();
    let lines = lines.take_while(|_| !*stop.borrow()).enumerate();
    let turns = stream::iter(lines).map(|(place, line)| one(executor, place, line, stop.clone()));
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

enum End {
    Broken(BrokenLine),
    Turn { number: u64, flow: Arc<str>, report: TurnReport },
}

async fn one(
    executor: &Executor,
    place: usize,
    line: Result<TurnLine, BrokenLine>,
    mut stop: Stop,
) -> (usize, End) {
    let resolved = line.and_then(|line| {
        let turn = executor.resolve(&line.text).map_err(|error| BrokenLine {
            number: line.number,
            column: error.column,
            message: error.reason.clone(),
        })?;
        Ok((line, turn))
    });
    let (line, turn) = match resolved {
        Ok(resolved) => resolved,
        Err(broken) => return (place, End::Broken(broken)),
    };
    let mut request = TurnRequest::new(turn).number(line.number);
    let flow: Arc<str> = line.flow.as_deref().unwrap_or(rampmeter::DEFAULT_FLOW).into();
    request = request.flow(&*flow);
    for (name, value) in line.labels {
        request = request.label(name, value);
    }
    if let Some(priority) = line.priority {
        request = request.priority(priority);
    }
    let stopped = async move {
        // Unconstrained: a task with many turns may have used up its budget, and a turn that learns
        // of the stop late would start what waits. If the sender is gone, nobody will ever stop.
        if tokio::task::unconstrained(stop.wait_for(|stop| *stop)).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let report = executor.run_turn_until(request, stopped).await;
    (place, End::Turn { number: line.number, flow, report })
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
                    priority: result.priority,
                    waited: result.waited,
                    ran: result.ran,
                }));
            }
        }
    }
}
