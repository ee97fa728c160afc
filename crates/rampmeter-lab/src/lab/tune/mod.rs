//! Which limits are right: those that meet stated aims at the greatest goodput.

mod bench;
mod find;
mod goal;
mod knobs;
mod search;
mod space;
