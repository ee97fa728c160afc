//! The provider as a http meets it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use axum::body::Bytes;
use axum::http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rampmeter_provider::{Config, Entry, Provider, Who};
use serde_json::{Value, json};

/// Its clock is so slow that no quota comes back while a test runs.
async fn slow(more: &str) -> (Provider, Http) {
    let config = Config::read(&format!("speed = 0.001\n{more}")).unwrap();
    (Provider::start(config).await.unwrap(), http())
}

type Http = Client<HttpConnector, Full<Bytes>>;

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

async fn post(http: &Http, provider: &Provider, path: &str, body: &Value) -> Answer {
    send(http, provider, path, body.to_string(), &[]).await
}

async fn send(
    http: &Http,
    provider: &Provider,
    path: &str,
    body: String,
    headers: &[(&str, &str)],
) -> Answer {
    let request = Request::post(format!("{}{path}", provider.url()));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = http.request(request.body(Full::from(body)).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn chat(tokens: u64) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hello"}],
        "mock": {"input_tokens": tokens, "output_tokens": 3}})
}

#[tokio::test]
async fn a_chat_is_answered_as_openai_does_and_turned_away_with_a_delay() {
    let (provider, http) = slow("requests = \"2/min\"\ntokens = \"1000/min\"").await;
    let response = post(&http, &provider, "/v1/chat/completions", &chat(700)).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("x-ratelimit-remaining-requests"), "1");
    assert_eq!(response.header("x-ratelimit-remaining-tokens"), "297");
    let body: Value = response.json();
    assert_eq!(body["choices"][0]["message"]["content"], "one at a");
    assert_eq!(body["usage"]["total_tokens"], 703);
    let response = post(&http, &provider, "/v1/chat/completions", &chat(700)).await;
    assert_eq!(response.status, 429);
    let delay_s: f64 = response.header("retry-after").parse().unwrap();
    assert!(delay_s > 59.0 * 1_000.0, "{delay_s}");
    assert!(!response.header("retry-after-ms").is_empty());
    let body: Value = response.json();
    assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    assert_eq!(body["error"]["type"], "tokens");
    let log = provider.stop().await;
    assert_eq!((log.calls, log.admitted, log.throttled), (2, 1, 1));
    assert_eq!(log.entries[1].limit.as_deref(), Some("1000 tokens in any 60s"));
    assert_eq!(log.entries[1].remaining, [1, 297]);
}

#[tokio::test]
async fn a_stream_comes_in_chunks_and_ends_with_done() {
    let (provider, http) = slow("tokens = \"1000/min\"\ncharge = \"settled\"").await;
    let mut body = chat(10);
    body["stream"] = true.into();
    body["max_tokens"] = 500.into();
    let response = post(&http, &provider, "/v1/chat/completions", &body).await;
    assert_eq!(response.header("content-type"), "text/event-stream");
    assert_eq!(response.header("x-ratelimit-remaining-tokens"), "490");
    let text = &response.body;
    let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let (last, chunks) = lines.split_last().unwrap();
    assert_eq!(*last, "[DONE]");
    let chunks: Vec<Value> =
        chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    let text = chunks.iter().filter_map(|it| it["choices"][0]["delta"]["content"].as_str());
    assert_eq!(text.collect::<String>(), "one at a");
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 3);
    let log = provider.stop().await;
    let end = &log.entries[1];
    assert_eq!((end.who, end.settles, &end.charged), (Who::End, Some(0), &vec![13]));
    assert_eq!(end.remaining, [987], "what was not taken was given back");
}

#[tokio::test]
async fn the_tool_takes_any_json_and_what_is_none_is_refused_and_not_logged() {
    let (provider, http) = slow("requests = \"9/min\"").await;
    let response = post(&http, &provider, "/tool", &json!({"query": "ramp"})).await;
    let body: Value = response.json();
    assert_eq!(body["echo"]["query"], "ramp");
    for path in ["/tool", "/v1/chat/completions"] {
        let response = send(&http, &provider, path, "{".into(), &[]).await;
        assert_eq!(response.status, 400, "{path}");
    }
    let response = post(&http, &provider, "/v1/chat/completions", &json!({})).await;
    assert_eq!(response.status, 400);
    assert_eq!(provider.stop().await.calls, 1);
}

