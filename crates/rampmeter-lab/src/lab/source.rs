//! A scenario with a seed.

use std::sync::{Arc, OnceLock};

use super::scenario::Scenario;
use super::script::Script;
use super::store::Print;

/// What playings are made from. Its script is drawn when it is first asked for, and then once.
#[derive(Debug)]
pub struct Source {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The seed.
    pub seed: u64,
    drawn: OnceLock<(Arc<Script>, Print)>,
}

impl Source {
    /// This scenario with this seed.
    pub fn new(scenario: Arc<Scenario>, seed: u64) -> Source {
        Source { scenario, seed, drawn: OnceLock::new() }
    }

    /// All that chance has to say.
    pub fn script(&self) -> &Arc<Script> {
        &self.drawn().0
    }

    /// The fingerprints of what is played of it.
    pub fn print(&self) -> &Print {
        &self.drawn().1
    }

    fn drawn(&self) -> &(Arc<Script>, Print) {
        self.drawn.get_or_init(|| {
            let script = Script::of(&self.scenario, self.seed);
            let print = Print::of(&self.scenario, &script);
            (Arc::new(script), print)
        })
    }
}
