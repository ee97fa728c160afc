//! Judges of the queues: their bounds, and who says that they are in use.

use rampmeter_core::LimitId;

use super::super::books::Books;
use super::super::verdict::{Judge, Verdict, must, wrong};

impl Books {
    /// After a call began to wait no queue is longer than it may be.
    pub(crate) fn queues_are_bounded(&self, call: u32) -> Verdict {
        let book = self.call(call);
        for id in &self.routes[book.route as usize].instances {
            let instance = &self.instances[*id as usize];
            let limit = &self.limits[usize::from(instance.limit)].config;
            let of_flow = self.queued_of_flow(*id, book.flow);
            let bounded = instance.queued <= limit.queue_size
                && limit.queue_per_flow.is_none_or(|most| of_flow <= most);
            must(bounded, Judge::Waits, || {
                format!(
                    "{} wait for {}, {of_flow} of one flow: above {} or {:?}",
                    instance.queued, limit.name, limit.queue_size, limit.queue_per_flow
                )
            })?;
        }
        Ok(())
    }

    /// After a change nobody waits for more than there ever is.
    pub(crate) fn who_waits_still_fits(&self) -> Verdict {
        let too_large = self
            .waiting
            .iter()
            .map(|it| self.call(*it))
            .find(|book| !self.ever_fits(book.route, book.priority));
        must(too_large.is_none(), Judge::Waits, || {
            format!("{too_large:?} waits for more than there is")
        })
    }

    /// Calls of a flow that wait for an instance.
    pub(crate) fn queued_of_flow(&self, instance: u32, flow: u16) -> u32 {
        let counts = &self.instances[instance as usize].queued_by;
        counts.iter().skip(usize::from(flow)).step_by(self.flows()).sum()
    }

    /// The engine says that calls begin to wait, or wait no more, at an instance of a limit.
    pub(crate) fn saturated(&mut self, limit: LimitId, saturated: bool) -> Verdict {
        let Some(book) = self.limits.get_mut(usize::from(limit.0)) else {
            return Err(wrong(Judge::Answers, format!("{limit:?} is saturated, and is none")));
        };
        book.saturated += if saturated { 1 } else { -1 };
        let (now, many) = (book.saturated, i64::from(book.many));
        must((0..=many).contains(&now), Judge::Answers, || {
            format!("{} is said to be saturated {now} times over", book.config.name)
        })
    }
}
