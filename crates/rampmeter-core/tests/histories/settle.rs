//! Reserve and settle: the truth goes into the window that was charged, once.

use std::time::Duration;

use rampmeter_core::*;

use crate::stage::{SLIDING, Stage, on, tokens};

const BUCKET: RateKind = RateKind::Bucket { burst: 100 };
const CALENDAR: RateKind = RateKind::Calendar { ends: Instant::from_millis(1_000) };
const KINDS: [RateKind; 3] = [SLIDING, BUCKET, CALENDAR];

impl Stage {
    /// A running call took so many tokens; returns those that start.
    fn settles(&mut self, id: CallId, amount: u64) -> Vec<CallId> {
        self.out.clear();
        let cost = Cost { unit: Unit(0), amount };
        assert!(self.engine.settle(self.now, id, &[cost], &mut self.out));
        let started = self.out.iter().filter_map(|output| match output {
            Output::Granted(id) => Some(*id),
            _ => None,
        });
        started.collect()
    }
}

#[test]
fn what_a_call_did_not_take_is_there_for_the_next() {
    for kind in KINDS {
        let mut stage = Stage::of(&[tokens(100, 1_000, kind)]);
        let first = stage.runs(&on(&[0]).tokens(80));
        let next = stage.waits(&on(&[0]).tokens(60));
        assert_eq!(stage.settles(first, 41), [], "{kind:?}: 59 are left");
        let second = stage.runs(&on(&[0]).flow(2));
        assert_eq!(stage.settles(second, 0), [], "{kind:?}");
        assert_eq!(stage.used(0, 0), 41, "{kind:?}");
        stage.gives_up(next);
        stage.runs(&on(&[0]).tokens(59));
        stage.waits(&on(&[0]).tokens(1));
    }
}

#[test]
fn a_correction_starts_who_waited_for_it() {
    for kind in KINDS {
        let mut stage = Stage::of(&[tokens(100, 1_000, kind)]);
        let first = stage.runs(&on(&[0]).tokens(80));
        let next = stage.waits(&on(&[0]).tokens(60));
        assert_eq!(stage.settles(first, 40), [next], "{kind:?}");
    }
}

#[test]
fn what_a_call_took_beyond_its_charge_is_debt() {
    let mut starts = Vec::new();
    for kind in KINDS {
        let mut stage = Stage::of(&[tokens(100, 1_000, kind)]);
        let first = stage.runs(&on(&[0]).tokens(80));
        assert_eq!(stage.settles(first, 300), []);
        assert_eq!(stage.used(0, 0), if kind == SLIDING { 300 } else { stage.used(0, 0) });
        let next = stage.waits(&on(&[0]).tokens(50));
        let at = (0..).map(|step| step * 100).find(|at| stage.at(*at) == [next]).unwrap();
        starts.push(at);
    }
    // The third window's hundred leave after three windows; a bucket has 50 after 2.5 s; the third
    // calendar window has room when it is over.
    assert_eq!(starts, [3_000, 2_500, 3_000]);
}

#[test]
fn the_truth_counts_once_and_of_calls_that_run() {
    let mut stage = Stage::of(&[tokens(100, 1_000, SLIDING)]);
    let first = stage.runs(&on(&[0]).tokens(80));
    let waits = stage.waits(&on(&[0]).tokens(90));
    stage.settles(first, 30);
    let cost = [Cost { unit: Unit(0), amount: 0 }];
    for id in [first, waits] {
        assert!(!stage.engine.settle(stage.now, id, &cost, &mut stage.out));
    }
    assert_eq!(stage.used(0, 0), 30);
    stage.end(first);
    assert!(!stage.engine.settle(stage.now, first, &cost, &mut stage.out));
    assert_eq!(stage.used(0, 0), 30);
}

#[test]
fn a_unit_that_is_not_named_keeps_its_charge() {
    let mut stage = Stage::of(&[tokens(100, 1_000, SLIDING)]);
    let first = stage.runs(&on(&[0]).tokens(80));
    let other = [Cost { unit: Unit(1), amount: 5 }];
    assert!(stage.engine.settle(stage.now, first, &other, &mut stage.out));
    assert_eq!(stage.used(0, 0), 80);
}

#[test]
fn the_correction_goes_into_the_window_that_was_charged() {
    for kind in [SLIDING, CALENDAR] {
        let mut stage = Stage::of(&[tokens(100, 1_000, kind)]);
        stage.at(900);
        let first = stage.runs(&on(&[0]).tokens(80));
        let late = if kind == SLIDING { 1_900 } else { 1_000 };
        stage.at(late - 100);
        assert_eq!(stage.used(0, 0), 80, "{kind:?}");
        stage.at(late);
        assert_eq!(stage.settles(first, 300), []);
        // Of a sliding window's 300 the first hundred have left; a calendar window is over.
        assert_eq!(stage.used(0, 0), if kind == SLIDING { 200 } else { 0 }, "{kind:?}");
    }
}

