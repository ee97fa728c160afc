//! What a person sees while it runs: bars on a terminal, plain lines elsewhere. On stderr, so that
//! stdout holds the summary alone.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rampmeter::{BudgetSnapshot, EventKind, Gate, LimitSnapshot};

const REFRESH: Duration = Duration::from_millis(100);
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(2);

/// Shows a gate until the future is dropped.
pub(crate) async fn watch(gate: Gate, regime: &'static str) {
    if std::io::stderr().is_terminal() {
        bars(gate, regime).await;
    } else {
        plain(gate, regime).await;
    }
}

async fn plain(gate: Gate, regime: &'static str) {
    loop {
        tokio::time::sleep(PLAIN_LINE_EVERY).await;
        eprintln!("{regime}: {}", totals(&gate));
    }
}

async fn bars(gate: Gate, regime: &'static str) {
    let screen = Screen(MultiProgress::new());
    let total = screen.0.add(ProgressBar::no_length());
    total.set_style(style("{spinner} {prefix}: {msg}"));
    total.set_prefix(regime);
    let mut limits: BTreeMap<String, ProgressBar> = BTreeMap::new();
    loop {
        total.set_message(totals(&gate));
        total.tick();
        for limit in gate.snapshot().limits {
            let Some((used, size, unit)) = fullest(&limit) else { continue };
            let bar = limits.entry(limit.name.clone()).or_insert_with(|| {
                let bar = screen.0.add(ProgressBar::new(size));
                bar.set_style(style("  {prefix:<16} [{bar:24}] {pos}/{len} {msg}"));
                bar.set_prefix(limit.name.clone());
                bar
            });
            let waiting: u32 = limit.instances.iter().map(|it| it.waiting).sum();
            bar.set_length(size);
            bar.set_position(used);
            bar.set_message(format!("{unit}, {waiting} waiting"));
        }
        tokio::time::sleep(REFRESH).await;
    }
}

fn totals(gate: &Gate) -> String {
    let counters = gate.counters();
    let snapshot = gate.snapshot();
    let done = counters.of(EventKind::Completed) + counters.of(EventKind::Failed);
    let refused = counters.of(EventKind::Refused);
    let (running, waiting) = (snapshot.running, snapshot.waiting);
    format!("{running} running, {waiting} waiting, {done} done, {refused} refused")
}

/// The budget that is nearest to its bound, in the instance where it is.
fn fullest(limit: &LimitSnapshot) -> Option<(u64, u64, &'static str)> {
    let budgets = limit.instances.iter().flat_map(|instance| &instance.budgets);
    let figures = budgets.map(|budget| match *budget {
        BudgetSnapshot::Concurrency { size, held, .. } => (held, size, "slots"),
        BudgetSnapshot::Rate { used, capacity, .. } => (used, capacity, "of the rate"),
    });
    figures.max_by(|a, b| {
        let part = |(used, size, _): &(u64, u64, _)| *used as f64 / (*size).max(1) as f64;
        part(a).total_cmp(&part(b))
    })
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Clears the bars when the watching ends, however it does.
struct Screen(MultiProgress);

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.0.clear();
    }
}
