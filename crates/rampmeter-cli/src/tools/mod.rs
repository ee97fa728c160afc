//! What the policy can make a tool of: a command, a request, or a simulation with a
//! provider that enforces a quota.

mod arguments;
mod command;
mod error;
mod http;
#[cfg(unix)]
mod process;
mod provider;
mod quota;
mod simulate;
mod template;

pub(crate) use command::{CommandTool, end_all};
pub(crate) use error::throttled;
pub(crate) use http::{HttpTool, Mistake, client, from_environment, mistakes};
pub(crate) use provider::Provider;
pub(crate) use quota::{Kind, Quota, Unit};
pub(crate) use simulate::Simulate;
