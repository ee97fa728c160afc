//! A request on its way, through redirects if the policy lets it.
//!
//! The client follows none itself, since it would take headers of ours along that it does not know
//! to be secret.

use rampmeter::policy::Follow;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::answer::cause;

const MOST_HOPS: usize = 10;

/// A request, filled. It is shown nowhere.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<String>,
    pub(super) body_is_secret: bool,
}

/// Sends it; an error names no url behind its host.
pub(super) async fn send(
    client: &Client,
    mut request: Request,
    follow: Follow,
) -> Result<Response, String> {
    for _ in 0..=MOST_HOPS {
        let mut builder = client.request(request.method.clone(), request.url.clone());
        builder = builder.headers(request.headers.clone());
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let response = builder.send().await.map_err(|error| match error.is_connect() {
            true => format!("no connection: {}", cause(&error)),
            false => format!("no answer: {}", cause(&error)),
        })?;
        if follow == Follow::None || !is_redirect(response.status()) {
            return Ok(response);
        }
        let Some(location) = response.headers().get(LOCATION) else { return Ok(response) };
        let location = location.to_str().ok().and_then(|it| request.url.join(it).ok());
        let to = location.ok_or("it redirects to what is no url")?;
        request = redirected(request, to, response.status(), follow)?;
    }
    Err(format!("it redirects more than {MOST_HOPS} times"))
}

pub(super) fn redirected(
    request: Request,
    mut to: Url,
    status: StatusCode,
    follow: Follow,
) -> Result<Request, String> {
    let shown = to.origin().ascii_serialization();
    if !matches!(to.scheme(), "http" | "https") {
        return Err(format!("it redirects to `{}:`, which is not followed", to.scheme()));
    }
    if request.url.scheme() == "https" && to.scheme() == "http" {
        return Err(format!("it redirects from https to {shown}, which is never followed"));
    }
    let same = is_same_host(&request.url, &to);
    if !same && follow != Follow::Any {
        return Err(format!(
            "it redirects to {shown}; if it may, write follow = \"any\" in the policy"
        ));
    }
    // What a server writes before an `@` would be sent as a password.
    let _ = to.set_username("");
    let _ = to.set_password(None);
    let Request { mut method, mut headers, mut body, body_is_secret, .. } = request;
    let becomes_get = match status {
        StatusCode::SEE_OTHER => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
        _ => false,
    };
    if becomes_get {
        (method, body) = (Method::GET, None);
        headers.remove(CONTENT_TYPE);
    }
    if !same {
        if body.is_some() && body_is_secret {
            return Err(format!(
                "it redirects a body with a secret to {shown}, which is not followed"
            ));
        }
        let content_type = headers.remove(CONTENT_TYPE);
        headers.clear();
        headers.extend(content_type.map(|it| (CONTENT_TYPE, it)));
    }
    Ok(Request { method, url: to, headers, body, body_is_secret })
}

/// The same host and port; from http to https the port is the other's own.
fn is_same_host(from: &Url, to: &Url) -> bool {
    let upgraded = from.scheme() == "http"
        && to.scheme() == "https"
        && from.port().is_none()
        && to.port().is_none();
    from.host() == to.host()
        && (upgraded || from.port_or_known_default() == to.port_or_known_default())
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
