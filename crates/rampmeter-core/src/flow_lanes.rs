//! The lanes of one flow that wait at one instance, by the ticket of their first call.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::ticket::Ticket;

/// Most flows have one lane.
#[derive(Clone, Debug, Default)]
pub(crate) enum FlowLanes {
    #[default]
    None,
    One(Ticket, u32),
    Many(BTreeMap<Ticket, u32>),
}

impl FlowLanes {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, FlowLanes::None)
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<(Ticket, u32)> {
        match self {
            FlowLanes::None => None,
            FlowLanes::One(ticket, lane) => Some((*ticket, *lane)),
            FlowLanes::Many(lanes) => {
                lanes.first_key_value().map(|(ticket, lane)| (*ticket, *lane))
            }
        }
    }

    pub(crate) fn first_few(&self, most: usize, into: &mut Vec<u32>) {
        match self {
            FlowLanes::Many(lanes) => into.extend(lanes.values().take(most)),
            _ if most > 0 => into.extend(self.first().map(|(_, lane)| lane)),
            _ => {}
        }
    }

    pub(crate) fn insert(&mut self, ticket: Ticket, lane: u32) {
        match self {
            FlowLanes::None => *self = FlowLanes::One(ticket, lane),
            FlowLanes::One(first, other) => {
                *self = FlowLanes::Many([(*first, *other), (ticket, lane)].into());
            }
            FlowLanes::Many(lanes) => {
                lanes.insert(ticket, lane);
            }
        }
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<u32> {
        match self {
            FlowLanes::None => None,
            FlowLanes::One(first, lane) => {
                let lane = (*first == ticket).then_some(*lane)?;
                *self = FlowLanes::None;
                Some(lane)
            }
            FlowLanes::Many(lanes) => {
                let lane = lanes.remove(&ticket);
                if lanes.is_empty() {
                    *self = FlowLanes::None;
                }
                lane
            }
        }
    }
}
