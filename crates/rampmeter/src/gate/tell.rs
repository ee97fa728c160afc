//! Events: counted at once, and handed to the subscribers with the end of the input.

use std::sync::Arc;

use rampmeter_core::Instant;

use super::state::State;
use crate::event::{CallInfo, Event, EventKind, Record};

impl State {
    pub(super) fn emit(
        &mut self,
        at: Instant,
        kind: EventKind,
        call: Option<Arc<CallInfo>>,
        with: impl FnOnce(Event) -> Event,
    ) {
        let seq = self.count(kind);
        if !self.subscribers.is_empty() {
            self.records.push(Record::One(with(Event { call, ..Event::new(seq, at, kind) })));
        }
    }

    /// A call was asked for and admitted at one moment.
    pub(super) fn emit_admitted(&mut self, at: Instant, call: &Arc<CallInfo>) {
        let seq = self.count(EventKind::Invoked);
        self.count(EventKind::Started);
        if !self.subscribers.is_empty() {
            self.records.push(Record::Admitted { seq, at, call: call.clone() });
        }
    }

    fn count(&mut self, kind: EventKind) -> u64 {
        self.counters.count(kind);
        let seq = self.events;
        self.events += 1;
        seq
    }

    /// Hands the events of this input to the subscribers; the last one gets the originals.
    pub(super) fn publish(&mut self) {
        let Some(last) = self.subscribers.len().checked_sub(1) else { return };
        let (records, wake) = (&mut self.records, &mut self.wake);
        let mut at = 0;
        self.subscribers.retain(|subscriber| {
            let mut buffer = subscriber.lock();
            let reader = if at == last {
                buffer.push(records.drain(..))
            } else {
                buffer.push(records.iter().cloned())
            };
            at += 1;
            reader.map(|reader| wake.extend(reader)).is_some()
        });
        records.clear();
    }
}
