//! H1 to H10: what goes wrong under which regime, and the figures that say so.

use maud::{Markup, html};

use super::super::data::{Hypothesis, Judged, Report};
use super::super::svg::class_of;
use super::regime;
use crate::lab::Regime;
use crate::lab::hypotheses::Answer;

pub(super) fn section(report: &Report) -> Markup {
    let regimes = &report.roll.regimes;
    html! {
        p.lead {
            "Each hypothesis says that something goes wrong. " (mark(Answer::Shown)) " is: it did; "
            (mark(Answer::Refuted)) " is: it was looked for where it would show, and did not. The "
            "thresholds were set before the first run."
        }
        div.scroll tabindex="0" role="region" aria-label="Verdicts" {
            table.matrix {
                thead { tr {
                    th scope="col" { "Hypothesis" }
                    @for of in regimes { th scope="col" { (regime(*of)) } }
                } }
                tbody { @for hypothesis in &report.hypotheses { (row(hypothesis, regimes)) } }
            }
        }
        (notes(&report.hypotheses))
        h3 { "The figures behind the verdicts" }
        @for hypothesis in &report.hypotheses { (figures(hypothesis)) }
    }
}

fn row(hypothesis: &Hypothesis, regimes: &[Regime]) -> Markup {
    html! {
        tr {
            th scope="row" {
                b { (hypothesis.id) } " " (hypothesis.title)
                @if hypothesis.real_only { small { " in real time only" } }
            }
            @for of in regimes {
                @let found = hypothesis.verdicts.iter().find(|verdict| verdict.regime == *of);
                td.(class_of(*of)) data-of=(of) { (mark(found.map_or(Answer::NotPlayed, |verdict| verdict.answer))) }
            }
        }
    }
}

/// A verdict by sign and word; its colour only repeats them.
fn mark(answer: Answer) -> Markup {
    let (class, sign) = match answer {
        Answer::Shown => ("shown", "●"),
        Answer::Refuted => ("refuted", "✓"),
        Answer::NotShown => ("open", "○"),
        Answer::NotPlayed => ("open", "·"),
    };
    html! { span.verdict.(class) { i aria-hidden="true" { (sign) } " " (answer.as_str()) } }
}

fn notes(hypotheses: &[Hypothesis]) -> Markup {
    let notes: Vec<_> =
        hypotheses.iter().filter_map(|it| it.note.as_ref().map(|note| (&it.id, note))).collect();
    html! {
        @if !notes.is_empty() {
            div.note {
                p { b { "Where the study guessed otherwise" } }
                ul { @for (id, note) in notes { li { b { (id) } " " (note) } } }
            }
        }
    }
}

fn figures(hypothesis: &Hypothesis) -> Markup {
    html! {
        details {
            summary { b { (hypothesis.id) } " " (hypothesis.title) }
            p.claim { (hypothesis.claim) }
            ul.thresholds { @for threshold in &hypothesis.thresholds { li { (threshold) } } }
            dl.behind { @for verdict in &hypothesis.verdicts { (behind(verdict)) } }
        }
    }
}

fn behind(verdict: &Judged) -> Markup {
    html! {
        div {
            dt { (regime(verdict.regime)) (mark(verdict.answer)) }
            dd {
                p { (verdict.why) }
                @if !verdict.figures.is_empty() { ul { @for figure in &verdict.figures { li { (figure) } } } }
            }
        }
    }
}
