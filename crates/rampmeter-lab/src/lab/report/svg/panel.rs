//! What happened under one regime over time, small: calls inside tools above, calls that wait below.

use maud::{Markup, html};

use super::super::data::{Axis, Panel};
use super::class_of;
use super::path::{filled_steps, near};
use super::scale::Scale;
use crate::lab::figures::{Unit, show};

const WIDTH: f64 = 220.0;
const INSIDE: (f64, f64) = (96.0, 16.0);
const WAITING: (f64, f64) = (150.0, 118.0);
const HEIGHT: f64 = 168.0;

/// What panels side by side have in common, so that they can be compared by eye.
pub(in super::super) struct Frame {
    inside: f64,
    waiting: f64,
    seconds: f64,
}

impl Frame {
    /// Room for all of these.
    pub(in super::super) fn around(panels: &[Panel]) -> Self {
        let most = |of: fn(&Panel) -> &Vec<(f64, f64)>, part: fn(&(f64, f64)) -> f64| {
            panels.iter().flat_map(of).map(part).fold(0.0, f64::max)
        };
        let seconds = most(|panel| &panel.inside, |point| point.0);
        Frame {
            inside: most(|panel| &panel.inside, |point| point.1),
            waiting: most(|panel| &panel.waiting, |point| point.1),
            seconds: seconds.max(most(|panel| &panel.waiting, |point| point.0)),
        }
    }
}

/// A panel. `title` and `about` are for whoever cannot see it.
pub(in super::super) fn panel(title: &str, about: &str, panel: &Panel, frame: &Frame) -> Markup {
    let side = |most: f64, unit, place| {
        let axis = Axis { name: String::new(), unit, log: false, most: Some(most) };
        Scale::over(&axis, [0.0].into_iter(), place, 4)
    };
    let x = side(frame.seconds, Unit::Time, (0.0, WIDTH));
    let inside = side(frame.inside, Unit::Count, INSIDE);
    let waiting = side(frame.waiting, Unit::Count, WAITING);
    html! {
        svg.panel viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(title) {
            title { (title) }
            desc { (about) }
            @for shade in &panel.shades {
                @let from = near(x.at(shade.from));
                @let wide = near((x.at(shade.until) - from).max(1.0));
                rect.shade x=(from) y=(INSIDE.1) width=(wide) height=(WAITING.0 - INSIDE.1) {
                    title { (shade.name) }
                }
            }
            (track(&panel.inside, &x, &inside, INSIDE, class_of(panel.regime)))
            (track(&panel.waiting, &x, &waiting, WAITING, "waits"))
            (heading("inside tools", frame.inside, INSIDE.1))
            (heading("waiting", frame.waiting, WAITING.1))
            text.tick x="0" y=(HEIGHT - 4.0) { "0 s" }
            text.tick x=(WIDTH) y=(HEIGHT - 4.0) text-anchor="end" {
                (show(frame.seconds, Unit::Time))
            }
        }
    }
}

fn track(
    points: &[(f64, f64)],
    x: &Scale,
    y: &Scale,
    (floor, top): (f64, f64),
    class: &str,
) -> Markup {
    let points: Vec<_> = points.iter().map(|point| (x.at(point.0), y.at(point.1))).collect();
    let until = points.last().map_or(0.0, |point| point.0);
    html! {
        line.grid x1="0" x2=(WIDTH) y1=(top) y2=(top) {}
        path class={ "area " (class) } d=(filled_steps(&points, until, floor)) {}
        line.axis x1="0" x2=(WIDTH) y1=(floor) y2=(floor) {}
    }
}

/// What a track is of, and how much its upper line is.
fn heading(what: &str, most: f64, top: f64) -> Markup {
    html! {
        text.tick x="0" y=(top - 5.0) { (what) }
        text.tick x=(WIDTH) y=(top - 5.0) text-anchor="end" { (show(most, Unit::Count)) }
    }
}
