//! Secrets reach the server and nobody else.

use super::super::mistakes;
use super::server::{answer, ok};
use super::*;

#[tokio::test]
async fn a_secret_is_sent_where_the_policy_says() {
    let server = Server::saying(&ok("")).await;
    let url = server.url("/${PLAIN}?key=${PLAIN}x");
    let http = format!(
        "url = \"{url}\"\nheaders = {{ authorization = \"Bearer ${{PLAIN}}\" }}\n\
         body = {{ key = \"${{API_KEY}}\", both = \"{{a}} ${{SHORT}}\" }}"
    );
    run(&http, r#"{"a": "${PLAIN}"}"#).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /plainsecret?key=plainsecretx");
    assert_eq!(asked.header("authorization"), Some("Bearer plainsecret"));
    let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body["key"], KEY);
    assert_eq!(body["both"], "${PLAIN} eu", "what a model writes is never looked up");
}

#[tokio::test]
async fn a_secret_that_the_server_sends_back_is_shown_to_nobody() {
    let json = serde_json::Value::from(KEY).to_string();
    for status in ["200 OK", "400 Bad Request", "429 Too Many Requests"] {
        let forms = format!("raw {KEY}, json {json}, url sk-2f%229%20Z%C3%A9%2F%2Bkey, eu");
        let server = Server::saying(&answer(status, &[], &forms)).await;
        let http = format!(
            "url = \"{}\"\nheaders = {{ a = \"${{API_KEY}}\", b = \"${{SHORT}}\" }}",
            server.url("/")
        );
        let tool = tool(&http);
        let shown = match tool.run("{}", None, noon).await {
            Ok(text) => text,
            Err(error) => error.to_string() + &format!("{error:?}"),
        };
        let shown = shown + &format!("{tool:?}");
        for part in ["sk-2f", "Zé", "Z%C3", "key,"] {
            assert!(!shown.contains(part), "{part}: {shown}");
        }
        assert!(shown.contains("raw ${API_KEY}"), "{shown}");
        // A short one would garble an answer, and gives nothing away in it.
        assert_eq!(shown.contains(", eu"), status == "200 OK", "{shown}");
    }
}

#[tokio::test]
async fn no_error_of_the_network_shows_more_of_a_url_than_its_host() {
    let nobody = Server::saying("").await.url("/${PLAIN}?k=${API_KEY}");
    let nobody = nobody.replace("127.0.0.1", "127.0.0.2");
    for (url, answer) in [(nobody, None), (String::new(), Some("SSH-2.0\r\n"))] {
        let server = Server::saying(answer.unwrap_or_default()).await;
        let url = if url.is_empty() { server.url("/${PLAIN}?k=${API_KEY}") } else { url };
        let error = run(&format!("url = \"{url}\""), "{}").await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("plain") && !shown.contains("?k"), "{shown}");
    }
}

#[test]
fn what_the_environment_lacks_is_named_with_its_place() {
    let policy = policy(
        "url = \"https://a.example/${GONE}\"\nheaders = { x-a = \"${LOST}\", x-b = \"${BROKEN}\" }\n\
         body = { c = [\"${GONE}\", \"${API_KEY}\"] }",
    );
    let mistakes = mistakes(&policy, &environment);
    let messages: Vec<&str> = mistakes.iter().map(|it| it.message.as_str()).collect();
    let expected = [
        "`tools.t.run.http.url` needs the environment variable `GONE`, which is not set",
        "`tools.t.run.http.headers.x-a` needs the environment variable `LOST`, which is not set",
        "`tools.t.run.http.headers.x-b` is given a line break or another control character by the environment",
        "`tools.t.run.http.body` needs the environment variable `GONE`, which is not set",
    ];
    assert_eq!(messages, expected);
    assert!(mistakes.iter().all(|it| !it.help.is_empty()));
    let url = "url = \"http://[::ffff:1.2.3.4]:80/\"";
    assert_eq!(super::super::mistakes(&super::policy(url), &environment).len(), 0);
    let url = "url = \"http://1.2.3.4.5/\"";
    assert!(
        super::super::mistakes(&super::policy(url), &environment)[0]
            .message
            .contains("names no host")
    );
}
