//! One million waiting calls: what a decision of the engine costs, and what a waiting call takes of
//! memory. A thousand flows, four priorities, half of the calls on two limits, weights of 1 to 4;
//! a step is one end, the starts that follow from it, and as many new calls that wait.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::time::Instant;

use support::allocations::{self, Counting};
use support::backlog::Backlog;
use support::rows::{self, Row, rounded};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROUNDS: usize = 9;
const STEPS: u32 = 20_000;

fn main() {
    if !support::measures() {
        return;
    }
    let sizes = [1_000, 10_000, 100_000, 1_000_000];
    let mut rows: Vec<Row> =
        sizes.iter().map(|size| Row::of(&format!("engine, {size} waiting"))).collect();
    let mut backlogs = Vec::new();
    for (size, row) in sizes.iter().zip(&mut rows) {
        let before = allocations::bytes();
        let start = Instant::now();
        let backlog = Backlog::new(*size);
        let queued = start.elapsed().as_nanos() as f64 / *size as f64;
        let bytes = (allocations::bytes() - before) as f64 / *size as f64;
        row.note("bytes_a_waiting_call", rounded(bytes, 1));
        row.note("ns_to_begin_to_wait", rounded(queued, 1));
        backlogs.push(backlog);
    }
    for round in 0..=ROUNDS {
        for (backlog, row) in backlogs.iter_mut().zip(&mut rows) {
            let (start, started) = (Instant::now(), backlog.decisions());
            for _ in 0..STEPS {
                backlog.step();
            }
            let decisions = backlog.decisions() - started;
            let figure = start.elapsed().as_nanos() as f64 / decisions as f64;
            if round > 0 {
                row.figures.push(figure);
                row.note("decisions_a_round", decisions);
            }
            assert_eq!(backlog.waiting(), backlog.size());
        }
    }
    rows::print(&rows, "ns per decision: an end, a start, or a call that begins to wait");
}
