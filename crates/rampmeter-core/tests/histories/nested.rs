//! Calls that running calls make: they neither deadlock nor are they refused without a cycle.

use std::time::Duration;

use rampmeter_core::*;

const HOST: u16 = 0;
const API: u16 = 1;

/// An engine whose answers are asked for by name.
struct Scene {
    engine: Engine,
    now: Instant,
    out: Outputs,
}

impl Scene {
    fn new(limits: &[BudgetConfig]) -> Scene {
        let limit = |budget: &BudgetConfig| LimitConfig {
            budgets: vec![budget.clone()],
            ..LimitConfig::default()
        };
        let limits = limits.iter().map(limit).collect();
        let config = Config { limits, priorities: vec![64, 1], ..Config::default() };
        Scene { engine: Engine::new(config).unwrap(), now: Instant::EPOCH, out: Outputs::new() }
    }

    fn ask(&mut self, parent: Option<CallId>, draws: &[(u16, u64)]) -> Decision {
        self.ask_as(parent, 1, draws)
    }

    fn ask_as(&mut self, parent: Option<CallId>, flow: u64, draws: &[(u16, u64)]) -> Decision {
        let draw = |(limit, weight): &(u16, u64)| Draw {
            limit: LimitId(*limit),
            weight: *weight,
            costs: &[],
        };
        let draws: Vec<_> = draws.iter().map(draw).collect();
        let call = Call {
            tool: ToolId(0),
            flow: Flow { id: flow, weight: 1 },
            priority: Priority(1),
            labels: &[],
            draws: &draws,
            keys: &[],
            parent,
            deadline: Instant::NEVER,
            queue_timeout: Duration::from_secs(1_000),
            arrived: Instant::NEVER,
        };
        self.engine.admit(self.now, &call, &mut self.out)
    }

