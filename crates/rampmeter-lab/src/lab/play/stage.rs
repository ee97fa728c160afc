//! Everything that one playing needs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::future::{Either, select};
use rampmeter::runtime::Runtime;
use rampmeter_core::Instant;
use tokio::sync::{Notify, mpsc};

use super::super::record::{CallRecord, Facts};
use super::super::regime::{Clock, Job, Regime};
use super::super::script::{FaultAt, FaultWhat, Script, ScriptFault};
use super::super::tools::{Tools, Tracker, locked};
use super::Telling;
use super::clock::Loop;
use super::gated::Gated;
use super::kept::{INTERVAL_NS, Kept};
use super::plain::Plain;
use super::process::Process;
use super::real::Gauge;
use super::sessions;
use super::terms::Terms;

/// The script, who watches, what is there to be called, and who runs the calls at present.
pub(super) struct Stage {
    pub(super) script: Arc<Script>,
    pub(super) tracker: Arc<Tracker>,
    pub(super) tools: Arc<Tools>,
    /// What outlives the process that runs the calls.
    pub(super) outside: Arc<Process>,
    terms: Terms,
    job: Job,
    base: Arc<dyn Runtime>,
    /// What of a gate outlives its process, if that dies at all.
    pub(super) kept: Option<Kept>,
    up: Mutex<Option<Arc<Up>>>,
    /// It is up again. Not a `watch`, which wakes those who wait in no order.
    is_up: Notify,
    facts: Mutex<Facts>,
}

/// A process that runs calls, while it is up.
pub(super) struct Up {
    pub(super) process: Arc<Process>,
    way: Way,
}

enum Way {
    Plain(Plain),
    Gated(Box<Gated>),
}

/// What is ready to be played.
pub(super) struct Playing {
    stage: Arc<Stage>,
    on: Loop,
}

impl Up {
    pub(super) fn plain(&self) -> Option<&Plain> {
        match &self.way {
            Way::Plain(plain) => Some(plain),
            Way::Gated(_) => None,
        }
    }

    pub(super) fn gated(&self) -> Option<&Gated> {
        match &self.way {
            Way::Plain(_) => None,
            Way::Gated(gated) => Some(gated),
        }
    }
}

impl Stage {
    /// Everything that a job needs; `watched` is given who watches it, before anything happens.
    #[allow(clippy::new_ret_no_self, reason = "what is ready to be played holds the stage")]
    pub(super) fn new(
        terms: &Terms,
        script: &Script,
        job: &Job,
        telling: Option<Telling>,
        watched: impl FnOnce(&Arc<Tracker>),
    ) -> Result<Playing, String> {
        let on = Loop::new(job.clock).map_err(|error| format!("no loop to run on: {error}"))?;
        let base = on.runtime();
        let script = Arc::new(script.clone());
        let outside = Process::on(base.clone(), script.seed);
        let tracker = Tracker::new(outside.clone(), script.calls.len(), script.tools.len());
        let tracker = Arc::new(match telling {
            Some(telling) => tracker.telling(telling),
            None => tracker,
        });
        watched(&tracker);
        let real = job.clock == Clock::Real;
        let runtime: Arc<dyn Runtime> = outside.clone();
        let tools = Tools::new(&script, &tracker, &runtime, real);
        let dies = job.regime == Regime::Rampmeter && crashes(&script).next().is_some();
        let kept = if dies { Some(Kept::new()?) } else { None };
        let stage = Arc::new(Stage {
            script,
            tracker,
            tools,
            outside,
            terms: terms.clone(),
            job: job.clone(),
            base,
            kept,
            up: Mutex::default(),
            is_up: Notify::new(),
            facts: Mutex::default(),
        });
        stage.starts()?;
        Ok(Playing { stage, on })
    }

    /// The process starts, with nothing of what it had before.
    pub(super) fn starts(self: &Arc<Stage>) -> Result<(), String> {
        let process = Process::on(self.base.clone(), self.script.seed);
        let way = match self.job.regime {
            Regime::Rampmeter => {
                let policy = self.terms.policy.as_ref().ok_or("rampmeter needs a policy")?;
                Way::Gated(Box::new(Gated::new(self, &process, policy, self.job.clock)?))
            }
            Regime::Stageflow => {
                return Err("stageflow is played by a driver of its own, in Python".to_owned());
            }
            regime => {
                let tools = self.script.tools.len();
                Way::Plain(Plain::new(regime, &self.terms, tools, self.job.clock, &process))
            }
        };
        *locked(&self.up) = Some(Arc::new(Up { process, way }));
        self.is_up.notify_waiters();
        Ok(())
    }

