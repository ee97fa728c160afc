//! A client of the mock provider: it posts one call and reads what it is told.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Keeps its connections.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    base: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// 200 if the call was admitted.
    pub status: u16,
    /// What the provider says of its quotas.
    pub headers: HeaderMap,
    /// Null if it was no JSON.
    pub body: Value,
}

impl Client {
    /// Of the provider at this address.
    pub fn new(base: &str) -> Client {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new()).build(connector);
        Client { pool, base: base.to_owned() }
    }

    /// Posts a body to a path, with labels for the provider's log.
    ///
    /// # Cancel safety
    /// If it is dropped, the provider may have admitted the call all the same.
    pub async fn post(
        &self,
        path: &str,
        labels: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, String> {
        let request = Request::post(format!("{}{path}", self.base));
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = labels.iter().fold(request, |request, (name, value)| {
            request.header(format!("x-rampmeter-{name}"), *value)
        });
        let request = request
            .body(Full::from(body.to_string()))
            .map_err(|error| format!("cannot make a request of it: {error}"))?;
        let failed = |error: &dyn std::fmt::Display| format!("the provider is gone: {error}");
        let answer = self.pool.request(request).await.map_err(|error| failed(&error))?;
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.map_err(|error| failed(&error))?.to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

impl Answer {
    /// What it is told to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get("retry-after")?.to_str().ok()?.parse::<f64>().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// The tokens that it took, as the provider tells.
    pub fn tokens(&self) -> Option<u64> {
        self.body["usage"]["total_tokens"].as_u64()
    }
}
