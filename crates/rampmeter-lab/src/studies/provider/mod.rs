//! The same workload before the same provider, through a gate and through what people would take
//! instead. What is told of a run is counted from the provider's log alone.

mod aims;
mod limiter;
mod play;
mod row;
mod scene;
mod workload;

use std::path::PathBuf;

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
    /// A folder for the provider's log of each run.
    pub logs: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            regimes: Regime::ALL.into(),
            kinds: Kind::ALL.into(),
            variations: Variation::ALL.into(),
            seed: 1,
            logs: None,
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
                let mut scene = scene::Scene::of(kind, variation, regime, options.seed);
                let (kind, variation, name) = (kind.name(), variation.name(), regime.name());
                let log = format!("{variation}-{kind}-{name}.jsonl");
                scene.provider.log_file = options.logs.as_ref().map(|folder| folder.join(log));
                let played = play::play(&scene)?;
                let mut row = row::row(&scene, &played);
                if regime == Regime::Rampmeter {
                    let missed = aims.missed(scene.variation, &row);
                    all_met &= missed.is_empty();
                    row["aims_missed"] = missed.into();
                }
                show(&row);
            }
        }
    }
    Ok(all_met)
}
