//! Calls that running calls make: who makes them, and what to say if they would wait for ever.

use std::sync::Arc;

use rampmeter_core::{CallId, Instant};

use super::ask::unsupported;
use super::state::{Standing, State};
use super::{Gate, Handle};
use crate::call::Call;
use crate::event::CallInfo;
use crate::lineage::Lineage;
use crate::refusal::in_words;

impl Gate {
    /// The name of the priority that calls under this one have.
    pub(crate) fn inherited_priority(&self, lineage: Lineage) -> Option<Arc<str>> {
        let call = lineage.at(self.serial())?;
        self.home().input(|state, _| state.info(call).map(|info| info.priority.clone()))
    }
}

impl Gate {
    /// By when calls under this one must have ended.
    pub(crate) fn inherited_end(&self, lineage: Option<Lineage>) -> Instant {
        let end =
            || self.home().input(|state, _| state.engine.ends_by(lineage?.at(self.serial())?));
        lineage.and_then(|_| end()).unwrap_or(Instant::NEVER)
    }
}

impl State {
    /// Asks about a call: under the parent that it names, else under the call in whose scope it is.
    #[inline]
    pub(super) fn ask_call(
        &mut self,
        gate: &Gate,
        now: Instant,
        call: &Call<'_>,
        wait: bool,
    ) -> Standing {
        let number = gate.serial();
        let parent = match call.parent {
            None => Lineage::current(number),
            Some(parent) => match parent.at(number) {
                Some(parent) => Some(parent),
                None => {
                    let detail = "its parent was admitted at another gate; name one of this gate";
                    let refusal = unsupported(&call.tool.into(), detail.into());
                    return self.never_asked(now, call, refusal);
                }
            },
        };
        self.ask(now, call, parent, wait)
    }

    /// Asks about a handle's call. What was found for it is found for calls that nobody makes.
    #[inline(always)]
    pub(super) fn ask_handle_or_nested(
        &mut self,
        gate: &Gate,
        now: Instant,
        handle: &Handle,
        wait: bool,
    ) -> Standing {
        match Lineage::current(gate.serial()) {
            None => self.ask_handle(now, handle, wait),
            parent => self.ask(now, &handle.kept.call(), parent, wait),
        }
    }

    /// The cycle of a call that was refused because it would wait for ever, by names.
    pub(super) fn cycle_in_words(&self, refused: &CallInfo) -> Option<String> {
        let name = |id| self.info(id).map_or("a call", |info| &*info.tool);
        let steps = self.engine.cycle();
        let mut words = Vec::with_capacity(steps.len());
        for (step, next) in steps.iter().zip(steps.iter().cycle().skip(1)) {
            let (caller, holder) = (name(step.caller), name(next.caller));
            let waits = step.call.map_or(&*refused.tool, name);
            let limit = step.limit.and_then(|limit| self.name_of(limit));
            let limit = limit.as_deref().map_or_else(|| "a limit".into(), in_words);
            words.push(format!("{caller} made {waits}, which needs {limit}, which {holder} holds"));
        }
        (!words.is_empty()).then(|| format!("it would wait for ever: {}", words.join("; ")))
    }

    /// What is known of a call that waits or runs.
    pub(super) fn info(&self, id: CallId) -> Option<&Arc<CallInfo>> {
        self.known(id).map(|(info, _)| info)
    }
}
