//! How errors look.

use super::errors_of;
use crate::policy::Policy;

#[test]
fn an_error_shows_its_line_with_carets_and_the_remedy() {
    let errors = errors_of("[limits.groq]\nconcurency = 8\nrequests = \"1/s\"\n");
    let expected = "\
error: unknown key `concurency` in `limits.groq`
 --> rampmeter.toml:2:1
  |
2 | concurency = 8
  | ^^^^^^^^^^
help: did you mean `concurrency`?
";
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let errors = errors_of(
        "[tools.t]\nlimits = [\"b\"]\ntimeout = \"0s\"\n[limits.a]\nconcurrency = 0\ntoken = 1\n",
    );
    let lines: Vec<usize> = errors.diagnostics().iter().map(|error| error.line).collect();
    assert_eq!(lines, [2, 3, 5, 6]);
    assert_eq!(errors.to_string().matches("error: ").count(), 4);
}

#[test]
fn a_wrong_limit_does_not_make_the_tools_on_it_wrong() {
    let errors =
        errors_of("[limits.a]\nconcurrency = 0\n[tools.t]\nlimits = { a = { weight = 2 } }");
    assert_eq!(errors.diagnostics().len(), 1, "{errors}");
    let errors = errors_of("limits = 5\n[tools.t]\nlimits = [\"a\"]");
    assert_eq!(errors.diagnostics().len(), 1, "{errors}");
}

#[test]
fn columns_count_characters_and_carets_stand_under_them() {
    let errors = errors_of("flows = { \"é\" = { weight = 1 }, \"日本\" = { weight = 0 } }");
    let error = &errors.diagnostics()[0];
    assert_eq!((error.line, error.column), (1, 51));
    let rendered = errors.to_string();
    let lines: Vec<&str> = rendered.lines().collect();
    let at = lines[3].chars().position(|character| character == '0');
    assert_eq!(lines[4].chars().position(|character| character == '^'), at);
}

#[test]
fn a_byte_order_mark_and_crlf_change_no_place() {
    for plain in ["[limits.a]\nconcurrency = 0\n", "limit = 1\n", "a = \"x\nb = 1\n", "a = [1\n"] {
        let from_windows = format!("\u{feff}{}", plain.replace('\n', "\r\n"));
        assert_eq!(errors_of(plain), errors_of(&from_windows));
    }
    let legal = "[limits.a]\nconcurrency = 1\n";
    let same = format!("\u{feff}{}", legal.replace('\n', "\r\n"));
    assert_eq!(Policy::parse("a", legal), Policy::parse("b", &same));
}

#[test]
fn a_long_line_is_shown_around_the_mistake_only() {
    let padding = "x".repeat(100_000);
    let errors = errors_of(&format!("limits = {{ {padding} = {{ concurrency = 0 }} }}"));
    let rendered = errors.to_string();
    assert!(rendered.len() < 2_000, "{} bytes", rendered.len());
    let lines: Vec<&str> = rendered.lines().collect();
    let caret = lines.iter().position(|line| line.contains('^'));
    assert!(caret.is_some(), "{rendered}");
}

#[test]
fn no_control_character_of_the_file_reaches_the_terminal() {
    for text in ["tools.\"\\u001b[2J\" = {}", "a = \"\u{1b}[2J\"", "undeclared = \"\\u0007\""] {
        let rendered = errors_of(text).to_string();
        assert!(!rendered.contains(['\u{1b}', '\u{7}']), "{rendered:?}");
    }
}

#[test]
fn very_many_errors_are_cut_off_and_counted() {
    let text: String = (0..5_000).map(|index| format!("wrong{index} = 1\n")).collect();
    let errors = errors_of(&text);
    assert_eq!(errors.diagnostics().len(), 100);
    assert!(errors.to_string().ends_with("\nand 4900 more errors\n"));
}

#[test]
fn text_that_is_not_toml_is_one_error_with_its_place() {
    for (text, line) in [
        ("a = ", 1),
        ("[limits.a]\nconcurrency = \n", 2),
        ("[limits.a\nconcurrency = 1\n", 1),
        ("x = [1,\n2\n", 2),
        ("\n\n\u{0}", 3),
        ("a = 'é", 1),
    ] {
        let errors = errors_of(text);
        assert!(errors.diagnostics()[0].message.starts_with("not TOML: "), "{errors}");
        assert_eq!(
            (errors.diagnostics().len(), errors.diagnostics()[0].line),
            (1, line),
            "{errors}"
        );
    }
}
