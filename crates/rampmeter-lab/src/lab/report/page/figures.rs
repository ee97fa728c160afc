//! What is told in words and tables: the study's figures beside today's, findings, what must hold,
//! and how to get every figure again.

use maud::{Markup, html};

use super::super::data::{Cell, Found, Held, Report, Table};
use super::opening::clock_name;
use super::{regime, table};
use crate::lab::Regime;

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
                            th scope="row" { (row.what) br; small { (row.scenario) } }
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
            h4 { (found.title) }
            p { (found.evidence) }
            dl {
                @if let Some(scenario) = &found.scenario {
                    div { dt { "Reproduced by" } dd { code { (scenario) } } }
                }
                @if let Some(pointer) = &found.pointer {
                    div { dt { "Provided here by" } dd { (pointer) } }
                }
            }
        }
    }
}

pub(super) fn holds(report: &Report) -> Markup {
    let kept = report.holds.iter().filter(|held| held.holds == Some(true)).count();
    let regimes =
        Regime::ALL.into_iter().filter(|of| report.holds.iter().any(|it| it.regime == *of));
    html! {
        p.lead { b { (kept) " of " (report.holds.len()) } " hold." }
        @for of in regimes {
            @let held: Vec<_> = report.holds.iter().filter(|held| held.regime == of).collect();
            h3 { (regime(of)) }
            div.scroll tabindex="0" role="region" aria-label={ "What must hold under " (of) } {
                table {
                    thead { tr {
                        th scope="col" { "Scenario" }
                        th scope="col" { "What must hold" }
                        th.figure scope="col" { "Value" }
                        th scope="col" { "Holds" }
                    } }
                    tbody { @for held in held { (row(held)) } }
                }
            }
        }
    }
}

fn row(held: &Held) -> Markup {
    html! {
        tr {
            td { (held.scenario) }
            td { code { (held.aim) } }
            td.figure { (held.value) }
            td {
                @match held.holds {
                    Some(true) => span.verdict.refuted { i aria-hidden="true" { "✓" } " yes" },
                    Some(false) => span.verdict.shown { i aria-hidden="true" { "✗" } " no" },
                    None => span.verdict.open { i aria-hidden="true" { "·" } " not known" },
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
            "gives the same records, and the same page, byte for byte."
        }
        div.commands { (table("Commands", &commands)) }
    }
}

pub(super) fn words(report: &Report) -> Markup {
    html! {
        dl.words { @for (word, meaning) in &report.words { div { dt { (word) } dd { (meaning) } } } }
    }
}
