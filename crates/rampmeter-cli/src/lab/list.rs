//! `rampmeter lab list`: what there is to play, and what is judged.

use std::fmt::Write;
use std::sync::Arc;

use rampmeter_lab::lab::hypotheses;
use rampmeter_lab::lab::{Clock, Scenario};
use serde_json::json;

use super::pick::pick;
use crate::args::ListArgs;
use crate::exit::Exit;
use crate::say::print;

pub(super) fn list(args: &ListArgs) -> Result<Exit, String> {
    let scenarios = pick(&[])?;
    let text = if args.json { format!("{}\n", object(&scenarios)) } else { page(&scenarios) };
    Ok(if print(&text) { Exit::Done } else { Exit::Partly })
}

fn page(scenarios: &[Arc<Scenario>]) -> String {
    let mut page = String::new();
    let mut family = "";
    let width = scenarios.iter().map(|it| it.name.len()).max().unwrap_or_default();
    for scenario in scenarios {
        let its = scenario.name.split('/').next().unwrap_or_default();
        if its != family {
            family = its;
            let _ = writeln!(page, "{family}");
        }
        let real = if scenario.only == Some(Clock::Real) { " (--real)" } else { "" };
        let _ = writeln!(page, "  {:<width$}  {}{real}", scenario.name, scenario.about);
    }
    page.push_str("\nhypotheses\n");
    for it in hypotheses::all() {
        let real = if it.clock == Some(Clock::Real) { " (--real)" } else { "" };
        let scenarios = it.scenarios.join(", ");
        let _ = writeln!(page, "  {:<3}  {}: {}{real}; by {scenarios}", it.id, it.name, it.claim);
    }
    page
}

fn object(scenarios: &[Arc<Scenario>]) -> serde_json::Value {
    let scenarios = scenarios.iter().map(|it| {
        json!({
            "name": it.name, "about": it.about, "clock": it.only, "regimes": it.regimes,
            "holds": it.holds.iter().map(|hold| &hold.aim).collect::<Vec<_>>(),
        })
    });
    let hypotheses = hypotheses::all().iter().map(|it| {
        json!({
            "id": it.id, "name": it.name, "claim": it.claim, "scenarios": it.scenarios,
            "clock": it.clock,
        })
    });
    json!({
        "scenarios": scenarios.collect::<Vec<_>>(),
        "hypotheses": hypotheses.collect::<Vec<_>>(),
    })
}
