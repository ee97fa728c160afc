//! What a person sees while it runs: bars on a terminal, plain lines elsewhere. On stderr, so that
//! stdout holds the summary alone.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rampmeter::{BudgetSnapshot, EventKind, Gate, LimitSnapshot, Snapshot};

use super::table::short;
use crate::say::{bars, say};

const REFRESH: Duration = Duration::from_millis(100);
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(2);

/// A terminal has few lines: the limits that were the fullest get theirs.
const MAX_BARS: usize = 12;
const NAME_CHARS: usize = 16;

/// Shows a gate until the future is dropped.
pub(crate) async fn watch(gate: Gate, regime: &'static str) {
    if std::io::stderr().is_terminal() {
        draw(gate, regime).await;
    } else {
        loop {
            tokio::time::sleep(PLAIN_LINE_EVERY).await;
            say(format_args!("{regime}: {}", totals(&gate, &gate.snapshot())));
        }
    }
}

async fn draw(gate: Gate, regime: &'static str) {
    let mut screen = Screen::new(regime);
    loop {
        let snapshot = gate.snapshot();
        screen.total.set_message(totals(&gate, &snapshot));
        screen.total.tick();
        snapshot.limits.iter().for_each(|limit| screen.show(limit));
        tokio::time::sleep(REFRESH).await;
    }
}

fn totals(gate: &Gate, snapshot: &Snapshot) -> String {
    let counters = gate.counters();
    let done = counters.of(EventKind::Completed) + counters.of(EventKind::Failed);
    let refused = counters.of(EventKind::Refused);
    let (running, waiting) = (snapshot.running, snapshot.waiting);
    format!("{running} running, {waiting} waiting, {done} done, {refused} refused")
}

/// The bars, which are cleared when the watching ends, however it does.
struct Screen {
    total: ProgressBar,
    limits: BTreeMap<String, ProgressBar>,
}

impl Screen {
    fn new(regime: &'static str) -> Screen {
        let total = bars().add(ProgressBar::no_length());
        total.set_style(style("{spinner} {prefix}: {wide_msg}"));
        total.set_prefix(regime);
        Screen { total, limits: BTreeMap::new() }
    }

    /// Shows the instance of a limit that is nearest to a bound, and its budgets.
    fn show(&mut self, limit: &LimitSnapshot) {
        let fullest = limit.instances.iter().map(|it| (filled(&it.budgets), it));
        let Some(((used, size), instance)) = fullest.max_by(|(a, _), (b, _)| fuller(*a, *b)) else {
            return;
        };
        if !self.limits.contains_key(&limit.name) && self.limits.len() >= MAX_BARS {
            return;
        }
        let bar = self.limits.entry(limit.name.clone()).or_insert_with(|| {
            let bar = bars().add(ProgressBar::new(size));
            bar.set_style(style("  {prefix} [{bar:10}] {wide_msg}"));
            bar.set_prefix(format!("{:<NAME_CHARS$}", short(&limit.name, NAME_CHARS)));
            bar
        });
        let budgets: Vec<String> = instance.budgets.iter().map(budget).collect();
        let waiting: u32 = limit.instances.iter().map(|it| it.waiting).sum();
        bar.set_length(size);
        bar.set_position(used.min(size));
        bar.set_message(format!("{waiting} waiting, {}", budgets.join(", ")));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        for bar in self.limits.values().chain([&self.total]) {
            bar.finish_and_clear();
            bars().remove(bar);
        }
    }
}

/// How full the fullest budget is: in use, of how many.
fn filled(budgets: &[BudgetSnapshot]) -> (u64, u64) {
    let figures = budgets.iter().map(|budget| match *budget {
        BudgetSnapshot::Concurrency { size, held, .. } => (held, size),
        BudgetSnapshot::Rate { used, capacity, .. } => (used, capacity),
    });
    figures.max_by(|a, b| fuller(*a, *b)).unwrap_or((0, 1))
}

fn fuller((used, size): (u64, u64), (other, other_size): (u64, u64)) -> Ordering {
    (u128::from(used) * u128::from(other_size)).cmp(&(u128::from(other) * u128::from(size)))
}

fn budget(budget: &BudgetSnapshot) -> String {
    match *budget {
        BudgetSnapshot::Concurrency { size, held, .. } => format!("{held}/{size} run"),
        BudgetSnapshot::Rate { used, capacity, .. } => format!("{used}/{capacity} of a rate"),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
