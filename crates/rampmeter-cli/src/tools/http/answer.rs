//! What came back: a result, an error of the tool, or a server that has no room.

use std::time::SystemTime;

use rampmeter::feedback::Feedback;
use rampmeter::{ToolError, Unit};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::secrets::Secrets;

/// Of an answer that is no success, so much is read: enough for its message and for when to come back.
const ERROR_BYTES: usize = 64 * 1024;
const EXCERPT_CHARS: usize = 300;

/// A server overloaded for its own reasons, as Anthropic says it.
const OVERLOADED: u16 = 529;

/// An answer, read to its end or to its bound.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Where in an answer it stands what a call took.
pub(super) type Usage = [(Unit, Vec<String>)];

impl Answer {
    /// Reads it. A success longer than `max_output` is an error; anything else is cut.
    pub(super) async fn read(mut response: Response, max_output: u64) -> Result<Answer, String> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let most = match status.is_success() {
            true => usize::try_from(max_output).unwrap_or(usize::MAX),
            false => ERROR_BYTES,
        };
        let mut body = Vec::new();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                // What an error says is worth having even if its end is missing.
                Err(_) if !status.is_success() => break,
                Err(error) => return Err(format!("the answer broke off: {}", cause(&error))),
            };
            let room = most - body.len();
            if chunk.len() > room {
                if status.is_success() {
                    return Err(format!(
                        "the answer is longer than {max_output} bytes; raise `max_output`, or ask for less"
                    ));
                }
                body.extend_from_slice(&chunk[..room]);
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    /// What a success says that the call took, of each unit that it says anything of.
    pub(super) fn used(&self, usage: &Usage) -> Vec<(Unit, u64)> {
        if usage.is_empty() || !self.status.is_success() {
            return Vec::new();
        }
        let Ok(body) = serde_json::from_slice::<Value>(&self.body) else { return Vec::new() };
        let sum = |places: &[String]| {
            let said = places.iter().filter_map(|place| body.pointer(place)?.as_u64());
            said.fold(None, |sum: Option<u64>, it| Some(sum.unwrap_or(0).saturating_add(it)))
        };
        usage.iter().filter_map(|(unit, places)| Some((*unit, sum(places)?))).collect()
    }

    /// What an error says of the server's limits beside its headers.
    pub(super) fn error_feedback(&self, now: SystemTime) -> Feedback {
        let error = (!self.status.is_success()).then_some(&*self.body);
        Feedback::read::<&str, &str>([], error, now)
    }

    /// As the result of a call to `target`.
    pub(super) fn result(
        self,
        target: &str,
        now: SystemTime,
        secrets: &Secrets,
    ) -> Result<String, ToolError> {
        let text = String::from_utf8_lossy(&self.body);
        if self.status.is_success() {
            return Ok(secrets.redact_answer(&text));
        }
        let feedback = Feedback::read(&self.headers, Some(&self.body), now);
        let message = format!("{} from {target}{}", self.status, excerpt(&text, secrets));
        if is_overloaded(self.status, &feedback) {
            let (retry_after, may_have_run) = (feedback.delay(), may_have_run(self.status));
            return Err(ToolError::Overloaded { message, retry_after, may_have_run });
        }
        Err(ToolError::Failed(message))
    }
}

/// The innermost reason of an error, which names no url.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// GitHub says 403 when a quota is spent; what says when to come back is no denial.
fn is_overloaded(status: StatusCode, feedback: &Feedback) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => true,
        StatusCode::FORBIDDEN => feedback.delay().is_some(),
        other => other.as_u16() == OVERLOADED,
    }
}

/// A quota turns requests away before they run; a server that is out of order may have begun.
fn may_have_run(status: StatusCode) -> bool {
    !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN)
}

/// The beginning of an error's text, on one line. Secrets go first, lest half of one stay.
fn excerpt(text: &str, secrets: &Secrets) -> String {
    let text = secrets.redact(text);
    let mut words = String::new();
    for word in
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|it| !it.is_empty())
    {
        words.push_str(if words.is_empty() { ": " } else { " " });
        words.push_str(word);
        if words.len() > 4 * EXCERPT_CHARS {
            break;
        }
    }
    match words.char_indices().nth(EXCERPT_CHARS) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}
