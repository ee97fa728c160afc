//! Tools that are requests: what is read of them, and what is refused.

use serde_json::json;

use super::{errors_of, policy_of};
use crate::policy::{
    Follow, HttpBody, HttpMethod, HttpPolicy, Piece, Policy, RunPolicy, Severity, Unit,
    request_pieces,
};

const FULL: &str = r#"
[tools.ask.run]
max_output = "64KiB"

[tools.ask.run.http]
method = "PUT"
url = "https://api.example.com:8443/v1/{kind}/items?q={query.text}&key=${API_KEY}"
headers = { Authorization = "Bearer ${API_KEY}", x-trace = "t-{trace}", accept = "*/*" }
follow = "any"
usage = { tokens = ["/usage/input_tokens", "/usage/output_tokens"], output_tokens = "/usage/output_tokens" }

[tools.ask.run.http.body]
q = "{query}"
n = 3
exact = { share = 0.5, big = 9007199254740993, yes = true, "odd key" = ["a {x}", "{{}}", []] }
nested.empty = {}
"#;

fn http_of(policy: &Policy) -> &HttpPolicy {
    let Some(RunPolicy::Http { http, .. }) = &policy.tools[0].run else { panic!() };
    http
}

#[test]
fn every_key_of_a_request_is_read_and_written_out_again() {
    let policy = policy_of(FULL);
    let Some(RunPolicy::Http { max_output, .. }) = policy.tools[0].run else { panic!() };
    assert_eq!(max_output, 65_536);
    let body = json!({
        "q": "{query}", "n": 3,
        "exact": {"share": 0.5, "big": 9_007_199_254_740_993_u64, "yes": true,
            "odd key": ["a {x}", "{{}}", []]},
        "nested": {"empty": {}},
    });
    let text = |text: &str| text.to_owned();
    let expected = HttpPolicy {
        method: HttpMethod::Put,
        url: text("https://api.example.com:8443/v1/{kind}/items?q={query.text}&key=${API_KEY}"),
        headers: vec![
            (text("authorization"), text("Bearer ${API_KEY}")),
            (text("x-trace"), text("t-{trace}")),
            (text("accept"), text("*/*")),
        ],
        body: Some(HttpBody::Json(body)),
        follow: Follow::Any,
        usage: vec![
            (Unit::Tokens, vec![text("/usage/input_tokens"), text("/usage/output_tokens")]),
            (Unit::OutputTokens, vec![text("/usage/output_tokens")]),
        ],
    };
    assert_eq!(http_of(&policy), &expected);
    let again = policy_of(&policy.effective());
    assert_eq!(again, policy, "{}", policy.effective());
}

#[test]
fn what_is_not_said_is_the_careful_choice() {
    let policy = policy_of("[tools.t]\nrun = { http = { url = \"https://a.example\" } }");
    let http = http_of(&policy);
    assert_eq!((http.method, http.follow), (HttpMethod::Get, Follow::SameHost));
    assert_eq!((&http.body, http.headers.len(), http.usage.len()), (&None, 0, 0));
    let policy =
        policy_of("[tools.t]\nrun = { http = { url = \"http://a/\", body = \"a\\n{b}\" } }");
    assert_eq!(http_of(&policy).method, HttpMethod::Post);
    assert_eq!(http_of(&policy).body, Some(HttpBody::Text("a\n{b}".to_owned())));
    assert_eq!(policy_of(&policy.effective()), policy);
}

