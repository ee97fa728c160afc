use super::super::arguments::Arguments;
use super::Template;

const ARGUMENTS: &str = r#"{
    "word": "two words; $(rm) 'x' \"y\" \n", "empty": "", "n": 12345678901234567890123, "x": 1.50e3,
    "yes": true, "no": false, "none": null, "nul": "a\u0000b", "half": "\ud800",
    "list": [ 1, "a b\" ", { "k" : 2.0 } ], "o": { "b": { "c": "deep" }, "": "unnamed" },
    "größe": "ü", "kebab-case": "k", "twice": 1, "twice": 2, "{n}": "brace"
}"#;

#[test]
fn placeholders_are_filled_from_the_arguments_and_nothing_is_filled_twice() {
    let table = [
        ("", ""),
        ("plain", "plain"),
        ("{word}", "two words; $(rm) 'x' \"y\" \n"),
        ("[{empty}]", "[]"),
        ("{n}", "12345678901234567890123"),
        ("{x}", "1.50e3"),
        ("{yes}{no}", "truefalse"),
        ("{list}", r#"[1,"a b\" ",{"k":2.0}]"#),
        ("--x={o.b.c}!", "--x=deep!"),
        ("{o.b}", r#"{"c":"deep"}"#),
        ("{größe}", "ü"),
        ("{kebab-case}", "k"),
        ("{twice}", "2"),
        ("{{n}}", "{n}"),
        ("{{{n}}}", "{12345678901234567890123}"),
        ("a}}b{{c", "a}b{c"),
        ("{{}}", "{}"),
    ];
    let arguments = Arguments::parse(ARGUMENTS).unwrap();
    for (template, expected) in table {
        let filled = Template::parse(template).unwrap().fill(&arguments);
        assert_eq!(filled.as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn a_value_that_cannot_be_filled_in_is_named() {
    let table = [
        ("{gone}", "`gone`"),
        ("{o.gone}", "`o.gone`"),
        ("{word.b}", "`word.b`"),
        ("{list.0}", "`list.0`"),
        ("{none}", "`none` is null"),
        ("{none.b}", "`none.b`"),
        ("{nul}", "`nul` holds a NUL byte"),
        ("{half}", "`half` is not valid text"),
    ];
    let arguments = Arguments::parse(ARGUMENTS).unwrap();
    for (template, message) in table {
        let e = Template::parse(template).unwrap().fill(&arguments).unwrap_err();
        assert!(e.contains(message), "{template}: {e}");
    }
}

#[test]
fn arguments_that_are_no_object_are_refused() {
    for text in ["", " ", "null", "[]", "\"a\"", "7", "{", "{} {}", "{'a': 1}"] {
        let e = Arguments::parse(text).unwrap_err();
        assert!(e.contains("not a JSON object"), "{text}: {e}");
    }
}

#[test]
fn nesting_of_any_depth_is_read_without_overflowing_the_stack() {
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let arguments = Arguments::parse(&deep).unwrap();
    let filled = Template::parse("{a}").unwrap().fill(&arguments).unwrap();
    assert_eq!(filled.len(), 200_001);
}
