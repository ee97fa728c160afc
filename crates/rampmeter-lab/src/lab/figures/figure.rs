//! Figures by name.

use std::fmt;
use std::time::Duration;

use super::super::record::Status;
use super::super::script::Script;
use super::super::study::Entry;
use super::scope::{Picked, Scope};
use super::unit::Unit;
use super::{calls, moments, recovery, shares, whole};

/// What is measured of a playing; [the list](super) says what each is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Figure {
    pub(super) measure: Measure,
    pub(super) scope: Option<Scope>,
    /// What it is divided by.
    pub(super) over: Option<Box<Figure>>,
}

impl Figure {
    /// Measures it. Nothing if the playing does not tell: no call of that kind was answered, nothing
    /// is called so, there was no heartbeat, or it would be divided by nothing.
    pub fn of(&self, entry: &Entry) -> Option<f64> {
        let value = self.alone(entry)?;
        match &self.over {
            None => Some(value),
            Some(over) => over.of(entry).filter(|below| *below != 0.0).map(|below| value / below),
        }
    }

    /// What it is in.
    pub fn unit(&self) -> Unit {
        let unit = self.measure.unit();
        match &self.over {
            None => unit,
            Some(over) if over.unit() == unit => Unit::Share,
            Some(_) => Unit::Plain,
        }
    }

    /// That all names in it are in the script.
    ///
    /// # Errors
    ///
    /// One is not; which names are near.
    pub fn check(&self, script: &Script) -> Result<(), String> {
        self.scope.as_ref().map_or(Ok(()), |scope| scope.check(script))?;
        self.over.as_ref().map_or(Ok(()), |over| over.check(script))
    }

    fn alone(&self, entry: &Entry) -> Option<f64> {
        let picked = Picked::of(self.scope.as_ref(), &entry.script)?;
        let facts = &entry.played.facts;
        match self.measure {
            Measure::Latency(stat) => stat.of(calls::latencies(entry, &picked)),
            Measure::Wait(stat) => stat.of(calls::waits(entry, &picked)),
            Measure::Slowdown(stat) => stat.of(calls::slowdowns(entry, &picked)),
            Measure::Count(what) => calls::count(entry, &picked, what),
            Measure::Goodput => calls::goodput(entry, &picked),
            Measure::Throughput => calls::throughput(entry, &picked),
            Measure::Peak => Some(moments::peak(entry, &picked)),
            Measure::Outstanding => Some(moments::outstanding(entry, &picked)),
            Measure::Queue => Some(moments::queue(entry, &picked)),
            Measure::Starts(period) => Some(moments::starts(entry, &picked, period)),
            Measure::Fairness => shares::fairness(entry, &picked),
            Measure::Share => shares::share(entry, &picked),
            Measure::Recovery => recovery::worst(entry),
            Measure::Duration => calls::duration(entry),
            Measure::NeverAsked => Some(facts.never_asked as f64),
            Measure::LostUpdates => whole::lost_updates(entry),
            Measure::Memory => Some(whole::memory(entry)),
            Measure::MemoryWanted => Some(whole::memory_wanted(entry)),
            Measure::Lag(stat) => whole::lag(entry, stat),
            Measure::Cpu => facts.cpu.map(seconds),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.measure)?;
        if let Some(scope) = &self.scope {
            write!(f, " of {scope}")?;
        }
        self.over.as_ref().map_or(Ok(()), |over| write!(f, " / {over}"))
    }
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Measure {
    Latency(Stat),
    Wait(Stat),
    Slowdown(Stat),
    Count(What),
    Goodput,
    Throughput,
    Peak,
    Outstanding,
    Queue,
    Starts(Duration),
    Fairness,
    Share,
    Recovery,
    Duration,
    NeverAsked,
    LostUpdates,
    Memory,
    MemoryWanted,
    Lag(Stat),
    Cpu,
}

impl Measure {
    fn unit(self) -> Unit {
        match self {
            Measure::Latency(_)
            | Measure::Wait(_)
            | Measure::Recovery
            | Measure::Duration
            | Measure::Lag(_)
            | Measure::Cpu => Unit::Time,
            Measure::Slowdown(_) | Measure::Fairness => Unit::Plain,
            Measure::Goodput | Measure::Throughput => Unit::PerSecond,
            Measure::Memory | Measure::MemoryWanted => Unit::Bytes,
            Measure::Share => Unit::Share,
            Measure::Count(_)
            | Measure::Peak
            | Measure::Outstanding
            | Measure::Queue
            | Measure::Starts(_)
            | Measure::NeverAsked
            | Measure::LostUpdates => Unit::Count,
        }
    }
}

/// Which calls are counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum What {
    Asked,
    Good,
    InTime,
    PastDeadline,
    Runs,
    Throttles,
    Ended(Status),
}

/// What is said of many values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Stat {
    /// The value at that rank, in thousandths: the least that so many of all do not exceed.
    Rank(u16),
    Max,
    Mean,
}

impl Stat {
    pub(super) fn of(self, mut values: Vec<f64>) -> Option<f64> {
        match self {
            _ if values.is_empty() => None,
            Stat::Max => values.into_iter().max_by(f64::total_cmp),
            Stat::Mean => Some(values.iter().sum::<f64>() / values.len() as f64),
            Stat::Rank(thousandths) => {
                let rank = (usize::from(thousandths) * values.len()).div_ceil(1000);
                let at = rank.saturating_sub(1);
                Some(*values.select_nth_unstable_by(at, f64::total_cmp).1)
            }
        }
    }
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stat::Rank(thousandths) => match (thousandths / 10, thousandths % 10) {
                (whole, 0) => write!(f, "p{whole}"),
                (whole, tenth) => write!(f, "p{whole}.{tenth}"),
            },
            Stat::Max => f.write_str("max"),
            Stat::Mean => f.write_str("mean"),
        }
    }
}

/// Nanoseconds as seconds.
pub(super) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
