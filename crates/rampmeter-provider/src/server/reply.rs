//! From HTTP and back.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::Shared;
use super::visit::{TurnedAway, Visit, arrive};
use crate::answer;
use crate::headers::Headers;
use crate::usage;

const SECOND_NS: u64 = 1_000_000_000;

pub(super) async fn chat(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    sent: HeaderMap,
    body: Bytes,
) -> Response {
    let body = match read(&body) {
        Ok(body) if body["messages"].is_array() => body,
        Ok(_) => return bad("`messages` must be an array"),
        Err(error) => return bad(&error),
    };
    let visit = match arrive(&shared, uri.path(), &sent, usage::of_chat(&body)) {
        Ok(visit) => visit,
        Err(away) => return turned_away(&shared, away),
    };
    let model = body["model"].as_str().unwrap_or("mock");
    let created = shared.clock.told_unix_ns() / SECOND_NS;
    let headers = visit.headers.clone();
    if body["stream"] == true {
        let chunks = answer::chunks(visit.seq, model, created, visit.usage);
        return with(headers, streamed(visit, &chunks));
    }
    tokio::time::sleep(visit.latency).await;
    let whole = answer::chat(visit.seq, model, created, visit.usage);
    drop(visit);
    with(headers, Json(whole).into_response())
}

pub(super) async fn tool(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    sent: HeaderMap,
    body: Bytes,
) -> Response {
    let body = match read(&body) {
        Ok(body) => body,
        Err(error) => return bad(&error),
    };
    let visit = match arrive(&shared, uri.path(), &sent, usage::of_tool(&body)) {
        Ok(visit) => visit,
        Err(away) => return turned_away(&shared, away),
    };
    tokio::time::sleep(visit.latency).await;
    let (usage, headers) = (visit.usage, visit.headers.clone());
    drop(visit);
    with(headers, Json(answer::tool(&body, usage)).into_response())
}

pub(super) async fn models() -> Response {
    Json(json!({"object": "list", "data": [{"id": "mock", "object": "model"}]})).into_response()
}

fn read(body: &Bytes) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))
}

fn bad(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(answer::bad(message))).into_response()
}

fn turned_away(shared: &Shared, away: TurnedAway) -> Response {
    let TurnedAway { status, headers, why } = away;
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let body = Json(answer::error(shared.config.style, status, &why));
    with(headers, (code, body).into_response())
}

/// The chunks, spread evenly over the call's latency. The call ends with the last of them, or when
/// the client hangs up.
fn streamed(visit: Visit, chunks: &[Value]) -> Response {
    let pause = visit.latency / u32::try_from(chunks.len()).unwrap_or(1).max(1);
    let texts: Vec<_> = chunks.iter().map(Value::to_string).collect();
    let state = (Some(visit), texts.into_iter(), false);
    let events = stream::unfold(state, move |(mut visit, mut texts, done)| async move {
        let text = match texts.next() {
            Some(text) => {
                rest(pause).await;
                text
            }
            None if done => return None,
            None => "[DONE]".to_owned(),
        };
        let done = text == "[DONE]";
        if done {
            visit = None;
        }
        Some((Ok::<_, Infallible>(Event::default().data(text)), (visit, texts, done)))
    });
    Sse::new(events).into_response()
}

async fn rest(pause: Duration) {
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
}

fn with(headers: Headers, mut response: Response) -> Response {
    for (name, value) in headers {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
