//! The judges: each looks at the books after what the engine said, and says what must not be.

mod evictions;
mod explained;
mod idle;
mod ledger;
mod nested;
mod places;
mod queues;
mod refusals;
mod starts;
mod waits;

pub(crate) use nested::New;