    fn granted(&mut self, parent: Option<CallId>, draws: &[(u16, u64)]) -> CallId {
        match self.ask(parent, draws) {
            Decision::Granted(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn waits(&mut self, parent: Option<CallId>, draws: &[(u16, u64)]) -> CallId {
        match self.ask(parent, draws) {
            Decision::Waiting(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, parent: Option<CallId>, draws: &[(u16, u64)]) -> Reason {
        match self.ask(parent, draws) {
            Decision::Refused(refusal) => refusal.reason,
            other => panic!("{other:?}"),
        }
    }

    /// Ends a call; returns those that start.
    fn end(&mut self, id: CallId) -> Vec<CallId> {
        self.out.clear();
        assert!(self.engine.release(self.now, id, Outcome::Succeeded, &mut self.out));
        let started = self.out.iter().filter_map(|output| match output {
            Output::Granted(id) => Some(*id),
            _ => None,
        });
        started.collect()
    }

    fn held(&self, limit: u16) -> u64 {
        match self.engine.snapshot(self.now).limits[usize::from(limit)].instances[0].budgets[0] {
            BudgetSnapshot::Concurrency { held, .. } => held,
            BudgetSnapshot::Rate { .. } => 0,
        }
    }
}

fn slots(size: u64) -> BudgetConfig {
    BudgetConfig::slots(size)
}

#[test]
fn a_tool_that_calls_a_tool_on_the_same_slot_borrows_it() {
    let mut scene = Scene::new(&[slots(1)]);
    let parent = scene.granted(None, &[(HOST, 1)]);
    let child = scene.granted(Some(parent), &[(HOST, 1)]);
    let grandchild = scene.granted(Some(child), &[(HOST, 1)]);
    assert_eq!(scene.held(HOST), 1);
    // One at a time: a sibling waits for the loan.
    let sibling = scene.waits(Some(parent), &[(HOST, 1)]);
    assert_eq!(scene.end(grandchild), []);
    assert_eq!(scene.end(child), [sibling]);
    assert_eq!(scene.end(sibling), []);
    assert_eq!(scene.end(parent), []);
    assert_eq!(scene.held(HOST), 0);
}

#[test]
fn a_loan_is_for_one_descendant_and_the_others_need_room_of_their_own() {
    let mut scene = Scene::new(&[slots(2)]);
    let parent = scene.granted(None, &[(HOST, 1)]);
    let children = [(); 2].map(|()| scene.granted(Some(parent), &[(HOST, 1)]));
    assert_eq!(scene.held(HOST), 2, "one on the loan, one on a slot of its own");
    let third = scene.waits(Some(parent), &[(HOST, 1)]);
    assert_eq!(scene.end(children[0]), [third], "the loan is free again");
    scene.end(third);
    scene.end(children[1]);
    scene.end(parent);
    assert_eq!(scene.held(HOST), 0);
}

#[test]
fn a_lender_that_ends_leaves_the_borrower_what_it_stands_on() {
    let mut scene = Scene::new(&[slots(3)]);
    let grandparent = scene.granted(None, &[(HOST, 1)]);
    let parent = scene.granted(Some(grandparent), &[(HOST, 2)]);
    assert_eq!(scene.held(HOST), 2, "one borrowed, one its own");
    let child = scene.granted(Some(parent), &[(HOST, 2)]);
    assert_eq!(scene.held(HOST), 2);
    assert_eq!(scene.end(parent), []);
    assert_eq!(scene.held(HOST), 2, "the child stands on both");
    let sibling = scene.granted(Some(grandparent), &[(HOST, 1)]);
    assert_eq!(scene.held(HOST), 3, "the grandparent's slot is still lent");
    assert_eq!(scene.end(grandparent), []);
    assert_eq!(scene.held(HOST), 3);
    scene.end(child);
    assert_eq!(scene.held(HOST), 1);
    scene.end(sibling);
    assert_eq!(scene.held(HOST), 0);
}

#[test]
fn what_is_held_even_while_waiting_is_not_lent_and_a_child_that_could_never_have_it_is_refused() {
    let memory = BudgetConfig::Concurrency { size: 100, reserved: Vec::new(), lend: false };
    let mut scene = Scene::new(&[memory]);
    let parent = scene.granted(None, &[(HOST, 60)]);
    let small = scene.granted(Some(parent), &[(HOST, 40)]);
    assert_eq!(scene.held(HOST), 100);
    assert_eq!(scene.refused(Some(parent), &[(HOST, 41)]), Reason::WouldDeadlock);
    let later = scene.waits(Some(parent), &[(HOST, 40)]);
    assert_eq!(scene.end(small), [later]);
}

#[test]
fn two_trees_that_cross_on_two_limits_do_not_deadlock_and_the_cycle_is_named() {
    let mut scene = Scene::new(&[slots(1), slots(1)]);
    let host = scene.granted(None, &[(HOST, 1)]);
    let api = scene.granted(None, &[(API, 1)]);
    let waits = scene.waits(Some(host), &[(API, 1)]);
    assert_eq!(scene.refused(Some(api), &[(HOST, 1)]), Reason::WouldDeadlock);
    let steps: Vec<_> = scene.engine.cycle().to_vec();
    let step = |caller, call, limit: u16| CycleStep { caller, call, limit: Some(LimitId(limit)) };
    assert_eq!(steps, [step(api, None, HOST), step(host, Some(waits), API)]);
    // The one that was refused is told so, and the other goes on.
    assert_eq!(scene.end(api), [waits]);
    scene.end(waits);
    scene.end(host);
    assert_eq!((scene.held(HOST), scene.held(API)), (0, 0));
}

#[test]
fn a_call_is_not_refused_while_one_holder_of_the_limit_will_end_by_itself() {
    let mut scene = Scene::new(&[slots(1), slots(2)]);
    let host = scene.granted(None, &[(HOST, 1)]);
    let api = scene.granted(None, &[(API, 1)]);
    let other = scene.granted(None, &[(API, 1)]);
    let child = scene.waits(Some(host), &[(API, 1)]);
    let back = scene.waits(Some(api), &[(HOST, 1)]);
    assert_eq!(scene.end(other), [child]);
    scene.end(child);
    assert_eq!(scene.end(host), [back]);
}

#[test]
fn a_call_that_becomes_a_caller_closes_the_cycle_and_only_then_is_it_refused() {
    let mut scene = Scene::new(&[slots(1), slots(2)]);
    let host = scene.granted(None, &[(HOST, 1)]);
    let api = [(); 2].map(|()| scene.granted(None, &[(API, 1)]));
    let child = scene.waits(Some(host), &[(API, 1)]);
    let first = scene.waits(Some(api[0]), &[(HOST, 1)]);
    assert_eq!(scene.refused(Some(api[1]), &[(HOST, 1)]), Reason::WouldDeadlock);
    assert_eq!(scene.end(api[1]), [child]);
    scene.end(child);
    assert_eq!(scene.end(host), [first]);
}

#[test]
fn a_nested_call_is_bound_by_no_claim_and_by_no_turn() {
    let mut scene = Scene::new(&[slots(4), slots(1)]);
    let parent = scene.granted(None, &[(API, 1)]);
    let running = [(); 2].map(|()| scene.granted(None, &[(HOST, 1)]));
    // It claims the host, and the next waits behind it.
    scene.waits(None, &[(HOST, 4)]);
    scene.waits(None, &[(HOST, 1)]);
    let child = scene.granted(Some(parent), &[(HOST, 1)]);
    let more = scene.granted(Some(parent), &[(HOST, 1)]);
    let last = scene.waits(Some(parent), &[(HOST, 1)]);
    assert_eq!(scene.end(running[0]), [last]);
    assert_eq!(scene.held(HOST), 4);
    let _ = (child, more);
}

#[test]
fn a_child_is_for_whom_its_caller_is_and_its_calls_end_with_its_callers_deadline() {
    let mut scene = Scene::new(&[slots(2), slots(1)]);
    let mut call = Call {
        tool: ToolId(0),
        flow: Flow { id: 7, weight: 1 },
        priority: Priority(0),
        labels: &[],
        draws: &[Draw { limit: LimitId(HOST), weight: 1, costs: &[] }],
        keys: &[],
        parent: None,
        deadline: Instant::from_millis(5_000),
        queue_timeout: Duration::from_secs(100),
        arrived: Instant::NEVER,
    };
    let Decision::Granted(parent) = scene.engine.admit(scene.now, &call, &mut scene.out) else {
        panic!("nothing is in the way")
    };
    let holder = scene.granted(None, &[(API, 1)]);
    scene.waits(None, &[(API, 1)]);
    call.draws = &[Draw { limit: LimitId(API), weight: 1, costs: &[] }];
    (call.parent, call.deadline) = (Some(parent), Instant::NEVER);
    (call.priority, call.flow) = (Priority(1), Flow { id: 1, weight: 1 });
    let Decision::Waiting(child) = scene.engine.admit(scene.now, &call, &mut scene.out) else {
        panic!("the other limit is full")
    };
    assert_eq!(scene.end(holder), [child], "at its caller's priority it goes first");
    let late = scene.engine.admit(scene.now, &call, &mut scene.out);
    let Decision::Waiting(late) = late else { panic!("{late:?}") };
    scene.out.clear();
    scene.engine.advance(Instant::from_millis(5_000), &mut scene.out);
    assert!(scene.out.iter().any(|output| matches!(
        output,
        Output::Refused(id, Refusal { reason: Reason::Deadline, .. }) if *id == late
    )));
}

#[test]
fn a_call_whose_caller_does_not_run_and_one_too_deep_are_refused() {
    let mut scene = Scene::new(&[slots(1)]);
    let mut id = scene.granted(None, &[(HOST, 1)]);
    let waits = scene.waits(None, &[(HOST, 1)]);
    assert_eq!(scene.refused(Some(waits), &[(HOST, 1)]), Reason::NoParent);
    for _ in 0..8 {
        id = scene.granted(Some(id), &[(HOST, 1)]);
    }
    assert_eq!(scene.refused(Some(id), &[(HOST, 1)]), Reason::TooDeep);
    scene.end(id);
    assert_eq!(scene.refused(Some(id), &[(HOST, 1)]), Reason::NoParent);
}

#[test]
fn a_child_that_outlives_its_caller_is_its_callers_callers() {
    let mut scene = Scene::new(&[slots(2), slots(1)]);
    let top = scene.granted(None, &[(HOST, 1)]);
    let middle = scene.granted(Some(top), &[]);
    let holder = scene.granted(None, &[(API, 1)]);
    let child = scene.waits(Some(middle), &[(API, 1)]);
    scene.end(middle);
    // The holder of what the child waits for now waits for the top itself.
    let other = scene.granted(None, &[(HOST, 1)]);
    assert_eq!(scene.refused(Some(holder), &[(HOST, 2)]), Reason::WouldDeadlock);
    scene.end(other);
    assert_eq!(scene.end(holder), [child]);
    scene.end(child);
    scene.end(top);
    assert_eq!((scene.held(HOST), scene.held(API)), (0, 0));
}

/// Two hundred callers on eight slots of a host, each with ten calls of its own on the same host
/// and on an api of two slots: all of it is done, on never more than eight and two.
#[test]
fn many_nested_trees_that_cross_on_two_limits_all_come_to_an_end() {
    let mut scene = Scene::new(&[slots(8), slots(2)]);
    let mut left: Vec<(CallId, u32)> = Vec::new();
    let (mut asked, mut ended, mut waiting) = (0, 0, 0);
    let mut running: Vec<CallId> = Vec::new();
    let mut parents: std::collections::HashMap<CallId, CallId> = std::collections::HashMap::new();
    let mut refused = 0;
    let mut step = 0u64;
    loop {
        if asked < 200 {
            asked += 1;
            match scene.ask_as(None, asked % 5, &[(HOST, 1)]) {
                Decision::Granted(id) => left.push((id, 10)),
                Decision::Waiting(id) => {
                    waiting += 1;
                    parents.insert(id, id);
                }
                other => panic!("{other:?}"),
            }
        }
        step += 1;
        let mut started = Vec::new();
        if let Some(at) = left.iter().position(|(_, calls)| *calls > 0) {
            left[at].1 -= 1;
            let (parent, limit) = (left[at].0, if step.is_multiple_of(3) { HOST } else { API });
            match scene.ask(Some(parent), &[(limit, 1)]) {
                Decision::Granted(id) => {
                    parents.insert(id, parent);
                    running.push(id);
                }
                Decision::Waiting(id) => {
                    parents.insert(id, parent);
                }
                Decision::Refused(refusal) => {
                    assert_eq!(refusal.reason, Reason::WouldDeadlock);
                    refused += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        if step.is_multiple_of(2) && !running.is_empty() {
            let id = running.swap_remove((step as usize / 2) % running.len());
            parents.remove(&id);
            started.extend(scene.end(id));
            ended += 1;
        }
        // A caller ends when it has made its calls and they have ended.
        let open = |id: &CallId| parents.iter().any(|(child, parent)| parent == id && child != id);
        if let Some(at) = left.iter().position(|(id, calls)| *calls == 0 && !open(id)) {
            let (id, _) = left.swap_remove(at);
            started.extend(scene.end(id));
            ended += 1;
        }
        for id in started {
            if parents.get(&id) == Some(&id) {
                parents.remove(&id);
                waiting -= 1;
                left.push((id, 10));
            } else {
                running.push(id);
            }
        }
        assert!(scene.held(HOST) <= 8 && scene.held(API) <= 2);
        if asked == 200 && left.is_empty() && running.is_empty() {
            break;
        }
        assert!(step < 100_000, "no end: {} callers, {} running", left.len(), running.len());
    }
    assert_eq!((waiting, scene.engine.waiting(), scene.engine.running()), (0, 0, 0));
    println!("{ended} calls ended, {refused} refused as deadlocks, in {step} steps");
    assert_eq!(ended + refused, 2_200);
    assert_eq!(refused, 0, "there is no cycle: calls on the api make none of their own");
}
