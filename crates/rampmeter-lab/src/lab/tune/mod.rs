//! Which limits are right: those that meet stated aims at the greatest goodput.

mod bench;
mod goal;
mod knobs;
mod search;
