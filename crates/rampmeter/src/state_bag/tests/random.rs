//! Random writes of many writers, beside the model.

use std::collections::BTreeMap;

use super::model::{Model, Op};
use super::*;

const KEYS: [&str; 6] = ["plain", "other", "append", "sum", "first", "last"];

/// Numbers from a seed (SplitMix64).
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % count as u64).unwrap()
    }
}

pub(super) fn rules() -> BagRules {
    BagRules::new()
        .merge("append", Merge::Append)
        .merge("sum", Merge::Sum)
        .merge("first", Merge::First)
        .merge("last", Merge::Last)
}

fn random_op(rng: &mut Rng, model: &Model, key: &str) -> Op {
    let value = i64::try_from(rng.below(1_000)).unwrap() - 500;
    match rng.below(20) {
        0..5 => Op::Get,
        5..12 => Op::Set(value),
        12..15 => Op::Add(value),
        // The right version, most of the time.
        15..17 => Op::Swap(model.version_of(key).saturating_sub(rng.below(4) as u64 / 3), value),
        17..19 => Op::Remove,
        _ => Op::Withdraw,
    }
}

fn play(writer: &BagWriter, key: &str, op: &Op) -> bool {
    match op {
        Op::Get => writer.get::<serde_json::Value>(key).is_ok(),
        Op::Set(value) => writer.set(key, value).is_ok(),
        Op::Add(value) => writer.add(key, *value).is_ok(),
        Op::Swap(version, value) => writer.compare_and_swap(key, *version, value).is_ok(),
        Op::Remove => writer.remove(key).is_ok(),
        Op::Withdraw => {
            writer.withdraw();
            true
        }
    }
}

#[test]
fn whatever_is_written_in_whatever_order_the_bag_holds_what_the_model_holds() {
    let mut failed = 0;
    for seed in 0..300 {
        let mut rng = Rng(seed);
        let (bag, mut model) = (StateBag::new(rules()).unwrap(), Model::default());
        let turn = bag.turn(None);
        let writer = |at: usize| turn.writer(&at.to_string(), "t", at, 1, None);
        let mut writers: Vec<(usize, BagWriter)> = (0..8).map(|at| (at, writer(at))).collect();
        let mut next = writers.len();
        for step in 0..200 {
            let (slot, key) = (rng.below(writers.len()), KEYS[rng.below(KEYS.len())]);
            let op = random_op(&mut rng, &model, key);
            let (at, writer_of_it) = &writers[slot];
            let told = format!("seed {seed}, step {step}: {op:?} of {key} by {at}");
            let expected = model.play(*at, key, &op);
            assert_eq!(play(writer_of_it, key, &op), expected, "{told}");
            failed += u32::from(!expected);
            if matches!(op, Op::Withdraw) {
                writers[slot] = (next, writer(next));
                next += 1;
            }
            let snapshot = bag.snapshot();
            let held: BTreeMap<&str, _> =
                snapshot.keys.iter().map(|(key, it)| (&**key, (*it.value).clone())).collect();
            assert_eq!(held, model.values(), "{told}");
            assert_eq!(snapshot.version, model.version, "{told}");
            for key in KEYS {
                let version = snapshot.keys.get(key).map_or(0, |it| it.version);
                assert_eq!(version, model.version_of(key), "{told}");
            }
            assert!(bag.books.lock().counts_right(), "{told}");
        }
    }
    assert!(failed > 1_000, "conflicts were tried: {failed}");
}

#[test]
fn merged_keys_come_to_the_same_in_every_interleaving() {
    for seed in 0..200 {
        let mut rng = Rng(seed);
        let writes: Vec<Vec<(&str, i64)>> = (0..6)
            .map(|writer| {
                (0..rng.below(5))
                    .map(|n| (KEYS[2 + rng.below(4)], writer * 10 + n as i64))
                    .collect()
            })
            .collect();
        let outcome = |rng: &mut Rng| {
            let bag = StateBag::new(rules()).unwrap();
            let turn = bag.turn(None);
            let mut left: Vec<_> =
                writes.iter().enumerate().map(|(at, it)| (at, it.iter())).collect();
            while !left.is_empty() {
                let slot = rng.below(left.len());
                match left[slot].1.next() {
                    Some((key, value)) => {
                        let at = left[slot].0;
                        // Each write through a writer of its own: the place counts.
                        turn.writer("c", "t", at, 1, None).set(key, value).unwrap();
                    }
                    None => drop(left.remove(slot)),
                }
            }
            let keys = bag.snapshot().keys;
            keys.into_iter().map(|(key, it)| (key, (*it.value).clone())).collect::<Vec<_>>()
        };
        let first = outcome(&mut rng);
        for _ in 0..5 {
            assert_eq!(outcome(&mut rng), first, "seed {seed}");
        }
    }
}
