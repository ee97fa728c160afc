//! The provider against a judge that keeps no state: for each request it goes over the whole log
//! again, by another form of each quota's definition.

use std::sync::Arc;

use super::super::quota::{Kind, Quota, Request, Unit};
use super::Provider;

const KINDS: [Kind; 3] =
    [Kind::Sliding, Kind::Bucket { burst: 3 }, Kind::Calendar { offset_ns: 0 }];

fn quota(unit: Unit, amount: u64, period_ns: u64, kind: Kind) -> Quota {
    Quota { unit, amount, period_ns, kind }
}

fn requests(amount: u64, period_ns: u64, kind: Kind) -> Quota {
    quota(Unit::Requests, amount, period_ns, kind)
}

/// Whether the quotas allow a request after those in the log.
fn allowed(quotas: &[Quota], log: &[Request], now_ns: u64, tokens: u64) -> bool {
    let candidate = Request { time_ns: now_ns, tokens, accepted: true };
    let accepted: Vec<Request> =
        log.iter().copied().filter(|r| r.accepted).chain([candidate]).collect();
    quotas.iter().all(|quota| {
        let cost =
            |r: &Request| i128::from(if quota.unit == Unit::Requests { 1 } else { r.tokens });
        let (amount, period) = (i128::from(quota.amount), i128::from(quota.period_ns));
        let now = i128::from(now_ns);
        let total = |counts: &dyn Fn(i128) -> bool| -> i128 {
            accepted.iter().filter(|r| counts(i128::from(r.time_ns))).map(cost).sum()
        };
        match quota.kind {
            Kind::Sliding => total(&|t| now - period < t) <= amount,
            Kind::Calendar { offset_ns } => {
                let number = |t: i128| (t + i128::from(offset_ns)).div_euclid(period);
                total(&|t| number(t) == number(now)) <= amount
            }
            // A bucket holds if no stretch of the log takes more than the burst and what flowed in.
            Kind::Bucket { burst } => (0..accepted.len()).all(|from| {
                let taken: i128 = accepted[from..].iter().map(cost).sum();
                let since = now - i128::from(accepted[from].time_ns);
                taken * period <= i128::from(burst) * period + since * amount
            }),
        }
    })
}

/// A small generator of its own (xorshift*), so that a seed reproduces a case.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }

    fn quota(&mut self) -> Quota {
        let kind = match self.below(3) {
            0 => Kind::Sliding,
            1 => Kind::Bucket { burst: 1 + self.below(8) },
            _ => Kind::Calendar { offset_ns: i64::try_from(self.below(61)).unwrap() - 30 },
        };
        let unit = if self.below(2) == 0 { Unit::Requests } else { Unit::Tokens };
        quota(unit, 1 + self.below(8), 1 + self.below(40), kind)
    }
}

#[test]
fn every_answer_is_the_one_that_the_whole_log_demands() {
    let (mut accepted, mut refused, mut never) = (0, 0, 0);
    for seed in 1..=400 {
        let mut draw = Draw(seed);
        let quotas: Vec<Quota> = (0..1 + draw.below(3)).map(|_| draw.quota()).collect();
        let provider = Provider::new("p", quotas.clone(), None);
        let gap = 1 + draw.below(12);
        let mut now_ns = draw.below(100);
        for _ in 0..150 {
            now_ns += draw.below(gap);
            let tokens = draw.below(6);
            let log = provider.log();
            let answer = provider.request(now_ns, tokens);
            let place = format!("seed {seed}, at {now_ns}, {tokens} tokens, {quotas:?}");
            assert_eq!(answer.is_ok(), allowed(&quotas, &log, now_ns, tokens), "{place}");
            match answer.map_err(|refusal| refusal.retry_after_ns) {
                Ok(_) => accepted += 1,
                Err(u64::MAX) => {
                    never += 1;
                    let far = now_ns + 10_000;
                    assert!(!allowed(&quotas, &log, far, tokens), "{place}");
                }
                Err(wait) => {
                    refused += 1;
                    assert!(wait > 0, "{place}");
                    assert!(!allowed(&quotas, &log, now_ns + wait - 1, tokens), "{place}: {wait}");
                    assert!(allowed(&quotas, &log, now_ns + wait, tokens), "{place}: {wait}");
                }
            }
        }
        assert_eq!(provider.accepted() + provider.throttled(), 150);
    }
    assert!(accepted > 1000 && refused > 1000 && never > 100, "{accepted} {refused} {never}");
}

