//! Bounded queues: how many may wait for one instance, of all and of one flow, and who makes room
//! when a queue that evicts is full.
//!
//! The one to go is the newest call of the flow that has the most of the queue beside its weight,
//! within the priority that has; one that comes again is as old as it says. So each priority, and
//! each flow in it, keeps its weighted share of the queue however fast the others come; one that
//! asks for less than its share is never evicted. The call that comes is counted too, and may be
//! the one to go.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::call::{Flow, LimitId, Priority};
use crate::config::Overflow;
use crate::decision::{Output, Outputs, Reason, Refusal, Retry};
use crate::engine::Engine;
use crate::lane::Record;
use crate::ticket::Ticket;

/// Who waits for one instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    classes: BTreeMap<u8, Class>,
    /// Calls of each flow at any priority.
    of_flow: BTreeMap<u64, u32>,
}

#[derive(Clone, Debug, Default)]
struct Class {
    calls: u64,
    flows: BTreeMap<u64, FlowCalls>,
    /// Flows by calls over weight, then by their newest ticket.
    heaviest: BTreeSet<(u64, Ticket, u64)>,
}

#[derive(Clone, Debug)]
struct FlowCalls {
    weight: u32,
    /// Calls by ticket.
    calls: BTreeMap<Ticket, u32>,
}

/// Precision of calls over weight.
const SCALE: u64 = 1 << 20;

impl FlowCalls {
    fn key(&self, flow: u64) -> Option<(u64, Ticket, u64)> {
        let newest = *self.calls.last_key_value()?.0;
        let calls = u64::try_from(self.calls.len()).unwrap_or(u64::MAX);
        Some((calls.saturating_mul(SCALE) / u64::from(self.weight.max(1)), newest, flow))
    }
}

impl Book {
    /// A call begins to wait.
    pub(crate) fn join(&mut self, priority: Priority, flow: Flow, ticket: Ticket, call: u32) {
        *self.of_flow.entry(flow.id).or_default() += 1;
        let class = self.classes.entry(priority.0).or_default();
        class.calls += 1;
        let weight = flow.weight;
        let of_flow = class
            .flows
            .entry(flow.id)
            .or_insert_with(|| FlowCalls { weight, calls: BTreeMap::new() });
        if let Some(key) = of_flow.key(flow.id) {
            class.heaviest.remove(&key);
        }
        of_flow.calls.insert(ticket, call);
        class.heaviest.extend(of_flow.key(flow.id));
    }

    /// A call no longer waits.
    pub(crate) fn leave(&mut self, priority: Priority, flow: Flow, ticket: Ticket) {
        let Some(class) = self.classes.get_mut(&priority.0) else { return };
        let Some(of_flow) = class.flows.get_mut(&flow.id) else { return };
        let key = of_flow.key(flow.id);
        if of_flow.calls.remove(&ticket).is_none() {
            return;
        }
        key.map(|key| class.heaviest.remove(&key));
        match of_flow.key(flow.id) {
            Some(key) => {
                class.heaviest.insert(key);
            }
            None => {
                class.flows.remove(&flow.id);
            }
        }
        class.calls -= 1;
        if let Some(count) = self.of_flow.get_mut(&flow.id) {
            *count -= 1;
            if *count == 0 {
                self.of_flow.remove(&flow.id);
            }
        }
    }

    /// The call that must go when this one comes; it is counted already.
    fn gone_for(&mut self, comes: &Comes, weights: &[u32]) -> Option<u32> {
        let Comes { priority, flow, ticket, .. } = *comes;
        self.join(priority, flow, ticket, NEW);
        let gone = self.heaviest(weights);
        self.leave(priority, flow, ticket);
        gone
    }

    /// The newest call of a priority that has more than its share of `kept` calls, that most over
    /// it; neither one that is spared nor, where that call is passed over, an older one.
    pub(crate) fn over_share(
        &self,
        weights: &[u32],
        kept: u32,
        spared: impl Fn(Priority) -> bool,
        passes_over: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let mut over: Vec<(&u8, &Class)> = self.classes.iter().collect();
        over.retain(|(at, class)| {
            !spared(Priority(**at)) && self.is_over(**at, class.calls, weights, kept)
        });
        over.sort_by(|(a, class_a), (b, class_b)| {
            let (a, b) = (weight(weights, **a), weight(weights, **b));
            (u128::from(class_b.calls) * a).cmp(&(u128::from(class_a.calls) * b)).then(a.cmp(&b))
        });
        let flows = over.into_iter().flat_map(|(_, class)| {
            class.heaviest.iter().rev().filter_map(|(_, _, flow)| class.flows.get(flow))
        });
        let calls = flows.flat_map(|flow| flow.calls.values().rev());
        calls.copied().find(|call| !passes_over(*call))
    }

    /// Whether a priority would with one call more have more than its share of `kept` calls.
    pub(crate) fn has_its_share(&self, priority: Priority, weights: &[u32], kept: u32) -> bool {
        let calls = self.classes.get(&priority.0).map_or(0, |class| class.calls);
        self.is_over(priority.0, calls + 1, weights, kept)
    }

