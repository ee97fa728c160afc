use serde_json::json;

use crate::format::output::object;

#[test]
fn an_answer_that_is_a_json_object_becomes_data() {
    assert_eq!(object(r#" {"b": 1, "a": [0.5, -2, "1.50"]} "#), {
        Some(json!({"b": 1, "a": [0.5, -2, "1.50"]}))
    });
    for text in ["", "4", "[1]", "null", "{", "{broken", "4 {}"] {
        assert_eq!(object(text), None, "{text}");
    }
}

#[test]
fn an_answer_whose_figures_would_change_stays_text() {
    for figure in ["18446744073709551616", "0.10", "1e999", "0.1234567890123456789", "-0"] {
        assert_eq!(object(&format!(r#"{{"x": {figure}}}"#)), None, "{figure}");
        assert!(object(&format!(r#"{{"x\"": "{figure} \\"}}"#)).is_some(), "{figure}");
    }
}

#[test]
fn an_answer_that_nests_too_deep_for_a_reader_stays_text() {
    let deep = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(object(&deep(100)).is_some());
    assert_eq!(object(&deep(100_000)), None);
}
