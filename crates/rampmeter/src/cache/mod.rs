//! Results that are served again: the last good ones of tools that only read, and one flight for
//! calls that ask for the same at the same time.
//!
//! Both go by a [`CacheKey`]: the tool, its arguments in any order, the labels, and the flow, so
//! that nobody is shown what was fetched for another.

mod canonical;
mod flights;
mod key;
mod last_good;
#[cfg(test)]
mod tests;

pub use flights::{Flights, Follower, Joined, Landed, Leader};
pub use key::CacheKey;
pub use last_good::{Kept, LastGood};
