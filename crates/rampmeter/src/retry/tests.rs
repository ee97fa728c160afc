use std::time::Duration;

use rampmeter_core::{Instant, Reason};
use serde_json::json;

use super::{Backoff, NoRetry, RetryBudget, Verdict, is_idempotent, may_retry};
use crate::executor::CallError;
use crate::format::Malformed;
use crate::policy::{Access, Policy, RetriesPolicy};
use crate::refusal::{Refusal, Retry};
use crate::tool::Tool;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(200), max: Duration::from_secs(10) };

const BUDGET: RetriesPolicy = RetriesPolicy { ratio_per_mille: 200, min_per_second: 1, burst: 10 };

#[test]
fn the_wait_is_anything_up_to_a_bound_that_doubles_and_has_an_end() {
    for (retries, most_ms) in [(0, 200), (1, 400), (2, 800), (5, 6_400), (6, 10_000)] {
        let most = Duration::from_millis(most_ms);
        assert_eq!(BACKOFF.wait(retries, None, 0), Duration::ZERO);
        assert_eq!(BACKOFF.wait(retries, None, 1 << 63), most / 2);
        let longest = BACKOFF.wait(retries, None, u64::MAX);
        assert!(longest < most && longest + Duration::from_nanos(1) >= most, "{longest:?}");
    }
    for retries in [31, 32, 64, u32::MAX] {
        assert_eq!(BACKOFF.wait(retries, None, 1 << 63), BACKOFF.max / 2, "{retries}");
    }
}

#[test]
fn what_a_server_said_is_never_shortened_and_those_it_sent_away_come_back_apart() {
    let said = Duration::from_secs(60);
    let waits = [0, 1 << 62, u64::MAX].map(|random| BACKOFF.wait(0, Some(said), random));
    assert_eq!(waits[0], said);
    assert_eq!(waits[1], said + BACKOFF.base / 4);
    assert!(waits[2] > waits[1] && waits[2] < said + BACKOFF.base);
    let longest = Backoff { base: Duration::MAX, max: Duration::MAX };
    assert_eq!(longest.wait(9, Some(Duration::MAX), u64::MAX), Duration::MAX);
}

#[test]
fn retries_are_a_share_of_first_attempts_and_no_more() {
    let now = Instant::EPOCH;
    let mut budget = RetryBudget::new(RetriesPolicy { min_per_second: 0, ..BUDGET }, now);
    let burst = (0..100).filter(|_| budget.withdraw(now)).count();
    assert_eq!(burst, 10, "what is saved up at the beginning");
    let mut retried = 0;
    for _ in 0..1_000 {
        budget.deposit(now);
        retried += usize::from(budget.withdraw(now));
    }
    assert_eq!(retried, 200, "20 % of 1,000");
}

#[test]
fn what_is_saved_up_is_bounded() {
    let (now, later) = (Instant::EPOCH, Instant::from_millis(86_400_000));
    let mut budget = RetryBudget::new(BUDGET, now);
    (0..1_000_000).for_each(|_| budget.deposit(now));
    assert_eq!(budget.left(now), 10);
    assert_eq!(budget.left(later), 10);
    assert_eq!(budget.left(Instant::NEVER), 10);
}

#[test]
fn a_few_retries_a_second_are_let_through_whatever_the_load() {
    let mut budget = RetryBudget::new(BUDGET, Instant::EPOCH);
    while budget.withdraw(Instant::EPOCH) {}
    assert!(!budget.withdraw(Instant::from_millis(999)));
    assert!(budget.withdraw(Instant::from_millis(1_000)));
    assert!(!budget.withdraw(Instant::from_millis(1_500)), "half of one is saved up");
    assert!(!budget.withdraw(Instant::from_millis(0)), "a clock that steps back pays nothing");
    assert!(budget.withdraw(Instant::from_millis(2_000)));
}

