//! What providers say of their quotas: the limit never admits more than the last word allows.

use std::time::Duration;

use rampmeter_core::*;

use crate::stage::{SLIDING, Stage, on, rate};

const BUCKET: RateKind = RateKind::Bucket { burst: 10 };
const CALENDAR: RateKind = RateKind::Calendar { ends: Instant::from_millis(10_000) };
const KINDS: [RateKind; 3] = [SLIDING, BUCKET, CALENDAR];

impl Stage {
    /// With the answer to this call came: so many requests left, and a reset in so long.
    fn hears(&mut self, id: CallId, remaining: u64, resets: Option<u64>) {
        let resets_in = resets.map(Duration::from_millis);
        let counts = Counts::Calls;
        self.hear(id, Word { counts, limit: None, remaining, resets_in, window: None });
    }

    fn hear(&mut self, id: CallId, word: Word) {
        self.out.clear();
        assert!(self.engine.observe(self.now, id, &[word], &mut self.out));
    }

    /// How many more start now, until one has to wait; that one is given up.
    fn start(&mut self) -> usize {
        for started in 0.. {
            match self.ask(&on(&[0])) {
                Decision::Granted(_) => {}
                Decision::Waiting(id) => {
                    self.gives_up(id);
                    return started;
                }
                other => panic!("{other:?}"),
            }
        }
        unreachable!()
    }
}

/// Ten in ten seconds, and one call has been answered.
fn one_answered(kind: RateKind) -> (Stage, CallId) {
    let mut stage = Stage::of(&[rate(10, 10_000, kind)]);
    let first = stage.runs(&on(&[0]));
    (stage, first)
}

#[test]
fn no_more_starts_than_the_provider_says_is_left() {
    for kind in KINDS {
        let (mut stage, first) = one_answered(kind);
        stage.hears(first, 3, Some(7_000));
        assert_eq!(stage.start(), 3, "{kind:?}");
    }
}

/// The provider counts calls for a period, and the window here for a transit longer: what lies in
/// between is not among what the provider counts, and is no room once it leaves here, too.
#[test]
fn what_has_left_at_the_provider_only_is_not_taken_for_what_others_took() {
    let transit = Duration::from_secs(1);
    let mut stage = Stage::of(&[rate(10, 10_000, RateKind::Sliding { transit })]);
    for flow in 1..=4 {
        let id = stage.runs(&on(&[0]).flow(flow));
        stage.end(id);
    }
    stage.at(10_500);
    let answered = stage.runs(&on(&[0]));
    stage.hears(answered, 4, Some(9_500));
    stage.at(11_000);
    assert_eq!(stage.start(), 4);
}

#[test]
fn what_is_out_may_still_be_on_its_way_and_is_set_aside() {
    for kind in KINDS {
        let (mut stage, first) = one_answered(kind);
        let others = [2, 3].map(|flow| stage.runs(&on(&[0]).flow(flow)));
        stage.hears(first, 4, Some(7_000));
        assert_eq!(stage.start(), 2, "{kind:?}");
        for id in others {
            stage.end(id);
        }
        assert_eq!(stage.start(), 0, "{kind:?}: it is not known whether they were counted");
    }
}

#[test]
fn a_word_that_allows_more_than_the_own_count_changes_nothing() {
    for kind in KINDS {
        let (mut stage, first) = one_answered(kind);
        stage.hears(first, 1_000, Some(5_000));
        assert_eq!(stage.start(), 9, "{kind:?}");
    }
}

#[test]
fn the_last_word_replaces_the_one_before() {
    for kind in KINDS {
        let (mut stage, first) = one_answered(kind);
        stage.hears(first, 0, Some(9_000));
        assert_eq!(stage.start(), 0, "{kind:?}");
        stage.hears(first, 5, Some(9_000));
        assert_eq!(stage.start(), 5, "{kind:?}");
    }
}

#[test]
fn a_word_that_is_late_may_allow_less_and_not_more() {
    for kind in KINDS {
        let (mut stage, first) = one_answered(kind);
        stage.at(10);
        let second = stage.runs(&on(&[0]));
        stage.hears(second, 4, Some(9_000));
        stage.end(second);
        stage.hears(first, 6, Some(9_000));
        let left = stage.start();
        assert_eq!(left, 3, "{kind:?}: four, and the first is out");
        stage.hears(first, 1, Some(9_000));
        assert_eq!(stage.start(), 0, "{kind:?}");
    }
}

