//! The judges: each looks at the books after what the engine said, and says what must not be.

mod idle;
mod ledger;
mod queues;
mod refusals;
mod starts;
mod waits;
