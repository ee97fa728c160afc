//! What becomes of each answer.

use super::server::{answer, ok};
use super::*;

fn overloaded(result: Result<String, ToolError>) -> (String, Option<u64>, bool) {
    match result {
        Err(ToolError::Overloaded { message, retry_after, may_have_run }) => {
            let after_ms = retry_after.map(|it| u64::try_from(it.as_millis()).unwrap());
            (message, after_ms, may_have_run)
        }
        other => panic!("not overloaded: {other:?}"),
    }
}

async fn asked(answer: &str) -> Result<String, ToolError> {
    let server = Server::saying(answer).await;
    run(&format!("url = \"{}\"", server.url("/a?b=c")), "{}").await
}

#[tokio::test]
async fn a_server_without_room_says_when_to_come_back_in_its_own_way() {
    let gemini = r#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}"#;
    let table: [(&str, &[&str], &str, Option<u64>); 9] = [
        ("429 Too Many Requests", &["retry-after: 7"], "slow down", Some(7_000)),
        ("429 Too Many Requests", &["retry-after: 0.25"], "", Some(250)),
        (
            "429 Too Many Requests",
            &["Retry-After: Tue, 24 Nov 2026 12:00:30 GMT"],
            "",
            Some(30_000),
        ),
        ("429 Too Many Requests", &["retry-after-ms: 1500"], "", Some(1_500)),
        ("429 Too Many Requests", &[], gemini, Some(34_500)),
        (
            "429 Too Many Requests",
            &["x-ratelimit-remaining: 0", "x-ratelimit-reset: 1795521660"],
            "",
            Some(60_000),
        ),
        ("503 Service Unavailable", &[], "", None),
        ("529 Overloaded", &["retry-after: 3"], "", Some(3_000)),
        (
            "403 Forbidden",
            &["x-ratelimit-remaining: 0", "x-ratelimit-reset: 1795521660"],
            "",
            Some(60_000),
        ),
    ];
    for (status, headers, body, retry_after_ms) in table {
        let (message, after_ms, may_have_run) =
            overloaded(asked(&answer(status, headers, body)).await);
        assert_eq!(after_ms, retry_after_ms, "{status} {headers:?}");
        assert_eq!(may_have_run, status.starts_with('5'), "{status}");
        assert!(message.starts_with(status.split(' ').next().unwrap()), "{message}");
        assert!(message.contains("from GET http://127.0.0.1:"), "{message}");
        assert!(!message.contains("/a?b"), "no more of the url than its host: {message}");
    }
}

#[tokio::test]
async fn any_other_answer_that_is_no_success_fails_with_its_beginning() {
    let long = "x ".repeat(100_000);
    let table = [
        ("400 Bad Request", "no\n\u{1b}[2J  such\tfield", ": no [2J such field"),
        ("401 Unauthorized", "", "401 Unauthorized from GET"),
        ("403 Forbidden", "denied", ": denied"),
        ("404 Not Found", "", "404 Not Found"),
        ("500 Internal Server Error", &long, "x x …"),
        ("304 Not Modified", "", "304 Not Modified"),
    ];
    for (status, body, fragment) in table {
        let error = failed(asked(&answer(status, &[], body)).await);
        assert!(error.contains(fragment), "{status}: {error}");
        assert!(error.chars().count() < 400, "{status}: {error}");
    }
}

#[tokio::test]
async fn a_success_is_its_body_up_to_the_bound_and_no_further() {
    assert_eq!(asked(&ok("")).await.as_deref(), Ok(""));
    assert_eq!(asked(&answer("201 Created", &[], "é\u{0}")).await.as_deref(), Ok("é\u{0}"));
    let most = "x".repeat(1024);
    assert_eq!(asked(&ok(&most)).await.as_deref(), Ok(most.as_str()));
    let error = failed(asked(&ok(&(most.clone() + "x"))).await);
    assert!(error.contains("longer than 1024 bytes; raise `max_output`"), "{error}");
    // One that says nothing of its length and never ends.
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{most}{most}…");
    assert!(failed(asked(&endless).await).contains("longer than 1024 bytes"));
    let bytes = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(asked(bytes).await.as_deref(), Ok("abc"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_none_fails() {
    let table = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "the answer broke off"),
        ("HTTP/1.1 200 OK\r\ncontent-le", "no answer"),
        ("SSH-2.0-OpenSSH\r\n", "no answer"),
        ("", "no answer"),
    ];
    for (answer, fragment) in table {
        let error = failed(asked(answer).await);
        assert!(error.contains(fragment), "{answer:?}: {error}");
    }
    let broken =
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 5\r\ncontent-length: 9\r\n\r\nhalf";
    assert_eq!(overloaded(asked(broken).await).1, Some(5_000));
    let nobody = Server::saying("").await.url("/");
    let port = nobody.rsplit_once(':').unwrap().1;
    let error = failed(run(&format!("url = \"http://127.0.0.2:{port}\""), "{}").await);
    assert!(error.contains("no connection"), "{error}");
}

#[tokio::test]
async fn a_call_that_is_cancelled_while_the_answer_comes_closes_the_connection() {
    let slow = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nslow…";
    let mut server = Server::saying(slow).await;
    let tool = tool(&format!("url = \"{}\"", server.url("/")));
    tokio::select! {
        result = tool.run("{}", None, noon) => panic!("it should wait for the rest: {result:?}"),
        answered = server.answered.recv() => answered.unwrap(),
    }
    // The future is gone, so the server sees its end.
    server.ended.recv().await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_dropped_before_it_is_polled_asks_nobody() {
    let server = Server::saying(&ok("")).await;
    drop(run(&format!("url = \"{}\"", server.url("/")), "{}"));
    tokio::task::yield_now().await;
    assert!(server.asked().is_empty());
}
