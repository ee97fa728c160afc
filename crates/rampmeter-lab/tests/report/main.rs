//! What a report must be: one file that needs nothing else, the same bytes for the same study, and
//! open to everybody.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use rampmeter_lab::lab::hypotheses::Answer;

mod colours;
mod sample;
mod study;

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

#[test]
fn a_terminal_of_a_hundred_columns_has_room_for_every_line() {
    let mut report = sample::report();
    report.findings[0].title = "word ".repeat(60);
    report.facts[0].sentence = "a".repeat(400);
    report.published[0].now[0].2 = "12.3 ms (11.8 ms to 13.1 ms)".into();
    let text = report.terminal();
    let longest = text.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "{text}");
    assert!((30..=60).contains(&text.lines().count()), "{text}");
}

#[test]
fn the_terminal_tells_the_facts_the_verdicts_and_what_does_not_hold() {
    let text = sample::report().terminal();
    assert!(text.contains("Without limits 1,000 of 1,000 calls ran at once; under the policy 8."));
    assert!(text.contains("✗ adversarial/inversion under rampmeter: p95 of high <= 2s is 2.4 s"));
    assert!(text.contains("? recovery/memory under rampmeter: memory <= 512MiB cannot be told"));
    assert!(text.contains("What must hold: 2 of 4 do; 1 cannot be told; 1 not played"));
    let row = text.lines().find(|line| line.starts_with("H1 ")).unwrap();
    assert!(
        row.contains("✗ shown") && row.ends_with("✗ shown") && row.contains("✓ refuted"),
        "{row}"
    );
}

#[test]
fn what_cannot_be_told_is_missed_and_what_was_not_played_is_not() {
    let report = sample::report();
    let missed: Vec<&str> = report.missed().map(|held| held.scenario.as_str()).collect();
    assert_eq!(missed, ["adversarial/inversion", "recovery/memory"]);
}

#[test]
fn what_was_not_played_at_all_has_no_section() {
    let mut report = sample::report();
    let whole = report.html();
    assert!(whole.contains("id=\"hypotheses\"") && whole.contains("id=\"published\""));
    report.published.clear();
    for verdict in report.hypotheses.iter_mut().flat_map(|it| &mut it.verdicts) {
        verdict.answer = Answer::NotPlayed;
    }
    let page = report.html();
    assert!(!page.contains("id=\"hypotheses\"") && !page.contains("href=\"#published\""));
    report.hypotheses[1].verdicts[0].answer = Answer::Shown;
    let page = report.html();
    assert!(page.contains("Not played: H1, H3, H4") && !page.contains("<b>H3</b>"));
}

#[test]
fn names_between_backticks_are_code_and_not_backticks() {
    let mut report = sample::report();
    report.findings[0].title = "The limit `api` <b> is full".into();
    report.findings[1].title = "One ` alone".into();
    let page = report.html();
    assert!(page.contains("<h4>The limit <code>api</code> &lt;b&gt; is full</h4>"));
    assert!(page.contains("<h4>One ` alone</h4>"));
}

#[test]
fn damaged_playings_are_told_on_the_page_and_on_the_terminal() {
    let report = sample::report();
    let (page, text) = (report.html(), report.terminal());
    for told in [page, text] {
        assert!(told.contains("jobs/stress/thousand/rampmeter-2.virtual.jsonl"), "{told}");
    }
}

#[test]
fn a_control_character_never_reaches_the_terminal() {
    let mut report = sample::report();
    report.findings[0].title = "clear\u{1b}[2J the screen\r".into();
    assert!(!report.terminal().contains(['\u{1b}', '\r']));
}
