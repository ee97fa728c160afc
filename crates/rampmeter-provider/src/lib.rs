//! A mock provider: an OpenAI-compatible API on loopback that enforces quotas as real providers do,
//! says so in the headers that they send, and keeps a log of every request from which alone results
//! are judged.
//!
//! It shares no code with the limiter that it is a witness against: this crate depends on none of
//! ours. Its clock may run fast, so that a minute's quota is seen to come round in a second:
//! quotas, latencies and days are of the provider's clock, and every delay and moment that it tells
//! a client is real time.
//!
//! ```no_run
//! # async fn example() -> Result<(), String> {
//! use rampmeter_provider::{Config, Provider};
//! let config = Config::read("requests = \"60/min\"\nspeed = 60")?;
//! let provider = Provider::start(config).await?;
//! println!("{}/v1/chat/completions", provider.url());
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod answer;
mod clock;
mod config;
mod desk;
mod file;
mod headers;
pub mod judge;
mod latency;
mod log;
mod meter;
mod other_user;
mod quota;
mod server;
mod usage;

pub use config::{Charge, Config, Faults, Latency, OtherUser, Style};
pub use log::{Entry, Kept, Who};
pub use meter::Meter;
pub use quota::{Kind, KindName, Quota, Unit};
pub use server::Provider;
