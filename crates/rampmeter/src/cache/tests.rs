use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rampmeter_core::Instant;

use super::{CacheKey, Flights, Joined, Landed, LastGood};
use crate::policy::CachePolicy;
use crate::runtime::{Runtime, VirtualTime};

const MINUTE: Duration = Duration::from_secs(60);

fn key_of(tool: &str, arguments: &str, labels: &[(&str, &str)], flow: Option<&str>) -> CacheKey {
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    CacheKey::new(tool, &arguments.parse().unwrap(), &labels, flow)
}

fn key(arguments: &str) -> CacheKey {
    key_of("t", arguments, &[], Some("f"))
}

fn number(number: u64) -> CacheKey {
    key(&format!("{{\"n\":{number}}}"))
}

#[test]
fn the_order_of_members_and_blanks_make_no_other_call() {
    let same = [
        r#"{"a":1,"b":{"c":[1,{"x":"} ] , \" y","w":null}],"d":-2.5e3}}"#,
        r#"{ "b" : {"d":-2.5e3,"c":[ 1 , {"w":null ,"x":"} ] , \" y"} ] } ,"a":1 }"#,
    ];
    assert_eq!(key(same[0]), key(same[1]));
    let apart = [
        r#"{"a":1}"#,
        r#"{"a":1.0}"#,
        r#"{"a":"1"}"#,
        r#"{"a":[1]}"#,
        r#"{"a":[1,2]}"#,
        r#"{"a":[2,1]}"#,
        r#"{"a":[]}"#,
        r#"{"a":{}}"#,
        r#"{"a":{"b":1}}"#,
        r#"{"a":null,"b":1}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":2,"a":1}"#,
        r#"{"a":18446744073709551617}"#,
        r#"{"a":18446744073709551618}"#,
        r#"{"a":"\\","b":"c"}"#,
        r#"{"a":"\\\",\"b\":\"c"}"#,
        "{}",
    ];
    for (place, one) in apart.iter().enumerate() {
        for other in &apart[place + 1..] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }
}

