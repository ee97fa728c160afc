//! Writes over what another call wrote.

use super::*;

fn conflict(result: Result<u64, BagError>) -> Conflict {
    match result {
        Err(BagError::Conflict(conflict)) => *conflict,
        other => panic!("no conflict: {other:?}"),
    }
}

#[test]
fn a_call_that_has_not_read_what_another_wrote_cannot_write_over_it() {
    let (bag, [a, b, _]) = bag(BagRules::new());
    let version = a.set("plan", "from a").unwrap();
    let error = b.set("plan", "from b").unwrap_err();
    let told = error.to_string();
    for part in ["\"plan\"", "call \"b\" of tool in turn 1", "call \"a\" of tool", "[state]"] {
        assert!(told.contains(part), "no {part} in {told}");
    }
    let conflict = conflict(Err(error));
    assert_eq!((conflict.seen, conflict.present), (0, version));
    assert_eq!(bag.get::<String>("plan").unwrap().unwrap(), "from a");
}

#[test]
fn what_was_read_may_be_written_over_until_another_call_writes() {
    let (_, [a, b, c]) = bag(BagRules::new());
    let seen = a.set("plan", 1).unwrap();
    assert_eq!(b.get::<u64>("plan").unwrap(), Some(1));
    c.snapshot();
    b.set("plan", 2).unwrap();
    let lost = conflict(c.set("plan", 3));
    assert_eq!((lost.seen, lost.other.unwrap().call.as_ref()), (seen, "b"));
    assert_eq!(c.get::<u64>("plan").unwrap(), Some(2));
    c.set("plan", 3).unwrap();
}

#[test]
fn a_call_writes_over_its_own_write_as_it_likes() {
    let (_, [a, b, _]) = bag(BagRules::new());
    a.set("progress", 1).unwrap();
    a.clone().set("progress", 2).unwrap();
    b.add("progress", 1).unwrap();
    assert_eq!(conflict(a.set("progress", 3)).other.unwrap().call.as_ref(), "b");
}

#[test]
fn another_attempt_of_a_call_is_the_same_call() {
    let (bag, _) = bag(BagRules::new());
    let turn = bag.turn(None);
    turn.writer("a", "t", 0, 1, None).set("plan", 1).unwrap();
    turn.writer("a", "t", 0, 2, None).set("plan", 2).unwrap();
    assert_eq!(bag.get::<u64>("plan").unwrap(), Some(2));
}

#[test]
fn calls_of_one_id_in_several_turns_are_several_calls() {
    let (bag, _) = bag(BagRules::new());
    bag.turn(None).writer("call_0", "t", 0, 1, None).set("plan", 1).unwrap();
    conflict(bag.turn(None).writer("call_0", "t", 0, 1, None).set("plan", 2));
}

#[test]
fn a_turn_that_is_run_twice_has_other_calls_the_second_time() {
    let bag = StateBag::default();
    let mut turn = BagTurn::new(&bag);
    turn.begin(Some(7));
    turn.writer("a", "t", 0, 1, None).set("plan", 1).unwrap();
    turn.begin(Some(7));
    conflict(turn.writer("a", "t", 0, 1, None).set("plan", 2));
}

#[test]
fn a_key_that_was_removed_meanwhile_is_a_conflict_for_who_has_seen_it() {
    let (_, [a, b, c]) = bag(BagRules::new());
    a.set("plan", 1).unwrap();
    assert_eq!(b.get::<u64>("plan").unwrap(), Some(1));
    a.remove("plan").unwrap();
    let lost = conflict(b.set("plan", 2));
    assert_eq!((lost.present, lost.other.as_ref().unwrap().call.as_ref()), (0, "a"));
    assert!(lost.to_string().contains("removed it"), "{lost}");
    c.set("plan", 3).unwrap();
    assert!(matches!(b.remove("plan"), Err(BagError::Conflict(_))), "b has not seen c's");
}

