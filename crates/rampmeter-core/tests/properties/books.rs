//! The driver's books: who waits and who runs, by what the engine said alone.

use rampmeter_core::{CallId, Decision, LimitId, Output, Refusal};

use super::driver::{Driver, Job, Standing};
use super::history::{Event, Said, What};
use super::world::Planned;

impl Driver {
    /// Reads what the engine said. What followed from an input may concern the calls before it,
    /// so the input's own decision is entered where it belongs: a call that starts at once starts
    /// after what had become due, and one that waits may be answered in the same buffer.
    pub(super) fn settle(&mut self, decided: Option<(usize, Decision)>) {
        if let Some((call, Decision::Waiting(id))) = decided {
            self.name(call, id);
            self.standing[call] = Standing::Waiting(id);
            self.waiting += 1;
            if let Some(patience) = self.calls[call].patience {
                self.later(self.now + patience, Job::GiveUp(call));
            }
        }
        let mut newly = match decided {
            Some((call, Decision::Waiting(_))) => Some(call),
            _ => None,
        };
        if let Some((_, Decision::Waiting(id))) = decided
            && let Some(waits) = self.engine.waits_at(id)
        {
            self.whereabouts.told(id, waits);
        }
        for output in std::mem::take(&mut self.out) {
            self.transcript.push(Said::Told(output));
            if let Output::Granted(id) | Output::Refused(id, _) = output {
                newly = self.waits(newly, Some(self.waiter(id)));
            }
            match output {
                Output::Granted(id) => {
                    let call = self.waiter(id);
                    self.waiting -= 1;
                    self.started(call, id, true);
                }
                Output::Refused(id, refusal) => {
                    let call = self.waiter(id);
                    self.waiting -= 1;
                    self.refused(call, refusal);
                    self.over(call, Some(id));
                }
                Output::Saturated { limit: LimitId(limit), .. }
                | Output::Resized { limit: LimitId(limit), .. } => {
                    assert!(usize::from(limit) < self.world.config.limits.len());
                }
                Output::Moved { call, waits } => self.whereabouts.told(call, waits),
                other => panic!("nobody was throttled: {other:?}"),
            }
        }
        self.waits(newly, newly);
        let place = self.place();
        self.whereabouts.are_true(&mut self.engine, &place);
        match decided {
            Some((call, Decision::Granted(id))) => {
                self.name(call, id);
                self.started(call, id, false);
            }
            Some((call, Decision::Refused(refusal))) => self.refused(call, refusal),
            Some((_, Decision::Pending(_))) => panic!("{}: a pending call", self.place()),
            _ => {}
        }
        let books = (self.running, self.waiting);
        let engine = (self.engine.running(), self.engine.waiting());
        assert_eq!(engine, books, "{}: (running, waiting) differ from the books", self.place());
    }

    /// Notes that a call waits, after what had become due before it and before its own answer.
    fn waits(&mut self, newly: Option<usize>, answered: Option<usize>) -> Option<usize> {
        let call = newly?;
        if newly == answered {
            self.note(What::Waits(call));
            return None;
        }
        newly
    }

    fn name(&mut self, call: usize, id: CallId) {
        let reused = self.named.insert(id.as_u64(), call);
        assert_eq!(reused, None, "{}: {id:?} names two calls", self.place());
    }

    /// The waiting call that an answer names: any other has had its answer.
    fn waiter(&self, id: CallId) -> usize {
        let call = self.named.get(&id.as_u64()).copied();
        let call = call.filter(|call| self.standing[*call] == Standing::Waiting(id));
        call.unwrap_or_else(|| panic!("{}: {id:?} is answered but does not wait", self.place()))
    }

    fn started(&mut self, call: usize, id: CallId, waited: bool) {
        self.note(What::Started(call, waited));
        self.standing[call] = Standing::Running(id);
        self.running += 1;
        let planned = self.calls[call].clone();
        self.later(self.now + planned.runs, Job::Finish(call));
        if self.now < planned.again_until {
            self.plan(Planned { at: self.now, ..planned });
        }
    }

    pub(super) fn refused(&mut self, call: usize, refusal: Refusal) {
        self.note(What::Refused(call, refusal));
        self.over(call, None);
    }

    pub(super) fn over(&mut self, call: usize, id: Option<CallId>) {
        self.standing[call] = Standing::Over(id);
    }

    pub(super) fn note(&mut self, what: What) {
        self.events.push(Event { at: self.clock, what });
    }
}