#[test]
fn a_budget_that_gets_other_figures_keeps_what_is_saved_up_within_them() {
    let now = Instant::EPOCH;
    let mut budget = RetryBudget::new(BUDGET, now);
    budget.apply(RetriesPolicy { burst: 4, ..BUDGET }, now);
    assert_eq!(budget.left(now), 4);
    budget.apply(BUDGET, now);
    assert_eq!(budget.left(now), 4);
}

fn refused(reason: Reason, retry: Retry) -> CallError {
    let (tool, waited) = ("t".into(), Duration::ZERO);
    CallError::Refused(Refusal { tool, reason, limit: None, retry, waited, detail: None })
}

/// Every row of the table in `docs/retries.md`.
#[test]
fn only_what_cannot_have_been_done_or_may_be_done_twice_is_tried_again() {
    use Verdict::{Again, No};
    let minute = Some(Duration::from_secs(60));
    let throttled = |may_have_run| CallError::Throttled {
        message: "no room".into(),
        retry_after: minute,
        may_have_run,
    };
    let rows = [
        (
            CallError::Malformed(Malformed { reason: "?".into() }),
            No(NoRetry::Wrong),
            No(NoRetry::Wrong),
        ),
        (refused(Reason::TooLarge, Retry::Never), No(NoRetry::Wrong), No(NoRetry::Wrong)),
        (
            refused(Reason::QueueTimeout, Retry::After(Duration::from_secs(1))),
            No(NoRetry::OutOfTime),
            No(NoRetry::OutOfTime),
        ),
        (
            refused(Reason::Deadline, Retry::OnRelease),
            No(NoRetry::OutOfTime),
            No(NoRetry::OutOfTime),
        ),
        (
            refused(Reason::QueueFull, Retry::OnRelease),
            Again { after: None },
            Again { after: None },
        ),
        (
            refused(Reason::Open, Retry::After(Duration::from_secs(60))),
            Again { after: minute },
            Again { after: minute },
        ),
        (throttled(false), Again { after: minute }, Again { after: minute }),
        (throttled(true), Again { after: minute }, No(NoRetry::NotIdempotent)),
        (CallError::Failed("reset".into()), Again { after: None }, No(NoRetry::NotIdempotent)),
        (CallError::NoAnswer("late".into()), Again { after: None }, No(NoRetry::NotIdempotent)),
        (
            CallError::TimedOut(Duration::from_secs(1)),
            Again { after: None },
            No(NoRetry::NotIdempotent),
        ),
        (CallError::Panicked("!".into()), No(NoRetry::Panicked), No(NoRetry::Panicked)),
        (CallError::TurnDeadline, No(NoRetry::TurnOver), No(NoRetry::TurnOver)),
        (CallError::Cancelled, No(NoRetry::TurnOver), No(NoRetry::TurnOver)),
    ];
    for (error, if_idempotent, otherwise) in rows {
        assert_eq!(may_retry(&error, true), if_idempotent, "{error:?}");
        assert_eq!(may_retry(&error, false), otherwise, "{error:?}");
    }
}

#[test]
fn the_policys_word_on_a_tool_beats_its_own_and_reading_may_be_done_twice() {
    let tool = |said: Option<bool>| {
        let tool = Tool::raw("t", "", json!({}), |_| async { Ok(String::new()) });
        said.map_or(tool.clone(), |said| tool.idempotent(said))
    };
    let policy =
        |word: &str| Policy::parse("test", &format!("[tools.t]\nretry = 3\n{word}")).unwrap();
    let (silent, yes, no) = (policy(""), policy("idempotent = true"), policy("idempotent = false"));
    let rows = [
        (None, &silent, Access::Read, true),
        (None, &silent, Access::Write, false),
        (Some(true), &silent, Access::Write, true),
        (Some(false), &silent, Access::Read, false),
        (Some(false), &yes, Access::Write, true),
        (Some(true), &no, Access::Read, false),
    ];
    for (said, policy, access, idempotent) in rows {
        let found = is_idempotent(&tool(said), policy.tool("t"), access);
        assert_eq!(found, idempotent, "{said:?} {access:?}");
    }
    assert!(is_idempotent(&tool(None), None, Access::Read));
}
