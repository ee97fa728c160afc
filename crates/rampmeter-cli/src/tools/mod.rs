//! What the policy can make a tool of: a command, or a simulation with a provider that enforces a quota.

mod arguments;
pub(crate) mod command;
pub(crate) mod error;
#[cfg(unix)]
mod process;
pub(crate) mod provider;
pub(crate) mod quota;
pub(crate) mod simulate;
mod template;

pub(crate) use command::CommandTool;
pub(crate) use error::ToolError;
pub(crate) use provider::Provider;
pub(crate) use quota::{Kind, Quota, Unit};
pub(crate) use simulate::Simulate;
