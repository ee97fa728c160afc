//! What a report must be: one file that needs nothing else, the same bytes for the same study, and
//! open to everybody.
#![cfg(feature = "lab")]

mod sample;

/// Where the page is left for `cargo xtask look`.
const PAGE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/report.html");

#[test]
fn a_page_is_the_same_bytes_each_time_and_is_left_to_be_looked_at() {
    let page = sample::report().html();
    assert_eq!(page, sample::report().html());
    std::fs::write(PAGE, page).unwrap();
}

#[test]
fn a_page_needs_nothing_from_anywhere() {
    let page = sample::report().html();
    for word in ["http", "src=", "@import", "url(", "<script", "<link rel=\"style"] {
        assert!(!page.contains(word), "{word} in the page");
    }
}

#[test]
fn a_name_is_never_markup() {
    let page = sample::report().html();
    assert!(!page.contains(sample::HOSTILE) && !page.contains("<svg onload"));
    let escaped = "&lt;script&gt;alert('x')&lt;/script&gt;&amp;&quot;&lt;svg onload=1&gt;";
    let times = page.matches(escaped).count();
    // As a scenario's name, a priority's and a finding's title, in words and in attributes.
    assert!(times >= 10, "escaped {times} times");
}

#[test]
fn every_drawing_has_a_name_a_description_and_a_table() {
    let page = sample::report().html();
    let figures: Vec<&str> = page.split("<figure").skip(1).collect();
    let drawings = page.matches("<svg").count();
    assert_eq!(
        figures.iter().map(|figure| figure.matches("<svg").count()).sum::<usize>(),
        drawings
    );
    for figure in figures {
        let figure = figure.split("</figure>").next().unwrap();
        assert!(figure.contains("<table") && figure.contains("<figcaption"), "{figure}");
    }
    for drawing in page.split("<svg").skip(1) {
        let drawing = drawing.split("</svg>").next().unwrap();
        assert!(drawing.contains("role=\"img\"") && drawing.contains("aria-label=\""));
        assert!(drawing.contains("<title>") && drawing.contains("<desc>"));
    }
}
