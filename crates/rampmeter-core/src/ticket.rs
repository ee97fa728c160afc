//! The place of a waiting call among all others: by when it arrived.
//!
//! A call that comes again, such as a retry, says when it was asked for first, and has the ticket
//! that it would have had: it goes before those that arrived later, at its limits as in the lines
//! of its keys, and never before one that has started.

use crate::time::Instant;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket {
    pub(crate) arrived: Instant,
    /// Counts the calls that began to wait: no two are the same.
    pub(crate) number: u64,
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
