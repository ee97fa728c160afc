//! A simulated provider that enforces its quotas and answers 429.
//!
//! It keeps a plain log of every request and judges from that alone, so that it can witness against
//! the limiter in front of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::quota::{Quota, Request, Tally};

/// A provider with quotas, and perhaps a bound on requests at once.
#[derive(Debug)]
pub(crate) struct Provider {
    name: String,
    quotas: Vec<Quota>,
    concurrency: Option<u64>,
    running: Arc<AtomicU64>,
    book: Mutex<Book>,
}

/// A request that was accepted. It runs until this is dropped.
#[derive(Debug)]
#[must_use = "the request ends when its ticket is dropped"]
pub(crate) struct Ticket(Arc<AtomicU64>);

/// A request that was answered with 429.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// How long until the quotas would accept it if no other came first. 0 if only the bound on
    /// requests at once stands in the way; `u64::MAX` if it can never be accepted.
    pub retry_after_ns: u64,
    /// The quota that takes longest to accept it.
    pub quota: String,
}

/// The log, and how far each quota has counted it.
#[derive(Debug)]
struct Book {
    log: Vec<Request>,
    tallies: Vec<Tally>,
    peak_running: u64,
}

/// When the quotas allow a request, or never, and the last of those that do not allow it now.
struct Earliest<'a> {
    at_ns: Option<u64>,
    quota: Option<&'a Quota>,
}

impl Provider {
    /// A provider with an empty log.
    pub(crate) fn new(
        name: impl Into<String>,
        quotas: Vec<Quota>,
        concurrency: Option<u64>,
    ) -> Self {
        let book = Mutex::new(Book::empty(&quotas));
        Self { name: name.into(), quotas, concurrency, running: Arc::default(), book }
    }

    /// The provider's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Judges a request that arrives at `now_ns`, which counts from the epoch that calendar quotas
    /// are aligned to. The provider's clock never goes back: a request dated before the last one in
    /// the log is logged and judged at the time of that one.
    pub(crate) fn request(&self, now_ns: u64, tokens: u64) -> Result<Ticket, Throttled> {
        let mut book = self.book();
        let now_ns = book.log.last().map_or(now_ns, |last| now_ns.max(last.time_ns));
        let running = self.running.load(Ordering::Acquire);
        let Earliest { at_ns, quota } = book.earliest_ns(&self.quotas, now_ns, tokens);
        let answer = match (quota, self.concurrency) {
            (Some(quota), _) => Err(Throttled {
                retry_after_ns: at_ns.map_or(u64::MAX, |at_ns| at_ns - now_ns),
                quota: quota.to_string(),
            }),
            (None, Some(most)) if running >= most => {
                Err(Throttled { retry_after_ns: 0, quota: format!("{most} requests at once") })
            }
            (None, _) => Ok(Ticket(Arc::clone(&self.running))),
        };
        book.log.push(Request { time_ns: now_ns, tokens, accepted: answer.is_ok() });
        if answer.is_ok() {
            // Only a holder of the book adds, so the count cannot pass the bound in between.
            let now_running = self.running.fetch_add(1, Ordering::AcqRel) + 1;
            book.peak_running = book.peak_running.max(now_running);
        }
        answer
    }

    /// Every request so far, in order of time.
    #[cfg(test)]
    pub(crate) fn log(&self) -> Vec<Request> {
        self.book().log.clone()
    }

    /// How many requests were accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.book().log.iter().filter(|request| request.accepted).count() as u64
    }

    /// How many requests were answered with 429.
    pub(crate) fn throttled(&self) -> u64 {
        self.book().log.iter().filter(|request| !request.accepted).count() as u64
    }

    /// The most requests that ran at once.
    pub(crate) fn peak_running(&self) -> u64 {
        self.book().peak_running
    }

    /// The earliest time by which the last of these requests, each given by its tokens and accepted
    /// in this order, can be accepted by the quotas, from an empty log; `u64::MAX` if one never can.
    /// It starts at `start_ns`, which says where calendar quotas are in their period, and the answer
    /// counts from there. Does not regard the bound on requests at once, nor how long they take.
    pub(crate) fn best_finish_from_ns(&self, start_ns: u64, requests: &[u64]) -> u64 {
        let mut book = Book::empty(&self.quotas);
        let mut time_ns = start_ns;
        // Each as early as it can be is best: what was accepted earlier never leaves a quota later.
        for &tokens in requests {
            let Some(at_ns) = book.earliest_ns(&self.quotas, time_ns, tokens).at_ns else {
                return u64::MAX;
            };
            time_ns = at_ns;
            book.log.push(Request { time_ns, tokens, accepted: true });
        }
        time_ns - start_ns
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // The log is only ever added to, so it is whole even if a holder panicked.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn empty(quotas: &[Quota]) -> Self {
        Self { log: Vec::new(), tallies: vec![Tally::default(); quotas.len()], peak_running: 0 }
    }

    /// When all quotas allow the request. A quota that allows it at a time allows it ever after, if
    /// no other comes first; so the latest decides.
    fn earliest_ns<'a>(&mut self, quotas: &'a [Quota], now_ns: u64, tokens: u64) -> Earliest<'a> {
        let mut latest = Earliest { at_ns: Some(now_ns), quota: None };
        for (quota, tally) in quotas.iter().zip(&mut self.tallies) {
            let at_ns = quota.earliest_ns(tally, &self.log, now_ns, tokens);
            let is_later = match (at_ns, latest.at_ns) {
                (Some(this), Some(so_far)) => this > so_far,
                (never, so_far) => never.is_none() && so_far.is_some(),
            };
            if is_later {
                latest = Earliest { at_ns, quota: Some(quota) };
            }
        }
        latest
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
