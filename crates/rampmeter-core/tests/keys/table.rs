//! The books: who reads and writes what, who waits since when. They are told what is asked and
//! what the engine says, and judge it.

use std::collections::HashMap;
use std::time::Duration;

use rampmeter_core::*;

use crate::whereabouts::Whereabouts;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Waiting,
    Running,
    Over,
    Refused(Reason),
}

/// One call as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Keys, and whether it writes them.
    pub(crate) keys: Vec<(usize, bool)>,
    pub(crate) limits: Vec<u16>,
    pub(crate) parent: Option<usize>,
    pub(crate) priority: u8,
    pub(crate) flow: u64,
    pub(crate) state: State,
    pub(crate) asked: u64,
    pub(crate) started: u64,
    pub(crate) id: Option<CallId>,
}

pub(crate) struct Table {
    pub(crate) engine: Engine,
    pub(crate) now: u64,
    pub(crate) seed: u64,
    names: Vec<String>,
    sizes: Vec<u64>,
    pub(crate) calls: Vec<Entry>,
    by_id: HashMap<CallId, usize>,
    whereabouts: Whereabouts,
    /// For each key the most readers and writers at once.
    pub(crate) peaks: Vec<(usize, usize)>,
    inherits: bool,
    /// How often a call was seen to wait at more than its own priority.
    pub(crate) raised: u64,
}

impl Table {
    pub(crate) fn new(seed: u64, keys: usize, sizes: &[u64], config: &Config) -> Table {
        let limits = sizes.iter().map(|size| LimitConfig {
            budgets: vec![BudgetConfig::slots(*size)],
            ..LimitConfig::default()
        });
        let all =
            Config { limits: limits.collect(), priorities: vec![64, 16, 4, 1], ..config.clone() };
        Table {
            engine: Engine::new(all).unwrap(),
            now: 0,
            seed,
            names: (0..keys).map(|key| format!("file:/{key}")).collect(),
            sizes: sizes.to_vec(),
            calls: Vec::new(),
            by_id: HashMap::new(),
            whereabouts: Whereabouts::default(),
            peaks: vec![(0, 0); keys],
            inherits: config.inherit,
            raised: 0,
        }
    }

    /// Asks; says which entry it is.
    pub(crate) fn ask(
        &mut self,
        keys: &[(usize, bool)],
        limits: &[u16],
        (priority, flow): (u8, u64),
        parent: Option<usize>,
    ) -> usize {
        let (priority, flow) = match parent {
            Some(parent) => (self.calls[parent].priority, self.calls[parent].flow),
            None => (priority, flow),
        };
        let number = self.calls.len();
        self.calls.push(Entry {
            keys: keys.to_vec(),
            limits: limits.to_vec(),
            parent,
            priority,
            flow,
            state: State::Waiting,
            asked: self.now,
            started: 0,
            id: None,
        });
        let named: Vec<_> = keys
            .iter()
            .map(|(key, writes)| {
                let access = if *writes { KeyAccess::Exclusive } else { KeyAccess::Shared };
                (self.names[*key].as_str(), access)
            })
            .collect();
        let draws: Vec<_> = limits
            .iter()
            .map(|limit| Draw { limit: LimitId(*limit), weight: 1, costs: &[] })
            .collect();
        let call = Call {
            tool: ToolId(0),
            flow: Flow { id: flow, weight: 1 },
            priority: Priority(priority),
            labels: &[],
            draws: &draws,
            keys: &named,
            parent: parent.and_then(|parent| self.calls[parent].id),
            deadline: Instant::NEVER,
            queue_timeout: Duration::from_secs(1_000_000),
            arrived: Instant::NEVER,
        };
        let mut out = Outputs::new();
        let decision = self.engine.admit(Instant::from_millis(self.now), &call, &mut out);
        match decision {
            Decision::Granted(id) | Decision::Waiting(id) => {
                self.by_id.insert(id, number);
                self.calls[number].id = Some(id);
            }
            Decision::Refused(refusal) => {
                self.calls[number].state = State::Refused(refusal.reason);
            }
            Decision::Pending(_) => panic!("never"),
        }
        match decision {
            Decision::Granted(_) => self.start(number),
            Decision::Waiting(id) => {
                let waits = self.engine.waits_at(id).unwrap();
                self.whereabouts.told(id, waits);
            }
            _ => {}
        }
        self.hear(&out);
        number
    }

    /// Ends a running call.
    pub(crate) fn end(&mut self, number: usize) {
        let id = self.calls[number].id.unwrap();
        self.calls[number].state = State::Over;
        let mut out = Outputs::new();
        let now = Instant::from_millis(self.now);
        assert!(self.engine.release(now, id, Outcome::Succeeded, &mut out));
        self.hear(&out);
    }

    /// A waiting call gives up.
    pub(crate) fn give_up(&mut self, number: usize) {
        let id = self.calls[number].id.unwrap();
        self.calls[number].state = State::Over;
        let mut out = Outputs::new();
        let now = Instant::from_millis(self.now);
        assert!(self.engine.cancel(now, id, &mut out));
        self.hear(&out);
    }

    /// Time passes.
    pub(crate) fn pass_to(&mut self, now: u64) {
        while let Some(at) = self.engine.next_moment().filter(|at| *at <= Instant::from_millis(now))
        {
            let mut out = Outputs::new();
            self.engine.advance(at, &mut out);
            self.hear(&out);
        }
        self.now = now;
    }

