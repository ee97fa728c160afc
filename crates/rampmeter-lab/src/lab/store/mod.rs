//! Where playings are kept: what was played once is not played again.
//!
//! ```text
//! DIR/jobs/FAMILY/NAME/REGIME[@SIZE]-SEED.CLOCK.jsonl   one playing, see `file`
//! DIR/scenarios/FAMILY/NAME.toml                        what it was played from
//! DIR/lab.lock                                          held by whoever plays
//! ```
//!
//! A file gets its name when it is whole and on the disk, so that whatever ends a run, there are
//! whole files and none. What is in a file is believed only if all of it fits together and it was
//! played from just this script, under just this job.

mod error;
mod file;
mod folder;
mod print;
#[cfg(test)]
mod tests;
mod whole;

pub use error::StoreError;
pub use file::Flaw;
pub use folder::{Kept, Store};
pub use print::Print;
pub use whole::write_whole;
