//! The judge and the provider's meters must agree, as they count in different ways.

use super::*;
use crate::meter::Meter;
use crate::quota::Unit;

fn some_quota(rng: &mut fastrand::Rng, unit: Unit) -> Quota {
    let kind = match rng.u8(..3) {
        0 => Kind::Bucket { burst: rng.u64(5..30) },
        1 => Kind::Sliding,
        _ => Kind::Calendar,
    };
    Quota { unit, amount: rng.u64(5..20), period_ns: rng.u64(10..300), kind }
}

fn entry(virtual_ns: u64, charged: Vec<u64>) -> Entry {
    Entry { virtual_ns, status: 200, charged, ..Entry::default() }
}

#[test]
fn what_meters_admit_is_no_breach_and_one_unit_more_is() {
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let quota = some_quota(&mut rng, Unit::Requests);
        let phase_ns = rng.u64(..1_000);
        let mut meter = Meter::new(quota, phase_ns);
        let mut entries = Vec::new();
        let mut now_ns = 0;
        for _ in 0..200 {
            now_ns += rng.u64(..20);
            let amount = rng.u64(1..=5);
            if meter.wait_ns(now_ns, amount) == Some(0) {
                meter.charge(now_ns, amount);
                entries.push(entry(now_ns, vec![amount]));
            }
        }
        assert_eq!(judge(&[quota], phase_ns, &entries).breaches, [""; 0], "seed {seed}");
        entries.push(entry(now_ns, vec![meter.remaining(now_ns) + 1]));
        assert_eq!(judge(&[quota], phase_ns, &entries).breaches.len(), 1, "seed {seed}");
    }
}

#[test]
fn the_soonest_is_when_meters_would_admit_the_last_and_no_more_fits_than_there_is_room() {
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let quotas = [some_quota(&mut rng, Unit::Requests), some_quota(&mut rng, Unit::Tokens)];
        let phase_ns = rng.u64(..1_000);
        let mut meters = quotas.map(|quota| Meter::new(quota, phase_ns));
        let mut now_ns = 0;
        let mut calls = Vec::new();
        for _ in 0..100 {
            let takes = vec![1, rng.u64(1..=5)];
            let from_ns = now_ns + if rng.u8(..4) == 0 { rng.u64(..50) } else { 0 };
            now_ns = now_ns.max(from_ns);
            loop {
                let waits = meters.iter_mut().zip(&takes);
                let wait_ns = waits.map(|(it, takes)| it.wait_ns(now_ns, *takes).unwrap()).max();
                match wait_ns {
                    Some(0) | None => break,
                    Some(ns) => now_ns += ns,
                }
            }
            for (meter, takes) in meters.iter_mut().zip(&takes) {
                meter.charge(now_ns, *takes);
            }
            calls.push(Asked { from_ns, takes });
        }
        assert_eq!(soonest_ns(&quotas, phase_ns, &calls), Some(now_ns), "seed {seed}");
        for (at, quota) in quotas.iter().enumerate() {
            let used: u64 = calls.iter().map(|call| call.takes[at]).sum();
            assert!(used <= room(quota, phase_ns, 0, now_ns + 1), "seed {seed}: {quota}");
        }
    }
}

#[test]
fn a_correction_counts_once_and_waits_are_by_nearest_rank() {
    let call = |seq, asked, unix| Entry {
        seq,
        unix_ns: unix,
        asked_unix_ns: Some(asked),
        priority: Some("low".into()),
        ..entry(0, vec![1, 800])
    };
    let end = Entry { who: Who::End, settles: Some(0), seq: 2, ..entry(9, vec![1, 600]) };
    let other = Entry { who: Who::Other, seq: 3, ..entry(9, vec![0, 70]) };
    let turned_away =
        Entry { status: 429, limit: Some("x".into()), seq: 4, ..entry(9, vec![0, 0]) };
    let entries = [call(0, 5, 10), call(1, 5, 25), end, other, turned_away];
    let verdict = judge(&[], 0, &entries);
    assert_eq!((verdict.calls, verdict.admitted, verdict.throttled()), (3, 2, 1));
    let waits = Waits { calls: 2, p50_ns: 5, p95_ns: 20, max_ns: 20 };
    assert_eq!(verdict.waits["low"], waits);
    let quotas = [Unit::Requests, Unit::Tokens].map(|unit| Quota {
        unit,
        amount: 10_000,
        period_ns: 10,
        kind: Kind::Sliding,
    });
    let verdict = judge(&quotas, 0, &entries);
    assert_eq!((verdict.used, verdict.used_by_others), (vec![2, 1_400], vec![0, 70]));
}
