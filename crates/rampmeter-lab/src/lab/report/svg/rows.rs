//! Figures side by side, in rows: a bar each, with what it should have been.

use maud::{Markup, html};

use super::super::data::{Bar, Rows};
use super::path::near;
use super::scale::Scale;
use super::{class, width_of};
use crate::lab::figures::show;

const WIDTH: f64 = 380.0;
const ROW: f64 = 16.0;
const HEAD: f64 = 20.0;
const RIGHT: f64 = WIDTH - 76.0;

/// Rows. `title` and `about` are for whoever cannot see them.
pub(in super::super) fn rows(title: &str, about: &str, rows: &Rows) -> Markup {
    let bars = || rows.groups.iter().flat_map(|group| &group.bars);
    let left = 8.0 + bars().map(|bar| width_of(&bar.name)).fold(30.0, f64::max).min(130.0);
    let values = bars().flat_map(|bar| [bar.value, bar.other, bar.tick]).flatten();
    let scale = Scale::over(&rows.axis, values, (left, RIGHT), 4);
    let mut top = 20.0;
    let mut placed = Vec::new();
    for group in &rows.groups {
        placed.push((top, group));
        top += HEAD + ROW * f64::from(u32::try_from(group.bars.len()).unwrap_or(0)) + 4.0;
    }
    html! {
        svg.rows viewBox={ "0 0 " (WIDTH) " " (top + 4.0) } role="img" aria-label=(title) {
            title { (title) }
            desc { (about) }
            text.name x="0" y="12" { (rows.axis.name) }
            @for (top, group) in placed {
                text.group x="0" y=(top + 13.0) { (group.name) }
                @for (index, bar) in (0_u32..).zip(&group.bars) {
                    (row(bar, left, top + HEAD + ROW * f64::from(index), &scale, rows))
                }
            }
        }
    }
}

fn row(bar: &Bar, left: f64, top: f64, scale: &Scale, rows: &Rows) -> Markup {
    let middle = top + ROW / 2.0;
    let end = bar.value.map_or(left, |value| near(scale.at(value)));
    let unit = rows.axis.unit;
    let far = [bar.other, bar.tick].into_iter().flatten().map(|value| scale.at(value));
    let text_at = near(far.fold(end, f64::max) + 6.0);
    html! {
        text class={ "label " (class(bar.ink)) } x=(left - 6.0) y=(middle + 3.5) text-anchor="end" {
            (bar.name)
        }
        line.axis x1=(left) x2=(left) y1=(top) y2=(top + ROW) {}
        @if bar.value.is_some() {
            rect class={ "bar " (class(bar.ink)) } x=(left) y=(top + 3.0)
                width=(near((end - left).max(0.5))) height=(ROW - 6.0) {}
        }
        @if let Some(other) = bar.other {
            @let at = near(scale.at(other));
            line class={ "reach " (class(bar.ink)) } x1=(end) x2=(at) y1=(middle) y2=(middle) {}
            line class={ "reach " (class(bar.ink)) } x1=(at) x2=(at) y1=(top + 4.0) y2=(top + ROW - 4.0) {}
        }
        @if let Some(tick) = bar.tick {
            @let at = near(scale.at(tick));
            line.due x1=(at) x2=(at) y1=(top + 1.0) y2=(top + ROW - 1.0) {}
        }
        text.value x=(text_at) y=(middle + 3.5) {
            @match bar.value { Some(value) => { (show(value, unit)) }, None => { "–" } }
            @if let Some(other) = bar.other { ", " (show(other, unit)) }
        }
    }
}
