//! Judge of evictions: who goes is the newest call of the flow that has the most of the full queue
//! beside its weight, within the priority that has; the call that comes is counted, too.

use rampmeter_core::{LimitId, Overflow};

use super::super::books::Books;
use super::super::player::Ask;
use super::super::verdict::{Judge, Verdict, must};

impl Books {
    pub(crate) fn is_rightly_evicted(
        &self,
        call: u32,
        limit: Option<LimitId>,
        by: Option<&Ask>,
    ) -> Verdict {
        let book = self.call(call);
        let fail = |what: &str| format!("{:?} is evicted from {limit:?}, but {what}", book.id);
        let Some(by) = by else {
            return must(false, Judge::Answers, || fail("nobody came"));
        };
        let route = self.variants[by.variant as usize].route;
        let full = self.routes[route as usize].instances.iter().copied().find(|id| {
            let instance = &self.instances[*id as usize];
            Some(LimitId(instance.limit)) == limit
                && self.route_of(call).instances.contains(id)
                && instance.queued >= self.limits[usize::from(instance.limit)].config.queue_size
        });
        let Some(full) = full else {
            return must(false, Judge::Answers, || fail("no queue of both is full"));
        };
        let config = &self.limits[usize::from(self.instances[full as usize].limit)].config;
        must(config.overflow == Overflow::Evict, Judge::Answers, || fail("it evicts nobody"))?;
        let same = (book.priority, book.flow) == (by.priority, by.flow);
        let newer = by.arrived.min(self.clock) >= book.ticket.0;
        must(!(same && newer), Judge::Answers, || {
            fail("the newcomer is of the same flow, and newer")
        })?;
        let heaviest = self.is_heaviest(full, by, book.priority, book.flow);
        must(heaviest, Judge::Answers, || fail("others have more than their share"))?;
        let newer = self.waiting.iter().find(|it| {
            let other = self.call(**it);
            (other.priority, other.flow) == (book.priority, book.flow)
                && other.ticket > book.ticket
                && self.route_of(**it).instances.contains(&full)
        });
        must(newer.is_none(), Judge::Answers, || fail("a newer call of its flow waits"))
    }

    /// Whether a newcomer that is refused by a full queue would itself be the one to go from some.
    pub(crate) fn newcomer_is_heaviest_somewhere(&self, by: &Ask) -> bool {
        let route = self.variants[by.variant as usize].route;
        self.routes[route as usize].instances.iter().any(|id| {
            let instance = &self.instances[*id as usize];
            let config = &self.limits[usize::from(instance.limit)].config;
            let of_flow = self.queued_of_flow(*id, by.flow);
            let flow_is_full = config.queue_per_flow.is_some_and(|most| of_flow >= most);
            let is_full = instance.queued >= config.queue_size;
            // A queue that was made shorter than it is only drains.
            let drains = instance.queued > config.queue_size || config.queue_size == 0;
            let refuses = config.overflow == Overflow::Refuse || drains;
            flow_is_full || is_full && (refuses || self.is_heaviest(*id, by, by.priority, by.flow))
        })
    }

    /// Whether a flow at a priority has most of a queue, counting a call that comes.
    fn is_heaviest(&self, instance: u32, by: &Ask, priority: u8, flow: u16) -> bool {
        let flows = self.flows();
        let counts = &self.instances[instance as usize].queued_by;
        let place = |priority: u8, flow: u16| usize::from(priority) * flows + usize::from(flow);
        let count =
            |at: usize| u64::from(counts[at]) + u64::from(at == place(by.priority, by.flow));
        let class = |of: usize| (0..flows).map(|it| count(of * flows + it)).sum::<u64>();
        let weight = |of: usize| u64::from(self.weights[of].max(1));
        let mine = usize::from(priority);
        let of_classes =
            (0..self.weights.len()).all(|it| class(mine) * weight(it) >= class(it) * weight(mine));
        let flow_weight = |of: usize| u64::from(self.flow_weights[of]);
        let own = usize::from(flow);
        of_classes
            && (0..flows).all(|it| {
                count(place(priority, flow)) * flow_weight(it)
                    >= count(mine * flows + it) * flow_weight(own)
            })
    }
}
