//! Drawings as SVG inside a page. They carry no colour and no font: classes say what a thing is, and
//! the page's sheet how that looks, in light, in the dark and on paper. (`plotters`, which was weighed, writes
//! fixed colours and fonts into what it draws, and neither name nor description.)

mod chart;
mod panel;
mod path;
mod rows;
mod scale;

pub(super) use chart::chart;
pub(super) use panel::{Frame, panel};
pub(super) use rows::rows;

use super::data::Ink;

/// The class of what is drawn with this ink.
pub(super) fn class(ink: Ink) -> String {
    let colour = ink.regime.map_or("r-none", class_of);
    format!("{colour} dash-{}", ink.dash.min(3))
}

/// The class of a regime, on which its colour hangs.
pub(super) const fn class_of(regime: crate::lab::Regime) -> &'static str {
    use crate::lab::Regime;
    match regime {
        Regime::Unlimited => "r-unlimited",
        Regime::Semaphore => "r-semaphore",
        Regime::RateLimiter => "r-rate-limiter",
        Regime::Rampmeter => "r-rampmeter",
        Regime::Stageflow => "r-stageflow",
    }
}

/// About how wide a text is, in the units of the drawings, whose text is 11 high.
fn width_of(text: &str) -> f64 {
    text.chars().map(|letter| if "il.,: |'".contains(letter) { 4.2 } else { 7.2 }).sum()
}
