//! The last screen: what happened, in words and columns for a person. It fits 100 columns and 45
//! lines, whatever the policy and the turns hold.

use rampmeter::Policy;
use serde_json::Value;

use super::summary::{Summary, Waits};
use super::table::{Table, short};

const SHOWN_LIMITS: usize = 7;
const SHOWN_PRIORITIES: usize = 5;
const SHOWN_FLOWS: usize = 7;
const SHOWN_PROVIDERS: usize = 3;
const SHOWN_ERRORS: usize = 3;
const COLUMNS: usize = 100;

/// One run, or two of the same work side by side, the one without limits first.
pub(crate) fn screen(policy: &Policy, runs: &[Summary]) -> String {
    let Some(last) = runs.last() else { return String::new() };
    let mut table = Table::new(runs);
    table.heading(&format!("{} of {}", plural(last.calls, "call"), plural(last.turns, "turn")));
    table.cells("answered", |run| run.succeeded.to_string());
    table.cells("turned away by a provider (429)", |run| run.throttled.to_string());
    table.cells_if_any("refused by the limits", |run| run.refused);
    table.cells_if_any("failed", |run| run.failed);
    table.cells_if_any("cancelled", |run| run.cancelled);
    table.cells_if_any("not ended within their grace", |run| run.abandoned);
    table.cells("time to finish", |run| time(run.elapsed_ms));
    if let Some(best) = last.quotas_allow_ms.filter(|best| *best > 0.0) {
        table.cells("the least that the quotas allow", |_| time(best));
    }
    limits(&mut table, policy);
    priorities(&mut table, policy, last);
    flows(&mut table, last);
    providers(&mut table, last);
    let mut text = table.to_string();
    errors(&mut text, last);
    if let [unlimited, limited] = runs {
        verdict(&mut text, policy, unlimited, limited);
    }
    text
}

/// A summary, or for a comparison each by its name, for programs.
pub(crate) fn json(runs: &[Summary], compare: bool) -> Value {
    let value = |run: &Summary| serde_json::to_value(run).unwrap_or(Value::Null);
    match runs {
        [run] if !compare => value(run),
        runs => runs.iter().map(|run| (run.regime.to_owned(), value(run))).collect(),
    }
}

fn limits(table: &mut Table<'_>, policy: &Policy) {
    let with_slots = policy.limits.iter().filter(|limit| limit.concurrency.is_some());
    if with_slots.clone().next().is_none() {
        return;
    }
    table.heading("most at once, counted in the tools");
    for limit in with_slots.clone().take(SHOWN_LIMITS) {
        let per = limit.per.as_ref().map(|per| format!(", each {per}")).unwrap_or_default();
        table.cells(&format!("{}{per}", limit.name), |run| {
            let (peak, size) = run.slots(&limit.name);
            format!("{peak} of {size}")
        });
    }
    table.more(with_slots.count(), SHOWN_LIMITS);
}

fn priorities(table: &mut Table<'_>, policy: &Policy, last: &Summary) {
    let asked = policy.priorities.iter().filter(|it| last.priorities.contains_key(&it.name));
    table.heading("by priority: answered of asked, wait: median, 95 % and longest");
    for priority in asked.clone().take(SHOWN_PRIORITIES) {
        let name = format!("{} (weight {})", priority.name, priority.weight);
        table.cells(&name, |run| match run.priorities.get(&priority.name) {
            Some(it) => counted(it.succeeded, it.calls, it.wait_ms, run),
            None => String::new(),
        });
    }
    table.more(asked.count(), SHOWN_PRIORITIES);
}

fn flows(table: &mut Table<'_>, last: &Summary) {
    let mut flows: Vec<_> = last.flows.iter().collect();
    flows.sort_by_key(|(_, flow)| std::cmp::Reverse(flow.calls));
    table.heading("by flow, likewise, and its share of the time that tools ran");
    for (name, _) in flows.iter().take(SHOWN_FLOWS) {
        table.cells(name, |run| match run.flows.get(*name) {
            Some(it) => {
                let counted = counted(it.succeeded, it.calls, it.wait_ms, run);
                format!("{counted} {:>3.0} %", it.share * 100.0)
            }
            None => String::new(),
        });
    }
    table.more(flows.len(), SHOWN_FLOWS);
}

/// Without limits nobody waits, so only the answers tell something.
fn counted(succeeded: u64, calls: u64, waits: Waits, run: &Summary) -> String {
    match run.limited() {
        false => format!("{succeeded:>4} of {calls:<4}"),
        true => format!(
            "{succeeded:>4} of {calls:<4} {:>7} {:>7} {:>7}",
            time(waits.p50),
            time(waits.p95),
            time(waits.max)
        ),
    }
}

fn providers(table: &mut Table<'_>, last: &Summary) {
    if last.providers.is_empty() {
        return;
    }
    table.heading("the simulated providers' own count: accepted, answered 429");
    for name in last.providers.keys().take(SHOWN_PROVIDERS) {
        table.cells(name, |run| {
            let of = |key| run.providers.get(name).and_then(|it| it[key].as_u64()).unwrap_or(0);
            format!("{}, {}", of("accepted"), of("throttled"))
        });
    }
    table.more(last.providers.len(), SHOWN_PROVIDERS);
}

fn errors(text: &mut String, last: &Summary) {
    if last.errors.is_empty() {
        return;
    }
    text.push_str("\nwhy not answered, with an example of each\n");
    for error in last.errors.iter().take(SHOWN_ERRORS) {
        let line = format!("  {} x {}: {}", error.calls, error.tool, error.example);
        text.push_str(&short(&line, COLUMNS));
        text.push('\n');
    }
    if last.errors.len() > SHOWN_ERRORS {
        let more = last.errors.len() - SHOWN_ERRORS;
        let kinds = plural(more as u64, "more kind");
        text.push_str(&format!("  and {kinds}; --out FILE has every message\n"));
    }
}

/// What the comparison comes to.
fn verdict(text: &mut String, policy: &Policy, unlimited: &Summary, limited: &Summary) {
    let over = |run: &Summary| {
        let slots = policy.limits.iter().map(|limit| run.slots(&limit.name));
        slots.filter(|(peak, size)| peak > size).count() as u64
    };
    text.push('\n');
    for (name, run) in [("Without limits", unlimited), ("Under the policy", limited)] {
        text.push_str(&format!(
            "{name} {} of {} were answered, {} answered 429, and {} exceeded.\n",
            run.succeeded,
            plural(run.calls, "call"),
            run.throttled,
            plural(over(run), "limit"),
        ));
    }
    if let Some(best) = limited.quotas_allow_ms.filter(|best| *best > 0.0) {
        let longer = (limited.elapsed_ms / best - 1.0) * 100.0;
        text.push_str(&format!("That took {longer:.0} % longer than the quotas make it take.\n"));
    }
}

fn plural(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A time in the unit that reads best.
fn time(millis: f64) -> String {
    match millis {
        ms if ms <= 0.0 => "0".into(),
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 120_000.0 => format!("{:.2} s", ms / 1_000.0),
        ms => format!("{:.1} min", ms / 60_000.0),
    }
}
