//! What of a call reaches the server, and where.

use super::super::super::arguments::Arguments;
use super::super::secrets::Lookup;
use super::super::url::UrlTemplate;
use super::server::{Asked, ok};
use super::*;

/// What reached a server that was asked for `path`.
async fn reached(path: &str, more: &str, arguments: &str) -> Result<Asked, String> {
    let server = Server::saying(&ok("")).await;
    let result = run(&format!("url = \"{}\"\n{more}", server.url(path)), arguments).await;
    let asked = server.asked();
    match result {
        Ok(_) => Ok(asked[0].clone()),
        Err(error) => {
            assert!(asked.is_empty(), "asked in spite of {error}");
            Err(error.to_string())
        }
    }
}

#[tokio::test]
async fn an_argument_stays_in_its_segment_of_the_path_and_its_value_of_the_query() {
    let table = [
        ("/v1/{a}/end", r#"{"a": "x y"}"#, "GET /v1/x%20y/end"),
        ("/v1/{a}/end", r#"{"a": "b/../c?d#e&f=g"}"#, ""),
        ("/v1/{a}/end", r#"{"a": "b/c?d#e&f=g"}"#, "GET /v1/b%2Fc%3Fd%23e%26f%3Dg/end"),
        ("/v1/{a}/end", r#"{"a": "b\\c"}"#, "GET /v1/b%5Cc/end"),
        ("/v1/{a}/end", r#"{"a": "%2e%2e"}"#, "GET /v1/%252e%252e/end"),
        ("/v1/{a}/end", r#"{"a": "..b"}"#, "GET /v1/..b/end"),
        ("/v1/{a}/end", r#"{"a": "…é\u0000\r\n"}"#, "GET /v1/%E2%80%A6%C3%A9%00%0D%0A/end"),
        (
            "/v1/{a}/end",
            r#"{"a": "x HTTP/1.1\r\nhost: b"}"#,
            "GET /v1/x%20HTTP%2F1.1%0D%0Ahost%3A%20b/end",
        ),
        ("/v1/{a}/end", r#"{"a": "@evil.example"}"#, "GET /v1/%40evil.example/end"),
        ("/v1/{a}/end", r#"{"a": ":8080"}"#, "GET /v1/%3A8080/end"),
        ("/{a}", r#"{"a": "/evil.example/"}"#, "GET /%2Fevil.example%2F"),
        ("/{a}{b}", r#"{"a": "x", "b": ""}"#, "GET /x"),
        ("/a.{b}/c", r#"{"b": ""}"#, "GET /a./c"),
        ("/a?q={q}", r#"{"q": "b&r=c d+e%20#f"}"#, "GET /a?q=b%26r%3Dc%20d%2Be%2520%23f"),
        ("/a?q={q}", r#"{"q": "../.."}"#, "GET /a?q=..%2F.."),
        ("?q={q}&{k}=1", r#"{"q": "", "k": "a=b"}"#, "GET /?q=&a%3Db=1"),
        (
            "/n/{n}/{o.p}",
            r#"{"n": 12345678901234567890, "o": {"p": [1, 2]}}"#,
            "GET /n/12345678901234567890/%5B1%2C2%5D",
        ),
        ("/{{x}}/a%20b", "{}", "GET /%7Bx%7D/a%20b"),
    ];
    for (path, arguments, line) in table {
        match reached(path, "", arguments).await {
            Ok(asked) => assert_eq!(asked.line, line, "{path} {arguments}"),
            Err(error) => assert!(line.is_empty(), "{path} {arguments}: {error}"),
        }
    }
}

#[tokio::test]
async fn an_argument_that_would_leave_its_place_is_refused_and_nothing_is_sent() {
    let table = [
        ("/v1/{a}/end", r#"{"a": ".."}"#, "`a` has a step"),
        ("/v1/{a}/end", r#"{"a": "."}"#, "`a` has a step"),
        ("/v1/{a}/end", r#"{"a": "../../admin"}"#, "`a` has a step"),
        ("/v1/{a}/end", r#"{"a": "x/.."}"#, "`a` has a step"),
        ("/v1/{a}/end", r#"{"a": "..\\x"}"#, "`a` has a step"),
        ("/v1/.{a}/end", r#"{"a": "."}"#, "`a` has a step"),
        ("/v1/{a}{b}/end", r#"{"a": ".", "b": "."}"#, "`a` has a step"),
        ("/v1/%2e{a}/end", r#"{"a": "."}"#, "`a` has a step"),
        ("/v1/x%2F{a}/end", r#"{"a": ".."}"#, "`a` has a step"),
        ("/v1/x%2F.{a}/end", r#"{"a": "."}"#, "`a` has a step"),
        ("/v1/.{a}/end", r#"{"a": ""}"#, "`a` has a step"),
        ("/v1/..{a}/end", r#"{"a": "/x"}"#, "`a` has a step"),
        ("/v1/{a}/end", r#"{"a": ""}"#, "`a` is empty"),
        ("/v1/{a}", "{}", "lack `a`"),
        ("/v1/{a}", r#"{"a": null}"#, "`a` is null"),
        ("/v1/{a.b}", r#"{"a": "x"}"#, "lack `a.b`"),
        ("/v1/{a}", "[]", "not a JSON object"),
    ];
    for (path, arguments, fragment) in table {
        let error = reached(path, "", arguments).await.expect_err(path);
        assert!(error.contains(fragment), "{path} {arguments}: {error}");
    }
    let long = format!(r#"{{"a": "{}"}}"#, "é".repeat(20_000));
    assert!(reached("/{a}", "", &long).await.unwrap_err().contains("more than 64 KiB"));
}

#[test]
fn whatever_the_arguments_are_the_url_parses_back_into_them() {
    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
    const PIECES: &[&str] = &[
        "..",
        ".",
        "/",
        "\\",
        "%2e",
        "%2F",
        "%",
        "?",
        "#",
        "&",
        "=",
        "@",
        ":",
        ";",
        "//",
        "é",
        "\0",
        "\r\n",
        "\t",
        " ",
        "a",
        "http://b",
        "[",
        "]",
        "{a}",
        "${API_KEY}",
        "+",
        "\u{202e}",
        "..%2f",
    ];
    let mut state = SEED;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).unwrap()
    };
    let url = "https://api.example.com:8443/v1/{a}/x-{b}/end?q={a}&r=-{b}";
    let template = UrlTemplate::new(url, &mut Lookup::new(String::new(), &environment)).unwrap();
    let (mut filled, mut refused) = (0, 0);
    for case in 0..20_000 {
        let [a, b] = [(); 2].map(|()| {
            let count = below(4);
            (0..count).map(|_| PIECES[below(PIECES.len())]).collect::<String>()
        });
        let arguments = serde_json::json!({"a": a, "b": b}).to_string();
        let what = format!("seed {SEED:#x}, case {case}: {arguments}");
        match template.fill(&Arguments::parse(&arguments).unwrap()) {
            Err(error) => {
                refused += 1;
                let steps = |it: &str| it.split(['/', '\\']).any(|it| it == "." || it == "..");
                assert!(a.is_empty() || steps(&a) || steps(&b), "{what}: {error}");
            }
            Ok(url) => {
                filled += 1;
                // Read as a server reads it: split, then decoded, once and once more.
                assert_eq!(url.origin().ascii_serialization(), "https://api.example.com:8443");
                assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None));
                let decoded = |text: &str| {
                    percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
                };
                let path: Vec<String> = url.path_segments().unwrap().map(decoded).collect();
                assert_eq!(path, ["v1", &a, &format!("x-{b}"), "end"], "{what}");
                let pairs: Vec<String> = url.query().unwrap().split('&').map(decoded).collect();
                assert_eq!(pairs, [format!("q={a}"), format!("r=-{b}")], "{what}");
                assert!(
                    path.iter().flat_map(|it| it.split(['/', '\\'])).all(|it| it != ".."),
                    "{what}"
                );
            }
        }
    }
    assert!(filled > 5_000 && refused > 1_000, "{filled} {refused}");
}

#[tokio::test]
async fn headers_carry_arguments_and_no_second_header() {
    let more = "headers = { x-a = \"<{a}>\", X-B = \"b\" }";
    let asked = reached("/", more, r#"{"a": "é\t; ok"}"#).await.unwrap();
    assert_eq!((asked.header("x-a"), asked.header("x-b")), (Some("<é\t; ok>"), Some("b")));
    assert_eq!(asked.header("user-agent"), Some("rampmeter/0.1.0"));
    assert_eq!(asked.header("content-type"), None);
    for evil in ["a\\r\\nx-b: c", "a\\nb", "a\\rb", "\\u0000", "\\u007f", "\\u0085"] {
        let error = reached("/", more, &format!(r#"{{"a": "{evil}"}}"#)).await.unwrap_err();
        assert!(error.contains("the argument `a` holds a line break"), "{evil}: {error}");
    }
}

#[tokio::test]
async fn a_table_is_sent_as_json_and_an_argument_keeps_its_type() {
    let body = r#"body = { q = "{q}", all = ["{n}", "{list}", "{no}", "{none}"], text = "n is {n}, {list}", fixed = { a = 1, "b\"" = "{{}}" } }"#;
    let arguments = r#"{"q": "a\"}, \"x\": 1", "n": 12345678901234567890.10, "list": [ 1, {"k": "v "} ],
        "no": false, "none": null}"#;
    let asked = reached("/", body, arguments).await.unwrap();
    assert_eq!(asked.line, "POST /");
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(
        asked.body,
        r#"{"q":"a\"}, \"x\": 1","all":[12345678901234567890.10,[1,{"k":"v "}],false,null],"text":"n is 12345678901234567890.10, [1,{\"k\":\"v \"}]","fixed":{"a":1,"b\"":"{}"}}"#
    );
}

#[tokio::test]
async fn a_text_is_sent_as_it_is() {
    let more = "method = \"PATCH\"\nbody = \"q: {q}\\n\"";
    let asked = reached("/", more, r#"{"q": "a\u0000\"b"}"#).await.unwrap();
    assert_eq!((asked.line.as_str(), asked.body.as_str()), ("PATCH /", "q: a\0\"b\n"));
    assert_eq!(asked.header("content-type"), Some("text/plain; charset=utf-8"));
    let more = format!("{more}\nheaders = {{ Content-Type = \"text/x-q\" }}");
    let asked = reached("/", &more, r#"{"q": ""}"#).await.unwrap();
    assert_eq!(asked.header("content-type"), Some("text/x-q"));
}