#[tokio::test]
async fn the_log_says_whose_call_it_was_and_is_written_as_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let mut config = Config::read("requests = \"1/min\"\nspeed = 0.001").unwrap();
    config.log_file = Some(path.clone());
    config.log_entries = 1;
    let provider = Provider::start(config).await.unwrap();
    for _ in 0..3 {
        let labels = [
            ("x-rampmeter-call", "c1"),
            ("x-rampmeter-flow", "maya"),
            ("x-rampmeter-priority", "high"),
            ("x-rampmeter-asked-at", "7"),
        ];
        send(&http(), &provider, "/tool", "{}".into(), &labels).await;
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Entry> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let statuses: Vec<_> = lines.iter().map(|it| (it.seq, it.status)).collect();
    assert_eq!(statuses, [(0, 200), (1, 429), (2, 429)]);
    assert_eq!(lines[1].flow.as_deref(), Some("maya"));
    assert_eq!((lines[1].priority.as_deref(), lines[1].asked_unix_ns), (Some("high"), Some(7)));
    let kept = provider.log();
    assert_eq!((kept.entries.len(), kept.missed, kept.throttled), (1, 2, 2));
    assert!(kept.written);
}

#[tokio::test]
async fn each_style_turns_calls_away_in_its_own_words() {
    for (style, status, name, part) in [
        ("anthropic", 429, "anthropic-ratelimit-requests-reset", "rate_limit_error"),
        ("gemini", 429, "", "type.googleapis.com/google.rpc.RetryInfo"),
        ("gemini", 429, "", "GenerateRequestsPerDayPerProjectPerModel"),
        ("github", 429, "x-ratelimit-used", "requests"),
        ("ietf-old", 429, "ratelimit-reset", "requests"),
        ("ietf-new", 429, "ratelimit-policy", "requests"),
        ("groq", 429, "x-ratelimit-limit-requests", "requests"),
    ] {
        let more = format!("requests = \"1/day\"\nstyle = \"{style}\"");
        let (provider, http) = slow(&more).await;
        post(&http, &provider, "/tool", &json!({})).await;
        let response = post(&http, &provider, "/tool", &json!({})).await;
        assert_eq!(response.status, status);
        let delay = response.header("retry-after").is_empty();
        assert_eq!(delay, style == "gemini", "{style}");
        assert!(name.is_empty() || !response.header(name).is_empty(), "{style}: {name}");
        let body = &response.body;
        assert!(body.contains(part), "{style}: {body}");
    }
}

#[tokio::test]
async fn faults_and_calls_beyond_those_at_once_get_their_status() {
    let faulty = "faults = { share = 1.0, status = 529, retry_after_ms = 1500 }";
    let (provider, http) = slow(faulty).await;
    let response = post(&http, &provider, "/tool", &json!({})).await;
    assert_eq!((response.status, response.header("retry-after")), (529, "2"));
    let (provider, http) = slow("at_once = 0\nbusy_status = 503").await;
    let response = post(&http, &provider, "/tool", &json!({})).await;
    assert_eq!(response.status, 503);
    assert_eq!(provider.stop().await.entries[0].limit.as_deref(), Some("0 at once"));
}

#[tokio::test]
async fn a_second_provider_on_the_same_port_is_refused_with_the_port() {
    let (provider, _) = slow("").await;
    let port = provider.url().rsplit(':').next().unwrap().parse().unwrap();
    let error = Provider::start(Config { port, ..Config::default() }).await.unwrap_err();
    assert!(error.contains(&port.to_string()) && error.contains("another port"), "{error}");
}
