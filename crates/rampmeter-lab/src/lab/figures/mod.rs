//! What is measured of a playing: figures by name, and aims that they are held to. All of them are pure
//! folds over one [`Entry`](super::Entry).
//!
//! A figure is written `MEASURE [of SCOPE]`, and one divided by another `FIGURE / FIGURE`. An aim is
//! `FIGURE <= AMOUNT`, with `<=`, `>=`, `<`, `>`, `=`, `≤` or `≥`, the amount with its unit (`2s`, `512MiB`,
//! `90%`, `10/s`, `20`); `no throttles` is `throttles = 0`.
//!
//! SCOPE is the name of a priority, load, flow, tool or server: the first of these that has it, unless
//! the kind is said (`p95 of tool search`); `tenant-*` is all that begin so.
//!
//! What those who ask get:
//!
//! | measure | what it is |
//! | --- | --- |
//! | `p50`, `p95`, `p99`, any `pN` or `pN.N`, `max`, `mean` | latency: from asked to answered, of good calls (succeeded or degraded). A rank is the least value that so many of all do not exceed (nearest rank) |
//! | `wait p95` (so all ranks) | from asked to the first moment inside a tool, of calls that came so far |
//! | `slowdown p95` | latency over what the work takes with nothing else going on, of good calls: a call's own work, and the longest of the calls that it makes |
//! | `asked`, `good`, `succeeded`, `degraded`, `failed`, `throttled`, `timed out`, `refused`, `cancelled`, `lost` | calls, by how they ended for whoever asked |
//! | `in time` | good calls answered within the scenario's deadline, counted from when their turn first asked; without a deadline, all good ones. In real time a late timer of 25 ms is forgiven, here and below |
//! | `past deadline` | calls that were not answered by their turn's deadline, or were inside a tool after it. Nothing without a deadline |
//! | `runs`, `throttles` | attempts that came as far as a tool, and those of them that it, or its server, turned away |
//! | `duration` | from the first ask to the last answer; to the end of the playing, if a call never had one |
//! | `goodput` | `in time`, in each second of `duration` |
//! | `throughput` | calls that came as far as a tool and were answered, in each second of `duration` |
//! | `recovery` | the longest of the times from each fault's end until good answers come as before, as [`recoveries`] tells them; `never` if they do not |
//! | `never asked` | calls that the script holds and nobody came to ask for |
//!
//! What goes on at one instant. Spans of time hold their first nanosecond and not their last, so that
//! a run that ends and one that starts at the same nanosecond do not overlap, and one that ends as it
//! starts is open at no instant:
//!
//! | measure | what it is |
//! | --- | --- |
//! | `peak` | the most runs open at once |
//! | `outstanding` | the most calls asked for and not answered at once; a lost one is never answered |
//! | `queue` | the most of these that are inside no tool at once |
//! | `starts in 1s`, any period | the most runs that start within any such period: less than it apart |
//! | `fairness` | Jain's index of what flows hold of what they are entitled to, while there is not enough for all: 1 is fair. `shares.rs` says when that is |
//! | `share of FLOW` | its part of all slot-seconds (time inside tools) held while there is not enough for all |
//! | `memory` | the most bytes that tools held at once, by their own count; in real time, by how much the process grew |
//! | `memory wanted` | what tools would hold if all calls were inside at once |
//! | `lost updates` | writes of counters that tools race on, less what the counters came to |
//! | `lag p99` | how late a heartbeat on the loop of the calls is; in real time only |
//! | `cpu` | processor time used; in real time only |
//!
//! A call that another call makes is counted in what goes on at one instant. In what those who ask get
//! it is counted only by the name of its tool or server: nobody who asked for a turn sees it.

mod aim;
mod calls;
mod figure;
#[cfg(test)]
pub(super) mod made;
mod moments;
mod parse;
mod recovery;
mod scope;
mod series;
mod shares;
mod unit;
mod waits;
mod whole;
pub(in crate::lab) mod words;

#[cfg(test)]
mod tests;

pub use aim::{Aim, Judged};
pub use figure::Figure;
pub use recovery::{Recovery, recoveries};
pub use series::{Series, series};
pub use shares::{FlowShare, shares_by_flow};
pub use unit::{Unit, show};
pub use waits::{PriorityWaits, waits_by_priority};
