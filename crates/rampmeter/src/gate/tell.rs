//! Events: counted at once, and put where the subscribers read them.

use std::sync::Arc;

use rampmeter_core::{CallId, Instant, Waits};

use super::state::State;
use crate::event::{CallInfo, Event, EventKind, Mail, Record, Subscriber, What};

impl State {
    /// Tells an event of which more is to be said than a record holds.
    pub(super) fn emit(
        &mut self,
        at: Instant,
        kind: EventKind,
        call: Option<Arc<CallInfo>>,
        with: impl FnOnce(Event) -> Event,
    ) {
        let seq = self.events;
        self.events += 1;
        self.counters.count(kind);
        if self.subscribers.is_empty() {
            return;
        }
        let event = with(Event { call, ..Event::new(seq, at, kind) });
        for subscriber in &mut self.subscribers {
            if subscriber.has_room(1) {
                subscriber.batch.push_whole(event.clone());
                self.wakes.other(subscriber.reader());
            }
        }
    }

    /// Tells what happened to a call, and what it took until then. It is on every call's way, so
    /// it is written out at each place where it is known what happened.
    #[inline(always)]
    pub(super) fn tell_call(
        &mut self,
        at: Instant,
        what: What,
        (id, info): (CallId, u32),
        took_nanos: u64,
    ) {
        let (seq, place) = (self.events, id.index());
        self.events += what.events() as u64;
        what.count(&mut self.counters);
        match self.subscribers.as_mut_slice() {
            [] => {}
            [subscriber] => {
                if subscriber.has_room(what.events()) {
                    let call = self.infos.place(info, &mut subscriber.batch);
                    subscriber.batch.push(Record { seq, at, took_nanos, call, place, what });
                    if subscriber.has_reader() {
                        self.wake_reader();
                    }
                }
            }
            _ => self.tell_all(seq, at, what, (place, info), took_nanos),
        }
    }

    #[cold]
    fn tell_all(
        &mut self,
        seq: u64,
        at: Instant,
        what: What,
        (place, info): (u32, u32),
        took_nanos: u64,
    ) {
        for subscriber in &mut self.subscribers {
            if subscriber.has_room(what.events()) {
                let call = self.infos.place(info, &mut subscriber.batch);
                subscriber.batch.push(Record { seq, at, took_nanos, call, place, what });
                self.wakes.other(subscriber.reader());
            }
        }
    }

    /// A call waits elsewhere, with its lane; it may have been answered since.
    pub(super) fn moved(&mut self, at: Instant, id: CallId, waits: Waits) {
        if let Some(info) = self.entry(id).map(|entry| entry.info) {
            self.tell_waits(at, What::Moved, (id, info), Some(waits));
        }
    }

    /// Tells where a call waits, one that came (`Queued`) or that waited elsewhere (`Moved`).
    #[inline(always)]
    pub(super) fn tell_waits(
        &mut self,
        at: Instant,
        what: What,
        (id, info): (CallId, u32),
        waits: Option<Waits>,
    ) {
        let (seq, place) = (self.events, id.index());
        self.events += what.events() as u64;
        what.count(&mut self.counters);
        let key;
        let name = match waits.map(|waits| waits.limit) {
            Some(limit) if limit.is_key() => {
                key = self.name_of(limit);
                key.as_ref()
            }
            Some(limit) => self.plan.limit_name(limit),
            None => None,
        };
        for subscriber in &mut self.subscribers {
            if !subscriber.has_room(what.events()) {
                continue;
            }
            let call = self.infos.place(info, &mut subscriber.batch);
            let took_nanos = match (name, waits) {
                (Some(name), Some(waits)) => subscriber.batch.spot(waits, name),
                _ => Record::NOWHERE,
            };
            subscriber.batch.push(Record { seq, at, took_nanos, call, place, what });
            if subscriber.has_reader() {
                self.wakes.other(subscriber.reader());
            }
        }
    }

    #[cold]
    fn wake_reader(&mut self) {
        self.subscribers.iter_mut().for_each(|reader| self.wakes.other(reader.reader()));
    }

    pub(super) fn subscribe(&mut self, subscriber: Subscriber) {
        self.subscribers.push(subscriber);
    }

    pub(crate) fn unsubscribe(&mut self, mail: &Arc<Mail>) -> Option<Subscriber> {
        let at = self.subscribers.iter().position(|subscriber| subscriber.is_for(mail))?;
        Some(self.subscribers.remove(at))
    }

    pub(crate) fn subscriber(&mut self, mail: &Arc<Mail>) -> Option<&mut Subscriber> {
        self.subscribers.iter_mut().find(|subscriber| subscriber.is_for(mail))
    }
}