    /// Whether so many calls of a priority are more than its weighted share of `kept` calls, among
    /// the priorities that wait.
    fn is_over(&self, priority: u8, calls: u64, weights: &[u32], kept: u32) -> bool {
        let others = self.classes.iter().filter(|(at, class)| **at != priority && class.calls > 0);
        let own = weight(weights, priority);
        let all: u128 = own + others.map(|(at, _)| weight(weights, *at)).sum::<u128>();
        u128::from(calls) * all > u128::from(kept) * own
    }

    fn of_flow(&self, flow: Flow) -> u32 {
        self.of_flow.get(&flow.id).copied().unwrap_or(0)
    }

    /// The call that must go, if one must; priorities are weighed by `weights`.
    fn heaviest(&self, weights: &[u32]) -> Option<u32> {
        let heaviest = self.classes.iter().filter(|(_, class)| class.calls > 0).max_by(
            |(a, class_a), (b, class_b)| {
                let (a, b) = (weight(weights, **a), weight(weights, **b));
                let by_share =
                    (u128::from(class_a.calls) * b).cmp(&(u128::from(class_b.calls) * a));
                by_share.then(b.cmp(&a))
            },
        );
        let (_, class) = heaviest?;
        let (_, ticket, flow) = class.heaviest.last()?;
        class.flows.get(flow)?.calls.get(ticket).copied()
    }
}

fn weight(weights: &[u32], priority: u8) -> u128 {
    u128::from(weights.get(usize::from(priority)).map_or(1, |weight| (*weight).max(1)))
}

/// The call that has no record yet.
const NEW: u32 = u32::MAX;

/// A call that is about to wait.
#[derive(Clone, Copy)]
pub(crate) struct Comes {
    pub(crate) route: u32,
    pub(crate) priority: Priority,
    pub(crate) flow: Flow,
    pub(crate) ticket: Ticket,
}

impl Engine {
    /// Makes room in the queues of a call that is about to wait, or says why there is none.
    pub(crate) fn make_room(&mut self, comes: &Comes, out: &mut Outputs) -> Option<Refusal> {
        let Comes { route, flow, .. } = *comes;
        let mut full = false;
        for index in 0..self.routes.get(route).draws().len() {
            let id = self.routes.get(route).draws()[index].instance;
            let instance = self.instances.get_mut(id);
            let limit = Some(LimitId(instance.limit));
            let refusal = Refusal { reason: Reason::QueueFull, limit, retry: Retry::OnRelease };
            if instance.line.is_some() {
                if instance.queued >= self.config.key_queue_size {
                    return Some(refusal);
                }
                continue;
            }
            let config = &self.config.limits[usize::from(instance.limit)];
            let is_full = instance.queued >= config.queue_size;
            let Some(book) = instance.book.as_deref_mut() else {
                if is_full {
                    return Some(refusal);
                }
                continue;
            };
            let flow_is_full = config.queue_per_flow.is_some_and(|most| book.of_flow(flow) >= most);
            // A queue that was made shorter than it is only drains.
            let evicts = config.overflow == Overflow::Evict
                && config.queue_size > 0
                && instance.queued == config.queue_size;
            if flow_is_full || is_full && !evicts {
                return Some(refusal);
            }
            if is_full {
                if book.gone_for(comes, &self.config.priorities) == Some(NEW) {
                    return Some(refusal);
                }
                full = true;
            }
        }
        if full {
            self.evict_for(comes, out);
        }
        None
    }

    #[cold]
    fn evict_for(&mut self, comes: &Comes, out: &mut Outputs) {
        let ids: Vec<u32> =
            self.routes.get(comes.route).draws().iter().map(|draw| draw.instance).collect();
        for id in ids {
            let instance = self.instances.get_mut(id);
            let limit = LimitId(instance.limit);
            if limit.is_key() {
                continue;
            }
            let size = self.config.limits[usize::from(limit.0)].queue_size;
            while self.instances.get(id).queued >= size {
                let Some(book) = self.instances.get_mut(id).book.as_deref_mut() else { break };
                let gone = book.gone_for(comes, &self.config.priorities);
                match gone {
                    Some(gone) if gone != NEW => self.refuse_waiting(
                        gone,
                        Refusal {
                            reason: Reason::Evicted,
                            limit: Some(limit),
                            retry: Retry::OnRelease,
                        },
                        out,
                    ),
                    _ => break,
                }
            }
        }
    }

    /// A waiting call is answered no.
    pub(crate) fn refuse_waiting(&mut self, call: u32, refusal: Refusal, out: &mut Outputs) {
        let id = self.calls.id(call);
        self.unwait(call, out);
        self.forget_waiting(call);
        out.push(Output::Refused(id, refusal));
    }

    /// The record of a call that waits no more and does not run.
    pub(crate) fn forget_waiting(&mut self, call: u32) {
        if let Some(Record::Waiting(gone)) = self.calls.remove(call) {
            self.disown(gone.nest);
        }
    }
}
