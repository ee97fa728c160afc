//! Real threads.

use std::sync::Barrier;
use std::thread;

use serde_json::Value;

use super::*;

const THREADS: usize = 8;
const ROUNDS: usize = 500;

#[test]
fn nothing_that_threads_write_at_once_is_lost() {
    let bag = StateBag::new(super::random::rules()).unwrap();
    let turn = bag.turn(None);
    let barrier = Barrier::new(THREADS);
    let kept: u64 = thread::scope(|scope| {
        let work = |at: usize| {
            let writer = turn.writer(&at.to_string(), "t", at, 1, None);
            let barrier = &barrier;
            move || {
                let mut kept = 0;
                barrier.wait();
                for round in 0..ROUNDS {
                    writer.add("added", 1).unwrap();
                    writer.update("updated", |n: Option<u64>| n.unwrap_or(0) + 1).unwrap();
                    writer.add("sum", 1).unwrap();
                    writer.set("append", at * ROUNDS + round).unwrap();
                    let n: Option<u64> = writer.get("set").unwrap();
                    thread::yield_now();
                    kept += u64::from(writer.set("set", n.unwrap_or(0) + 1).is_ok());
                }
                kept
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|at| scope.spawn(work(at))).collect();
        threads.into_iter().map(|it| it.join().unwrap()).sum()
    });
    let all = (THREADS * ROUNDS) as u64;
    for key in ["added", "updated", "sum"] {
        assert_eq!(bag.get::<u64>(key).unwrap(), Some(all), "{key}");
    }
    assert_eq!(bag.get::<u64>("set").unwrap(), Some(kept), "what was said to be kept is there");
    let appended: Vec<usize> = bag.get("append").unwrap().unwrap();
    assert_eq!(appended, (0..THREADS * ROUNDS).collect::<Vec<_>>());
}

#[test]
fn a_snapshot_is_of_one_moment() {
    let (bag, [a, b, _]) = bag(BagRules::new());
    a.batch().set("x", 0).set("y", 0).commit().unwrap();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            barrier.wait();
            for n in 1..=ROUNDS {
                a.batch().set("x", n).set("y", n).commit().unwrap();
            }
        });
        barrier.wait();
        let mut last = 0;
        while last < ROUNDS as u64 {
            let snapshot = b.snapshot();
            let value = |key| snapshot.value(key).and_then(Value::as_u64).unwrap();
            assert_eq!(value("x"), value("y"));
            assert!(snapshot.keys.values().all(|it| it.version <= snapshot.version));
            assert!(value("x") >= last);
            last = value("x");
        }
    });
    let old = bag.snapshot();
    a.set("x", "new").unwrap();
    assert_eq!(old.value("x"), Some(&ROUNDS.into()), "it does not change any more");
}