#[test]
fn no_placeholder_and_no_oddity_can_choose_whom_a_request_goes_to() {
    let cases = [
        ("https://{host}/a", "choose the host"),
        ("https://api.{region}.example.com/a", "choose the host"),
        ("https://api.example.com{path}", "choose the host"),
        ("https://api.example.com:{port}/", "choose the host"),
        ("https://${HOST}/a", "choose the host"),
        ("https://api.example.com${PATH}", "choose the host"),
        ("https://{{a}}/", "choose the host"),
        ("{scheme}://api.example.com/", "neither https:// nor http://"),
        ("{url}", "neither https:// nor http://"),
        ("${URL}/a", "neither https:// nor http://"),
        ("HTTPS://api.example.com/", "neither https:// nor http://"),
        ("file:///etc/passwd", "neither https:// nor http://"),
        ("//api.example.com/", "neither https:// nor http://"),
        ("", "neither https:// nor http://"),
        ("https://user@api.example.com/", "a user or a password"),
        ("https://user:${PASSWORD}@api.example.com/", "choose the host"),
        ("https:///a", "names no host"),
        ("https://", "names no host"),
        ("https://a b/", "names no host"),
        ("https://é.example/", "names no host"),
        ("https://-a/", "names no host"),
        ("https://a:/", "names no host"),
        ("https://a:0/", "names no host"),
        ("https://a:65536/", "names no host"),
        ("https://a:+80/", "names no host"),
        ("https://a:80:90/", "names no host"),
        ("https://[::1/", "names no host"),
        ("https://[::g]/", "names no host"),
        ("https://[::1]x/", "names no host"),
        ("https://a\\\\@b/", "holds `\\\\`"),
        ("https://a/b c", "holds ` `"),
        ("https://a/\\tb", "holds `\\t`"),
        ("https://a/é", "percent-encode it"),
        ("https://a/{b}#c", "has a fragment"),
        ("https://a/{b", "a `{` is never closed"),
        ("https://a/${B-C}", "`${}` holds no variable's name"),
    ];
    for (url, fragment) in cases {
        let errors = errors_of(&format!("[tools.t]\nrun = {{ http = {{ url = \"{url}\" }} }}"));
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!((errors.diagnostics().len(), errors.diagnostics()[0].line), (1, 2), "{errors}");
    }
    for url in ["http://[::1]:8080/{a}", "https://a?{b}={c}", "http://127.0.0.1:1/a%20b/{{x}}"] {
        policy_of(&format!("[tools.t]\nrun = {{ http = {{ url = \"{url}\" }} }}"));
    }
}

