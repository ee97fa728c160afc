//! What must hold and what is compared: figures and aims that can be meant, of names that there are.

use super::super::super::figures::{Aim, Figure};
use super::super::super::script::Script;
use super::super::Hold;
use super::draft::Draft;
use super::sink::{Sink, Span};

/// All aims and published figures.
pub(super) fn check(draft: &Draft, sink: &Sink<'_>) {
    let Draft { scenario, places } = draft;
    let script = Script::of(scenario, 0);
    let mut aims: Vec<(&Hold, Aim)> = Vec::new();
    for (hold, place) in scenario.holds.iter().zip(&places.holds) {
        match Aim::parse(&hold.aim).and_then(|aim| aim.check(&script).map(|()| aim)) {
            Err(error) => complain(&error, place, sink),
            Ok(aim) => {
                let of_same = aims.iter().filter(|(other, _)| other.regime == hold.regime);
                if let Some((other, _)) = of_same.clone().find(|(_, it)| exclude(it, &aim)) {
                    let message = format!("`{}` cannot hold where `{}` does", hold.aim, other.aim);
                    sink.error(place, message, "change one of the two");
                }
                aims.push((hold, aim));
            }
        }
    }
    for (published, place) in scenario.published.iter().zip(&places.published) {
        let figure = Figure::parse(&published.figure);
        if let Err(error) = figure.and_then(|figure| figure.check(&script)) {
            complain(&error, place, sink);
        }
    }
}

/// What figures say is wrong ends with the remedy.
fn complain(error: &str, place: &Span, sink: &Sink<'_>) {
    let (message, help) = error
        .split_once(": ")
        .unwrap_or((error, "write it as in `p95 of high <= 2s` or `no throttles`"));
    sink.error(place, message, help);
}

/// Whether no figure at all would meet both aims. Each allows a side of its bound, or the bound: if
/// both are met anywhere, then at a bound, between the two, or beyond both.
fn exclude(one: &Aim, other: &Aim) -> bool {
    let (a, b) = (one.bound(), other.bound());
    let tried = [a, b, f64::midpoint(a, b), a.min(b) - 1.0, a.max(b) + 1.0];
    one.figure() == other.figure() && !tried.iter().any(|it| one.holds(*it) && other.holds(*it))
}
