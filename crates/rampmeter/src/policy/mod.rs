//! The policy file: which limits there are, which tools draw on them, and who goes first.
//!
//! Parse, don't validate: a [`Policy`] that exists is legal. What the file gets wrong comes back as
//! [`PolicyErrors`], all of it at once, each with its line and the remedy.

mod breaker;
mod defaults;
mod diagnostic;
mod draws;
mod effective;
mod fallback;
mod field;
mod http;
mod keys;
mod limits;
mod nearest;
mod notes;
mod paths;
mod pattern;
mod pressure;
mod quantity;
mod queue;
mod rates;
mod read;
mod retries;
mod run;
mod section;
mod shares;
mod slots;
mod source;
mod spelling;
mod state;
mod template;
#[cfg(test)]
mod tests;
mod tools;
mod types;
mod zone;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub(crate) use nearest::nearest as nearest_word;
pub(crate) use pattern::{best as best_pattern, patterns_tie};

pub use diagnostic::{Diagnostic, PolicyErrors, Severity};
pub use fallback::{CachePolicy, Fallback};
pub use http::{Follow, HttpBody, HttpMethod, HttpPolicy};
pub use keys::{Key, KeyError};
pub use pressure::{MarkPolicy, MemoryPolicy, PressurePolicy};
pub use retries::{RetriesPolicy, RetryPolicy};
pub use template::{Piece, pieces, request_pieces};
pub use types::{
    Access, AdaptivePolicy, AdaptiveRule, BreakerPolicy, CallsPolicy, DrawPolicy, FlowPolicy,
    LabelPolicy, LimitPolicy, MergePolicy, OnAbandon, Overflow, OverrunPolicy, PriorityPolicy,
    ProviderPolicy, QueuePolicy, RateKind, RatePolicy, ReservedPolicy, RunDefaults, RunPolicy,
    ToolPolicy, TurnPolicy, Unit, WhenOpen,
};
pub use zone::Zone;

use read::Source;

/// A policy file may not be longer.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// What one policy file says, with every default filled in. Two are equal if they say the same.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The budgets, in the order of the file.
    pub limits: Vec<LimitPolicy>,
    /// The tools, in the order of the file.
    pub tools: Vec<ToolPolicy>,
    /// The priorities, heaviest first; 1 to 16 of them.
    pub priorities: Vec<PriorityPolicy>,
    /// Flows with a weight of their own.
    pub flows: Vec<FlowPolicy>,
    /// Labels of which something is known.
    pub labels: Vec<LabelPolicy>,
    /// Simulated providers.
    pub providers: Vec<ProviderPolicy>,
    /// Defaults of `rampmeter run`.
    pub run: RunDefaults,
    /// What holds for a turn as a whole.
    pub turn: TurnPolicy,
    /// What holds for every call.
    pub calls: CallsPolicy,
    /// When the gate is under pressure, and what it does about it.
    pub pressure: PressurePolicy,
    /// How keys of a [`StateBag`](crate::StateBag) are merged.
    pub state: Vec<MergePolicy>,
    /// How many retries there may be over all tools.
    pub retries: RetriesPolicy,
    /// How much is kept of last good results.
    pub cache: CachePolicy,
    /// What a tool that declares no access counts as.
    pub undeclared: Access,
    /// The most bytes of arguments a call may carry.
    pub max_arguments: u64,
    source: Source,
}

impl Policy {
    /// Reads a policy from `text`; `file_name` is what errors call it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it. TOML that cannot be read at all is one error.
    pub fn parse(file_name: &str, text: &str) -> Result<Policy, PolicyErrors> {
        read::read(file_name, text)
    }

    /// Reads the policy file at `path`, of at most 4 MiB.
    ///
    /// # Errors
    ///
    /// Those of [`Policy::parse`], and one about the whole file if it cannot be read.
    pub fn load(path: &Path) -> Result<Policy, PolicyErrors> {
        let name = path.display().to_string();
        let whole_file = |message, help| PolicyErrors::whole_file(&name, message, help);
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| {
                let message = format!("cannot read the policy: {error}");
                whole_file(message, "check that the file is there and may be read")
            })?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(whole_file("the policy is longer than 4 MiB".into(), "shorten it"));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            whole_file(format!("the policy is not UTF-8 at byte {at}"), "save the file as UTF-8")
        })?;
        Policy::parse(&name, &text)
    }

    /// The name the policy was parsed under.
    pub fn file_name(&self) -> &str {
        &self.source.file
    }

    /// What is legal but probably not meant ([`Severity::Warning`]), and what is left open or to a
    /// default ([`Severity::Note`]), in the order of the file.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.source.warnings
    }

    /// The tool that `name` means: the exact one, else the one with the longest literal prefix.
    pub fn tool(&self, name: &str) -> Option<&ToolPolicy> {
        self.tools.get(self.tool_index(name)?)
    }

    /// The index in `tools` of the tool that `name` means.
    pub fn tool_index(&self, name: &str) -> Option<usize> {
        pattern::best(self.tools.iter().map(|tool| tool.pattern.as_str()), name)
    }

    /// The name or pattern of a tool that is most like `name`, for whoever misspelt it.
    pub fn nearest_tool(&self, name: &str) -> Option<&str> {
        nearest::nearest(name, self.tools.iter().map(|tool| tool.pattern.as_str()))
    }

    /// The policy as TOML with every default filled in. It parses to an equal policy.
    pub fn effective(&self) -> String {
        effective::effective(self)
    }

    /// The same tools and providers without any limit. What calls read and write is none: without
    /// it their work would come to something else.
    #[must_use]
    pub fn to_unlimited(&self) -> Policy {
        let mut unlimited = self.clone();
        unlimited.limits.clear();
        unlimited.pressure = PressurePolicy::default();
        for tool in &mut unlimited.tools {
            tool.draws.clear();
        }
        unlimited.source.warnings.clear();
        unlimited
    }
}

impl PartialEq for Policy {
    /// Compares what the policies say, not where they were read from.
    fn eq(&self, other: &Self) -> bool {
        // Taken apart, so that a new field cannot be forgotten here.
        let Policy {
            limits,
            tools,
            priorities,
            flows,
            labels,
            providers,
            run,
            turn,
            calls,
            pressure,
            state,
            retries,
            cache,
            undeclared,
            max_arguments,
            source: _,
        } = self;
        *limits == other.limits
            && *tools == other.tools
            && *priorities == other.priorities
            && *flows == other.flows
            && *labels == other.labels
            && *providers == other.providers
            && *run == other.run
            && *turn == other.turn
            && *calls == other.calls
            && *pressure == other.pressure
            && *state == other.state
            && *retries == other.retries
            && *cache == other.cache
            && *undeclared == other.undeclared
            && *max_arguments == other.max_arguments
    }
}
