//! What becomes of keys that several calls write.

use serde_json::{Value, json};

use super::*;

fn rules() -> BagRules {
    let longest = |so_far: Option<&Value>, value: &Value| {
        let text = |it: &Value| it.as_str().map(str::to_owned).ok_or("no text");
        let (new, old) = (text(value)?, so_far.map(text).transpose()?.unwrap_or_default());
        Ok(json!(if new.len() > old.len() { new } else { old }))
    };
    BagRules::new()
        .merge("first", Merge::First)
        .merge("last", Merge::Last)
        .merge("all.*", Merge::Append)
        .merge("sum", Merge::Sum)
        .merge("longest", Merge::own(longest))
}

#[test]
fn the_models_order_counts_and_not_who_is_done_first() {
    let all = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in all {
        let (bag, writers) = bag(rules());
        for at in order {
            let (writer, value) = (&writers[at], ["one", "three", "two"][at]);
            for key in ["first", "last", "all.x", "longest"] {
                writer.set(key, value).unwrap();
            }
            writer.add("sum", [1.5, 2.25, 3.0][at]).unwrap();
        }
        let snapshot = bag.snapshot();
        let value = |key| snapshot.value(key).cloned().unwrap();
        assert_eq!(value("first"), "one");
        assert_eq!(value("last"), "two");
        assert_eq!(value("all.x"), json!(["one", "three", "two"]));
        assert_eq!(value("longest"), "three");
        assert_eq!(value("sum"), json!(6.75));
        assert_eq!(snapshot.keys["first"].by.call.as_ref(), ["a", "b", "c"][order[2]]);
    }
}

#[test]
fn a_call_may_put_several_things_and_they_stay_together() {
    let (bag, [a, b, _]) = bag(rules());
    b.set("all.x", 3).unwrap();
    a.set("all.x", 1).unwrap();
    b.set("all.x", 4).unwrap();
    a.set("all.x", 2).unwrap();
    assert_eq!(bag.get::<Vec<u64>>("all.x").unwrap().unwrap(), [1, 2, 3, 4]);
}

#[test]
fn turns_count_by_number_and_those_without_one_as_they_began() {
    let bag = StateBag::new(rules()).unwrap();
    let put = |turn: BagTurn, value: u64| turn.writer("a", "t", 0, 1, None).set("all.x", value);
    let (late, early) = (bag.turn(Some(9)), bag.turn(Some(2)));
    let (unnumbered, next) = (bag.turn(None), bag.turn(None));
    for (turn, value) in [(next, 4), (late, 2), (unnumbered, 3), (early, 1)] {
        put(turn, value).unwrap();
    }
    bag.writer(WriterId::new("program")).set("all.x", 5).unwrap();
    assert_eq!(bag.get::<Vec<u64>>("all.x").unwrap().unwrap(), [1, 2, 3, 4, 5]);
}

#[test]
fn what_a_failed_call_has_put_is_withdrawn_and_what_it_wrote_elsewhere_stays() {
    let (bag, [a, b, c]) = bag(rules());
    for writer in [&a, &b, &c] {
        writer.set("all.x", &*writer.id().call).unwrap();
        writer.add("sum", 1).unwrap();
        writer.set("longest", writer.id().call.repeat(3)).unwrap();
    }
    b.set("plan", "from b").unwrap();
    b.set("first", "only b").unwrap();
    b.withdraw();
    assert_eq!(bag.get::<Vec<String>>("all.x").unwrap().unwrap(), ["a", "c"]);
    assert_eq!(bag.get::<u64>("sum").unwrap(), Some(2));
    assert_eq!(bag.get::<String>("plan").unwrap().unwrap(), "from b");
    assert_eq!(bag.get::<String>("first").unwrap(), None);
    assert!(matches!(b.set("plan", 2), Err(BagError::Ended { .. })));
    assert!(bag.books.lock().counts_right());
    b.withdraw();
    assert_eq!(bag.get::<u64>("sum").unwrap(), Some(2));
}

#[test]
fn what_the_others_cannot_be_merged_without_stays_and_the_journal_says_so() {
    let (bag, [a, b, c]) = bag(rules());
    a.add("sum", -5).unwrap();
    b.add("sum", u64::MAX).unwrap();
    c.add("sum", 3).unwrap();
    a.withdraw();
    assert_eq!(bag.get::<u64>("sum").unwrap(), Some(u64::MAX - 2));
    assert_eq!(bag.journal().entries().next_back().unwrap().operation, Operation::Keep);
}

#[test]
fn what_cannot_be_merged_is_an_error_of_its_own_writer() {
    let (bag, [a, b, _]) = bag(rules().merge("bad", Merge::own(|_, _| panic!("oh"))));
    a.set("longest", "text").unwrap();
    let told = b.set("longest", 5).unwrap_err().to_string();
    assert!(told.contains("\"longest\"") && told.contains("no text"), "{told}");
    let told = b.set("sum", "five").unwrap_err().to_string();
    assert!(told.contains("a string cannot be added"), "{told}");
    let told = b.set("bad", 1).unwrap_err().to_string();
    assert!(told.contains("panicked"), "{told}");
    assert_eq!(bag.snapshot().keys.len(), 1);
    assert_eq!(bag.get::<String>("longest").unwrap().unwrap(), "text");
    assert!(bag.books.lock().counts_right());
}

#[test]
fn merged_keys_are_not_swapped_and_only_sums_are_added_to() {
    let (_, [a, ..]) = bag(rules());
    let told = a.compare_and_swap("all.x", 0, 1).unwrap_err().to_string();
    assert!(told.contains("merged by `append`") && told.contains("`swap`"), "{told}");
    assert!(matches!(a.add("last", 1), Err(BagError::Merged { .. })));
    assert!(matches!(a.update("sum", |_: Option<u64>| 1), Err(BagError::Merged { .. })));
}

#[test]
fn a_merged_key_is_removed_by_who_has_read_all_that_was_put_to_it() {
    let (bag, [a, b, _]) = bag(rules());
    b.set("all.x", 1).unwrap();
    a.set("all.x", 0).unwrap();
    assert!(matches!(a.remove("all.x"), Err(BagError::Conflict(_))), "a has not seen b's");
    assert_eq!(a.get::<Vec<u64>>("all.x").unwrap().unwrap(), [0, 1]);
    a.remove("all.x").unwrap();
    assert_eq!(bag.snapshot().keys.len(), 0);
    b.withdraw();
    assert!(bag.books.lock().counts_right());
}

#[test]
fn the_exact_key_wins_then_the_longest_text_before_the_star() {
    let rules = BagRules::new()
        .merge("*", Merge::Last)
        .merge("results.*", Merge::Append)
        .merge("results.count", Merge::Sum)
        .merge("results.*.plan", Merge::Error);
    assert!(matches!(StateBag::new(rules.clone()), Err(RuleError::Tie(..))));
    for (key, merge) in
        [("results.count", Merge::Sum), ("results.hits", Merge::Append), ("other", Merge::Last)]
    {
        assert_eq!(rules.merge_of(key), merge);
    }
    assert!(matches!(
        StateBag::new(BagRules::new().merge("a*b*", Merge::Last)),
        Err(RuleError::Stars(_))
    ));
    let twice = BagRules::new().merge("a", Merge::Last).merge("a", Merge::Sum);
    assert!(StateBag::new(twice).unwrap_err().to_string().contains("ties"));
}
