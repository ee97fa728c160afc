//! One thing against another: lines, steps, areas and bands over two sides.

use maud::{Markup, html};

use super::super::data::{Chart, Form, Line, Mark};
use super::path::{between, filled_steps, near, steps, straight};
use super::scale::Scale;
use super::{class, width_of};

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 236.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 202.0;

/// A chart. `title` and `about` are for whoever cannot see it.
pub(in super::super) fn chart(title: &str, about: &str, chart: &Chart) -> Markup {
    let sides = Sides::of(chart);
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(title) {
            title { (title) }
            desc { (about) }
            (shades(chart, &sides))
            (grid(chart, &sides))
            @for line in &chart.lines { (band(line, &sides)) }
            @for line in &chart.lines { (drawn(line, &sides)) }
            @for mark in &chart.marks { (pointed(mark, &sides)) }
            (names(chart, &sides))
        }
    }
}

struct Sides {
    x: Scale,
    y: Scale,
    left: f64,
    right: f64,
}

impl Sides {
    fn of(chart: &Chart) -> Self {
        let left = 46.0;
        // The names of the lines stand at their ends.
        let names = chart.lines.iter().map(|line| width_of(&line.name)).fold(0.0, f64::max);
        let right = WIDTH - 14.0 - names.min(120.0);
        let points = || chart.lines.iter().flat_map(|line| &line.points);
        let bands = || chart.lines.iter().flat_map(|line| &line.band);
        let marks = chart.marks.iter().map(|mark| mark.x);
        let ends = chart.shades.iter().map(|shade| shade.until);
        let x = points().map(|point| point.0).chain(marks).chain(ends);
        let y = points()
            .map(|point| point.1)
            .chain(bands().flat_map(|band| [band.1, band.2]))
            .chain(chart.marks.iter().filter_map(|mark| mark.y));
        Sides {
            x: Scale::over(&chart.x, x, (left, right), 5),
            y: Scale::over(&chart.y, y, (BOTTOM, TOP), 4).rounded(),
            left,
            right,
        }
    }

    fn at(&self, point: (f64, f64)) -> (f64, f64) {
        (near(self.x.at(point.0)), near(self.y.at(point.1)))
    }

    fn all(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        points.iter().map(|&point| self.at(point)).collect()
    }
}

fn shades(chart: &Chart, sides: &Sides) -> Markup {
    html! {
        @for shade in &chart.shades {
            @let from = near(sides.x.at(shade.from));
            @let until = near(sides.x.at(shade.until));
            rect.shade x=(from) y=(TOP) width=(near((until - from).max(1.0))) height=(BOTTOM - TOP) {
                title { (shade.name) }
            }
        }
    }
}

fn grid(chart: &Chart, sides: &Sides) -> Markup {
    let named = |name: &str, suffix: &str| {
        if suffix.is_empty() { name.to_owned() } else { format!("{name} ({suffix})") }
    };
    html! {
        @for (value, text) in sides.y.ticks() {
            @let y = near(sides.y.at(value));
            line.grid x1=(sides.left) x2=(sides.right) y1=(y) y2=(y) {}
            text.tick x=(sides.left - 6.0) y=(near(y + 3.5)) text-anchor="end" { (text) }
        }
        @for (value, text) in sides.x.ticks() {
            @let x = near(sides.x.at(value));
            line.tick x1=(x) x2=(x) y1=(BOTTOM) y2=(BOTTOM + 4.0) {}
            text.tick x=(x) y=(BOTTOM + 16.0) text-anchor="middle" { (text) }
        }
        line.axis x1=(sides.left) x2=(sides.right) y1=(BOTTOM) y2=(BOTTOM) {}
        text.name x="0" y="12" { (named(&chart.y.name, sides.y.suffix())) }
        text.name x=(sides.right) y=(HEIGHT - 4.0) text-anchor="end" {
            (named(&chart.x.name, sides.x.suffix()))
        }
    }
}

fn band(line: &Line, sides: &Sides) -> Markup {
    let band: Vec<_> =
        line.band.iter().map(|&(x, a, b)| (sides.x.at(x), sides.y.at(a), sides.y.at(b))).collect();
    html! {
        @if !band.is_empty() { path class={ "band " (class(line.ink)) } d=(between(&band)) {} }
    }
}

fn drawn(line: &Line, sides: &Sides) -> Markup {
    let points = sides.all(&line.points);
    let class = class(line.ink);
    html! {
        @match line.form {
            Form::Area => path class={ "area " (class) } d=(filled_steps(&points, sides.right, BOTTOM)) {},
            Form::Step => path class={ "line " (class) } d=(steps(&points, sides.right)) {},
            Form::Scatter => {}
            Form::Line | Form::Dots => path class={ "line " (class) } d=(straight(&points)) {},
        }
        @if matches!(line.form, Form::Dots | Form::Scatter) {
            @for (x, y) in points { circle class={ "dot " (class) } cx=(x) cy=(y) r="2.6" {} }
        }
    }
}

fn pointed(mark: &Mark, sides: &Sides) -> Markup {
    let x = near(sides.x.at(mark.x));
    // A name that would run out of the drawing stands at the other side of its line.
    let (at, anchor) =
        if x + 5.0 + width_of(&mark.name) > WIDTH { (x - 5.0, "end") } else { (x + 5.0, "start") };
    html! {
        line.mark x1=(x) x2=(x) y1=(TOP - 8.0) y2=(BOTTOM) {}
        @if let Some(y) = mark.y { circle.mark cx=(x) cy=(near(sides.y.at(y))) r="4.5" {} }
        text.mark x=(at) y=(TOP - 2.0) text-anchor=(anchor) { (mark.name) }
    }
}

/// Each line's name at its end, moved apart where they would cover each other.
fn names(chart: &Chart, sides: &Sides) -> Markup {
    const APART: f64 = 12.0;
    let mut names: Vec<(f64, &Line)> = Vec::new();
    for line in chart.lines.iter().filter(|line| !line.name.is_empty()) {
        if let Some(&last) = line.points.last() {
            names.push((sides.at(last).1, line));
        }
    }
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    for index in 1..names.len() {
        names[index].0 = names[index].0.max(names[index - 1].0 + APART);
    }
    // What was moved out at the bottom moves the others up.
    let mut lowest = BOTTOM;
    for name in names.iter_mut().rev() {
        name.0 = name.0.min(lowest);
        lowest = name.0 - APART;
    }
    html! {
        @for (y, line) in names {
            text class={ "end " (class(line.ink)) } x=(near(sides.right + 6.0)) y=(near(y + 3.5)) {
                (line.name)
            }
        }
    }
}
