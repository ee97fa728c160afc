//! What the tests share: a world in virtual time, tools that count themselves, wakers that count.

mod model;
mod seed;
mod waker;
mod world;

pub(crate) use model::{anthropic, openai};
pub(crate) use seed::Rng;
pub(crate) use waker::{Wakes, block_on_thread, poll_once};
pub(crate) use world::{Inside, World, assert_idle, assert_sums, policy};
