//! Handles over changes of the limits: what a handle found holds for the limits as they were, so
//! it keeps its call, and its limits are found again when it is next asked about.

use std::fmt;

use rampmeter_core::{Instant, Prepared};

use super::Handle;
use super::state::{Standing, State, Wanted};
use crate::call::{Call, Costs, Keys, names};

/// What a handle keeps besides what was found for it.
#[derive(Debug)]
pub(super) struct Kept {
    tool: String,
    flow: String,
    priority: Option<String>,
    labels: Labels,
    keys: Option<Box<Keys<'static>>>,
    costs: Costs,
    /// What it costs is learned, and found anew each time.
    learns: bool,
    /// The limits' generation in which they were found.
    generation: u64,
    /// Its place among the renewals.
    place: usize,
}

struct Labels(Vec<(String, String)>);

/// What was found since, by the handle's place. A handle is shared by its users and changes
/// nothing in itself.
#[derive(Default)]
pub(super) struct Renewals {
    places: Vec<Option<Renewal>>,
    free: Vec<usize>,
}

struct Renewal {
    generation: u64,
    prepared: Prepared,
    wanted: Wanted,
}

impl Kept {
    /// The call that it was made for.
    pub(super) fn call(&self) -> Call<'_> {
        let labels = self.labels.0.iter().map(|(name, value)| (&**name, &**value));
        Call {
            flow: &self.flow,
            priority: self.priority.as_deref(),
            labels: labels.collect(),
            keys: self.keys.clone(),
            costs: self.costs,
            ..Call::new(&self.tool)
        }
    }
}

impl State {
    /// Makes a place for a handle of this call.
    pub(super) fn keep(&mut self, call: &Call<'_>) -> Kept {
        let place = self.renewals.free.pop().unwrap_or_else(|| {
            self.renewals.places.push(None);
            self.renewals.places.len() - 1
        });
        let labels = call.labels.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Kept {
            tool: call.tool.into(),
            flow: call.flow.into(),
            priority: call.priority.map(Into::into),
            labels: Labels(labels.collect()),
            keys: call.keys.as_ref().map(|keys| Box::new(keys.kept())),
            costs: call.costs,
            learns: self.plan.tool(call.tool).learns(call),
            generation: self.plan.generation,
            place,
        }
    }

    /// Gives the place of a handle back.
    pub(super) fn forget_kept(&mut self, kept: &Kept) {
        if let Some(renewal) = self.renewals.take(kept.place) {
            self.forget(renewal.prepared, &renewal.wanted);
        }
        self.renewals.free.push(kept.place);
    }

    /// Asks the engine about a handle's call, by its limits as they are now.
    #[inline(always)]
    pub(super) fn ask_handle(&mut self, now: Instant, handle: &Handle, wait: bool) -> Standing {
        match &handle.prepared {
            Some(prepared)
                if handle.kept.generation == self.plan.generation && !handle.kept.learns =>
            {
                self.ask_prepared(now, prepared, &handle.wanted, wait)
            }
            _ => self.ask_renewed(now, handle, wait),
        }
    }

    #[inline(never)]
    fn ask_renewed(&mut self, now: Instant, handle: &Handle, wait: bool) -> Standing {
        let kept = &handle.kept;
        if kept.learns {
            return self.ask(now, &kept.call(), None, wait);
        }
        let renewal = match self.renewals.take(kept.place) {
            Some(renewal) if renewal.generation == self.plan.generation => renewal,
            outdated => {
                if let Some(renewal) = outdated {
                    self.forget(renewal.prepared, &renewal.wanted);
                }
                match self.prepare(now, &kept.call()) {
                    Ok((prepared, wanted, _)) => {
                        Renewal { generation: self.plan.generation, prepared, wanted }
                    }
                    Err(refusal) => {
                        return self.refused_unheard(now, handle.call.clone(), *refusal);
                    }
                }
            }
        };
        let standing = self.ask_prepared(now, &renewal.prepared, &renewal.wanted, wait);
        if let Some(place) = self.renewals.places.get_mut(kept.place) {
            *place = Some(renewal);
        }
        standing
    }
}

impl Renewals {
    fn take(&mut self, place: usize) -> Option<Renewal> {
        self.places.get_mut(place)?.take()
    }
}

/// The values of labels may be secret; they are not shown.
impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(names(&self.0)).finish()
    }
}
