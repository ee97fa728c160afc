//! The place of a waiting call among all others: by when it arrived.
//!
//! A call that comes again, such as a retry, says when it was asked for first, and has the ticket
//! that it would have had: it goes before those that arrived later, at its limits as in the lines
//! of its keys, and never before one that has started.

use core::cmp::Ordering;

use crate::time::Instant;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ticket {
    pub(crate) arrived: Instant,
    /// Counts the calls that began to wait: no two are the same.
    pub(crate) number: u64,
}

impl Ord for Ticket {
    /// Both at once: it is compared at every step of every order.
    #[inline]
    fn cmp(&self, other: &Ticket) -> Ordering {
        let key = |it: &Ticket| u128::from(it.arrived.as_nanos()) << 64 | u128::from(it.number);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Ticket {
    #[inline]
    fn partial_cmp(&self, other: &Ticket) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ticket {
    /// Not after any ticket.
    pub(crate) const FIRST: Ticket = Ticket { arrived: Instant::EPOCH, number: 0 };

    /// After every ticket of those that arrived by then.
    pub(crate) fn last_of(arrived: Instant) -> Ticket {
        Ticket { arrived, number: u64::MAX }
    }

    /// Not after any ticket that is after this one.
    pub(crate) fn next(self) -> Ticket {
        Ticket { number: self.number + 1, ..self }
    }
}
