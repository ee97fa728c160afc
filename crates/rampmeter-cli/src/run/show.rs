//! The last screen: what happened, in words and columns for a person.

use std::fmt::Write;

use rampmeter::Policy;
use serde_json::Value;

use super::summary::{Summary, Waits};

/// One run, or two of the same work side by side.
pub(crate) fn screen(policy: &Policy, runs: &[&Summary]) -> String {
    let mut table = Table::default();
    let headings = runs.iter().map(|run| run.regime.to_owned()).collect();
    table.row("", headings);
    table.each("calls", runs, |run| run.calls.to_string());
    table.each("succeeded", runs, |run| run.succeeded.to_string());
    table.each("throttled (429)", runs, |run| run.throttled.to_string());
    table.each("refused", runs, |run| run.refused.to_string());
    table.each("failed", runs, |run| run.failed.to_string());
    if runs.iter().any(|run| run.cancelled > 0) {
        table.each("cancelled", runs, |run| run.cancelled.to_string());
    }
    table.each("time to finish", runs, |run| time(run.elapsed_ms));
    if let Some(best) = runs.iter().find_map(|run| run.quotas_allow_ms) {
        table.each("  the best that the quotas allow", runs, |_| time(best));
    }
    table.heading("most at once, counted in the tools");
    for limit in policy.limits.iter().filter(|limit| limit.concurrency.is_some()) {
        let size = limit.concurrency.unwrap_or_default();
        let per = limit.per.as_ref().map(|per| format!(" each {per}")).unwrap_or_default();
        let name = format!("{} (size {size}{per})", limit.name);
        table.each(&name, runs, |run| {
            let peak = &run.limits[&limit.name]["concurrency"]["peak_in_tools"];
            let peak = peak.as_u64().unwrap_or(0);
            if peak > size { format!("{peak}  over by {}", peak - size) } else { peak.to_string() }
        });
    }
    table.each("all tools", runs, |run| run.peak.to_string());
    table.heading("wait by priority: median / 95 % / longest");
    for priority in &policy.priorities {
        if runs.iter().any(|run| run.priorities.contains_key(&priority.name)) {
            table.each(&format!("{} (weight {})", priority.name, priority.weight), runs, |run| {
                run.priorities.get(&priority.name).map(|it| waits(it.wait_ms)).unwrap_or_default()
            });
        }
    }
    table.heading("by flow: succeeded of calls, share of tool time, median wait");
    let flows: Vec<&String> =
        runs.first().map(|run| run.flows.keys().collect()).unwrap_or_default();
    for flow in flows {
        table.each(flow, runs, |run| match run.flows.get(flow) {
            Some(it) => format!(
                "{:>3} of {:<3} {:>4.0} %  {:>7}",
                it.succeeded,
                it.calls,
                it.share * 100.0,
                time(it.wait_ms.p50)
            ),
            None => String::new(),
        });
    }
    if runs.iter().any(|run| !run.providers.is_empty()) {
        table.heading("what the simulated providers counted: accepted, answered 429");
        let names: Vec<&String> =
            runs.first().map(|run| run.providers.keys().collect()).unwrap_or_default();
        for name in names {
            let count = |run: &Summary, key: &str| {
                run.providers.get(name).and_then(|it| it[key].as_u64()).unwrap_or(0)
            };
            table.each(name, runs, |run| {
                format!("{}, {}", count(run, "accepted"), count(run, "throttled"))
            });
        }
    }
    table.to_string()
}

/// The sentence under the screen of a comparison.
pub(crate) fn verdict(unlimited: &Summary, limited: &Summary) -> String {
    let mut text = format!(
        "Without limits {} of {} calls were answered 429; under the policy {}.",
        unlimited.throttled, unlimited.calls, limited.throttled
    );
    if let Some(best) = limited.quotas_allow_ms.filter(|best| *best > 0.0) {
        let longer = (limited.elapsed_ms / best - 1.0) * 100.0;
        let _ = write!(
            text,
            " It took {}, {longer:.0} % longer than the quotas make unavoidable.",
            time(limited.elapsed_ms)
        );
    }
    text
}

/// A summary, or two, for programs.
pub(crate) fn json(runs: &[&Summary]) -> Value {
    let value = |run: &Summary| serde_json::to_value(run).unwrap_or(Value::Null);
    match runs {
        [run] => value(run),
        runs => runs.iter().map(|run| (run.regime.to_owned(), value(run))).collect(),
    }
}

fn waits(waits: Waits) -> String {
    format!("{:>7} / {:>7} / {:>7}", time(waits.p50), time(waits.p95), time(waits.max))
}

/// A time in the unit that reads best.
fn time(millis: f64) -> String {
    match millis {
        ms if ms <= 0.0 => "0".into(),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 120_000.0 => format!("{:.2} s", ms / 1_000.0),
        ms => format!("{:.1} min", ms / 60_000.0),
    }
}

#[derive(Default)]
struct Table {
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    fn row(&mut self, name: &str, cells: Vec<String>) {
        self.rows.push((name.to_owned(), cells));
    }

    fn heading(&mut self, text: &str) {
        self.rows.push((String::new(), Vec::new()));
        self.rows.push((text.to_owned(), Vec::new()));
    }

    fn each(&mut self, name: &str, runs: &[&Summary], cell: impl Fn(&Summary) -> String) {
        let cells = runs.iter().map(|run| cell(run)).collect();
        self.row(&format!("  {name}"), cells);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |text: &String| text.chars().count();
        let with_cells = self.rows.iter().filter(|(_, cells)| !cells.is_empty());
        let names = with_cells.clone().map(|(name, _)| width(name)).max().unwrap_or(0);
        let columns = with_cells.clone().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|at| with_cells.clone().filter_map(|(_, it)| it.get(at)).map(width).max())
            .map(Option::unwrap_or_default)
            .collect();
        for (name, cells) in &self.rows {
            let mut line = name.clone();
            line.extend(std::iter::repeat_n(' ', names.saturating_sub(width(name))));
            for (cell, columns) in cells.iter().zip(&widths) {
                let _ = write!(line, "   {cell}");
                line.extend(std::iter::repeat_n(' ', columns - width(cell)));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
