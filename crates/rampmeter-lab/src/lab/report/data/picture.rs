//! What drawings are of. Nothing here says how they look.

use super::super::super::regime::Regime;
use crate::lab::figures::Unit;

/// A drawing.
#[derive(Clone, Debug)]
pub enum Drawing {
    /// One thing against another.
    Chart(Chart),
    /// Figures side by side, in rows.
    Rows(Rows),
}

/// One thing against another.
#[derive(Clone, Debug)]
pub struct Chart {
    /// From left to right.
    pub x: Axis,
    /// From below.
    pub y: Axis,
    /// What is drawn, the last on top.
    pub lines: Vec<Line>,
    /// Stretches in which something was wrong.
    pub shades: Vec<Shade>,
    /// Places to point at.
    pub marks: Vec<Mark>,
}

/// What is measured along a side.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What.
    pub name: String,
    /// In what.
    pub unit: Unit,
    /// Whether equal steps multiply.
    pub log: bool,
    /// The least that it goes up to.
    pub most: Option<f64>,
}

/// What a line or a bar looks like: a colour, which is its regime's throughout, and a dash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ink {
    /// Whose colour; without one it is that of plain text.
    pub regime: Option<Regime>,
    /// 0 is a full line, 1 to 3 are ever more broken.
    pub dash: u8,
}

/// How points are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Not at all: a dot at each.
    Scatter,
    /// By lines, with a dot at each.
    Dots,
    /// By lines.
    Line,
    /// What was counted stays until it changes.
    Step,
    /// Like a step, and filled down to nothing.
    Area,
}

/// One of the things that are drawn in a chart.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is.
    pub name: String,
    /// How it looks.
    pub ink: Ink,
    /// How its points are joined.
    pub form: Form,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
    /// The least and the most beside each `x`, such as over the seeds; may be empty.
    pub band: Vec<(f64, f64, f64)>,
}

/// A stretch in which something was wrong.
#[derive(Clone, PartialEq, Debug)]
pub struct Shade {
    /// From where.
    pub from: f64,
    /// Up to where.
    pub until: f64,
    /// What.
    pub name: String,
}

/// A place to point at: a line across at `x`, with a dot at `y` if there is one.
#[derive(Clone, PartialEq, Debug)]
pub struct Mark {
    /// Where.
    pub x: f64,
    /// How high.
    pub y: Option<f64>,
    /// What is there.
    pub name: String,
}

/// Figures side by side, in rows.
#[derive(Clone, Debug)]
pub struct Rows {
    /// What is measured.
    pub axis: Axis,
    /// What belongs together.
    pub groups: Vec<Group>,
}

/// Rows that belong together.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// The rows.
    pub bars: Vec<Bar>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What it is.
    pub name: String,
    /// How it looks.
    pub ink: Ink,
    /// How long the bar is; nothing if there is no such figure.
    pub value: Option<f64>,
    /// Another figure of the same, from which a thin line goes to the first.
    pub other: Option<f64>,
    /// What it should have been.
    pub tick: Option<f64>,
}

/// What happened under one regime, over time.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The regime.
    pub regime: Regime,
    /// Seconds, and calls inside tools.
    pub inside: Vec<(f64, f64)>,
    /// Seconds, and calls that wait to get there.
    pub waiting: Vec<(f64, f64)>,
    /// What was wrong when.
    pub shades: Vec<Shade>,
    /// A few figures of it: what, and how much.
    pub figures: Vec<(String, String)>,
    /// Why there is nothing to draw, or not all of it.
    pub broken: Option<String>,
}