#[test]
fn compare_and_swap_takes_the_version_that_is_named_and_no_other() {
    let (bag, [a, b, _]) = bag(BagRules::new());
    let first = a.compare_and_swap("n", 0, 1).unwrap();
    let lost = conflict(b.compare_and_swap("n", 0, 2));
    assert_eq!((lost.seen, lost.present), (0, first));
    let second = b.compare_and_swap("n", first, 2).unwrap();
    assert!(second > first);
    // A key that is made again is not the one that it was.
    b.remove("n").unwrap();
    a.set("n", 1).unwrap();
    conflict(b.compare_and_swap("n", first, 3));
    assert_eq!(bag.get::<u64>("n").unwrap(), Some(1));
}

#[test]
fn what_is_added_is_never_lost_and_adding_needs_no_reading() {
    let (_, [a, b, _]) = bag(BagRules::new());
    assert_eq!(a.add("n", 1).unwrap().as_i64(), Some(1));
    assert_eq!(b.add("n", 2).unwrap().as_i64(), Some(3));
    assert_eq!(a.add("n", 0.5).unwrap().as_f64(), Some(3.5));
    b.set("text", "x").unwrap();
    for (key, amount, part) in [
        ("text", Amount::from(1), "a string cannot be added"),
        ("n", f64::NAN.into(), "not a finite number"),
        ("n", f64::MAX.into(), ""),
    ] {
        let added = b.add(key, amount);
        assert!(part.is_empty() == added.is_ok());
        assert!(added.is_ok() || added.unwrap_err().to_string().contains(part));
    }
    assert!(b.add("n", f64::MAX).unwrap_err().to_string().contains("more than a float holds"));
    a.add("whole", i64::MAX).unwrap();
    a.add("whole", i64::MAX).unwrap();
    a.add("whole", 1).unwrap();
    let told = a.add("whole", 1).unwrap_err().to_string();
    assert!(told.contains("more than 64 bits hold"), "{told}");
    assert_eq!(a.get::<u64>("whole").unwrap(), Some(u64::MAX));
}

#[test]
fn an_update_is_tried_until_no_other_call_comes_between() {
    let (bag, [a, b, _]) = bag(BagRules::new());
    let mut tries = 0;
    let value = a.update("n", |n: Option<u64>| {
        tries += 1;
        if tries < 4 {
            b.add("n", 10).unwrap();
        }
        n.unwrap_or(0) + 1
    });
    assert_eq!((value.unwrap(), tries), (31, 4));
    let always = a.update("n", |n: Option<u64>| {
        b.add("n", 1).unwrap();
        n.unwrap_or(0)
    });
    assert!(matches!(always, Err(BagError::Conflict(_))), "it has a bound");
    assert_eq!(bag.get::<u64>("n").unwrap(), Some(1031));
}

#[test]
fn a_batch_takes_effect_as_a_whole_or_not_at_all() {
    let (bag, [a, b, _]) = bag(BagRules::new().merge("log", Merge::Append));
    a.set("from", 8).unwrap();
    let before = (bag.snapshot(), bag.journal().entries().cloned().collect::<Vec<_>>());
    let batch = || b.batch().add("to", 5).set("log", "moved 5").remove("to").set("new", 1);
    conflict(batch().set("from", 3).commit());
    let after = (bag.snapshot(), bag.journal().entries().cloned().collect::<Vec<_>>());
    assert_eq!(before, after);
    let (_, version) = b.get_versioned::<u64>("from").unwrap();
    batch().swap("from", version, 3).add("to", 5).commit().unwrap();
    assert_eq!(bag.get::<u64>("from").unwrap(), Some(3));
    assert_eq!(bag.get::<u64>("to").unwrap(), Some(5));
    assert_eq!(bag.get::<Vec<String>>("log").unwrap().unwrap(), ["moved 5"]);
    assert!(bag.books.lock().counts_right());
}

#[test]
fn a_value_of_another_type_is_told_of_with_its_key() {
    let (bag, [a, ..]) = bag(BagRules::new());
    a.set("n", "five").unwrap();
    let told = bag.get::<u64>("n").unwrap_err().to_string();
    assert!(told.contains("state key \"n\"") && told.contains("five"), "{told}");
    assert_eq!(bag.get_versioned::<u64>("none").unwrap(), (None, 0));
}
