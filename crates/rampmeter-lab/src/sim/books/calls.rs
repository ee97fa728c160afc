//! Calls: who waits, in which lane and since when, and who runs.

use rampmeter_core::CallId;

use super::layout::narrow;
use super::{Books, Charge, Hold, NONE};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Waiting,
    Running,
    Over,
}

#[derive(Clone, Debug)]
pub(crate) struct CallBook {
    pub(crate) id: Option<CallId>,
    pub(crate) state: State,
    pub(crate) variant: u32,
    pub(crate) route: u32,
    pub(crate) flow: u16,
    pub(crate) priority: u8,
    /// When it was asked for first, and its number among all calls: its place among those alike.
    pub(crate) ticket: (u64, u64),
    pub(crate) arrived: u64,
    /// When it was asked for this time.
    pub(crate) asked: u64,
    pub(crate) started: u64,
    /// It must not start from this moment on.
    pub(crate) expires: u64,
    pub(crate) deadline: u64,
    /// Who made it, if a running call did.
    pub(crate) caller: Option<CallId>,
    /// The call that waits for it: its caller, or who has taken it over from there.
    pub(crate) parent: u32,
    pub(crate) depth: u8,
    /// Outstanding calls that it waits for.
    pub(crate) children: Vec<u32>,
    pub(crate) holds: Vec<Hold>,
    /// What rates charged it, by the budget.
    pub(crate) charges: Vec<(u32, Charge)>,
    pub(crate) settled: bool,
    /// Its place among those that wait, or that run.
    pub(crate) place: u32,
    pub(crate) previous: u32,
    pub(crate) next: u32,
}

impl CallBook {
    pub(crate) const NOBODY: CallBook = CallBook {
        id: None,
        state: State::Over,
        variant: 0,
        route: 0,
        flow: 0,
        priority: 0,
        ticket: (0, 0),
        arrived: 0,
        asked: 0,
        started: 0,
        expires: 0,
        deadline: 0,
        caller: None,
        parent: NONE,
        depth: 0,
        children: Vec::new(),
        holds: Vec::new(),
        charges: Vec::new(),
        settled: false,
        place: NONE,
        previous: NONE,
        next: NONE,
    };
}

impl Books {
    /// Gives a new call its place in the books. It neither waits nor runs yet.
    pub(crate) fn enter(&mut self, id: CallId, call: CallBook) -> u32 {
        let index = id.index();
        if self.calls.len() <= index as usize {
            self.calls.resize(index as usize + 1, CallBook::NOBODY);
        }
        self.tickets += 1;
        let (parent, depth) = match call.caller.and_then(|caller| self.find(caller)) {
            Some(parent) => (parent, self.call(parent).depth + 1),
            None => (NONE, 0),
        };
        self.calls[index as usize] = CallBook {
            id: Some(id),
            ticket: (call.arrived, self.tickets),
            asked: self.clock,
            route: self.variants[call.variant as usize].route,
            depth,
            ..call
        };
        if parent != NONE {
            self.is_made_by(index, parent);
        }
        index
    }

    pub(crate) fn lane_of(&self, call: u32) -> u32 {
        let CallBook { variant, priority, flow, .. } = *self.call(call);
        self.lane(variant, priority, flow)
    }

    pub(crate) fn lane(&self, variant: u32, priority: u8, flow: u16) -> u32 {
        let first = self.variants[variant as usize].lanes;
        first + u32::from(priority) * narrow(self.flows()) + u32::from(flow)
    }

    pub(crate) fn starts_to_wait(&mut self, call: u32) {
        self.count(call, true);
        let (previous, next) = if self.call(call).caller.is_some() {
            self.nested.push(call);
            (NONE, NONE)
        } else {
            self.joins_its_lane(call)
        };
        let place = narrow(self.waiting.len());
        self.waiting.push(call);
        let book = self.call_mut(call);
        (book.state, book.place) = (State::Waiting, place);
        (book.previous, book.next) = (previous, next);
    }

    pub(crate) fn waits_no_more(&mut self, call: u32) {
        self.count(call, false);
        let place = self.call(call).place;
        if self.call(call).caller.is_some() {
            self.nested.retain(|it| *it != call);
        } else {
            self.leaves_its_lane(call);
        }
        self.waiting.swap_remove(place as usize);
        if let Some(moved) = self.waiting.get(place as usize) {
            self.calls[*moved as usize].place = place;
        }
        self.call_mut(call).state = State::Over;
    }

    /// Puts a call into its lane, by when it was asked for first; returns who is before it and who
    /// behind it.
    fn joins_its_lane(&mut self, call: u32) -> (u32, u32) {
        let lane_id = self.lane_of(call);
        let (ticket, mut previous, mut next) =
            (self.call(call).ticket, self.lanes[lane_id as usize].last, NONE);
        while previous != NONE && self.call(previous).ticket > ticket {
            (previous, next) = (self.call(previous).previous, previous);
        }
        let lane = &mut self.lanes[lane_id as usize];
        if lane.first == NONE {
            lane.place = narrow(self.active.len());
            self.active.push(lane_id);
        }
        match previous {
            NONE => lane.first = call,
            _ => self.calls[previous as usize].next = call,
        }
        match next {
            NONE => self.lanes[lane_id as usize].last = call,
            _ => self.calls[next as usize].previous = call,
        }
        (previous, next)
    }

    fn leaves_its_lane(&mut self, call: u32) {
        let lane_id = self.lane_of(call);
        let CallBook { previous, next, .. } = *self.call(call);
        match previous {
            NONE => self.lanes[lane_id as usize].first = next,
            _ => self.calls[previous as usize].next = next,
        }
        match next {
            NONE => self.lanes[lane_id as usize].last = previous,
            _ => self.calls[next as usize].previous = previous,
        }
        if self.lanes[lane_id as usize].first == NONE {
            let place = self.lanes[lane_id as usize].place;
            self.active.swap_remove(place as usize);
            if let Some(moved) = self.active.get(place as usize) {
                self.lanes[*moved as usize].place = place;
            }
        }
    }

    pub(crate) fn starts_to_run(&mut self, call: u32) {
        let (place, clock) = (narrow(self.running.len()), self.clock);
        self.running.push(call);
        for id in &self.routes[self.calls[call as usize].route as usize].instances {
            self.instances[*id as usize].running += 1;
        }
        let book = self.call_mut(call);
        (book.state, book.place, book.started) = (State::Running, place, clock);
    }

    /// It has ended: what it held is free.
    pub(crate) fn runs_no_more(&mut self, call: u32) {
        let CallBook { place, route, .. } = *self.call(call);
        self.running.swap_remove(place as usize);
        if let Some(moved) = self.running.get(place as usize) {
            self.calls[*moved as usize].place = place;
        }
        let route = &self.routes[route as usize];
        route.instances.iter().for_each(|id| self.instances[*id as usize].running -= 1);
        if self.is_at_work(call) {
            self.works(call, false);
        }
        self.gives_back(call);
        self.leaves_its_tree(call);
        self.call_mut(call).state = State::Over;
    }

    pub(super) fn count(&mut self, call: u32, comes: bool) {
        let CallBook { route, priority, flow, .. } = *self.call(call);
        let by = usize::from(priority) * self.flows() + usize::from(flow);
        for id in &self.routes[route as usize].instances {
            let instance = &mut self.instances[*id as usize];
            let counts = [&mut instance.queued, &mut instance.queued_by[by]];
            counts.into_iter().for_each(|it| *it = if comes { *it + 1 } else { *it - 1 });
        }
    }
}
