use alloc::string::String;
use alloc::vec;

use core::fmt::Write;

use super::*;
use KeyAccess::{Exclusive, Shared};

fn call(tool: u32, access: Access, keys: &[(u32, KeyAccess)]) -> TurnCall {
    TurnCall { tool, access, keys: keys.to_vec(), attempts: 1, fallbacks: 0, stand_ins: Vec::new() }
}

/// Whom each call waits for: `1:0` if the second waits for the first.
fn waits(calls: &[TurnCall]) -> String {
    let mut said = String::new();
    for (index, waits) in conflicts(calls).iter().enumerate() {
        for wait in waits {
            write!(said, "{index}:{} ", wait.on).unwrap();
        }
    }
    said
}

#[test]
fn a_key_orders_calls_of_different_tools_and_readers_go_side_by_side() {
    let calls = [
        call(0, Access::Write, &[(7, Exclusive)]),
        call(1, Access::Read, &[(7, Shared)]),
        call(2, Access::Read, &[(7, Shared)]),
        call(0, Access::Write, &[(7, Exclusive)]),
        call(3, Access::Write, &[(7, Exclusive)]),
    ];
    assert_eq!(waits(&calls), "1:0 2:0 3:1 3:2 4:3 ");
    let over = Over::Key(7);
    let first = Wait { on: 0, over, earlier: Exclusive, later: Shared };
    assert_eq!(conflicts(&calls)[1], [first]);
    assert_eq!(conflicts(&calls)[3][0], Wait { on: 1, over, earlier: Shared, later: Exclusive });
}

#[test]
fn writers_of_one_tool_that_name_different_keys_go_side_by_side() {
    let keys = [(1, Exclusive), (2, Exclusive), (1, Exclusive)];
    let calls = keys.map(|key| call(0, Access::Write, &[key]));
    assert_eq!(waits(&calls), "2:0 ");
}

#[test]
fn who_writes_and_names_nothing_that_it_writes_keeps_its_place_among_the_calls_of_its_tool() {
    let unnamed = call(0, Access::Write, &[(5, Shared)]);
    let other = call(1, Access::Write, &[]);
    let named = call(0, Access::Write, &[(6, Exclusive)]);
    let calls = [unnamed.clone(), other, named, unnamed];
    assert_eq!(waits(&calls), "2:0 3:2 ");
    let wait = conflicts(&calls)[2][0];
    assert_eq!((wait.over, wait.earlier, wait.later), (Over::Tool(0), Exclusive, Shared));
}

#[test]
fn a_key_named_twice_is_used_as_the_stronger_access_says_and_conflicts_with_nobody_by_itself() {
    let calls = [
        call(0, Access::Read, &[(1, Shared)]),
        call(1, Access::Read, &[(1, Exclusive), (1, Shared), (1, Exclusive)]),
        call(2, Access::Read, &[(1, Shared)]),
    ];
    assert_eq!(waits(&calls), "1:0 2:1 ");
}

#[test]
fn a_call_that_meets_another_over_two_things_waits_for_it_once() {
    let both = call(0, Access::Write, &[(1, Exclusive), (2, Exclusive)]);
    let calls = [both.clone(), both];
    assert_eq!(waits(&calls), "1:0 1:0 ");
    assert_eq!(order(&calls), (vec![0, 1], vec![vec![1], vec![]]));
}

/// Were each pair looked at, there would be fifty million.
#[test]
fn of_ten_thousand_calls_no_more_waits_come_than_twice_their_uses() {
    let calls: Vec<TurnCall> = (0..10_000u32)
        .map(|at| {
            let key = if at % 3 == 0 { (at % 50, Exclusive) } else { (at % 7, Shared) };
            call(at % 11, Access::Read, &[key, (1_000 + at, Exclusive), (49, Shared)])
        })
        .collect();
    let waits: usize = conflicts(&calls).iter().map(Vec::len).sum();
    let uses: usize = calls.iter().map(|call| call.keys.len() + 1).sum();
    assert!(waits > 10_000 && waits <= 2 * uses, "{waits} of {uses}");
}