#[test]
fn what_is_spent_is_there_again_when_the_provider_said() {
    for (kind, resets) in [(SLIDING, 4_000), (CALENDAR, 4_000), (BUCKET, 10_000)] {
        let (mut stage, first) = one_answered(kind);
        stage.hears(first, 0, Some(resets));
        stage.end(first);
        let next = stage.waits(&on(&[0]));
        let at = (0..11_000).step_by(100).find(|at| stage.at(*at) == [next]);
        // A bucket that is full in ten seconds has one in one second.
        assert_eq!(at, Some(if kind == BUCKET { 1_000 } else { 4_000 }), "{kind:?}");
    }
}

#[test]
fn a_reset_that_is_later_than_the_kind_knows_is_believed() {
    for kind in KINDS {
        let (mut stage, first) = one_answered(kind);
        stage.hears(first, 0, Some(60_000));
        let spent = stage.out.iter().any(|it| matches!(it, Output::Spent { .. }));
        assert!(spent, "{kind:?}: {:?}", stage.out);
        stage.end(first);
        let next = stage.waits(&on(&[0]));
        assert_eq!(stage.at(59_999), [], "{kind:?}");
        assert_eq!(stage.at(60_000), [next], "{kind:?}");
    }
}

#[test]
fn whoever_cannot_wait_for_a_spent_quota_is_refused_at_once() {
    let (mut stage, first) = one_answered(CALENDAR);
    stage.runs(&on(&[0]).flow(2));
    for _ in 0..8 {
        stage.runs(&on(&[0]));
    }
    let short = stage.waits(&on(&[0]).may_wait(20_000));
    stage.waits(&on(&[0]).may_wait(90_000).flow(2));
    stage.hears(first, 0, Some(60_000));
    assert_eq!(stage.refusals(), [(short, Reason::QueueTimeout)]);
}

#[test]
fn a_day_and_a_minute_of_the_same_unit_are_told_apart() {
    let day = Duration::from_secs(86_400);
    let calls = |amount, period| BudgetConfig::Rate {
        counts: Counts::Calls,
        amount,
        period,
        kind: SLIDING,
    };
    let minute = Duration::from_secs(60);
    let limit = LimitConfig {
        budgets: vec![calls(30, minute), calls(14_400, day)],
        ..LimitConfig::default()
    };
    let word =
        Word { counts: Counts::Calls, limit: None, remaining: 2, resets_in: None, window: None };
    let hour = Some(Duration::from_secs(3_600));
    let cases = [
        (Word { window: Some(day), ..word }, 86_400),
        (Word { limit: Some(14_400), ..word }, 86_400),
        (Word { resets_in: hour, ..word }, 3_600),
        (Word { window: Some(minute), ..word }, 60),
        (Word { limit: Some(30), ..word }, 60),
        (Word { resets_in: Some(Duration::from_secs(7)), ..word }, 7),
    ];
    for (word, seconds) in cases {
        let mut stage = Stage::new(Config { limits: vec![limit.clone()], ..Config::default() });
        let first = stage.runs(&on(&[0]));
        stage.hear(first, word);
        assert_eq!(stage.start(), 2, "{word:?}");
        let next = stage.waits(&on(&[0]));
        let at = stage.engine.explain(stage.now, next).unwrap().waits_for;
        // The last sub-window of a large one ends up to a 128th later.
        let WaitsFor::Until(at) = at else { panic!("{at:?}") };
        let at = at.as_nanos() / 1_000_000_000;
        assert!((seconds..=seconds + seconds / 128).contains(&at), "{word:?}: {at}");
    }
}

#[test]
fn a_word_of_another_unit_or_of_nobody_changes_nothing() {
    let (mut stage, first) = one_answered(SLIDING);
    let word = Word {
        counts: Counts::Unit(Unit(3)),
        limit: None,
        remaining: 0,
        resets_in: None,
        window: None,
    };
    stage.hear(first, word);
    assert_eq!(stage.start(), 9);
    stage.end(first);
    assert!(!stage.engine.observe(stage.now, first, &[word], &mut stage.out));
}

/// A hundred tokens in ten seconds.
fn of_tokens(kind: RateKind) -> Stage {
    let kind = if kind == BUCKET { RateKind::Bucket { burst: 100 } } else { kind };
    Stage::of(&[crate::stage::tokens(100, 10_000, kind)])
}

impl Stage {
    fn hears_of_tokens(&mut self, id: CallId, remaining: u64) {
        let (counts, resets_in) = (Counts::Unit(Unit(0)), Some(Duration::from_secs(9)));
        self.hear(id, Word { counts, limit: None, remaining, resets_in, window: None });
    }

