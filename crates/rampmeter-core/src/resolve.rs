//! From a call to its route: labels become instances, draws become amounts of budgets.

use core::time::Duration;

use crate::call::{Call, Draw, Priority};
use crate::decision::{Reason, Refusal, Retry};
use crate::engine::Engine;

/// Limits and keys that one call may name.
pub const MAX_DRAWS: usize = 64;

impl Engine {
    /// Checks a call and writes its route into the builder; returns how long it may wait.
    /// A kind of call that is prepared has no priority yet.
    pub(crate) fn build_route(
        &mut self,
        call: &Call<'_>,
        priority: Option<Priority>,
    ) -> Result<Duration, Refusal> {
        let unsupported =
            |limit| Refusal { reason: Reason::Unsupported, limit, retry: Retry::Never };
        let known = |it: Priority| usize::from(it.0) < self.config.priorities.len();
        if !priority.is_none_or(known) {
            return Err(unsupported(None));
        }
        self.builder.clear();
        let mut may_wait = call.queue_timeout;
        for draw in call.draws {
            let instance = self.find_instance(call, draw)?;
            if self.builder.draws_on(instance) || call.draws.len() > MAX_DRAWS {
                return Err(unsupported(Some(draw.limit)));
            }
            let data = self.instances.get(instance);
            let limit = &self.config.limits[usize::from(data.limit)];
            may_wait = may_wait.min(limit.queue_age.unwrap_or(may_wait));
            self.builder.draw(instance, data.budgets.clone(), &self.instances.budgets, draw);
            let budgets = &self.instances.budgets;
            let too_large = |take: &crate::route::Take| take.amount > budgets.most(take, priority);
            if self.builder.last_takes().iter().any(too_large) {
                let (reason, retry) = (Reason::TooLarge, Retry::Never);
                return Err(Refusal { reason, limit: Some(draw.limit), retry });
            }
        }
        if !call.keys.is_empty() {
            self.add_keys(call)?;
        }
        Ok(may_wait)
    }

    fn find_instance(&mut self, call: &Call<'_>, draw: &Draw<'_>) -> Result<u32, Refusal> {
        let limit = Some(draw.limit);
        let refuse = |reason, retry| Err(Refusal { reason, limit, retry });
        let Some(config) = self.config.limits.get(usize::from(draw.limit.0)) else {
            return refuse(Reason::Unsupported, Retry::Never);
        };
        if self.instances.is_gone(draw.limit.0) {
            return refuse(Reason::Unsupported, Retry::Never);
        }
        let value = match config.per {
            None => None,
            Some(per) => match call.labels.iter().find(|(label, _)| *label == per) {
                Some((_, value)) => Some(*value),
                None => return refuse(Reason::MissingLabel, Retry::Never),
            },
        };
        let found = self.instances.find(&self.config, draw.limit.0, value, self.now);
        self.contended -= core::mem::take(&mut self.instances.freed);
        if let Some(found) = found {
            return Ok(found);
        }
        // Instances may be held by nothing but routes that are kept in case.
        while let Some(route) = self.routes.collect(0) {
            self.instances.unused(&route, self.now);
        }
        let found = self.instances.find(&self.config, draw.limit.0, value, self.now);
        self.contended -= core::mem::take(&mut self.instances.freed);
        match found {
            Some(instance) => Ok(instance),
            None => refuse(Reason::TooManyInstances, Retry::OnRelease),
        }
    }

    pub(crate) fn acquire_route(&mut self) -> u32 {
        let (id, new) = self.routes.acquire(&self.builder);
        if new {
            for draw in self.routes.get(id).draws() {
                self.instances.used(draw.instance);
            }
        }
        self.let_go_of_keys();
        id
    }

    #[inline]
    pub(crate) fn release_route(&mut self, id: u32) {
        if self.routes.release(id).1 {
            self.keep_route(id);
        }
    }

    #[inline(never)]
    pub(crate) fn keep_route(&mut self, id: u32) {
        self.routes.keep(id);
        while let Some(route) = self.routes.collect_some() {
            self.instances.unused(&route, self.now);
        }
    }
}