#[test]
fn what_a_past_window_did_not_take_is_no_room_in_this_one() {
    for (kind, late) in [(SLIDING, 1_000), (CALENDAR, 1_000)] {
        let mut stage = Stage::of(&[tokens(100, 1_000, kind)]);
        let first = stage.runs(&on(&[0]).tokens(80));
        stage.at(late);
        stage.runs(&on(&[0]).tokens(100));
        assert_eq!(stage.settles(first, 0), []);
        assert_eq!(stage.used(0, 0), 100, "{kind:?}");
    }
}

/// Had the first call taken nothing, the bucket would have been full when the second came, and
/// could not have refilled meanwhile.
#[test]
fn a_bucket_gives_no_more_back_than_it_could_have_held() {
    let mut stage = Stage::of(&[tokens(100, 100_000, BUCKET)]);
    let first = stage.runs(&on(&[0]).tokens(10));
    stage.at(5_000);
    stage.runs(&on(&[0]).tokens(5));
    stage.settles(first, 0);
    assert_eq!(stage.used(0, 0), 5, "by all that the second took");
    stage.runs(&on(&[0]).tokens(95));
    stage.waits(&on(&[0]).tokens(1));
}

#[test]
fn more_than_there_ever_is_starts_when_all_is_there_and_is_paid_back() {
    let mut next_starts = Vec::new();
    for kind in KINDS {
        let mut stage = Stage::of(&[tokens(100, 1_000, kind)]);
        let small = stage.runs(&on(&[0]).tokens(1));
        let large = stage.waits(&on(&[0]).tokens(250));
        assert_eq!(stage.at(5), [], "{kind:?}");
        assert_eq!(stage.at(if kind == BUCKET { 10 } else { 1_000 }), [large], "{kind:?}");
        stage.end(small);
        let next = stage.waits(&on(&[0]).tokens(100));
        let began = stage.now.as_nanos() / 1_000_000;
        let at = (0..).map(|it| began + it * 50).find(|at| stage.at(*at) == [next]).unwrap();
        next_starts.push(at - began);
    }
    assert_eq!(next_starts, [3_000, 2_500, 3_000]);
}

#[test]
fn one_call_borrows_sixty_four_windows_at_the_most() {
    for kind in KINDS {
        let mut stage = Stage::of(&[tokens(100, 1_000, kind)]);
        stage.runs(&on(&[0]).tokens(u64::MAX));
        let next = stage.waits(&on(&[0]).tokens(100));
        assert_eq!(stage.at(63_900), [], "{kind:?}");
        assert_eq!(stage.at(64_000), [next], "{kind:?}");
    }
}

#[test]
fn what_calls_of_a_tool_took_is_what_the_next_should_take() {
    let mut stage = Stage::of(&[tokens(10_000, 1_000, SLIDING)]);
    assert_eq!(stage.engine.expected(ToolId(3), Unit(0)), None);
    for amount in (0..40).map(|it| 100 + 10 * (it % 10)) {
        let id = stage.runs(&on(&[0]).tool(3));
        stage.settles(id, amount);
        stage.end(id);
    }
    assert_eq!(stage.engine.expected(ToolId(3), Unit(0)), Some(190));
    assert_eq!(stage.engine.expected(ToolId(3), Unit(1)), None);
    assert_eq!(stage.engine.expected(ToolId(2), Unit(0)), None);
}

#[test]
fn a_calendar_rate_that_is_new_gives_nothing_back_that_it_never_charged() {
    let config = |budgets| LimitConfig { budgets, ..LimitConfig::default() };
    let slots = BudgetConfig::slots(9);
    let mut stage =
        Stage::new(Config { limits: vec![config(vec![slots.clone()])], ..Config::default() });
    let first = stage.runs(&on(&[0]).tokens(60));
    let calendar = RateKind::Calendar { ends: Instant::from_millis(10_000) };
    let edit = Edit::Replace(LimitId(0), config(vec![slots, tokens(100, 10_000, calendar)]));
    stage.edit(vec![edit]);
    stage.at(1);
    stage.runs(&on(&[0]).tokens(70));
    stage.settles(first, 0);
    assert_eq!(stage.used(0, 1), 70);
}

#[test]
fn a_rate_that_a_call_was_never_charged_by_gives_it_nothing_back() {
    for kind in [SLIDING, BUCKET, CALENDAR] {
        let mut stage = Stage::of(&[BudgetConfig::slots(10)]);
        let before = stage.runs(&on(&[0]).tokens(80));
        stage.at(1);
        let kind = match kind {
            RateKind::Calendar { .. } => RateKind::Calendar { ends: Instant::from_millis(10_000) },
            RateKind::Bucket { .. } => RateKind::Bucket { burst: 2_000 },
            other @ RateKind::Sliding { .. } => other,
        };
        let budgets = vec![BudgetConfig::slots(10), tokens(2_000, 10_000, kind)];
        let limit = LimitConfig { budgets, ..LimitConfig::default() };
        stage.edit(vec![Edit::Replace(LimitId(0), limit)]);
        stage.runs(&on(&[0]).tokens(2_000).flow(2));
        stage.settles(before, 0);
        stage.waits(&on(&[0]).tokens(50).flow(3));
    }
}