/// The earliest end of all schedules, found by trying every one of them.
fn best_of_all(
    quotas: &[Quota],
    log: &mut Vec<Request>,
    from_ns: u64,
    tokens: &[u64],
    bound_ns: u64,
) -> u64 {
    let Some((&first, rest)) = tokens.split_first() else { return from_ns };
    let mut best = u64::MAX;
    for time_ns in from_ns..bound_ns {
        if allowed(quotas, log, time_ns, first) {
            log.push(Request { time_ns, tokens: first, accepted: true });
            best = best.min(best_of_all(quotas, log, time_ns, rest, bound_ns.min(best)));
            log.pop();
        }
    }
    best
}

#[test]
fn no_schedule_of_all_that_are_possible_ends_before_the_best() {
    let mut waited = 0;
    for seed in 1..=150 {
        let mut draw = Draw(seed);
        let kinds = [KINDS[0], KINDS[1], Kind::Calendar { offset_ns: 2 }];
        let quotas: Vec<Quota> = (0..1 + draw.below(2))
            .map(|_| {
                let kind = kinds[usize::try_from(draw.below(3)).unwrap()];
                let unit = if draw.below(2) == 0 { Unit::Requests } else { Unit::Tokens };
                quota(unit, 3 + draw.below(2), 2 + draw.below(5), kind)
            })
            .collect();
        let tokens: Vec<u64> = (0..2 + draw.below(4)).map(|_| 1 + draw.below(3)).collect();
        let start_ns = draw.below(10);
        let best = Provider::new("p", quotas.clone(), None).best_finish_from_ns(start_ns, &tokens);
        let found = best_of_all(&quotas, &mut Vec::new(), start_ns, &tokens, start_ns + 22);
        assert_eq!(start_ns + best, found, "seed {seed}: {tokens:?} from {start_ns}, {quotas:?}");
        waited += u32::from(best > 0);
    }
    assert!(waited > 50, "{waited}");
}

#[test]
fn the_best_finish_is_what_arithmetic_says() {
    let second = 1_000_000_000;
    let table = [
        (requests(40, 2 * second, Kind::Sliding), 40, 0),
        (requests(40, 2 * second, Kind::Sliding), 41, 2 * second),
        (requests(40, 2 * second, Kind::Sliding), 800, 38 * second),
        (requests(40, 2 * second, Kind::Calendar { offset_ns: 0 }), 800, 38 * second),
        (requests(10, second, Kind::Bucket { burst: 1 }), 101, 10 * second),
        (requests(10, second, Kind::Bucket { burst: 5 }), 105, 10 * second),
        (requests(3, second, Kind::Bucket { burst: 1 }), 2, 333_333_334),
        (requests(10, second, Kind::Sliding), 0, 0),
        (requests(0, second, Kind::Sliding), 1, u64::MAX),
        (requests(0, second, Kind::Bucket { burst: 2 }), 3, u64::MAX),
        (quota(Unit::Tokens, 99, second, Kind::Calendar { offset_ns: 0 }), 1, u64::MAX),
        (quota(Unit::Tokens, 250, second, Kind::Sliding), 4, second),
    ];
    for (quota, count, best_ns) in table {
        let provider = Provider::new("p", vec![quota], Some(1));
        assert_eq!(
            provider.best_finish_from_ns(0, &vec![100; count]),
            best_ns,
            "{count} of {quota}"
        );
        assert_eq!(provider.log(), [], "asking for the best logs nothing");
    }
    assert_eq!(Provider::new("p", vec![], None).best_finish_from_ns(0, &[1, 2]), 0);
}

