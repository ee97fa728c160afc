//! What is told in words and tables: the study's figures beside today's, findings, what must hold,
//! and how to get every figure again.

use maud::{Markup, html};

use super::super::data::{Cell, Found, Held, Report, Table};
use super::super::fold::clock_name;
use super::{prose, regime, table};

pub(super) fn published(report: &Report) -> Markup {
    let mut columns: Vec<_> =
        report.published.iter().flat_map(|it| &it.now).map(|now| (now.0, now.1)).collect();
    columns.sort_unstable();
    columns.dedup();
    html! {
        p.lead {
            "What the study published, from its own mock and machine, and what the same scenario comes to in "
            "this run. Figures in virtual time have no machine under them: only what tools and limits take."
        }
        div.scroll tabindex="0" role="region" aria-label="Published and today" {
            table {
                thead { tr {
                    th scope="col" { "Figure" }
                    th.figure scope="col" { "Published" }
                    @for (of, clock) in &columns {
                        th.figure scope="col" { (regime(*of)) br; small { (clock_name(*clock)) } }
                    }
                } }
                tbody {
                    @for row in &report.published {
                        tr {
                            th scope="row" { (row.what) br; small { (row.figure) " in " (row.scenario) } }
                            td.figure { (row.was) }
                            @for column in &columns {
                                @let now = row.now.iter().find(|now| (now.0, now.1) == *column);
                                td.figure { (now.map_or("–", |now| &now.2)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn findings(report: &Report) -> Markup {
    html! {
        @if report.findings.is_empty() { p { "None." } }
        ol.findings { @for found in &report.findings { (finding(found)) } }
    }
}

fn finding(found: &Found) -> Markup {
    html! {
        li id={ "finding-" (found.id) } {
            p.tags {
                code { (found.id) }
                span.tag { (found.kind) }
                span.tag.severity { (found.severity) }
            }
            h4 { (prose(&found.title)) }
            p { (prose(&found.evidence)) }
            dl {
                @if let Some(subject) = &found.subject { div { dt { "About" } dd { (subject) } } }
                @if let Some(scenario) = &found.scenario {
                    div { dt { "Shown by" } dd { (scenario) } }
                }
                @if let Some(command) = &found.reproduce {
                    div { dt { "Again" } dd { code { (command) } } }
                }
                @if let Some(pointer) = &found.pointer {
                    div { dt { "Provided here by" } dd { (prose(pointer)) } }
                }
            }
        }
    }
}

pub(super) fn holds(report: &Report) -> Markup {
    let count = |is: fn(&Held) -> bool| report.holds.iter().filter(|held| is(held)).count();
    let (kept, broken) = (count(|it| it.holds == Some(true)), count(|it| it.holds == Some(false)));
    let untold = count(|it| it.played && it.holds.is_none());
    let not_played = count(|it| !it.played);
    let missed: Vec<&Held> = report.missed().collect();
    let all: Vec<&Held> = report.holds.iter().collect();
    html! {
        p.lead {
            "Each scenario says what must hold of it. " b { (kept) " of " (all.len()) } " do; "
            (broken) " do not."
            @if untold > 0 { " Of " (untold) " what was played cannot tell, which counts as not holding." }
            @if not_played > 0 { " " (not_played) " were not played as their scenarios say." }
        }
        @if !missed.is_empty() { (list("What is not known to hold", &missed)) }
        details {
            summary { "All that must hold, with its figures" }
            (list("What must hold", &all))
        }
    }
}

fn list(name: &str, held: &[&Held]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table {
                thead { tr {
                    th scope="col" { "Scenario" }
                    th scope="col" { "Regime" }
                    th scope="col" { "What must hold" }
                    th.figure scope="col" { "Value" }
                    th scope="col" { "Holds" }
                } }
                tbody { @for held in held { (row(held)) } }
            }
        }
    }
}

fn row(held: &Held) -> Markup {
    html! {
        tr {
            td { (held.scenario) }
            td { (regime(held.regime)) }
            td { code { (held.aim) } }
            td.figure { (held.value) }
            td {
                @match held.holds {
                    None if !held.played => span.verdict.open { i aria-hidden="true" { "·" } " not played" },
                    Some(true) => span.verdict.refuted { i aria-hidden="true" { "✓" } " yes" },
                    Some(false) => span.verdict.shown { i aria-hidden="true" { "✗" } " no" },
                    None => span.verdict.shown { i aria-hidden="true" { "?" } " cannot be told" },
                }
            }
        }
    }
}

pub(super) fn again(report: &Report) -> Markup {
    let rows = report
        .again
        .iter()
        .map(|again| vec![Cell::word(again.what.clone()), Cell::word(again.command.clone())]);
    let commands = Table { head: vec!["What".into(), "Command".into()], rows: rows.collect() };
    html! {
        p.lead {
            "Everything in this page is a fold over one record for each call. In virtual time the same seed "
            "gives the same records, and the same page, byte for byte. Each scenario can be played again by "
            "itself. A scenario of your own is named by its text beside this page, so such a command is for "
            "this folder; " code { "PATH" } " stands for a Python with stageflow-core."
        }
        details.commands {
            summary { "The command for each scenario" }
            (table("Commands", &commands))
        }
    }
}

pub(super) fn words(report: &Report) -> Markup {
    html! {
        dl.words { @for (word, meaning) in &report.words { div { dt { (word) } dd { (prose(meaning)) } } } }
    }
}
