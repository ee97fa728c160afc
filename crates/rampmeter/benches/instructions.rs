//! One case for a counter of instructions: `instructions CASE` runs it often enough to be warm, and
//! then `measured`, in which alone the counter counts. `cargo xtask instructions` runs it under
//! callgrind and compares with the committed figures.

#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::VecDeque;
use std::future::Future;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use rampmeter::Permit;
use rampmeter_core::*;
use support::allocations::{self, Counting};
use support::backlog::Backlog;
use support::ours::{ONE_AND_ONE, Ours, SIX};
use support::peers::Pair;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A multiple of what the subscriber reads at a time.
const TIMES: u32 = 4096;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    // `cargo test --all-targets` runs this too, without a case.
    let Some(case) = args.next() else { return };
    match case.as_str() {
        "pair" => {
            let pair = Pair::new();
            count(&mut || pair.one().now_or_never().unwrap());
        }
        "engine_prepared" => {
            let mut engine = Prepared2::new();
            count(&mut || engine.one());
        }
        "gate_by_handle" => {
            let mut ours = Ours::new(ONE_AND_ONE);
            count(&mut || ours.by_handle().now_or_never().unwrap());
        }
        "gate_by_name" => {
            let mut ours = Ours::new(ONE_AND_ONE);
            count(&mut || ours.by_name("plain", None).now_or_never().unwrap());
        }
        "gate_by_name_with_label" => {
            let mut ours = Ours::new(ONE_AND_ONE);
            count(&mut || ours.by_name("labelled", Some("acme")).now_or_never().unwrap());
        }
        "gate_six_limits" => {
            let mut ours = Ours::new(SIX);
            count(&mut || ours.by_handle().now_or_never().unwrap());
        }
        "gate_10000_waiting" => waiting(),
        "engine_1000_waiting" => backlog(1_000),
        "engine_1000000_waiting" => backlog(1_000_000),
        other => panic!("there is no case {other}"),
    }
}

/// An engine with one concurrency limit and one rate.
struct Prepared2 {
    engine: Engine,
    call: Prepared,
    out: Outputs,
    now: u64,
}

impl Prepared2 {
    fn new() -> Prepared2 {
        let rate = BudgetConfig::Rate {
            counts: Counts::Calls,
            amount: 1_000_000_000,
            period: core::time::Duration::from_secs(1),
            kind: RateKind::Bucket { burst: 1_000_000_000 },
        };
        let limit = |name: &str, budget| LimitConfig {
            name: name.into(),
            budgets: vec![budget],
            ..LimitConfig::default()
        };
        let mut engine = Engine::new(Config {
            limits: vec![limit("host", BudgetConfig::slots(64)), limit("api", rate)],
            priorities: vec![64, 16, 4, 1],
            ..Config::default()
        })
        .unwrap();
        let call = Call {
            tool: ToolId(0),
            flow: Flow { id: 7, weight: 1 },
            priority: Priority(1),
            labels: &[],
            draws: &[0, 1].map(|limit| Draw { limit: LimitId(limit), weight: 1, costs: &[] }),
            keys: &[],
            parent: None,
            deadline: Instant::NEVER,
            queue_timeout: core::time::Duration::from_secs(60),
            arrived: Instant::NEVER,
        };
        let call = engine.prepare(Instant::EPOCH, &call).unwrap();
        Prepared2 { engine, call, out: Outputs::new(), now: 0 }
    }

    fn one(&mut self) {
        self.now += 50;
        let now = Instant::from_nanos(self.now);
        let flow = Flow { id: 7, weight: 1 };
        let (priority, deadline) = (Priority(1), Instant::NEVER);
        let terms = Terms { flow, priority, deadline, parent: None };
        let decision = self.engine.admit_prepared(now, &self.call, &terms, &mut self.out);
        if let Decision::Granted(id) = decision {
            self.engine.release(now, id, Outcome::Succeeded, &mut self.out);
        }
    }
}

/// A gate at which ten thousand calls of one flow wait for 64 slots: one ends, the next starts and
/// fetches its answer, another begins to wait.
fn waiting() {
    let policy =
        ONE_AND_ONE.replace("concurrency = 64", "concurrency = 64\nqueue = { size = 20000 }");
    let mut ours = Ours::new(&policy);
    let (gate, handle) = (ours.gate.clone(), ours.another_handle());
    let mut context = Context::from_waker(Waker::noop());
    let mut running: VecDeque<Permit> = (0..64).map(|_| gate.try_admit(&handle).unwrap()).collect();
    let mut ask = || {
        let mut waiter = Box::pin(gate.admit(&handle));
        assert!(waiter.as_mut().poll(&mut context).is_pending());
        waiter
    };
    let mut waiters: VecDeque<_> = (0..10_000).map(|_| ask()).collect();
    let mut context = Context::from_waker(Waker::noop());
    count(&mut || {
        running.pop_front().unwrap().finish(Outcome::Succeeded);
        let Poll::Ready(permit) = waiters.pop_front().unwrap().as_mut().poll(&mut context) else {
            panic!("the first is served first")
        };
        running.push_back(permit.unwrap());
        waiters.push_back(ask());
        ours.read();
    });
}

fn backlog(waiting: usize) {
    let mut backlog = Backlog::new(waiting);
    let before = backlog.decisions();
    count(&mut || backlog.step());
    // Half of them were the warm-up.
    println!("{{\"per\": {}}}", (backlog.decisions() - before) / 2);
}

/// Says how often it ran and how often it allocated. A later `per` counts something else.
fn count(one: &mut dyn FnMut()) {
    (0..TIMES).for_each(|_| one());
    let before = allocations::count();
    measured(one);
    let allocations = allocations::count() - before;
    println!("{{\"per\": {TIMES}, \"allocations\": {allocations}}}");
}

#[inline(never)]
fn measured(one: &mut dyn FnMut()) {
    (0..TIMES).for_each(|_| one());
}
