//! An engine with so many calls waiting, kept at that number: a thousand flows, four priorities,
//! half of the calls on two limits, weights of 1 to 4.

#![allow(clippy::panic)]

use std::collections::VecDeque;
use std::time::Duration;

use rampmeter_core::*;

const FLOWS: usize = 1_000;
const SLOTS: u64 = 64;

pub(crate) struct Backlog {
    engine: Engine,
    out: Outputs,
    running: VecDeque<CallId>,
    now: u64,
    /// Calls asked for so far.
    asked: usize,
    /// Calls that started so far.
    started: usize,
    ended: usize,
    size: usize,
}

impl Backlog {
    pub(crate) fn new(waiting: usize) -> Backlog {
        let limit = |name: &str, size| LimitConfig {
            name: name.into(),
            budgets: vec![BudgetConfig::slots(size)],
            queue_size: u32::MAX,
            ..LimitConfig::default()
        };
        let config = Config {
            limits: vec![limit("host", SLOTS), limit("api", SLOTS / 2)],
            priorities: vec![64, 16, 4, 1],
            ..Config::default()
        };
        let mut backlog = Backlog {
            engine: Engine::new(config).unwrap(),
            out: Outputs::new(),
            running: VecDeque::new(),
            now: 0,
            asked: 0,
            started: 0,
            ended: 0,
            size: waiting,
        };
        while backlog.engine.waiting() < waiting {
            backlog.ask();
        }
        backlog
    }

    /// One call ends, what can start does, and as many new ones are asked for.
    pub(crate) fn step(&mut self) {
        // A call takes about 100 ms, and the limit runs SLOTS of them.
        self.now += 100_000_000 / SLOTS;
        let Some(id) = self.running.pop_front() else { return };
        let now = Instant::from_nanos(self.now);
        self.engine.release(now, id, Outcome::Succeeded, &mut self.out);
        self.ended += 1;
        self.collect();
        while self.engine.waiting() < self.size {
            self.ask();
        }
    }

    /// Calls that wait at the end of each step.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Ends, starts, and calls that began to wait.
    pub(crate) fn decisions(&self) -> usize {
        self.asked + self.started + self.ended
    }

    pub(crate) fn waiting(&self) -> usize {
        self.engine.waiting()
    }

    /// Notes what has started.
    fn collect(&mut self) {
        let before = self.running.len();
        self.running.extend(self.out.drain(..).filter_map(|output| match output {
            Output::Granted(id) => Some(id),
            _ => None,
        }));
        self.started += self.running.len() - before;
    }

    fn ask(&mut self) {
        let number = self.asked;
        self.asked += 1;
        let weight = 1 + (number / FLOWS % 4) as u64;
        let draw = |limit| Draw { limit: LimitId(limit), weight, costs: &[] };
        let (one, two) = ([draw(0)], [draw(0), draw(1)]);
        let call = Call {
            tool: ToolId(0),
            flow: Flow { id: (number % FLOWS) as u64, weight: 1 },
            priority: [0, 1, 2, 3].map(Priority)[number % 4],
            labels: &[],
            draws: if number % FLOWS < FLOWS / 2 { &one } else { &two },
            keys: &[],
            parent: None,
            deadline: Instant::NEVER,
            queue_timeout: Duration::from_secs(1_000_000),
            arrived: Instant::NEVER,
        };
        match self.engine.admit(Instant::from_nanos(self.now), &call, &mut self.out) {
            Decision::Granted(id) => {
                self.running.push_back(id);
                self.started += 1;
            }
            Decision::Waiting(_) => {}
            other => panic!("{other:?}"),
        }
        self.collect();
    }
}
