//! A bag does not grow beyond its bounds.

use super::*;

fn bound(result: Result<u64, BagError>) -> (Bound, u64) {
    match result {
        Err(BagError::Full { bound, most, .. }) => (bound, most),
        other => panic!("no bound: {other:?}"),
    }
}

#[test]
fn keys_have_a_bound_and_a_removed_one_makes_room() {
    let (bag, [a, ..]) = bag(BagRules::new().max_keys(2));
    a.set("x", 1).unwrap();
    a.set("y", 1).unwrap();
    assert_eq!(bound(a.set("z", 1)), (Bound::Keys, 2));
    a.set("x", 2).unwrap();
    a.remove("y").unwrap();
    a.set("z", 1).unwrap();
    assert_eq!(bag.snapshot().keys.len(), 2);
}

#[test]
fn a_value_has_a_bound_with_all_that_was_put_to_it() {
    let rules = BagRules::new().max_value_bytes(10).merge("log", Merge::Append);
    let double = |so_far: Option<&serde_json::Value>, value: &serde_json::Value| {
        Ok(so_far.map_or(value.clone(), |it| serde_json::json!([it, it])))
    };
    let (bag, [a, b, _]) = bag(rules.merge("double", Merge::own(double)));
    a.set("x", "12345678").unwrap();
    assert_eq!(bound(a.set("x", "123456789")), (Bound::ValueBytes, 10));
    a.set("log", "123").unwrap();
    b.set("log", "123").unwrap();
    assert_eq!(bound(b.set("log", 1)), (Bound::ValueBytes, 10));
    assert_eq!(bag.get::<Vec<String>>("log").unwrap().unwrap(), ["123", "123"]);
    a.set("double", "1").unwrap();
    b.set("double", 1).unwrap();
    assert_eq!(bound(b.set("double", 1)), (Bound::ValueBytes, 10));
    assert!(bag.books.lock().counts_right());
}

#[test]
fn the_whole_has_a_bound_that_counts_small_values_too() {
    let (bag, [a, ..]) = bag(BagRules::new().max_total_bytes(1_000).merge("log", Merge::Append));
    let added = (0..1_000).take_while(|_| a.set("log", 1).is_ok()).count();
    assert!((5..15).contains(&added), "{added}");
    assert_eq!(bound(a.set("log", 1)), (Bound::TotalBytes, 1_000));
    assert_eq!(bound(a.set("x", 1)), (Bound::TotalBytes, 1_000));
    assert!(bag.books.lock().counts_right());
    a.get::<Vec<u64>>("log").unwrap();
    a.remove("log").unwrap();
    a.set("x", "y".repeat(800)).unwrap();
    a.set("x", "y".repeat(801)).unwrap();
    assert!(bag.books.lock().counts_right());
}

#[test]
fn a_key_has_a_name_of_bounded_length() {
    let (_, [a, ..]) = bag(BagRules::new());
    for key in [String::new(), "k".repeat(4097)] {
        let told = a.set(&key, 1).unwrap_err().to_string();
        assert!(told.contains("1 to 4096 bytes") && told.len() < 200, "{told}");
    }
    a.set(&"k".repeat(4096), 1).unwrap();
}

#[test]
fn what_a_call_has_seen_is_bounded_and_forgetting_is_safe() {
    let (_, [a, b, c]) = bag(BagRules::new().max_keys(2));
    a.set("kept", 1).unwrap();
    b.get::<u64>("kept").unwrap();
    for n in 0..10 {
        let key = format!("passing {n}");
        a.set(&key, 1).unwrap();
        b.get::<u64>(&key).unwrap();
        a.remove(&key).unwrap();
    }
    assert!(matches!(b.set("kept", 2), Err(BagError::Conflict(_))), "b has to read it again");
    c.get::<u64>("kept").unwrap();
    c.set("kept", 2).unwrap();
}

#[test]
fn a_value_is_not_nested_deeper_than_can_be_walked_over() {
    let nest =
        |so_far: Option<&serde_json::Value>, _: &serde_json::Value| Ok(serde_json::json!([so_far]));
    let (bag, [a, ..]) = bag(BagRules::new().merge("nested", Merge::own(nest)));
    let added = (0..1_000).take_while(|_| a.set("nested", 1).is_ok()).count();
    assert_eq!(added, 100);
    let told = a.set("nested", 1).unwrap_err().to_string();
    assert!(told.contains("nested more than 100 deep"), "{told}");
    let whole: serde_json::Value = bag.get("nested").unwrap().unwrap();
    a.set("plain", &whole).unwrap();
    assert!(a.set("plain", [whole]).is_err());
}
