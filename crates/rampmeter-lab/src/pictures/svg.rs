//! Who stood on which slot when, as a drawing.

use std::fmt::Write;

use super::stage::{Act, Part};

const ROW: u64 = 22;
const LEFT: u64 = 64;
const WIDTH: u64 = 640;

/// What a kind of call is drawn as.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) name: &'static str,
    pub(super) colour: &'static str,
}

/// One panel: a title, and what happened under it.
pub(super) struct Panel<'a> {
    pub(super) title: &'a str,
    pub(super) slots: u64,
    pub(super) parts: &'a [Part],
    pub(super) acts: Vec<Act>,
}

/// Panels below each other with one scale of time, and what the colours mean.
pub(super) fn draw(until_ms: u64, looks: &[Look], panels: &[Panel<'_>]) -> String {
    let heights = panels.iter().map(|panel| 30 + (panel.slots + 1) * ROW);
    let height = heights.sum::<u64>() + 46;
    let mut svg = String::new();
    let all = LEFT + WIDTH + 16;
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {all} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{all}\" height=\"{height}\" fill=\"#ffffff\"/>"
    );
    let mut top = 0;
    for panel in panels {
        let _ = writeln!(
            svg,
            "<text x=\"8\" y=\"{}\" font-weight=\"bold\">{}</text>",
            top + 18,
            panel.title
        );
        top += 30;
        draw_panel(&mut svg, top, until_ms, looks, panel);
        top += (panel.slots + 1) * ROW;
    }
    let mut left = LEFT;
    for look in looks {
        let _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{}\" width=\"14\" height=\"14\" fill=\"{}\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            top + 12,
            look.colour,
            left + 20,
            top + 24,
            look.name
        );
        left += 40 + 7 * look.name.len() as u64;
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_panel(svg: &mut String, top: u64, until_ms: u64, looks: &[Look], panel: &Panel<'_>) {
    let x = |ms: u64| LEFT + ms.min(until_ms) * WIDTH / until_ms.max(1);
    let bottom = top + panel.slots * ROW;
    for slot in 0..panel.slots {
        let y = top + slot * ROW;
        let _ = writeln!(
            svg,
            "<text x=\"8\" y=\"{}\" fill=\"#555555\">slot {}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{}\" fill=\"#f1f1f1\"/>",
            y + 15,
            slot + 1,
            ROW - 2
        );
    }
    let mut acts: Vec<&Act> = panel.acts.iter().filter(|act| act.started_ms < until_ms).collect();
    acts.sort_by_key(|act| (act.borrowed, act.started_ms, act.part));
    for act in acts {
        let colour =
            looks.get(usize::from(panel.parts[act.part].kind)).map_or("#000000", |it| it.colour);
        let (from, to) = (x(act.started_ms), x(act.ended_ms));
        for slot in &act.slots {
            // A loan is drawn inside the slot of its lender.
            let inset = if act.borrowed { 6 } else { 1 };
            let _ = writeln!(
                svg,
                "<rect x=\"{from}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{colour}\" \
                 stroke=\"#ffffff\"/>",
                top + *slot as u64 * ROW + inset,
                (to - from).max(1),
                ROW - 2 - 2 * inset
            );
        }
    }
    let steps = 10;
    for step in 0..=steps {
        let ms = until_ms * step / steps;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555555\">{}.{} s</text>",
            x(ms),
            bottom + 16,
            ms / 1_000,
            ms % 1_000 / 100
        );
    }
}
