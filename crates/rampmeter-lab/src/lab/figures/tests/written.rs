//! Figures, aims and amounts as they are read and written.

use super::super::made::empty;
use super::super::{Aim, Figure, Unit, show};

const FIGURES: [&str; 49] = [
    "p50",
    "p95 of high",
    "p99.9",
    "max of tenant-*",
    "mean of tool search",
    "wait p95",
    "wait max of low",
    "slowdown p95 of quiet",
    "asked",
    "asked of flow tenant-1",
    "good",
    "in time of server api",
    "past deadline",
    "runs of tool search",
    "throttles",
    "succeeded",
    "degraded of high",
    "failed",
    "throttled",
    "timed out",
    "timed out of load batch",
    "refused",
    "cancelled",
    "lost",
    "goodput",
    "goodput of high",
    "throughput",
    "peak",
    "peak of search",
    "outstanding",
    "queue",
    "queue of low",
    "starts in 1s",
    "starts in 250ms of search",
    "starts in 1.5s",
    "starts in 60s of priority high",
    "fairness",
    "fairness of high",
    "share of greedy",
    "recovery",
    "duration",
    "never asked",
    "lost updates",
    "memory",
    "memory wanted",
    "lag p99",
    "lag max",
    "cpu",
    "p95 of high / p95 of low",
];

#[test]
fn a_figure_is_written_as_it_is_read() {
    for text in FIGURES {
        let figure = Figure::parse(text).unwrap();
        assert_eq!(figure.to_string(), text);
        assert_eq!(Figure::parse(&figure.to_string()), Ok(figure));
    }
    assert_eq!(
        Figure::parse("  starts  in 1000ms of   high ").unwrap().to_string(),
        "starts in 1s of high"
    );
}

#[test]
fn an_aim_is_written_as_it_is_read() {
    for text in [
        "p95 of high <= 2s",
        "memory <= 512MiB",
        "peak / asked >= 90%",
        "goodput > 10.5/s",
        "throttles = 0",
        "slowdown p95 < 3",
        "recovery <= 1.5min",
        "share of greedy <= 0.25",
    ] {
        let aim = Aim::parse(text).unwrap();
        assert_eq!(aim.to_string(), text);
        assert_eq!(Aim::parse(&aim.to_string()), Ok(aim));
    }
    let same = |one: &str, other: &str| assert_eq!(Aim::parse(one), Aim::parse(other), "{one}");
    same("p95 of high ≤ 2 s", "p95 of high <= 2s");
    same("peak≥20", "peak >= 20");
    same("no throttles of search", "throttles of search = 0");
}

#[test]
fn an_amount_is_worth_what_its_unit_says() {
    let bound = |text: &str| Aim::parse(text).unwrap().bound();
    assert_eq!(bound("p95 <= 250ms"), 0.25);
    assert_eq!(bound("p95 <= 3us"), 3e-6);
    assert_eq!(bound("p95 <= 2min"), 120.0);
    assert_eq!(bound("memory <= 3KiB"), 3072.0);
    assert_eq!(bound("peak / asked <= 7%"), 0.07);
    assert_eq!(bound("peak / asked <= 0.07"), 0.07);
    assert_eq!(bound("goodput >= 8/s"), 8.0);
}

#[test]
fn what_is_no_figure_is_told_what_was_expected() {
    let error = |text: &str| Figure::parse(text).unwrap_err();
    assert_eq!(error("peek"), "`peek` is no figure: did you mean `peak`?");
    assert_eq!(error("goodputt of high"), "`goodputt` is no figure: did you mean `goodput`?");
    assert!(
        error("happiness").starts_with("`happiness` is no figure: there are `p50`, "),
        "{}",
        error("happiness")
    );
    assert_eq!(error("p0"), "`p0` is no figure: did you mean `p50`?");
    assert_eq!(error("wait"), "`wait` is followed by `p95`, another rank, `max` or `mean`");
    assert_eq!(error("memory of high"), "`memory` is of the whole playing: leave out `of …`");
    assert_eq!(error("share"), "`share` of whom? Write `share of FLOW`");
    assert_eq!(
        error("peak / asked / runs"),
        "`peak / asked / runs` divides twice: write one figure / another"
    );
    assert!(error("p95 of").ends_with("not by ``"));
    assert!(error("p95 of thing search").ends_with("not by `thing search`"));
    assert_eq!(error("starts in 10"), "expected a time such as `250ms`, `2s` or `5min`, not `10`");
    assert_eq!(error("starts in 0s"), "there is no period `0s`");
}

#[test]
fn what_is_no_aim_is_told_what_was_expected() {
    let error = |text: &str| Aim::parse(text).unwrap_err();
    assert!(error("p95 of high").starts_with("`p95 of high` says nothing of where it has to lie"));
    assert_eq!(
        error("p95 <= 2"),
        "`p95`: expected a time such as `250ms`, `2s` or `5min`, not `2`"
    );
    assert_eq!(
        error("memory <= 2s"),
        "`memory`: expected a size such as `64KiB`, `512MiB` or `2GiB`, not `2s`"
    );
    assert_eq!(error("peak <= 90%"), "`peak`: expected a whole number such as `20`, not `90%`");
    assert_eq!(error("peak <= "), "`peak`: expected a whole number such as `20`, not ``");
    assert_eq!(error("no p95"), "`no` is followed by something that is counted, not by `p95`");
    assert_eq!(error("no trottles"), "`trottles` is no figure: did you mean `throttles`?");
}

#[test]
fn a_name_that_nothing_has_is_found() {
    let mut entry = empty("own");
    entry.turn("tenant-1", "high");
    let check = |text: &str| Figure::parse(text).unwrap().check(&entry.script);
    for text in ["p95 of high", "p95 of tenant-*", "peak of search", "peak of server api", "p95"] {
        assert_eq!(check(text), Ok(()), "{text}");
    }
    assert_eq!(
        check("p95 of hihg"),
        Err("nothing here is called `hihg`: did you mean `high`?".into())
    );
    assert_eq!(check("asked / p95 of hihg"), check("p95 of hihg"));
    assert_eq!(
        check("p95 of tool high"),
        Err("nothing here is called `high`: there are `fetch`, `search`".into())
    );
}

#[test]
fn figures_are_shown_in_three_digits_and_the_unit_of_their_size() {
    let shown = |value: f64, unit: Unit| show(value, unit);
    assert_eq!(shown(0.0, Unit::Time), "0 s");
    assert_eq!(shown(0.000_000_5, Unit::Time), "500 ns");
    assert_eq!(shown(0.014_17, Unit::Time), "14.2 ms");
    assert_eq!(shown(0.999_9, Unit::Time), "1 s");
    assert_eq!(shown(2.0, Unit::Time), "2 s");
    assert_eq!(shown(90.04, Unit::Time), "90 s");
    assert_eq!(shown(150.0, Unit::Time), "2.5 min");
    assert_eq!(shown(f64::INFINITY, Unit::Time), "never");
    assert_eq!(shown(5210.4, Unit::PerSecond), "5,210/s");
    assert_eq!(shown(1_234_567.0, Unit::Count), "1,234,567");
    assert_eq!(shown(0.351, Unit::Share), "35.1 %");
    assert_eq!(shown(1.0, Unit::Share), "100 %");
    assert_eq!(shown(10.0 * 1024.0 * 1024.0, Unit::Bytes), "10 MiB");
    assert_eq!(shown(0.5, Unit::Plain), "0.5");
    assert_eq!(shown(f64::NAN, Unit::Plain), "–");
    assert_eq!(shown(-0.000_1, Unit::Plain), "0");
}
