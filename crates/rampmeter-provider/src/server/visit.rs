//! One call, from its arrival to its end.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;

use super::{Book, Shared};
use crate::answer::Why;
use crate::clock::Clock;
use crate::config::Config;
use crate::desk::{Answer, Standing};
use crate::headers::{self, Headers, Told};
use crate::log::{Entry, Who};
use crate::quota::Quota;
use crate::usage::Usage;

/// A call that was admitted. It runs until this is dropped, which is also when the client hangs up.
pub(super) struct Visit {
    shared: Arc<Shared>,
    pub(super) seq: u64,
    pub(super) usage: Usage,
    pub(super) latency: Duration,
    pub(super) headers: Headers,
    arrived_ns: u64,
    charged: Vec<u64>,
}

/// A call that was not.
pub(super) struct TurnedAway {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) why: Why,
}

/// Decides over a call and writes it down.
pub(super) fn arrive(
    shared: &Arc<Shared>,
    path: &str,
    sent: &HeaderMap,
    usage: Usage,
) -> Result<Visit, TurnedAway> {
    let (clock, config) = (&shared.clock, &shared.config);
    let mut book = shared.book();
    let now_ns = book.desk.at(clock.now_ns());
    somebody_else(&mut book, clock, now_ns);
    let answer = book.desk.arrive(now_ns, usage);
    let standings = book.desk.standings(now_ns);
    let told = Told { unix_ns: clock.told_unix_ns(), whole_seconds: clock.tells_whole_seconds() };
    let mut headers = headers::standing(config.style, &in_real_time(&standings, clock), told);
    let outcome = outcome(config, clock, &answer);
    if let Some(wait_ns) = outcome.wait_ns {
        headers.extend(headers::delay(config.style, wait_ns, told));
    }
    let of = |name: &str| sent.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let entry = Entry {
        who: Who::Client,
        virtual_ns: now_ns,
        unix_ns: clock.unix_ns(),
        path: path.to_owned(),
        call: of("x-rampmeter-call"),
        flow: of("x-rampmeter-flow"),
        priority: of("x-rampmeter-priority"),
        asked_unix_ns: of("x-rampmeter-asked-at").and_then(|text| text.parse().ok()),
        input_tokens: usage.input,
        output_tokens: usage.output,
        stated_output_tokens: usage.stated_output,
        status: outcome.status,
        limit: outcome.limit,
        retry_after_ns: outcome.wait_ns,
        charged: match &answer {
            Answer::Admitted { charged, .. } => charged.clone(),
            _ => vec![0; standings.len()],
        },
        remaining: standings.iter().map(|standing| standing.remaining).collect(),
        running: book.desk.running(),
        ..Entry::default()
    };
    let seq = book.log.add(entry);
    drop(book);
    match (answer, outcome.why) {
        (Answer::Admitted { charged, latency_ns }, _) => Ok(Visit {
            shared: Arc::clone(shared),
            seq,
            usage,
            latency: clock.real(latency_ns),
            headers,
            arrived_ns: now_ns,
            charged,
        }),
        (_, why) => Err(TurnedAway { status: outcome.status, headers, why }),
    }
}

struct Outcome {
    status: u16,
    limit: Option<String>,
    /// In real time.
    wait_ns: Option<u64>,
    why: Why,
}

fn outcome(config: &Config, clock: &Clock, answer: &Answer) -> Outcome {
    match answer {
        Answer::Throttled { meter, wait_ns } => {
            let quota: Quota = config.quotas[*meter];
            let wait_ns = wait_ns.map(|ns| clock.real_ns(ns));
            let why = Why::Quota { quota, wait_ns };
            Outcome { status: 429, limit: Some(quota.to_string()), wait_ns, why }
        }
        Answer::Busy => {
            let limit = config.at_once.map(|most| format!("{most} at once"));
            Outcome { status: config.busy_status, limit, wait_ns: None, why: Why::Busy }
        }
        Answer::Fault => Outcome {
            status: config.faults.status,
            limit: None,
            wait_ns: config.faults.retry_after_ns,
            why: Why::Fault,
        },
        Answer::Admitted { .. } => {
            Outcome { status: 200, limit: None, wait_ns: None, why: Why::Fault }
        }
    }
}

/// Lets whoever else is on the key take what they would have taken by now.
fn somebody_else(book: &mut Book, clock: &Clock, now_ns: u64) {
    for bite in book.desk.bites(now_ns) {
        let late_ns = clock.real_ns(now_ns.saturating_sub(bite.at_ns));
        let standings = book.desk.standings(now_ns);
        let mut charged = vec![0; standings.len()];
        charged[bite.meter] = bite.amount;
        let entry = Entry {
            who: Who::Other,
            virtual_ns: bite.at_ns,
            unix_ns: clock.unix_ns().saturating_sub(late_ns),
            status: 200,
            charged,
            remaining: standings.iter().map(|standing| standing.remaining).collect(),
            running: book.desk.running(),
            ..Entry::default()
        };
        book.log.add(entry);
    }
}

fn in_real_time(standings: &[Standing], clock: &Clock) -> Vec<Standing> {
    let real = |it: &Standing| Standing {
        reset_ns: clock.real_ns(it.reset_ns),
        period_ns: clock.real_ns(it.period_ns),
        ..*it
    };
    standings.iter().map(real).collect()
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut book = self.shared.book();
        let clock = &self.shared.clock;
        let now_ns = book.desk.at(clock.now_ns());
        let Some(really) = book.desk.end(now_ns, self.arrived_ns, self.usage, &self.charged) else {
            return;
        };
        let remaining = book.desk.standings(now_ns).iter().map(|it| it.remaining).collect();
        let entry = Entry {
            who: Who::End,
            virtual_ns: now_ns,
            unix_ns: clock.unix_ns(),
            status: 200,
            charged: really,
            remaining,
            running: book.desk.running(),
            settles: Some(self.seq),
            ..Entry::default()
        };
        book.log.add(entry);
    }
}
