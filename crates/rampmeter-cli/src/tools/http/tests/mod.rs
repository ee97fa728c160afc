//! Requests to a real server on this machine, which tells what reached it.

mod answers;
mod filling;
mod redirects;
mod secrets;
mod server;

use std::time::{Duration, SystemTime};

use rampmeter::ToolError;
use rampmeter::policy::{Policy, RunPolicy};

use super::{HttpTool, builder};
use server::Server;

const KEY: &str = "sk-2f\"9 Zé/+key";

/// Noon, 24 November 2026.
fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_521_600)
}

/// The variables of the environment that the tests know.
fn environment(name: &str) -> Result<String, String> {
    match name {
        "API_KEY" => Ok(KEY.to_owned()),
        "PLAIN" => Ok("plainsecret".to_owned()),
        "SHORT" => Ok("eu".to_owned()),
        "BROKEN" => Ok("a\r\nx: y".to_owned()),
        _ => Err("is not set".to_owned()),
    }
}

fn policy(http: &str) -> Policy {
    let text = format!("[tools.t.run]\nmax_output = \"1KiB\"\n[tools.t.run.http]\n{http}\n");
    Policy::parse("test.toml", &text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The tool of a request as a policy has it.
fn tool(http: &str) -> HttpTool {
    let policy = policy(http);
    let Some(RunPolicy::Http { http, max_output }) = &policy.tools[0].run else { panic!() };
    let client = builder().no_proxy().build().unwrap();
    HttpTool::new("t", http, *max_output, client, &environment).unwrap()
}

async fn run(http: &str, arguments: &str) -> Result<String, ToolError> {
    tool(http).run(arguments, None, noon).await
}

/// The message of an error that is the tool's own.
#[track_caller]
fn failed(result: Result<String, ToolError>) -> String {
    match result {
        Err(ToolError::Failed(message)) => message,
        other => panic!("not a failure: {other:?}"),
    }
}
