//! All waits of a run: which limits they were at, and the longest.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::fold::Run;
use super::pick::name;
use super::told::{limit_name, span};
use crate::run::short;

const SHOWN_CALLS: usize = 10;
const SHOWN_LIMITS: usize = 15;

#[derive(Default)]
struct AtLimit {
    calls: usize,
    us: u64,
    longest_us: u64,
}

pub(super) fn overview(run: &Run) -> String {
    let mut waits: Vec<_> = (0..run.calls.len())
        .map(|at| (run.calls[at].waited_us(run), at))
        .filter(|(us, _)| *us > 0)
        .collect();
    waits.sort_by_key(|(us, at)| (Reverse(*us), *at));
    let all: u64 = waits.iter().map(|(us, _)| us).sum();
    let mut text = format!(
        "{} calls were asked for, {} of them waited, {} in all\n",
        run.calls.len(),
        waits.len(),
        span(all)
    );
    if waits.is_empty() {
        return text;
    }
    limits(&mut text, run, &waits);
    text.push_str("\nthe longest waits (`rampmeter explain EVENTS CALL` says why)\n");
    for (us, at) in waits.iter().take(SHOWN_CALLS) {
        let call = &run.calls[*at];
        let stretches = call.stretches(run);
        let places: Vec<_> = stretches
            .iter()
            .map(|it| format!("{} {}", limit_name(it.limit), span(it.to_us - it.from_us)))
            .collect();
        let who = format!("{} ({}, {})", call.tool, call.flow, call.priority);
        let _ = writeln!(
            text,
            "  {:<6} {:<24} {:<32} {:>9}  {}",
            format!("#{}", at + 1),
            short(&name(run, *at), 24),
            short(&who, 32),
            span(*us),
            short(&places.join(", "), 80),
        );
    }
    text
}

fn limits(text: &mut String, run: &Run, waits: &[(u64, usize)]) {
    let mut limits = BTreeMap::<Option<&str>, AtLimit>::new();
    for (_, at) in waits {
        for stretch in run.calls[*at].stretches(run) {
            let limit = limits.entry(stretch.limit).or_default();
            let us = stretch.to_us - stretch.from_us;
            limit.calls += 1;
            limit.us += us;
            limit.longest_us = limit.longest_us.max(us);
        }
    }
    let mut limits: Vec<_> = limits.into_iter().collect();
    limits.sort_by_key(|(_, limit)| Reverse(limit.us));
    text.push_str("\nwhere they waited                   calls       in all      longest   for\n");
    for (limit, AtLimit { calls, us, longest_us }) in limits.iter().take(SHOWN_LIMITS) {
        let known = limit.and_then(|limit| run.limits.get(limit));
        let mut causes: Vec<_> =
            known.map_or(vec![], |it| it.obstacles.iter().map(|(_, it)| it.as_str()).collect());
        causes.sort_unstable();
        causes.dedup();
        let _ = writeln!(
            text,
            "  {:<32} {calls:>6} {:>12} {:>12}   {}",
            short(&limit_name(*limit), 32),
            span(*us),
            span(*longest_us),
            causes.join(", "),
        );
    }
    if limits.len() > SHOWN_LIMITS {
        let _ = writeln!(text, "  and {} more", limits.len() - SHOWN_LIMITS);
    }
}