    fn hear(&mut self, out: &Outputs) {
        for output in out {
            match output {
                Output::Granted(id) => {
                    let number = self.by_id[id];
                    self.start(number);
                }
                Output::Moved { call, waits } => self.whereabouts.told(*call, *waits),
                Output::Refused(id, refusal) => panic!("seed {}: {id:?} {refusal:?}", self.seed),
                _ => {}
            }
        }
        let place = format!("seed {}", self.seed);
        self.whereabouts.are_true(&mut self.engine, &place);
        if self.engine.next_moment().is_none_or(|at| at > Instant::from_millis(self.now)) {
            self.nobody_waits_in_vain();
            self.all_wait_at_their_priority();
        }
    }

    fn start(&mut self, number: usize) {
        assert_eq!(self.calls[number].state, State::Waiting, "seed {}", self.seed);
        let call = self.calls[number].clone();
        for (key, writes) in &call.keys {
            let (mut readers, mut writers) = (0, 0);
            for (other, entry) in self.calls.iter().enumerate() {
                let theirs = entry.keys.iter().filter(|(it, _)| it == key).map(|(_, it)| *it);
                let Some(theirs) = theirs.max() else { continue };
                let clash = theirs || *writes;
                match entry.state {
                    // A caller waits for its calls, and does nothing meanwhile.
                    State::Running if !self.is_above(other, number) => {
                        if theirs {
                            writers += 1;
                        } else {
                            readers += 1;
                        };
                        let seed = self.seed;
                        assert!(!clash, "seed {seed}: {number} runs beside {other} on {key}");
                    }
                    State::Waiting if clash && other < number && call.parent.is_none() => {
                        panic!("seed {}: {number} passes {other} on {key}", self.seed);
                    }
                    _ => {}
                }
            }
            let peak = &mut self.peaks[*key];
            if *writes {
                peak.1 = peak.1.max(writers + 1);
            } else {
                peak.0 = peak.0.max(readers + 1);
            }
        }
        let entry = &mut self.calls[number];
        (entry.state, entry.started) = (State::Running, self.now);
    }

    /// Is `above` the caller of `call`, or the caller of that one, and so on?
    fn is_above(&self, above: usize, call: usize) -> bool {
        let mut at = self.calls[call].parent;
        while let Some(parent) = at {
            if parent == above {
                return true;
            }
            at = self.calls[parent].parent;
        }
        false
    }

    /// Whoever waits and is made by nobody has a reason: a key that is used, or that somebody who
    /// came before waits for, or a limit that is full or that others wait for.
    fn nobody_waits_in_vain(&self) {
        for (number, call) in self.calls.iter().enumerate() {
            if call.state != State::Waiting || call.parent.is_some() {
                continue;
            }
            let in_the_way = |(other, entry): (usize, &Entry)| {
                let of_limits = entry.limits.iter().any(|it| call.limits.contains(it));
                let clash = |(key, writes): &(usize, bool)| {
                    call.keys.iter().any(|(it, ours)| it == key && (*ours || *writes))
                };
                let of_keys = entry.keys.iter().any(clash);
                match entry.state {
                    State::Running => of_keys,
                    State::Waiting => other != number && (of_limits || of_keys && other < number),
                    _ => false,
                }
            };
            let full = call.limits.iter().any(|limit| {
                let uses = |it: &&Entry| it.state == State::Running && it.limits.contains(limit);
                let used = self.calls.iter().filter(uses).count() as u64;
                used >= self.sizes[usize::from(*limit)]
            });
            let seed = self.seed;
            assert!(
                full || self.calls.iter().enumerate().any(in_the_way),
                "seed {seed}, {} ms: {number} waits for nothing",
                self.now
            );
        }
    }

    /// Every waiting call has the greatest priority of those that wait for it in the end: at a key
    /// for its holders and for those who came before, for a caller through its calls.
    fn all_wait_at_their_priority(&mut self) {
        let live: Vec<usize> = (0..self.calls.len())
            .filter(|it| matches!(self.calls[*it].state, State::Waiting | State::Running))
            .collect();
        let mut due: Vec<u8> = self.calls.iter().map(|call| call.priority).collect();
        loop {
            let before = due.clone();
            for donor in &live {
                for other in &live {
                    if self.waits_for(*donor, *other) {
                        // A lesser number is a greater weight.
                        due[*other] = due[*other].min(due[*donor]);
                    }
                }
            }
            if due == before {
                break;
            }
        }
        for number in self.in_state(State::Waiting) {
            let (id, seed) = (self.calls[number].id.unwrap(), self.seed);
            let told = self.engine.explain(Instant::from_millis(self.now), id).unwrap();
            let expected = if self.inherits { due[number] } else { self.calls[number].priority };
            let shown = || live.iter().map(|it| format!("{it} {:?}\n", self.calls[*it]));
            assert_eq!(
                told.priority.0,
                expected,
                "seed {seed}, {} ms: {number} of\n{}",
                self.now,
                shown().collect::<String>()
            );
            self.raised += u64::from(expected != self.calls[number].priority);
        }
    }

    /// Does one call wait for another, as far as keys and callers go?
    fn waits_for(&self, donor: usize, other: usize) -> bool {
        let (ours, theirs) = (&self.calls[donor], &self.calls[other]);
        if theirs.parent == Some(donor) {
            return true;
        }
        let clash = ours.keys.iter().any(|(key, writes)| {
            theirs.keys.iter().any(|(it, their)| it == key && (*writes || *their))
        });
        clash
            && ours.state == State::Waiting
            && match theirs.state {
                State::Running => !self.is_above(other, donor),
                _ => other < donor && ours.parent.is_none(),
            }
    }

    /// Calls that wait or run.
    pub(crate) fn in_state(&self, state: State) -> Vec<usize> {
        let calls = self.calls.iter().enumerate();
        calls.filter(|(_, it)| it.state == state).map(|(number, _)| number).collect()
    }
}