#[test]
fn a_request_that_cannot_be_meant_is_refused() {
    let cases = [
        ("url = 1", "must be a string"),
        ("method = \"POST\"", "says no url"),
        ("url = \"http://a\", method = \"post\"", "mean `POST`?"),
        ("url = \"http://a\", method = \"CONNECT\"", "cannot be `CONNECT`"),
        ("url = \"http://a\", method = \"GET\", body = {}", "a GET has no body"),
        ("url = \"http://a\", follow = \"all\"", "cannot be `all`"),
        ("url = \"http://a\", max_output = \"1MiB\"", "write it beside `command` or `http`"),
        ("url = \"http://a\", timout = \"1s\"", "unknown key `timout`"),
        ("url = \"http://a\", headers = [\"a: b\"]", "must be a table"),
        ("url = \"http://a\", headers = { a = 1 }", "must be a string"),
        ("url = \"http://a\", headers = { \"a b\" = \"c\" }", "no header is called so"),
        ("url = \"http://a\", headers = { \"{a}\" = \"c\" }", "no header is called so"),
        ("url = \"http://a\", headers = { \"\" = \"c\" }", "no header is called so"),
        ("url = \"http://a\", headers = { Host = \"b\" }", "belongs to the connection"),
        (
            "url = \"http://a\", headers = { Transfer-Encoding = \"b\" }",
            "belongs to the connection",
        ),
        ("url = \"http://a\", headers = { a = \"b\\r\\nc: d\" }", "has a control character"),
        ("url = \"http://a\", headers = { a = \"b\", A = \"c\" }", "is there twice"),
        ("url = \"http://a\", headers = { a = \"{b\" }", "never closed"),
        ("url = \"http://a\", headers = { a = \"${}\" }", "no variable's name"),
        ("url = \"http://a\", body = 1", "must be a string"),
        ("url = \"http://a\", body = { a = nan }", "something that JSON has, not a float"),
        ("url = \"http://a\", body = { a = [1979-05-27] }", "something that JSON has, not a date"),
        ("url = \"http://a\", body = { a = { b = [\"}\"] } }", "closes nothing"),
        ("url = \"http://a\", usage = { tokens = \"usage\" }", "no JSON Pointer"),
        ("url = \"http://a\", usage = { token = \"/a\" }", "did you mean `tokens`?"),
        ("url = \"http://a\", usage = { requests = \"/a\" }", "unknown key `requests`"),
        ("url = \"http://a\", usage = { tokens = [] }", "has 0 places"),
        ("url = \"http://a\", usage = { tokens = 1 }", "must be a string"),
        ("url = \"http://a\", usage = \"/usage\"", "must be a table"),
    ];
    for (http, fragment) in cases {
        let errors = errors_of(&format!("[tools.t]\nrun = {{ http = {{ {http} }} }}"));
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!((errors.diagnostics().len(), errors.diagnostics()[0].line), (1, 2), "{errors}");
    }
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let cases = [
        ("https://a", "headers = { Authorization = \"Bearer sk-1\" }", Some("stands in the file")),
        ("https://a", "headers = { x-api-key = \"1\" }", Some("stands in the file")),
        ("https://a", "headers = { x-api-key = \"${KEY}\" }", None),
        ("https://a", "headers = { x-api-key = \"{key}\" }", None),
        ("https://a", "headers = { accept = \"text/plain\" }", None),
        ("http://a", "headers = { x-api-key = \"${KEY}\" }", Some("to `a` in the clear")),
        ("http://a/?k=${KEY}", "", Some("to `a` in the clear")),
        ("http://127.0.0.1:8080/?k=${KEY}", "", None),
        ("http://localhost/?k=${KEY}", "", None),
        ("http://[::1]/?k=${KEY}", "", None),
        ("http://127.example.com/?k=${KEY}", "", Some("in the clear")),
        ("https://a", "body = \"{{\\\"q\\\": \\\"{q}\\\"}}\"", Some("could change what is around")),
        ("https://a", "body = \"q is {q}\"", None),
        ("https://a", "usage = { tokens = \"/a\" }", None),
        ("https://a", "usage = { input_tokens = \"/a\" }", Some("none of its limits counts")),
    ];
    for (url, more, fragment) in cases {
        let policy = policy_of(&format!(
            "[limits.l]\nconcurrency = 1\ntokens = \"9/s\"\n[tools.t]\nlimits = [\"l\"]\naccess = \"read\"\n\
             [tools.t.run.http]\nurl = \"{url}\"\n{more}"
        ));
        let warnings = policy.warnings().iter().filter(|it| it.severity == Severity::Warning);
        let warnings: Vec<&str> = warnings.map(|it| it.message.as_str()).collect();
        match fragment {
            Some(fragment) => {
                assert!(warnings.iter().any(|it| it.contains(fragment)), "{url}: {warnings:?}");
            }
            None => assert!(warnings.is_empty(), "{url} {more}: {warnings:?}"),
        }
    }
}

#[test]
fn a_text_of_a_request_splits_into_text_arguments_and_variables() {
    use Piece::{Argument, Environment, Text};
    let cases: [(&str, Option<Vec<Piece<'_>>>); 9] = [
        ("Bearer ${API_KEY}", Some(vec![Text("Bearer "), Environment("API_KEY")])),
        ("${_A1}{b}", Some(vec![Environment("_A1"), Argument("b")])),
        ("$5 {b}$", Some(vec![Text("$5 "), Argument("b"), Text("$")])),
        ("$${A}", Some(vec![Text("$"), Environment("A")])),
        ("${{A}}", Some(vec![Text("${"), Text("A}")])),
        ("${1A}", None),
        ("${a.b}", None),
        ("${}", None),
        ("${A", None),
    ];
    for (text, expected) in cases {
        assert_eq!(request_pieces(text), expected, "{text}");
    }
}