#[test]
fn what_a_call_took_changes_nothing_of_a_word_that_counts_it_already() {
    for kind in KINDS {
        let mut stage = Stage::of(&[tokens(100, 1_000, kind)]);
        let first = stage.runs(&on(&[0]).tokens(60));
        let word = Word {
            counts: Counts::Unit(Unit(0)),
            limit: None,
            remaining: 20,
            resets_in: Some(Duration::from_millis(800)),
            window: None,
        };
        assert!(stage.engine.observe(stage.now, first, &[word], &mut stage.out));
        stage.settles(first, 10);
        stage.waits(&on(&[0]).tokens(21));
        let mut stage = Stage::of(&[tokens(100, 1_000, kind)]);
        let first = stage.runs(&on(&[0]).tokens(60));
        let other = stage.runs(&on(&[0]).tokens(20).flow(2));
        let word = Word { remaining: 40, ..word };
        assert!(stage.engine.observe(stage.now, first, &[word], &mut stage.out));
        stage.settles(other, 5);
        stage.runs(&on(&[0]).tokens(35));
        stage.waits(&on(&[0]).tokens(1));
    }
}

/// When a rate is new and a call starts at one instant, nobody can tell which was first: so nothing
/// is given back, and what the call took beyond its charge counts.
#[test]
fn a_calendar_rate_counts_what_a_call_took_that_started_as_soon_as_it_was_there() {
    for (actual, counts) in [(90, 90), (20, 70)] {
        let config = |budgets| LimitConfig { budgets, ..LimitConfig::default() };
        let slots = BudgetConfig::slots(9);
        let limits = vec![config(vec![slots.clone()])];
        let mut stage = Stage::new(Config { limits, ..Config::default() });
        stage.at(1);
        let calendar = RateKind::Calendar { ends: Instant::from_millis(10_000) };
        let budgets = vec![slots, tokens(100, 10_000, calendar)];
        stage.edit(vec![Edit::Replace(LimitId(0), config(budgets))]);
        let first = stage.runs(&on(&[0]).tokens(70));
        stage.settles(first, actual);
        assert_eq!(stage.used(0, 1), counts, "it took {actual}");
    }
}

/// A clock is set, and the window is over at the instant at which a call has started: the next one
/// gives nothing back that it may not have been charged.
#[test]
fn a_calendar_window_that_is_ended_as_a_call_starts_leaves_the_next_one_nothing_to_give_back() {
    let calendar = RateKind::Calendar { ends: Instant::from_millis(10_000) };
    for (first_took, more, second_took, used) in
        [(0, 0, 100, 100), (20, 0, 70, 100), (90, 30, 70, 130), (90, 30, 120, 150)]
    {
        let mut stage = Stage::of(&[tokens(100, 10_000, calendar)]);
        stage.at(1_000);
        let first = stage.runs(&on(&[0]).tokens(60));
        assert!(stage.engine.align(stage.now, LimitId(0), 0, stage.now, &mut stage.out));
        let before = stage.engine.clone();
        stage.settles(first, first_took);
        assert_eq!(stage.used(0, 0), more, "the first took {first_took}");
        stage.engine = before;
        let second = stage.runs(&on(&[0]).tokens(100).flow(2));
        stage.settles(first, first_took);
        stage.settles(second, second_took);
        assert_eq!(stage.used(0, 0), used, "they took {first_took} and {second_took}");
        stage.waits(&on(&[0]).tokens(1).flow(3));
    }
}

#[test]
fn a_calendar_window_that_is_ended_before_a_call_starts_gives_back_what_that_did_not_take() {
    let calendar = RateKind::Calendar { ends: Instant::from_millis(10_000) };
    let mut stage = Stage::of(&[tokens(100, 10_000, calendar)]);
    let before = stage.runs(&on(&[0]).tokens(100));
    stage.at(1_000);
    assert!(stage.engine.align(stage.now, LimitId(0), 0, stage.now, &mut stage.out));
    let call = stage.runs(&on(&[0]).tokens(60));
    stage.settles(call, 20);
    stage.settles(before, 0);
    assert_eq!(stage.used(0, 0), 20);
}

/// It was charged nothing when the bucket was full, and tells what it took by the new figures.
#[test]
fn what_a_call_of_before_took_counts_in_a_full_bucket_that_gets_other_figures() {
    let bucket = |burst| tokens(10, 10_000, RateKind::Bucket { burst });
    for (edited, settled, used) in [(1_000, 1_000, 5), (1_000, 3_000, 3), (2_000, 3_000, 3)] {
        let mut stage = Stage::of(&[bucket(10)]);
        stage.at(1_000);
        let call = stage.runs(&on(&[0]).tokens(0));
        stage.at(edited);
        let limit = LimitConfig { budgets: vec![bucket(20)], ..LimitConfig::default() };
        stage.edit(vec![Edit::Replace(LimitId(0), limit)]);
        stage.at(settled);
        stage.settles(call, 5);
        assert_eq!(stage.used(0, 0), used, "edited at {edited}, settled at {settled}");
    }
}
