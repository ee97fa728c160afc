//! The same workload before the same provider, through a gate and through what people would take
//! instead. What is told of a run is counted from the provider's log alone.

mod aims;
mod limiter;
mod play;
mod row;
mod scene;
mod workload;

use serde_json::Value;

pub use limiter::Regime;
pub use scene::{Kind, Variation};

/// Which runs to make.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only these regimes.
    pub regimes: Vec<Regime>,
    /// Only these kinds of quotas.
    pub kinds: Vec<Kind>,
    /// Only these variations.
    pub variations: Vec<Variation>,
    /// What workload, provider and estimates are drawn from.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            regimes: Regime::ALL.into(),
            kinds: Kind::ALL.into(),
            variations: Variation::ALL.into(),
            seed: 1,
        }
    }
}

/// Makes the runs, one after the other, shows each row when its run is done, and says whether all
/// aims were met.
pub fn run(options: &Options, mut show: impl FnMut(&Value)) -> Result<bool, String> {
    let aims = aims::read()?;
    let mut all_met = true;
    for &variation in &options.variations {
        for &kind in &options.kinds {
            for &regime in options.regimes.iter().filter(|it| variation.is_for(**it)) {
                let scene = scene::Scene::of(kind, variation, regime, options.seed);
                let played = play::play(&scene)?;
                let mut row = row::row(&scene, &played);
                if regime == Regime::Rampmeter {
                    let missed = aims.missed(variation, &row);
                    all_met &= missed.is_empty();
                    row["aims_missed"] = missed.into();
                }
                show(&row);
            }
        }
    }
    Ok(all_met)
}
