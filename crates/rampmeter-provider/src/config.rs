//! What a mock provider enforces, how it answers, and how its clock runs.

use std::path::PathBuf;

use serde::Deserialize;

use crate::quota::{Quota, SECOND_NS};

/// Everything there is to set. Times are by the provider's clock, which runs `speed` times as fast
/// as the real one.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What is enforced. None: everything is admitted.
    pub quotas: Vec<Quota>,
    /// Whose headers and errors it sends.
    pub style: Style,
    /// What of a call's tokens is charged, and when.
    pub charge: Charge,
    /// How many times as fast as the real clock its own runs; above 0.
    pub speed: f64,
    /// How far its clock is ahead of the real one, or behind it, in real time.
    pub skew_ns: i64,
    /// How far into a day of UTC its clock starts; by the real clock, if it is not said.
    pub starts_at_ns: Option<u64>,
    /// What faults, latencies and the other user are drawn from.
    pub seed: u64,
    /// How long an admitted call takes.
    pub latency: Latency,
    /// So many calls at once take no longer than one; beyond it all are that much slower.
    pub capacity: Option<u32>,
    /// The most calls that are answered at once; more are turned away with `busy_status`.
    pub at_once: Option<u32>,
    /// 429, 503 or 529.
    pub busy_status: u16,
    /// Calls that fail though no quota stands in the way.
    pub faults: Faults,
    /// Somebody else on the same key.
    pub other_user: Option<OtherUser>,
    /// The port on loopback; 0 for any that is free.
    pub port: u16,
    /// Where the request log is written, a JSON object a line.
    pub log_file: Option<PathBuf>,
    /// How many entries of the log are kept in memory; later ones are counted as missed there.
    pub log_entries: usize,
}

/// Whose headers and errors are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// `x-ratelimit-*` for requests and tokens with resets such as `6m0s`; `retry-after-ms` too.
    #[default]
    Openai,
    /// The same names, but requests are those of a day.
    Groq,
    /// `anthropic-ratelimit-*` with moments as resets, input and output tokens apart.
    Anthropic,
    /// No headers; the delay stands in the body of a 429.
    Gemini,
    /// `x-ratelimit-*` for requests, with the second of the epoch as reset.
    Github,
    /// `RateLimit-Limit`, `-Remaining` and `-Reset`, of the early drafts of the IETF.
    IetfOld,
    /// `RateLimit` and `RateLimit-Policy`, of its later drafts.
    IetfNew,
}

/// What of a call's tokens is charged, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Charge {
    /// At arrival what the call states: its input and the most that it asks for. Never corrected.
    #[default]
    Arrival,
    /// At arrival what the call really takes, as if that were known.
    Actual,
    /// At arrival what the call states; corrected at its end, in the window it was charged to.
    Settled,
    /// At its end what it really took; a call is admitted while anything is left.
    After,
}

/// How long an admitted call takes, by the provider's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latency {
    /// Always as long.
    Fixed(u64),
    /// From the first to the second, evenly.
    Uniform(u64, u64),
    /// Lognormal, by its median and the deviation of its logarithm.
    Lognormal {
        /// Half of the calls take longer.
        median_ns: u64,
        /// 0.5 is a usual figure for a model's answers.
        sigma: f64,
    },
}

/// Calls that fail for no fault of theirs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// The share of admitted calls that fail, from 0 to 1.
    pub share: f64,
    /// 503 or 529.
    pub status: u16,
    /// What they are told to wait, in real time.
    pub retry_after_ns: Option<u64>,
}

/// Somebody else on the same key, who takes a share of every quota.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OtherUser {
    /// The share of each period's amount, from 0 to 1.
    pub share: f64,
    /// In so many bites of equal size, each at a random moment of its period; 1 is the rudest.
    pub bites: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            quotas: Vec::new(),
            style: Style::default(),
            charge: Charge::default(),
            speed: 1.0,
            skew_ns: 0,
            starts_at_ns: None,
            seed: 0,
            latency: Latency::Fixed(0),
            capacity: None,
            at_once: None,
            busy_status: 429,
            faults: Faults { share: 0.0, status: 503, retry_after_ns: None },
            other_user: None,
            port: 0,
            log_file: None,
            log_entries: 1_000_000,
        }
    }
}

impl Config {
    /// Reads a configuration as it is written in a file, TOML.
    pub fn read(text: &str) -> Result<Config, String> {
        crate::file::read(text)
    }

    /// What cannot be enforced is refused before anything is.
    pub fn check(&self) -> Result<(), String> {
        let share = |share: f64| (0.0..=1.0).contains(&share);
        if !(self.speed.is_finite() && self.speed >= 0.001 && self.speed <= 1e6) {
            return Err(format!("speed {}: give a number from 0.001 to 1000000", self.speed));
        }
        if !share(self.faults.share) {
            return Err(format!("faults {}: give a share from 0 to 1", self.faults.share));
        }
        let other = self.other_user.unwrap_or(OtherUser { share: 0.0, bites: 1 });
        if !share(other.share) || !(1..=1_000).contains(&other.bites) {
            return Err("other_user: give a share from 0 to 1, in 1 to 1000 bites".into());
        }
        for (name, status) in [("faults", self.faults.status), ("at_once", self.busy_status)] {
            if ![429, 503, 529].contains(&status) {
                return Err(format!("{name}: status {status} is none of 429, 503 and 529"));
            }
        }
        if self.capacity == Some(0) {
            return Err("capacity 0: no call would ever be answered; give at least 1".into());
        }
        if let Some(quota) = self.quotas.iter().find(|quota| quota.period_ns == 0) {
            return Err(format!("{quota}: a period must not be 0"));
        }
        if let Latency::Uniform(least, most) = self.latency
            && least > most
        {
            return Err("latency: write the shorter one first".into());
        }
        Ok(())
    }
}

impl Style {
    /// By its name, as in a configuration.
    pub fn named(name: &str) -> Option<Style> {
        crate::quota::named(name)
    }
}

impl Charge {
    /// By its name, as in a configuration.
    pub fn named(name: &str) -> Option<Charge> {
        crate::quota::named(name)
    }
}

impl Latency {
    /// `50ms`, or `20ms..80ms`.
    pub fn parse(text: &str) -> Result<Latency, String> {
        let wrong = || format!("`{text}` is no latency: write 50ms, or 20ms..80ms");
        let one = |text: &str| match text.trim() {
            "0" => Some(0),
            text => crate::quota::period_ns(text).filter(|ns| *ns < 86_400 * SECOND_NS),
        };
        match text.split_once("..") {
            Some((least, most)) => {
                Ok(Latency::Uniform(one(least).ok_or_else(wrong)?, one(most).ok_or_else(wrong)?))
            }
            None => one(text).map(Latency::Fixed).ok_or_else(wrong),
        }
    }
}
