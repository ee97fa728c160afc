//! A request to a server as a tool.
//!
//! Whom it asks is the policy's word alone: scheme, host and port are written out there, arguments
//! are percent-encoded within one segment of the path or one value of the query, and a redirect goes
//! elsewhere only if the policy lets it. What `${NAME}` stands for is a secret: it is read from the
//! environment once, sent where the policy says, and written as `${NAME}` wherever it comes back.

mod answer;
mod body;
mod follow;
mod headers;
mod secrets;
#[cfg(test)]
mod tests;
mod text;
mod url;

use std::time::SystemTime;

use rampmeter::feedback::Feedback;
use rampmeter::policy::{Follow, HttpMethod, HttpPolicy, Policy, RunPolicy};
use rampmeter::{Report, ToolError, Unit};
use reqwest::{Client, ClientBuilder, Method};

use super::arguments::Arguments;
use answer::Answer;
use body::Body;
use follow::Request;
use headers::Headers;
use secrets::{Lookup, Secrets};
use url::UrlTemplate;

pub(crate) use secrets::{Find, Mistake, from_environment};

/// A request with placeholders, checked and ready to be filled and sent. Its `Debug` shows no secret.
#[derive(Debug)]
pub(crate) struct HttpTool {
    client: Client,
    template: Template,
    follow: Follow,
    max_output: u64,
    usage: Vec<(Unit, Vec<String>)>,
}

#[derive(Debug)]
struct Template {
    method: Method,
    url: UrlTemplate,
    headers: Headers,
    body: Option<Body>,
    secrets: Secrets,
}

/// What keeps requests of a policy from ever being sent, such as a secret that is not there.
pub(crate) fn mistakes(policy: &Policy, find: &Find) -> Vec<Mistake> {
    let requests = policy.tools.iter().filter_map(|tool| match &tool.run {
        Some(RunPolicy::Http { http, .. }) => Template::new(&tool.pattern, http, find).err(),
        _ => None,
    });
    requests.flatten().collect()
}

/// The one client of all tools, so that they share its connections. It goes through a proxy where the
/// environment names one.
///
/// # Errors
/// There is nothing to verify servers by.
pub(crate) fn client() -> Result<Client, String> {
    let made = builder().build();
    made.map_err(|error| format!("cannot make https requests: {}", answer::cause(&error)))
}

fn builder() -> ClientBuilder {
    // Only the first one installed counts, and all of them are this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .user_agent(concat!("rampmeter/", env!("CARGO_PKG_VERSION")))
}

impl HttpTool {
    /// A tool of a request as the policy of `tool` has it. `find` finds the environment's variables.
    ///
    /// # Errors
    /// The first of its [`mistakes`].
    pub(crate) fn new(
        tool: &str,
        policy: &HttpPolicy,
        max_output: u64,
        client: Client,
        find: &Find,
    ) -> Result<Self, String> {
        let template = Template::new(tool, policy, find).map_err(|mistakes| {
            mistakes.into_iter().next().map_or_else(String::new, |it| it.message)
        })?;
        let (follow, usage) = (policy.follow, policy.usage.clone());
        Ok(Self { client, template, follow, max_output, usage })
    }

    /// Sends the request, filled from the arguments (a JSON object), and returns what came back. To
    /// `report` goes what the server says of its limits, and what the call took.
    /// `now` tells the time of day, for servers that say by a date when to come back.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection at once. The server may have done its work.
    pub(crate) async fn run(
        &self,
        arguments: &str,
        report: Option<Report>,
        now: impl Fn() -> SystemTime,
    ) -> Result<String, ToolError> {
        let Template { method, url, secrets, .. } = &self.template;
        let request = self.template.fill(arguments).map_err(ToolError::failed)?;
        let target = format!("{method} {}", url.origin());
        let failed =
            |error: String| ToolError::failed(secrets.redact(&format!("{target}: {error}")));
        let response = follow::send(&self.client, request, self.follow).await.map_err(failed)?;
        if let Some(report) = report {
            // Told at once: the body may take its time or never come, and by then it would be stale.
            report.feedback(&Feedback::read(response.headers(), None, now()));
        }
        let answer = Answer::read(response, self.max_output).await.map_err(failed)?;
        if let Some(report) = report {
            let error = answer.error_feedback(now());
            if !error.quotas.is_empty() {
                report.feedback(&error);
            }
            let used = answer.used(&self.usage);
            if !used.is_empty() {
                report.used(&used);
            }
        }
        answer.result(&target, now(), secrets)
    }
}

impl Template {
    fn new(tool: &str, policy: &HttpPolicy, find: &Find) -> Result<Template, Vec<Mistake>> {
        let mut lookup = Lookup::new(format!("tools.{tool}.run.http"), find);
        let url = UrlTemplate::new(&policy.url, &mut lookup);
        let headers = Headers::new(policy, &mut lookup);
        let body = policy.body.as_ref().map(|body| Body::new(body, &mut lookup));
        let (url, secrets) = lookup.finish(url)?;
        let method = match policy.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Patch => Method::PATCH,
            HttpMethod::Delete => Method::DELETE,
        };
        Ok(Template { method, url, headers, body, secrets })
    }

    fn fill(&self, arguments: &str) -> Result<Request, String> {
        let arguments = Arguments::parse(arguments)?;
        let url = self.url.fill(&arguments)?;
        let headers = self.headers.fill(&arguments)?;
        let body = self.body.as_ref().map(|body| body.fill(&arguments)).transpose()?;
        let body_is_secret = self.body.as_ref().is_some_and(Body::has_secret);
        Ok(Request { method: self.method.clone(), url, headers, body, body_is_secret })
    }
}
