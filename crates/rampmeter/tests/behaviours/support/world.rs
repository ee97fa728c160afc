//! A gate in virtual time, and what its callers count themselves.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rampmeter::runtime::{Runtime, VirtualTime};
use rampmeter::{
    BudgetSnapshot, EventKind, Executor, Gate, Instant, MemoryMeter, Policy, Registry, Tool,
};

pub(crate) fn policy(text: &str) -> Policy {
    Policy::parse("test.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) time: VirtualTime,
    pub(crate) gate: Gate,
    policy: Policy,
}

impl World {
    pub(crate) fn new(text: &str) -> World {
        let (time, policy) = (VirtualTime::new(), policy(text));
        let gate = Gate::with_runtime(&policy, Arc::new(time.clone())).unwrap();
        World { time, gate, policy }
    }

    /// A world in which `meter` tells how much memory is in use.
    pub(crate) fn with_meter(text: &str, meter: Arc<dyn MemoryMeter>) -> World {
        let (time, policy) = (VirtualTime::new(), policy(text));
        let gate = Gate::with_meter(&policy, Arc::new(time.clone()), meter).unwrap();
        World { time, gate, policy }
    }

    /// Another gate of the same policy, in real time.
    pub(crate) fn gate_on_tokio(&self) -> Gate {
        Gate::new(&self.policy).unwrap()
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.time.block_on(future).expect("something can still happen")
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.time.spawn(Box::pin(future));
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.time.now().as_nanos() / 1_000_000
    }

    /// Sleeps until so many milliseconds after the epoch.
    pub(crate) async fn until(&self, millis: u64) {
        self.time.sleep_until(Instant::from_millis(millis)).await;
    }

    pub(crate) async fn sleep(&self, millis: u64) {
        let until = self.time.now().saturating_add(Duration::from_millis(millis));
        self.time.sleep_until(until).await;
    }

    /// Lets everything happen that happens by then.
    pub(crate) fn run_until(&self, millis: u64) {
        self.run(self.until(millis));
    }

    pub(crate) fn executor(&self, tools: impl IntoIterator<Item = Tool>) -> Executor {
        let mut registry = Registry::new();
        tools.into_iter().for_each(|tool| registry.add(tool).unwrap());
        Executor::new(self.gate.clone(), registry, self.policy.clone())
    }

    /// A tool that hands its work to a task of its own, which takes the `ms` of the arguments and
    /// does not ask whether anybody still waits.
    pub(crate) fn stubborn(&self, name: &str, inside: &Arc<Inside>) -> Tool {
        let (world, inside) = (self.clone(), inside.clone());
        Tool::raw(name, "", serde_json::json!({}), move |call| {
            let (world, here, hold) = (world.clone(), Inside::enter(&inside), call.work.hold());
            let (sender, answer) = tokio::sync::oneshot::channel();
            let arguments: serde_json::Value = call.arguments.parse().unwrap();
            world.clone().spawn(async move {
                world.sleep(arguments["ms"].as_u64().unwrap_or(0)).await;
                drop(here);
                hold.finish();
                let _ = sender.send(call.id.to_string());
            });
            async move { answer.await.map_err(rampmeter::ToolError::failed) }
        })
    }

    /// A tool that takes the `ms` of its arguments, then answers with its id.
    pub(crate) fn sleeper(&self, name: &str, inside: &Arc<Inside>) -> Tool {
        let (world, inside) = (self.clone(), inside.clone());
        Tool::raw(name, "", serde_json::json!({}), move |call| {
            let (world, inside) = (world.clone(), inside.clone());
            async move {
                let _here = Inside::enter(&inside);
                let arguments: serde_json::Value = call.arguments.parse().unwrap();
                world.sleep(arguments["ms"].as_u64().unwrap_or(0)).await;
                Ok(call.id.to_string())
            }
        })
    }
}

/// How many are inside at once, counted by those who are.
#[derive(Default)]
pub(crate) struct Inside {
    now: AtomicU64,
    peak: AtomicU64,
    entered: AtomicU64,
}

pub(crate) struct Here(Arc<Inside>);

impl Inside {
    pub(crate) fn enter(inside: &Arc<Inside>) -> Here {
        let now = inside.now.fetch_add(1, Ordering::SeqCst) + 1;
        inside.peak.fetch_max(now, Ordering::SeqCst);
        inside.entered.fetch_add(1, Ordering::SeqCst);
        Here(inside.clone())
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::SeqCst)
    }

    pub(crate) fn entered(&self) -> u64 {
        self.entered.load(Ordering::SeqCst)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Nothing runs, waits or holds a slot.
pub(crate) fn assert_idle(gate: &Gate, context: &str) {
    let snapshot = gate.snapshot();
    assert_eq!((snapshot.running, snapshot.waiting), (0, 0), "running, waiting; {context}");
    for limit in &snapshot.limits {
        for instance in &limit.instances {
            assert_eq!(instance.waiting, 0, "{}; {context}", limit.name);
            for budget in &instance.budgets {
                if let BudgetSnapshot::Concurrency { held, .. } = budget {
                    assert_eq!(*held, 0, "slots held of {}; {context}", limit.name);
                }
            }
        }
    }
}

/// Every call has had exactly one end.
pub(crate) fn assert_sums(gate: &Gate, context: &str) {
    let counters = gate.counters();
    let of = |kind| counters.of(kind);
    let ends = of(EventKind::Completed)
        + of(EventKind::Failed)
        + of(EventKind::Refused)
        + of(EventKind::Cancelled);
    assert_eq!(of(EventKind::Invoked), ends, "{counters:?}; {context}");
    assert_eq!(of(EventKind::Saturated), of(EventKind::Relieved), "{counters:?}; {context}");
}
