//! By what results are told apart.

use std::fmt;

use sha2::{Digest, Sha256};

use super::canonical::canonical;
use crate::format::Arguments;

/// What a result is of: a SHA-256 of the tool's name, the arguments, the labels and the flow. Two
/// calls with the same key ask for the same on behalf of the same; what is kept under it tells
/// neither arguments nor secrets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The key of a call. The order of members in the arguments, blanks between them and the order
    /// of the labels have no effect. Without a flow (`None`) all flows share what is found.
    pub fn new(
        tool: &str,
        arguments: &Arguments,
        labels: &[(String, String)],
        flow: Option<&str>,
    ) -> CacheKey {
        let mut labels: Vec<&(String, String)> = labels.iter().collect();
        labels.sort_unstable();
        let mut parts = Parts(Sha256::new());
        parts.add(tool.as_bytes());
        parts.add(&canonical(arguments.as_str()));
        parts.count(labels.len());
        for (name, value) in labels {
            parts.add(name.as_bytes());
            parts.add(value.as_bytes());
        }
        parts.count(usize::from(flow.is_some()));
        parts.add(flow.unwrap_or_default().as_bytes());
        CacheKey(parts.0.finalize().into())
    }
}

/// Parts that are hashed one after the other, each with its length before it.
struct Parts(Sha256);

impl Parts {
    fn add(&mut self, part: &[u8]) {
        self.count(part.len());
        self.0.update(part);
    }

    fn count(&mut self, count: usize) {
        self.0.update(u64::try_from(count).unwrap_or(u64::MAX).to_le_bytes());
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, ..] = self.0;
        write!(f, "CacheKey({first:02x}{second:02x}{third:02x}…)")
    }
}
