//! The top of the page: the facts that matter, what was played, and what the colours stand for.

use maud::{Markup, html};

use super::super::data::{Fact, Report, Roll};
use super::super::fold::clock_name;
use super::super::svg::class_of;
use super::regime;
use crate::lab::Regime;
use crate::lab::figures::{Unit, show};

pub(super) fn header(report: &Report) -> Markup {
    html! {
        header {
            p.kicker { "Rampmeter lab" }
            h1 { (headline(report)) }
            @if !report.facts.is_empty() {
                div.facts { @for fact in &report.facts { (card(fact)) } }
            }
            (played(&report.roll))
            (legend(&report.roll))
        }
    }
}

fn headline(report: &Report) -> &str {
    report.facts.first().map_or("What limits do", |fact| &fact.sentence)
}

fn card(fact: &Fact) -> Markup {
    html! {
        article.fact {
            h3 { (fact.what) }
            div.measures {
                @for (of, value) in &fact.sides {
                    p.measure.(class_of(*of)) { b { (value) } span { (of) } }
                }
            }
            p.sentence { (fact.sentence) }
        }
    }
}

fn played(roll: &Roll) -> Markup {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let scenarios: usize = roll.families.iter().map(|family| family.1).sum();
    html! {
        dl.played {
            (pair("Scenarios", &html! {
                b { (scenarios) } " in " (roll.families.len()) " families: "
                (roll.families.iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", "))
            }))
            (pair("Seeds", &html! {
                (roll.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", "))
            }))
            (pair("Calls", &html! { b { (show(calls(roll), Unit::Count)) } " asked for in all playings" }))
            (pair("Clock", &html! {
                @for (index, (clock, playings)) in roll.clocks.iter().enumerate() {
                    @if index > 0 { "; " }
                    (clock_name(*clock)) ": " (show(count(*playings), Unit::Count)) " playings"
                }
                ", " (show(roll.seconds, Unit::Time)) " passed in them"
            }))
            @if !roll.under.is_empty() { (pair("Under the calls", &html! { (roll.under.join("; ")) })) }
        }
        @if !roll.left_out.is_empty() {
            div.warning {
                p {
                    b { (roll.left_out.len()) " damaged or outdated playings are left out" }
                    " of all that follows, so figures may differ from those of the whole; "
                    code { "rampmeter lab run" } " plays them again:"
                }
                ul { @for (file, why) in &roll.left_out { li { b { (file) } ": " (why) } } }
            }
        }
        @if !roll.broken.is_empty() {
            div.warning {
                p { b { "Not played to the end" } " (what came until then is kept and counted):" }
                ul { @for (what, why) in &roll.broken { li { b { (what) } ": " (why) } } }
            }
        }
    }
}

fn pair(term: &str, content: &Markup) -> Markup {
    html! { div { dt { (term) } dd { (content) } } }
}

#[allow(clippy::cast_precision_loss, reason = "shown with three digits")]
fn calls(roll: &Roll) -> f64 {
    roll.calls as f64
}

fn legend(roll: &Roll) -> Markup {
    html! {
        dl.legend {
            @for of in &roll.regimes { div { dt { (regime(*of)) } dd { (stands_for(*of)) } } }
        }
    }
}

const fn stands_for(regime: Regime) -> &'static str {
    match regime {
        Regime::Unlimited => "all calls of a turn start at once",
        Regime::Semaphore => "one semaphore around all calls",
        Regime::RateLimiter => "a token bucket for each tool",
        Regime::Rampmeter => "the gate, under the scenario's policy",
        Regime::Stageflow => "the registry of the real stageflow-core",
    }
}
