//! What must always hold of the engine, each property attacked with histories at random and
//! judged by oracles that see only what went in and what came out.
//!
//! 1. Nothing is admitted above a limit: not at any instant (slots), nor in any window (rates).
//! 2. A call that is not admitted consumes nothing.
//! 3. Every call gets exactly one answer; every permit is released exactly once.
//! 4. No call waits alone while every limit it needs has room.
//! 5. A backlogged flow or priority gets its share within a stated bound; every wait has a stated
//!    bound, and every queue.
//! 7. Conflicting calls of a turn take effect in the model's order.
//! 8. An expired or cancelled call never starts.
//! 9. The same inputs give the same outputs, bit for bit.
//! 10. Bad input never panics and never loses anything.
//!
//! A failure names its seed; `RAMPMETER_SEED=17 cargo test -p rampmeter-core` plays only that.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

#[path = "properties/amounts.rs"]
mod amounts;
#[path = "properties/answers.rs"]
mod answers;
#[path = "properties/backlogs.rs"]
mod backlogs;
#[path = "properties/bad_input.rs"]
mod bad_input;
#[path = "properties/books.rs"]
mod books;
#[path = "properties/driver.rs"]
mod driver;
#[path = "properties/history.rs"]
mod history;
#[path = "properties/ledger.rs"]
mod ledger;
#[path = "properties/limits.rs"]
mod limits;
#[path = "properties/mischief.rs"]
mod mischief;
#[path = "properties/passers_by.rs"]
mod passers_by;
#[path = "properties/random.rs"]
mod random;
#[path = "properties/random_histories.rs"]
mod random_histories;
#[path = "properties/rates.rs"]
mod rates;
#[path = "properties/seed.rs"]
mod seed;
#[path = "properties/shares.rs"]
mod shares;
#[path = "properties/turns.rs"]
mod turns;
#[path = "properties/whereabouts.rs"]
mod whereabouts;
#[path = "properties/world.rs"]
mod world;
