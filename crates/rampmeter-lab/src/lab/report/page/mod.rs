//! A report as one HTML file: nothing in it comes from anywhere else, and nothing in it runs.

mod figures;
mod opening;
mod pictures;
mod verdicts;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::data::{Cell, Report, Table};

const SHEET: &str = include_str!("sheet.css");

/// The sections, in order: what an address ends with, and the title.
const SECTIONS: [(&str, &str); 8] = [
    ("what-happened", "What happened"),
    ("curves", "Curves"),
    ("hypotheses", "H1 to H10"),
    ("published", "Published and today"),
    ("findings", "Findings"),
    ("holds", "What must hold"),
    ("again", "Play it again"),
    ("words", "What the figures mean"),
];

/// The page of a report.
pub(super) fn html(report: &Report) -> String {
    let contents: [Markup; 8] = [
        pictures::chapters(report),
        pictures::galleries(report),
        verdicts::section(report),
        figures::published(report),
        figures::findings(report),
        figures::holds(report),
        figures::again(report),
        figures::words(report),
    ];
    let told = [
        true,
        true,
        report.hypotheses.iter().any(verdicts::is_played),
        !report.published.is_empty(),
    ];
    // Of what was not played there is nothing to say.
    let told = told.into_iter().chain(std::iter::repeat(true));
    let sections = SECTIONS.into_iter().zip(contents).zip(told);
    let sections: Vec<_> = sections.filter(|(_, told)| *told).map(|(section, _)| section).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Rampmeter lab: what limits do" }
                // Without an icon of its own a browser asks the page's place for one.
                link rel="icon" href="data:,";
                style { (PreEscaped(SHEET)) }
            }
            body {
                (opening::header(report))
                nav aria-label="Contents" {
                    @for ((id, title), _) in &sections { a href={ "#" (id) } { (title) } }
                }
                main {
                    @for ((id, title), content) in &sections {
                        section id=(id) { h2 { (title) } (content) }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// A table in a box of its own, in which it can be moved where there is no room for it.
fn table(name: &str, table: &Table) -> Markup {
    // A column of figures has its name at the right, too.
    let is_figure = |column: usize| {
        matches!(table.rows.first().and_then(|row| row.get(column)), Some(Cell::Figure(_)))
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table {
                thead {
                    tr {
                        @for (column, text) in table.head.iter().enumerate() {
                            th.figure[is_figure(column)] scope="col" { (text) }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows { tr { @for cell in row { (place(cell)) } } }
                }
            }
        }
    }
}

fn place(cell: &Cell) -> Markup {
    match cell {
        Cell::Word(text) => html! { td { (text) } },
        Cell::Figure(text) => html! { td.figure { (text) } },
    }
}

/// Text in which names stand between backticks.
fn prose(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    // Where they are not in pairs they are no marks.
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// What a picture shows, as figures, folded away on a screen.
fn behind(name: &str, content: &Table) -> Markup {
    html! {
        details {
            summary { "Figures" }
            (table(name, content))
        }
    }
}

/// A regime's name with its colour, which never stands alone.
fn regime(regime: crate::lab::Regime) -> Markup {
    html! { span.regime.(super::svg::class_of(regime)) { (regime) } }
}
