//! What happened: all that judges see. Inputs as they were given, answers as they came.

use rampmeter_core::{Decision, Instant, LabelId, Output, Refusal, Snapshot};

use super::world::{Align, Planned, World};

/// One thing that happened, in the order in which it did.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The time of the input that it followed from; never less than the event before.
    pub(crate) at: u64,
    pub(crate) what: What,
}

/// Numbers are places in [`Run::calls`].
#[derive(Clone, Debug)]
pub(crate) enum What {
    Asked(usize),
    Waits(usize),
    /// With whether it had waited, if only for no time at all.
    Started(usize, bool),
    Refused(usize, Refusal),
    GivenUp(usize),
    Ended(usize),
    Aligned(Align),
    Seen(Box<Snapshot>),
}

/// All that the engine said, for comparing two histories bit for bit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Said {
    Decided(Decision),
    Told(Output),
    Answered(bool),
    Next(Option<Instant>),
}

/// A history from the first call to the last.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) calls: Vec<Planned>,
    pub(crate) events: Vec<Event>,
    pub(crate) transcript: Vec<Said>,
    pub(crate) last: Snapshot,
}

impl Run {
    /// Every start: when, which call, and whether it had waited.
    pub(crate) fn starts(&self) -> impl Iterator<Item = (u64, usize, bool)> + '_ {
        self.events.iter().filter_map(|event| match event.what {
            What::Started(call, waited) => Some((event.at, call, waited)),
            _ => None,
        })
    }

    /// The moment at which a call's answer came, for calls that started.
    pub(crate) fn started_at(&self) -> Vec<Option<u64>> {
        let mut at = vec![None; self.calls.len()];
        self.starts().for_each(|(when, call, _)| at[call] = Some(when));
        at
    }

    /// How long each call waited that started, by the priority it had.
    pub(crate) fn waits(&self, of: impl Fn(&Planned) -> bool) -> Vec<u64> {
        let asked = self.asked_at();
        let starts = self.starts().filter(|(_, call, _)| of(&self.calls[*call]));
        let mut waits: Vec<_> = starts.map(|(at, call, _)| at - asked[call]).collect();
        waits.sort_unstable();
        waits
    }

    pub(crate) fn asked_at(&self) -> Vec<u64> {
        let mut at = vec![0; self.calls.len()];
        for event in &self.events {
            if let What::Asked(call) = event.what {
                at[call] = event.at;
            }
        }
        at
    }

    /// The value of the label by which this call finds its instance of a limit.
    pub(crate) fn value(&self, call: usize, limit: usize) -> Option<&str> {
        let per: LabelId = self.world.config.limits[limit].per?;
        let labels = &self.calls[call].spec.labels;
        labels.iter().find(|(label, _)| *label == per).map(|(_, value)| value.as_str())
    }
}
