//! All that was played, with what it was played from.

use std::sync::Arc;

use super::record::Played;
use super::scenario::Scenario;
use super::script::Script;

/// One playing.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was played.
    pub scenario: Arc<Scenario>,
    /// With all that chance had to say.
    pub script: Arc<Script>,
    /// What happened.
    pub played: Played,
}

/// Playings, in the order of their jobs.
#[derive(Clone, Default, Debug)]
pub struct Study {
    /// All of them.
    pub entries: Vec<Entry>,
}
