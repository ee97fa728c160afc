//! Which call wrote what.

use super::*;

fn lines(bag: &StateBag) -> Vec<(u64, String, &'static str, String)> {
    let journal = bag.journal();
    let line = |it: &JournalEntry| {
        (it.version, it.key.to_string(), it.operation.as_str(), it.by.call.to_string())
    };
    journal.entries().map(line).collect()
}

#[test]
fn each_write_is_told_with_its_call_in_the_order_of_versions() {
    let (bag, [a, b, c]) = bag(BagRules::new().merge("log", Merge::Append));
    a.set("x", 1).unwrap();
    b.add("x", 1).unwrap();
    b.set("x", 9).unwrap();
    let (_, version) = c.get_versioned::<u64>("x").unwrap();
    assert!(a.set("x", 5).is_err(), "and this is not told");
    c.compare_and_swap("x", version, 4).unwrap();
    c.set("log", "line").unwrap();
    c.remove("x").unwrap();
    a.remove("x").unwrap();
    c.withdraw();
    let told = lines(&bag);
    let told: Vec<_> = told.iter().map(|it| (it.0, it.1.as_str(), it.2, it.3.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "x", "set", "a"),
            (2, "x", "add", "b"),
            (3, "x", "set", "b"),
            (4, "x", "swap", "c"),
            (5, "log", "set", "c"),
            (6, "x", "remove", "c"),
            (7, "log", "withdraw", "c"),
        ]
    );
    assert_eq!((bag.snapshot().version, bag.journal().dropped()), (7, 0));
}

#[test]
fn the_oldest_entries_make_room_and_are_counted() {
    let (bag, [a, ..]) = bag(BagRules::new().journal_capacity(3));
    for n in 0..10 {
        a.set("x", n).unwrap();
    }
    assert_eq!(lines(&bag).iter().map(|it| it.0).collect::<Vec<_>>(), [8, 9, 10]);
    assert_eq!(bag.journal().dropped(), 7);
}

#[test]
fn a_journal_of_no_entries_still_numbers_the_writes() {
    let (bag, [a, b, _]) = bag(BagRules::new().journal_capacity(0));
    a.set("x", 1).unwrap();
    b.get::<u64>("x").unwrap();
    a.remove("x").unwrap();
    let told = b.set("x", 1).unwrap_err().to_string();
    assert!(told.contains("that it has no value"), "{told}");
    assert_eq!((bag.journal().dropped(), bag.snapshot().version), (2, 2));
}