    /// The process dies, with all that it held.
    pub(super) fn dies(&self) {
        let Some(up) = locked(&self.up).take() else { return };
        if let Some(gated) = up.gated() {
            let mut facts = locked(&self.facts);
            let Facts { gate_peaks, events, .. } = &mut *facts;
            gated.tells(gate_peaks, events);
        }
        up.process.dies();
    }

    /// The process that runs calls now.
    pub(super) fn up_now(&self) -> Option<Arc<Up>> {
        locked(&self.up).clone()
    }

    /// The process, once there is one.
    pub(super) async fn up(&self) -> Arc<Up> {
        loop {
            let is_up = self.is_up.notified();
            if let Some(up) = self.up_now() {
                return up;
            }
            is_up.await;
        }
    }

    /// The calls of a turn that are not answered; not those that its calls make.
    pub(super) fn unanswered(&self, turn: usize) -> Vec<usize> {
        let calls = self.script.turns[turn].calls.iter().copied();
        let calls = calls.filter(|call| self.script.calls[*call].parent.is_none());
        calls.filter(|call| !self.tracker.is_answered(*call)).collect()
    }

    /// How many nanoseconds a turn has until its deadline, if it has one: it counts from when the
    /// first of its calls was asked for.
    pub(super) fn time_left(&self, turn: usize) -> Option<u64> {
        let deadline = self.script.deadline?;
        let first = self.script.turns[turn].calls.first()?;
        let asked = self.tracker.asked_at(*first).unwrap_or_else(|| self.tracker.now());
        Some(asked.saturating_add(deadline).saturating_sub(self.tracker.now()))
    }

    /// It cannot be played on.
    pub(super) fn breaks(&self, why: String) {
        locked(&self.facts).broken.get_or_insert(why);
    }

    pub(super) fn is_broken(&self) -> bool {
        locked(&self.facts).broken.is_some()
    }
}

impl Playing {
    /// Plays it to its end, or until everything is cut off.
    pub(super) fn play(self) -> Result<(Vec<CallRecord>, Facts), String> {
        let Playing { stage, on } = self;
        let ends = Instant::from_nanos(stage.script.ends);
        let gauge = (stage.job.clock == Clock::Real).then(|| Gauge::new(&stage.outside));
        let mut is_cut = true;
        on.block_on(async {
            let (asks, mut asking) = mpsc::channel::<()>(1);
            for crash in crashes(&stage.script) {
                let fault = dies_and_starts(stage.clone(), crash.from, crash.until);
                stage.outside.spawn(Box::pin(fault));
            }
            sessions::begin(&stage, &asks);
            drop(asks);
            let done = std::pin::pin!(async {
                // Ready when the last session is over.
                asking.recv().await;
                stage.tracker.idle().await;
            });
            let over = stage.outside.sleep_until(ends);
            is_cut = matches!(select(done, over).await, Either::Right(_));
        });
        let at = if is_cut { stage.script.ends } else { stage.tracker.now() };
        stage.tracker.over(at);
        let measured = gauge.map(Gauge::read).unwrap_or_default();
        stage.dies();
        stage.outside.dies();
        let (records, mut facts) = stage.tracker.finish();
        if is_cut {
            facts.ended = at;
        }
        let noted = std::mem::take(&mut *locked(&stage.facts));
        let Facts { gate_peaks, events, broken, .. } = noted;
        let Facts { lags, resident, cpu, .. } = measured;
        Ok((records, Facts { gate_peaks, events, broken, lags, resident, cpu, ..facts }))
    }
}

/// When the process dies.
fn crashes(script: &Script) -> impl Iterator<Item = &ScriptFault> {
    let faults = script.faults.iter();
    faults.filter(|it| it.at == FaultAt::Process && it.what == FaultWhat::Crashes)
}

/// The process dies and comes back as a fault says.
async fn dies_and_starts(stage: Arc<Stage>, from: u64, until: u64) {
    let last_written = from - from % INTERVAL_NS;
    stage.outside.sleep_until(Instant::from_nanos(last_written)).await;
    let up = stage.up_now();
    let gate = up.as_ref().and_then(|up| up.gated()).map(Gated::gate);
    let written = match (&stage.kept, gate) {
        (Some(kept), Some(gate)) => kept.writes(gate),
        _ => Ok(()),
    };
    drop(up);
    stage.outside.sleep_until(Instant::from_nanos(from)).await;
    stage.dies();
    stage.outside.sleep_until(Instant::from_nanos(until)).await;
    if let Err(why) = written.and_then(|()| stage.starts()) {
        stage.breaks(why);
    }
}

/// Adds what a gate has counted to what gates before it did.
pub(super) fn add(counts: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    if more > 0 {
        *counts.entry(name.to_owned()).or_default() += more;
    }
}