#[test]
fn a_day_begins_at_local_midnight() {
    let (hour, day) = (3_600_000_000_000, 86_400_000_000_000);
    let offset_ns = 2 * i64::try_from(hour).unwrap();
    let provider = Provider::new("p", vec![requests(1, day, Kind::Calendar { offset_ns })], None);
    assert!(provider.request(21 * hour, 0).is_ok());
    let refusal = provider.request(21 * hour + 1, 0).unwrap_err();
    assert_eq!(refusal.retry_after_ns, hour - 1);
    assert!(provider.request(22 * hour, 0).is_ok());
    assert_eq!(provider.request(23 * hour, 0).unwrap_err().retry_after_ns, 23 * hour);
}

#[test]
fn requests_at_once_are_bounded_until_a_ticket_is_dropped() {
    let provider = Provider::new("p", vec![requests(3, 100, Kind::Sliding)], Some(2));
    let first = provider.request(0, 0).unwrap();
    let second = provider.request(0, 0).unwrap();
    let refusal = provider.request(0, 0).unwrap_err();
    assert_eq!((refusal.retry_after_ns, refusal.quota.as_str()), (0, "2 requests at once"));
    drop(first);
    let third = provider.request(1, 0).unwrap();
    // A quota speaks first: waiting for a request to end would not help.
    assert_eq!(provider.request(2, 0).unwrap_err().retry_after_ns, 98);
    drop((second, third));
    assert_eq!((provider.accepted(), provider.throttled(), provider.peak_running()), (3, 2, 2));
}

#[test]
fn the_refusal_names_the_quota_that_takes_longest() {
    let quotas = vec![
        requests(1, 10, Kind::Sliding),
        requests(1, 86_400_000_000_000, Kind::Sliding),
        requests(1, 1_000, Kind::Bucket { burst: 1 }),
    ];
    let provider = Provider::new("p", quotas, None);
    assert!(provider.request(0, 0).is_ok());
    let refusal = provider.request(1, 0).unwrap_err();
    assert_eq!(refusal.quota, "1 requests in any 86400s");
    assert_eq!(refusal.retry_after_ns, 86_399_999_999_999);
}

#[test]
fn a_request_dated_before_the_last_one_is_judged_at_the_last_one() {
    let provider = Provider::new("p", vec![requests(1, 10, Kind::Sliding)], None);
    assert!(provider.request(100, 0).is_ok());
    assert_eq!(provider.request(50, 0).unwrap_err().retry_after_ns, 10);
    let times: Vec<u64> = provider.log().iter().map(|r| r.time_ns).collect();
    assert_eq!(times, [100, 100]);
}

#[test]
fn extreme_numbers_neither_panic_nor_let_a_request_through_unasked() {
    for kind in KINDS.into_iter().chain([
        Kind::Bucket { burst: u64::MAX },
        Kind::Calendar { offset_ns: i64::MAX },
        Kind::Calendar { offset_ns: i64::MIN },
    ]) {
        for (amount, period_ns) in [(0, 0), (0, 7), (1, 0), (u64::MAX, u64::MAX), (1, u64::MAX)] {
            let quotas = vec![quota(Unit::Tokens, amount, period_ns, kind)];
            let provider = Provider::new("p", quotas, Some(u64::MAX));
            for now_ns in [0, 1, 1 << 63, u64::MAX] {
                for tokens in [0, 1, u64::MAX] {
                    let _ = provider.request(now_ns, tokens);
                }
            }
            provider.best_finish_from_ns(u64::MAX - 1, &[1, 1, 1]);
            if amount == 0 && !matches!(kind, Kind::Bucket { .. }) {
                assert!(provider.log().iter().all(|r| !r.accepted || r.tokens == 0));
            }
        }
    }
}

#[test]
fn threads_share_one_log_and_one_bound() {
    let provider = Arc::new(Provider::new("p", vec![requests(500, 1, Kind::Sliding)], Some(3)));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let provider = Arc::clone(&provider);
            scope.spawn(move || (0..500).for_each(|_| drop(provider.request(7, 1))));
        }
    });
    assert_eq!(provider.log().len(), 2000);
    assert!(provider.peak_running() <= 3 && provider.accepted() <= 500);
}