#[test]
fn deep_arguments_are_told_apart_and_cost_no_stack() {
    let deep =
        |innermost: &str| format!("{{\"a\":{}{innermost}{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(key(&deep("1")), key(&deep(" 1 ")));
    assert_ne!(key(&deep("1")), key(&deep("2")));
}

#[test]
fn no_flow_and_no_label_sees_what_was_fetched_for_another() {
    let keys = [
        key_of("t", "{}", &[], Some("one")),
        key_of("t", "{}", &[], Some("other")),
        key_of("t", "{}", &[], None),
        key_of("t", "{}", &[], Some("")),
        key_of("u", "{}", &[], Some("one")),
        key_of("t", "{}", &[("tenant", "a")], Some("one")),
        key_of("t", "{}", &[("tenant", "b")], Some("one")),
        key_of("t", "{}", &[("tenanta", "")], Some("one")),
        key_of("t", "{}", &[("tenant", "a"), ("region", "b")], Some("one")),
    ];
    for (place, one) in keys.iter().enumerate() {
        assert!(!keys[place + 1..].contains(one), "{place}");
    }
    let labels = [("region", "b"), ("tenant", "a")];
    assert_eq!(keys[8], key_of("t", "{}", &labels, Some("one")), "labels have no order");
}

fn last_good(entries: u32, bytes: u64) -> LastGood {
    LastGood::new(CachePolicy { entries, bytes })
}

#[test]
fn a_result_is_served_until_it_is_too_old() {
    let (kept, at) = (last_good(10, 1 << 20), Instant::from_millis(5_000));
    kept.put(number(1), "one", at);
    let found = |millis| kept.get(&number(1), Instant::from_millis(millis), MINUTE);
    assert_eq!(found(5_000).unwrap().age, Duration::ZERO);
    let oldest = found(65_000).unwrap();
    assert_eq!((&*oldest.text, oldest.age), ("one", MINUTE));
    assert_eq!(found(65_001), None);
    assert!(kept.get(&number(1), Instant::from_millis(65_001), 2 * MINUTE).is_some());
    assert_eq!(kept.get(&number(2), at, MINUTE), None);
}

#[test]
fn the_latest_result_is_kept_whichever_call_ends_last() {
    let kept = last_good(10, 1 << 20);
    kept.put(number(1), "later", Instant::from_millis(2_000));
    kept.put(number(1), "earlier", Instant::from_millis(1_000));
    assert_eq!(&*kept.get(&number(1), Instant::from_millis(2_000), MINUTE).unwrap().text, "later");
    assert_eq!(kept.size().0, 1);
}

#[test]
fn no_more_is_kept_than_may_be_and_what_was_used_the_longest_ago_goes_first() {
    let (kept, now) = (last_good(3, 10_000), Instant::EPOCH);
    for it in 0..3 {
        kept.put(number(it), "x", now);
    }
    assert!(kept.get(&number(0), now, MINUTE).is_some());
    kept.put(number(3), "x", now);
    let there = (0..4).map(|it| kept.get(&number(it), now, MINUTE).is_some());
    assert_eq!(there.collect::<Vec<_>>(), [true, false, true, true]);
    kept.put(number(2), "x".repeat(9_500), now);
    assert_eq!(kept.size().0, 2, "9,500 bytes and one of the others");
    assert!(kept.size().1 <= 10_000);
    kept.put(number(2), "x".repeat(20_000), now);
    assert_eq!(kept.get(&number(2), now, MINUTE), None, "nor the one before it");
    kept.apply(CachePolicy { entries: 3, bytes: 10 });
    assert_eq!(kept.size(), (0, 0));
}

#[test]
fn whatever_is_put_and_asked_for_the_bounds_hold() {
    let kept = last_good(16, 8_000);
    let mut state = 7u64;
    for step in 0..20_000 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (key, now) = (number(state >> 33 & 63), Instant::from_millis(step));
        match state >> 60 {
            0..9 => kept.put(key, "x".repeat((state >> 40 & 2_047) as usize), now),
            _ => drop(kept.get(&key, now, MINUTE)),
        }
        let (entries, bytes) = kept.size();
        assert!(entries <= 16 && bytes <= 8_000, "{entries} {bytes}");
    }
}

/// One call, run as the executor would: it runs itself when it leads.
async fn call(
    time: VirtualTime,
    flights: Flights<u64>,
    runs: Arc<AtomicUsize>,
    gives_up_after: Option<u64>,
) -> Option<u64> {
    let leader = match flights.join(number(1)) {
        Joined::Leader(leader) => leader,
        Joined::Alone => panic!("there is room"),
        Joined::Follower(follower) => match follower.await {
            Landed::Shared(result) => return Some(result),
            Landed::Leads(leader) => leader,
        },
    };
    let run = runs.fetch_add(1, Ordering::SeqCst) as u64;
    let takes = gives_up_after.unwrap_or(100);
    time.sleep_until(time.now().saturating_add(Duration::from_millis(takes))).await;
    if gives_up_after.is_some() {
        return None;
    }
    leader.land(run);
    Some(run)
}

#[test]
fn calls_that_ask_for_the_same_share_one_run() {
    let (time, flights, runs) = (VirtualTime::new(), Flights::new(8), Arc::default());
    let calls = (0..50).map(|_| call(time.clone(), flights.clone(), Arc::clone(&runs), None));
    let all = time.block_on(futures_util::future::join_all(calls)).unwrap();
    assert!(all.iter().all(|it| *it == Some(0)), "{all:?}");
    let next = time.block_on(call(time.clone(), flights.clone(), runs.clone(), None)).unwrap();
    assert_eq!((next, runs.load(Ordering::SeqCst)), (Some(1), 2), "who comes later runs anew");
    assert_eq!(flights.under_way(), 0);
}

