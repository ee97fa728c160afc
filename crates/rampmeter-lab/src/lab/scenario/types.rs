//! The parts of a scenario.

use std::time::Duration;

use super::super::regime::Regime;

/// What a scenario is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// What is usual.
    Baseline,
    /// Much at once.
    Stress,
    /// What fails.
    Chaos,
    /// What is in each other's way.
    Adversarial,
    /// What comes afterwards.
    Recovery,
    /// A limit's size swept: for the curves.
    Curves,
    /// A file of one's own.
    Own,
}

/// Somebody, or many alike, who ask for turns.
#[derive(Clone, PartialEq, Debug)]
pub struct Load {
    /// Its name.
    pub name: String,
    /// The flow of its calls; with [`Load::flows`] above 1, `NAME-0`, `NAME-1`, … in turn.
    pub flow: String,
    /// How many flows.
    pub flows: u32,
    /// The name of their priority.
    pub priority: String,
    /// When it begins.
    pub start: Duration,
    /// How its turns come.
    pub arrive: Arrive,
    /// How many turns in all, at most.
    pub turns: Option<u64>,
    /// For how long turns come, if that is less.
    pub lasts: Option<Duration>,
    /// What each turn asks for.
    pub calls: Vec<Calls>,
    /// Whether the calls of a turn come one after the other.
    pub sequence: bool,
}

/// How turns come.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Arrive {
    /// All at the start.
    AtOnce,
    /// One in each period.
    Every(Duration),
    /// At chance moments, so many a second in the mean.
    Poisson(f64),
    /// So many together in each period.
    Bursts(u64, Duration),
    /// So many users, each asking again when it was answered and has thought.
    Users(u32, Duration),
    /// From a producer that has them all and hands them on as fast as they are taken.
    Pulled,
}

/// Calls of one tool within a turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calls {
    /// The tool.
    pub tool: String,
    /// How many.
    pub count: u64,
    /// Their arguments; `{turn}`, `{call}` and `{flow}` are filled in.
    pub arguments: Option<String>,
}

/// How long work takes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Spread {
    /// Always so long.
    Fixed(Duration),
    /// From the first to the second, all alike likely.
    Uniform(Duration, Duration),
    /// Exponentially distributed about this mean.
    Exponential(Duration),
    /// Log-normal, of this median and 99th percentile.
    LogNormal(Duration, Duration),
    /// Pareto, of this least and this shape: a heavy tail.
    Pareto(Duration, f64),
}

/// How a tool behaves. All of it may come together.
#[derive(Clone, PartialEq, Debug)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// How long its work takes, alone.
    pub takes: Spread,
    /// The server that does its work.
    pub server: Option<String>,
    /// Bytes held while it runs.
    pub memory: u64,
    /// Time on a core before the rest.
    pub cpu: Duration,
    /// The share of calls that fail.
    pub fails: f64,
    /// All fail from so many on.
    pub fails_from: Option<u64>,
    /// The share of calls that never end.
    pub hangs: f64,
    /// How long its work goes on after it was cut short.
    pub ignores_cancel: Duration,
    /// The counter that it races on.
    pub races: Option<String>,
    /// Tools that it calls, and how often.
    pub calls: Vec<Calls>,
}

/// A server: its speed by the Universal Scalability Law (Gunther 2007), and when it turns calls away.
#[derive(Clone, PartialEq, Debug)]
pub struct ServerSpec {
    /// Its name.
    pub name: String,
    /// Contention.
    pub sigma: f64,
    /// Coherency.
    pub kappa: f64,
    /// It has no room for more at once.
    pub full: Option<u64>,
    /// Its quotas.
    pub quotas: Vec<Rate>,
}

/// So many calls in a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Calls.
    pub calls: u64,
    /// The period.
    pub period: Duration,
}

/// What goes wrong for a while.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// Where.
    pub place: FaultPlace,
    /// From when.
    pub from: Duration,
    /// For how long.
    pub lasts: Duration,
    /// What.
    pub kind: FaultKind,
}

/// Where it goes wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultPlace {
    /// A tool.
    Tool(String),
    /// A server.
    Server(String),
    /// The process that runs the calls.
    Process,
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FaultKind {
    /// This share of calls fails at once.
    Fails(f64),
    /// This share of calls is throttled.
    Throttles(f64),
    /// Work takes so many times as long.
    Slower(f64),
    /// The process dies.
    Crashes,
}

/// What must hold: an aim as `rampmeter lab tune` takes them, such as `p95 of high <= 2s`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// Under which regime.
    pub regime: Regime,
    /// The aim, as it is written.
    pub aim: String,
}

/// A figure that the study published, to stand beside today's.
#[derive(Clone, PartialEq, Debug)]
pub struct Published {
    /// What it is called there.
    pub what: String,
    /// What it was there, as published.
    pub was: String,
    /// The figure here that it is to be compared with, such as `duration`.
    pub figure: String,
}

/// A limit whose concurrency is given one size after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sweep {
    /// The limit of the policy.
    pub limit: String,
    /// Its sizes.
    pub sizes: Vec<u64>,
}