    fn took(&mut self, id: CallId, amount: u64) {
        let cost = [Cost { unit: Unit(0), amount }];
        assert!(self.engine.settle(self.now, id, &cost, &mut self.out));
    }

    fn starts_with(&mut self, tokens: u64) -> bool {
        match self.ask(&on(&[0]).tokens(tokens)) {
            Decision::Granted(_) => true,
            Decision::Waiting(id) => {
                self.gives_up(id);
                false
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_the_answered_call_did_not_take_is_in_the_word_already() {
    for kind in KINDS {
        let mut stage = of_tokens(kind);
        let first = stage.runs(&on(&[0]).tokens(80));
        stage.hears_of_tokens(first, 15);
        stage.took(first, 40);
        assert!(!stage.starts_with(16), "{kind:?}");
        assert!(stage.starts_with(15), "{kind:?}");
    }
}

#[test]
fn what_is_set_aside_beyond_what_is_left_does_not_come_back_as_room() {
    for kind in [BUCKET, CALENDAR] {
        let mut stage = of_tokens(kind);
        let first = stage.runs(&on(&[0]).tokens(10));
        stage.at(1);
        let other = stage.runs(&on(&[0]).tokens(30).flow(2));
        stage.hears_of_tokens(first, 10);
        assert!(!stage.starts_with(1), "{kind:?}");
        stage.took(other, 5);
        assert!(!stage.starts_with(6), "{kind:?}");
        assert!(stage.starts_with(5), "{kind:?}");
    }
}

#[test]
fn a_limit_that_gets_other_figures_keeps_the_providers_word() {
    for kind in KINDS {
        let (mut stage, first) = one_answered(kind);
        stage.hears(first, 3, Some(7_000));
        let longer = match kind {
            RateKind::Bucket { .. } => RateKind::Bucket { burst: 12 },
            other => other,
        };
        for figures in [rate(10, 10_000, kind), rate(12, 10_000, longer)] {
            let limit = LimitConfig { budgets: vec![figures], ..LimitConfig::default() };
            stage.edit(vec![Edit::Replace(LimitId(0), limit)]);
        }
        assert_eq!(stage.start(), 3, "{kind:?}");
    }
}

#[test]
fn a_spent_quota_stays_spent_when_the_limit_gets_other_figures() {
    for kind in KINDS {
        let (mut stage, first) = one_answered(kind);
        stage.hears(first, 0, Some(60_000));
        stage.edit(vec![Edit::Weights(vec![3, 2, 1])]);
        let next = stage.waits(&on(&[0]));
        assert_eq!(stage.at(59_999), [], "{kind:?}");
        assert_eq!(stage.at(60_000), [next], "{kind:?}");
    }
}

#[test]
fn of_two_words_about_one_rate_the_one_that_leaves_less_counts() {
    let word = |remaining, seconds| Word {
        counts: Counts::Calls,
        limit: None,
        remaining,
        resets_in: Some(Duration::from_secs(seconds)),
        window: None,
    };
    let (minute, day) = (word(3, 9), word(14_000, 7_200));
    for kind in KINDS {
        for words in [[minute, day], [day, minute]] {
            let (mut stage, first) = one_answered(kind);
            assert!(stage.engine.observe(stage.now, first, &words, &mut stage.out));
            assert_eq!(stage.start(), 3, "{kind:?}");
        }
    }
}

#[test]
fn a_new_call_that_cannot_wait_for_a_spent_quota_is_refused_wherever_it_would_wait() {
    let mut stage = Stage::of(&[rate(10, 10_000, CALENDAR), BudgetConfig::slots(1)]);
    let first = stage.runs(&on(&[0]));
    stage.runs(&on(&[1]));
    stage.hears(first, 0, Some(60_000));
    let refusal = stage.refused(&on(&[1, 0]).may_wait(20_000));
    let until = Retry::At(Instant::from_millis(60_000));
    assert_eq!((refusal.limit, refusal.retry), (Some(LimitId(0)), until));
    stage.waits(&on(&[1, 0]).may_wait(90_000));
}

#[test]
fn a_quota_that_is_spent_is_told_once_unless_it_lasts_longer() {
    let (mut stage, first) = one_answered(CALENDAR);
    let mut told = Vec::new();
    for resets in [60_000, 60_000, 30_000, 90_000] {
        stage.hears(first, 0, Some(resets));
        told.push(stage.out.iter().filter(|it| matches!(it, Output::Spent { .. })).count());
    }
    assert_eq!(told, [1, 0, 0, 1]);
}