#[test]
fn a_leader_that_gives_up_is_succeeded_and_nobody_fails_with_it() {
    let (time, flights, runs) = (VirtualTime::new(), Flights::new(8), Arc::default());
    let calls = [Some(10), Some(20), None, None, None];
    let calls =
        calls.map(|gives_up| call(time.clone(), flights.clone(), Arc::clone(&runs), gives_up));
    let all = time.block_on(futures_util::future::join_all(calls)).unwrap();
    assert_eq!(all, [None, None, Some(2), Some(2), Some(2)]);
    assert_eq!(time.now(), Instant::from_millis(130));
    assert_eq!(flights.under_way(), 0);
}

#[test]
fn a_follower_that_was_about_to_lead_and_gives_up_passes_the_lead_on() {
    let flights = Flights::<u64>::new(8);
    let Joined::Leader(leader) = flights.join(number(1)) else { panic!() };
    let mut followers: Vec<_> = (0..3)
        .map(|_| match flights.join(number(1)) {
            Joined::Follower(follower) => follower,
            other => panic!("{other:?}"),
        })
        .collect();
    let time = VirtualTime::new();
    for follower in &mut followers {
        assert!(time.block_on(async { futures_util::poll!(follower) }).unwrap().is_pending());
    }
    drop(leader);
    drop(followers.remove(0));
    let last = followers.pop().unwrap();
    drop(followers);
    let Some(Landed::Leads(leader)) = time.block_on(last) else { panic!() };
    assert_eq!(flights.under_way(), 1);
    drop(leader);
    assert_eq!(flights.under_way(), 0, "nobody is left");
}

#[test]
fn there_are_no_more_flights_than_may_be() {
    let flights = Flights::<u64>::new(2);
    let first = [1, 2].map(|it| flights.join(number(it)));
    assert!(matches!(first, [Joined::Leader(_), Joined::Leader(_)]));
    assert!(matches!(flights.join(number(3)), Joined::Alone));
    assert!(matches!(flights.join(number(1)), Joined::Follower(_)));
    drop(first);
    assert_eq!(flights.under_way(), 0);
    assert!(matches!(flights.join(number(3)), Joined::Leader(_)));
}

/// Threads that lead, follow and give up in whatever order they meet: nobody waits for ever.
#[test]
fn among_threads_every_call_is_answered_and_no_flight_is_left_over() {
    let (flights, answered) = (Flights::<u64>::new(4), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (flights, answered) = (flights.clone(), &answered);
            scope.spawn(move || {
                for turn in 0..2_000u64 {
                    let leader = match flights.join(number(turn % 3)) {
                        Joined::Leader(leader) => Some(leader),
                        Joined::Alone => None,
                        Joined::Follower(follower) if (thread + turn) % 5 == 0 => {
                            drop(follower);
                            None
                        }
                        Joined::Follower(follower) => {
                            match futures_util::FutureExt::now_or_never(follower) {
                                Some(Landed::Leads(leader)) => Some(leader),
                                Some(Landed::Shared(_)) | None => None,
                            }
                        }
                    };
                    match leader {
                        Some(leader) if (thread + turn) % 3 == 0 => drop(leader),
                        Some(leader) => leader.land(turn),
                        None => {}
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!((answered.load(Ordering::SeqCst), flights.under_way()), (16_000, 0));
}

#[test]
fn among_threads_that_wait_followers_get_what_a_leader_landed_with() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let flights = Flights::<u64>::new(4);
    runtime.block_on(async {
        let calls = (0..4_000u64).map(|turn| {
            let flights = flights.clone();
            tokio::spawn(async move {
                let mut joined = flights.join(number(turn % 3));
                loop {
                    joined = match joined {
                        Joined::Alone => return,
                        Joined::Follower(follower) => match follower.await {
                            Landed::Shared(_) => return,
                            Landed::Leads(leader) => Joined::Leader(leader),
                        },
                        Joined::Leader(leader) => {
                            tokio::task::yield_now().await;
                            if turn % 4 > 0 {
                                leader.land(turn);
                            }
                            return;
                        }
                    };
                }
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
    });
    assert_eq!(flights.under_way(), 0);
}
