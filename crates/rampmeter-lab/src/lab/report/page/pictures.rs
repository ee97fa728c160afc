//! What happened, by family, and the curves.

use maud::{Markup, html};

use super::super::data::{Chapter, Drawing, Gallery, Panel, Picture, Report, Stage};
use super::super::svg;
use super::{behind, prose, regime};

pub(super) fn chapters(report: &Report) -> Markup {
    html! {
        p.lead {
            "Calls inside tools over time, and below them the calls that wait to get there. All drawings of "
            "a scenario have one scale; grey stretches are when something was wrong."
        }
        @for chapter in &report.chapters { (family(chapter)) }
    }
}

fn family(chapter: &Chapter) -> Markup {
    html! {
        section.family {
            h3 { (chapter.family) }
            p { (chapter.about) }
            @for stage in &chapter.stages { (played(stage)) }
            @if !chapter.figures.rows.is_empty() {
                details {
                    summary { "All scenarios of " b { (chapter.family) } ", in figures" }
                    (super::table(&chapter.family, &chapter.figures))
                }
            }
        }
    }
}

fn played(stage: &Stage) -> Markup {
    let frame = svg::Frame::around(&stage.panels);
    html! {
        figure.stage {
            h4 { (stage.scenario) small { (stage.played) } }
            p.about { (prose(&stage.about)) }
            div.panels { @for panel in &stage.panels { (side(stage, panel, &frame)) } }
            figcaption { (prose(&stage.caption)) }
            (behind(&stage.scenario, &stage.table))
        }
    }
}

fn side(stage: &Stage, panel: &Panel, frame: &svg::Frame) -> Markup {
    let title = format!("{} under {}", stage.scenario, panel.regime);
    let figures: Vec<String> =
        panel.figures.iter().map(|(what, value)| format!("{what} {value}")).collect();
    let about = format!("Calls inside tools and calls waiting over time. {}", figures.join(", "));
    html! {
        div.side {
            h5 { (regime(panel.regime)) }
            @if panel.inside.is_empty() {
                p.nothing { (panel.broken.as_deref().unwrap_or("not played")) }
            } @else {
                (svg::panel(&title, &about, panel, frame))
                dl { @for (what, value) in &panel.figures { div { dt { (what) } dd { (value) } } } }
                @if let Some(why) = &panel.broken { p.nothing { (why) } }
            }
        }
    }
}

pub(super) fn galleries(report: &Report) -> Markup {
    html! { @for gallery in &report.curves { (hung(gallery)) } }
}

fn hung(gallery: &Gallery) -> Markup {
    html! {
        h3 { (prose(&gallery.title)) }
        p { (prose(&gallery.about)) }
        div.gallery { @for picture in &gallery.pictures { (framed(picture)) } }
    }
}

fn framed(picture: &Picture) -> Markup {
    html! {
        figure.picture {
            h4 { (prose(&picture.title)) }
            @match &picture.drawing {
                Drawing::Chart(chart) => (svg::chart(&picture.title, &picture.caption, chart)),
                Drawing::Rows(rows) => (svg::rows(&picture.title, &picture.caption, rows)),
            }
            figcaption { (prose(&picture.caption)) }
            (behind(&picture.title, &picture.table))
        }
    }
}
