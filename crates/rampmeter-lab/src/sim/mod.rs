//! The deterministic simulator of the engine.
//!
//! One seed makes the limits, the calls, what goes wrong and when. It first plays in safety, with
//! faults; then all is healed, and every call must get its answer and everything be given back.
//! After every input judges with books of their own look at what the engine said.

mod books;
mod claims;
mod judges;
mod keys;
mod mix;
mod player;
pub(crate) mod rng;
mod scene;
mod shares;
mod totals;
mod transcript;
mod verdict;

pub use claims::{Claims, play_claims};
pub use keys::{Keys, play_keys};
pub use mix::Mix;
pub use player::{Run, play};
pub use shares::{Shares, play_shares};
pub use totals::{COUNTS, Count, Totals};
pub use verdict::{Judge, Violation};
