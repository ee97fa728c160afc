//! H1 to H10: what goes wrong under which regime, and the figures that say so.

use maud::{Markup, html};

use super::super::data::{Hypothesis, Judged, Report};
use super::super::svg::class_of;
use super::{prose, regime};
use crate::lab::Regime;
use crate::lab::hypotheses::Answer;

pub(super) fn section(report: &Report) -> Markup {
    let regimes = &report.roll.regimes;
    let played = || report.hypotheses.iter().filter(|it| is_played(it));
    let not_played = report.hypotheses.iter().filter(|it| !is_played(it));
    let not_played: Vec<&str> = not_played.map(|it| it.id.as_str()).collect();
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
                tbody { @for hypothesis in played() { (row(hypothesis, regimes)) } }
            }
        }
        @if !not_played.is_empty() { p { "Not played: " (not_played.join(", ")) "." } }
        (notes(played()))
        h3 { "The figures behind the verdicts" }
        @for hypothesis in played() { (figures(hypothesis)) }
    }
}

/// Whether there is anything to say of it.
pub(super) fn is_played(hypothesis: &Hypothesis) -> bool {
    hypothesis.verdicts.iter().any(|verdict| verdict.answer != Answer::NotPlayed)
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

fn notes<'a>(hypotheses: impl Iterator<Item = &'a Hypothesis>) -> Markup {
    let notes: Vec<_> =
        hypotheses.filter_map(|it| it.note.as_ref().map(|note| (&it.id, note))).collect();
    html! {
        @if !notes.is_empty() {
            div.note {
                p { b { "Where the study guessed otherwise" } }
                ul { @for (id, note) in notes { li { b { (id) } " " (prose(note)) } } }
            }
        }
    }
}

fn figures(hypothesis: &Hypothesis) -> Markup {
    let played = hypothesis.verdicts.iter().filter(|it| it.answer != Answer::NotPlayed);
    html! {
        details {
            summary { b { (hypothesis.id) } " " (hypothesis.title) }
            p.claim { (prose(&hypothesis.claim)) }
            ul.thresholds { @for threshold in &hypothesis.thresholds { li { (threshold) } } }
            dl.behind { @for verdict in played { (behind(verdict)) } }
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
