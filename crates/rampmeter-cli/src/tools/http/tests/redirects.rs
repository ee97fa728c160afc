//! Where a redirect may lead, and what goes along.

use rampmeter::policy::Follow;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use super::super::follow::{Request, redirected};
use super::server::{Asked, answer, ok};
use super::*;

/// A server that answers at `/end` and redirects everything else.
async fn redirecting(status: &str, to: String) -> Server {
    let status = status.to_owned();
    Server::start(move |asked| match asked.line.ends_with(" /end") {
        true => ok("arrived"),
        false => answer(&status, &[&format!("location: {to}")], "moved"),
    })
    .await
}

fn request(server: &Server, more: &str) -> String {
    let url = server.url("/start");
    format!("url = \"{url}\"\nheaders = {{ x-key = \"${{PLAIN}}\" }}\n{more}")
}

#[tokio::test]
async fn a_redirect_to_the_same_host_is_followed_with_all_that_belongs_to_the_request() {
    let table = [
        ("307 Temporary Redirect", "POST /end", r#"{"a":1}"#),
        ("308 Permanent Redirect", "POST /end", r#"{"a":1}"#),
        ("303 See Other", "GET /end", ""),
        ("302 Found", "GET /end", ""),
        ("301 Moved Permanently", "GET /end", ""),
    ];
    for (status, line, body) in table {
        let server = redirecting(status, "/end".to_owned()).await;
        let result = run(&request(&server, "body = { a = \"{a}\" }"), r#"{"a": 1}"#).await;
        assert_eq!(result.as_deref(), Ok("arrived"), "{status}");
        let last: &Asked = &server.asked()[1];
        assert_eq!((last.line.as_str(), last.body.as_str()), (line, body), "{status}");
        assert_eq!(last.header("x-key"), Some("plainsecret"), "{status}");
        assert_eq!(last.header("content-type").is_some(), !body.is_empty(), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_is_refused_and_that_host_hears_nothing() {
    let other = Server::saying(&ok("other")).await;
    // Another port is another server; another name for the same machine, too.
    let named = other.url("/end").replace("127.0.0.1", "localhost");
    let port = other.url("/end").rsplit_once(':').unwrap().1.to_owned();
    for to in [other.url("/end"), named, format!("//127.0.0.1:{port}")] {
        let server = redirecting("302 Found", to.clone()).await;
        let error = failed(run(&request(&server, ""), "{}").await);
        assert!(error.contains("it redirects to http://"), "{to}: {error}");
        assert!(error.contains("follow = \"any\""), "{to}: {error}");
    }
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn where_any_redirect_is_followed_another_host_gets_neither_headers_nor_secrets() {
    let other = Server::saying(&ok("other")).await;
    let server = redirecting("307 Temporary Redirect", other.url("/x?y")).await;
    let more = "follow = \"any\"\nbody = { a = \"{a}\" }";
    let result = run(&request(&server, more), r#"{"a": 1}"#).await;
    assert_eq!(result.as_deref(), Ok("other"));
    let asked = other.asked();
    assert_eq!((asked[0].line.as_str(), asked[0].body.as_str()), ("POST /x?y", r#"{"a":1}"#));
    assert_eq!(asked[0].header("x-key"), None);
    assert_eq!(asked[0].header("content-type"), Some("application/json"));

    let more = "follow = \"any\"\nbody = { a = \"${PLAIN}\" }";
    let error = failed(run(&request(&server, more), "{}").await);
    assert!(error.contains("a body with a secret"), "{error}");
    assert_eq!(other.asked().len(), 1);
}

#[tokio::test]
async fn headers_that_were_left_behind_do_not_come_back() {
    let home = Server::saying(&ok("home")).await;
    let other =
        Server::saying(&answer("302 Found", &[&format!("location: {}", home.url("/end"))], ""))
            .await;
    let server = redirecting("302 Found", other.url("/")).await;
    let result = run(&request(&server, "follow = \"any\""), "{}").await;
    assert_eq!(result.as_deref(), Ok("home"));
    assert_eq!(home.asked()[0].header("x-key"), None);
}

#[tokio::test]
async fn no_redirect_is_followed_for_ever_or_where_none_may_be() {
    let server = redirecting("302 Found", "/again".to_owned()).await;
    let error = failed(run(&request(&server, ""), "{}").await);
    assert!(error.contains("more than 10 times"), "{error}");
    assert_eq!(server.asked().len(), 11);

    let server = redirecting("302 Found", "/end".to_owned()).await;
    let error = failed(run(&request(&server, "follow = \"none\""), "{}").await);
    assert!(error.contains("302 Found"), "{error}");
    assert_eq!(server.asked().len(), 1);

    for to in ["file:///etc/passwd", "data:,x", "http://", "http://a b/"] {
        let server = redirecting("302 Found", to.to_owned()).await;
        let error = failed(run(&request(&server, "follow = \"any\""), "{}").await);
        assert!(error.contains("it redirects to"), "{to}: {error}");
    }
}

#[test]
fn no_redirect_leads_from_https_to_http_and_none_brings_a_password() {
    let step = |from: &str, to: &str, follow| {
        let mut headers = HeaderMap::new();
        headers.insert("x-key", HeaderValue::from_static("secret"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let url = Url::parse(from).unwrap();
        let method = Method::GET;
        let request = Request { method, url, headers, body: None, body_is_secret: false };
        let to = Url::parse(to).unwrap();
        let next = redirected(request, to, StatusCode::FOUND, follow)?;
        Ok::<_, String>((next.url.to_string(), next.headers.contains_key("x-key")))
    };
    for follow in [Follow::SameHost, Follow::Any] {
        let error = step("https://a.example/", "http://a.example/", follow).unwrap_err();
        assert!(error.contains("from https to http://a.example"), "{error}");
    }
    let table = [
        ("http://a.example/", "https://a.example/b", true),
        ("http://a.example/", "http://A.EXAMPLE:80/b", true),
        ("http://a.example/", "http://a.example:8080/b", false),
        ("http://a.example:8080/", "https://a.example/b", false),
        ("https://a.example/", "https://a.example./b", false),
        ("https://a.example/", "https://a.example.evil.example/b", false),
        ("https://a.example/", "https://a.example@evil.example/b", false),
        ("https://a.example/", "https://b.a.example/b", false),
    ];
    for (from, to, same) in table {
        assert_eq!(step(from, to, Follow::SameHost).is_ok(), same, "{from} {to}");
        let (url, keeps_key) = step(from, to, Follow::Any).unwrap();
        assert_eq!(keeps_key, same, "{from} {to}");
        assert!(!url.contains('@'), "{url}");
    }
}
