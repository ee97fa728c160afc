//! The provider's clock, which may run fast or slow, and be wrong.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::Config;
use crate::quota::DAY_NS;

#[derive(Debug, Clone)]
pub(crate) struct Clock {
    began: Instant,
    began_unix_ns: u64,
    speed: f64,
    skew_ns: i64,
    phase_ns: u64,
}

impl Clock {
    pub(crate) fn start(config: &Config) -> Clock {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began_unix_ns = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
        let (speed, skew_ns) = (config.speed, config.skew_ns);
        // A day of its clock takes so long, and a whole number of them has passed since the epoch.
        let day_ns = whole(DAY_NS as f64 / speed).max(1);
        let by_the_real_clock =
            whole((began_unix_ns.saturating_add_signed(skew_ns) % day_ns) as f64 * speed);
        let phase_ns = config.starts_at_ns.unwrap_or(by_the_real_clock);
        Clock { began: Instant::now(), began_unix_ns, speed, skew_ns, phase_ns }
    }

    /// How long it has run, by itself.
    pub(crate) fn now_ns(&self) -> u64 {
        whole(self.began.elapsed().as_nanos() as f64 * self.speed)
    }

    /// How far into its day it started.
    pub(crate) fn phase_ns(&self) -> u64 {
        self.phase_ns
    }

    /// So much of its time in real time, rounded up so that nobody comes too early.
    pub(crate) fn real_ns(&self, own_ns: u64) -> u64 {
        whole((own_ns as f64 / self.speed).ceil())
    }

    pub(crate) fn real(&self, own_ns: u64) -> Duration {
        Duration::from_nanos(self.real_ns(own_ns))
    }

    /// The true time since the Unix epoch.
    pub(crate) fn unix_ns(&self) -> u64 {
        let elapsed_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.began_unix_ns.saturating_add(elapsed_ns)
    }

    /// The same as the provider believes it to be.
    pub(crate) fn told_unix_ns(&self) -> u64 {
        self.unix_ns().saturating_add_signed(self.skew_ns)
    }

    /// Whether a delay can be told in whole seconds without being wrong by windows.
    pub(crate) fn tells_whole_seconds(&self) -> bool {
        self.speed <= 1.0
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(crate) fn whole(number: f64) -> u64 {
    number as u64
}
