//! Limits that a throttled call has stopped: until when, and who is out since then.

use rampmeter_core::LimitId;

use super::Books;

/// What is known of an instance that cools down.
#[derive(Clone, Debug)]
pub(crate) struct CoolBook {
    pub(crate) until: u64,
    /// Calls that started since, were not made by others, and are out.
    out: Vec<u32>,
    /// How many of them came back, and what the last of those took.
    back: u64,
    took: u64,
    /// By then another may start, if one may at all.
    next: u64,
}

impl CoolBook {
    pub(crate) fn new(until: u64) -> CoolBook {
        CoolBook { until, out: Vec::new(), back: 0, took: 0, next: 0 }
    }

    /// Whether one more may be out: one, and one more for each that came back.
    fn lets_out(&self) -> bool {
        (self.out.len() as u64) <= self.back
    }

    /// From when on one may start for sure, if one may at all.
    fn by(&self) -> u64 {
        self.until.max(self.next)
    }
}

impl Books {
    /// Whether a cool-down keeps calls which draw like this from starting now for sure.
    pub(crate) fn may_be_cooling(&self, route: u32, nested: bool) -> bool {
        self.cools(route).any(|cool| {
            self.clock < cool.until || !nested && (!cool.lets_out() || self.clock < cool.by())
        })
    }

    /// Whether nothing starts before a moment, or need not.
    pub(crate) fn may_cool_until(&self, route: u32, moment: u64) -> bool {
        self.cools(route).any(|cool| cool.by() >= moment)
    }

    /// Whether a limit of these has been stopped, or is let through one by one.
    pub(crate) fn has_cooled(&self, route: u32) -> bool {
        self.cools(route).next().is_some()
    }

    /// The latest moment until which anything is stopped.
    pub(crate) fn longest_cooling(&self) -> u64 {
        let cools = self.instances.iter().filter_map(|it| it.cool.as_ref());
        cools.map(|cool| cool.by().saturating_sub(self.clock)).max().unwrap_or(0)
    }

    fn cools(&self, route: u32) -> impl Iterator<Item = &CoolBook> {
        let ids = self.routes[route as usize].instances.iter();
        ids.filter_map(|id| self.instances[*id as usize].cool.as_ref())
    }

    /// A call starts; says what forbids it.
    pub(crate) fn goes_out(&mut self, call: u32) -> Option<String> {
        let (clock, nested) = (self.clock, self.call(call).caller.is_some());
        let route = self.call(call).route as usize;
        for id in &self.routes[route].instances {
            let Some(cool) = self.instances[*id as usize].cool.as_mut() else { continue };
            if clock < cool.until || !nested && !cool.lets_out() {
                return Some(format!("{cool:?} at {clock}"));
            }
            if !nested {
                cool.out.push(call);
                // As long as one takes, divided by how many there are, and at random twice that.
                cool.next = clock + 2 * (cool.took / (cool.back + 1));
            }
        }
        None
    }

    /// A call has ended; `came_back` if its server took it in.
    pub(crate) fn comes_back(&mut self, call: u32, came_back: bool) {
        let took = self.clock - self.call(call).started;
        for cool in self.instances.iter_mut().filter_map(|it| it.cool.as_mut()) {
            let before = cool.out.len();
            cool.out.retain(|it| *it != call);
            if came_back && cool.out.len() < before {
                (cool.back, cool.took) = (cool.back + 1, took);
            }
        }
    }

    /// The engine says that a limit is let through as before: the instance that a call drew on
    /// which has just ended, or all of them. Says whether one was not.
    pub(crate) fn is_over(&mut self, limit: LimitId, ended: Option<u32>) -> bool {
        let of = ended.map(|call| self.route_of(call).instances.clone());
        let mut any = false;
        for (id, instance) in self.instances.iter_mut().enumerate() {
            let meant = of.as_ref().is_none_or(|of| of.iter().any(|it| *it as usize == id));
            if instance.limit == limit.0 && meant {
                any |= instance
                    .cool
                    .take()
                    .is_some_and(|it| it.until <= self.clock || ended.is_none());
            }
        }
        any
    }
}
