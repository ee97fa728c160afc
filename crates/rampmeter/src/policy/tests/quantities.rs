//! Each wrong duration, rate, zone or size is refused with the right words.

use super::errors::check;
use super::errors_of;

#[test]
fn a_duration_that_is_none_is_refused() {
    let cases = [
        ("\"\"", "it is empty"),
        ("\"soon\"", "does not start with a number"),
        ("\"30\"", "unknown unit ``"),
        ("\"30 s\"", "unknown unit ` s`"),
        ("\"30sec\"", "write \"30s\""),
        ("\"10min\"", "write \"10m\""),
        ("\"2hours\"", "write \"2h\""),
        ("\"1.5s\"", "the number must be whole"),
        ("\"1m30s\"", "unknown unit `m30s`"),
        ("\"-5s\"", "it is negative"),
        ("\"0s\"", "`tools.t.timeout` is zero"),
        ("\"0ms\"", "`tools.t.timeout` is zero"),
        ("\"367d\"", "longer than 366 days"),
        ("\"99999999999999999999s\"", "longer than 366 days"),
        ("\"٣s\"", "does not start with a number"),
    ];
    for (value, fragment) in cases {
        let text = format!("[turn]\ndeadline = \"366d\"\n[tools.t]\ntimeout = {value}");
        let errors = errors_of(&text);
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!(errors.diagnostics()[0].line, 4);
    }
    check(&[
        ("[turn]\ndeadline = \"0s\"", "`turn.deadline` is zero", 2),
        ("[tools.t]\nqueue_timeout = \"0s\"", "queue = { size = 0 }", 2),
        ("[tools.t]\ngrace = \"0s\"", "`tools.t.grace` is zero", 2),
        ("[limits.a]\nconcurrency = 1\nqueue = { age = \"0s\" }", "age` is zero", 3),
    ]);
}

#[test]
fn a_rate_that_is_none_is_refused() {
    let cases = [
        ("", "it has no period"),
        ("30", "it has no period"),
        ("/min", "it is empty"),
        ("30/", "unknown period ``"),
        ("0/min", "lets nothing through"),
        ("-3/min", "it is negative"),
        ("1.5/s", "the number must be whole"),
        ("30k/min", "a whole number without a unit"),
        ("30/m", "did you mean \"/min\"?"),
        ("30/d", "did you mean \"/day\"?"),
        ("30/mintue", "did you mean \"/minute\"?"),
        ("30/fortnight", "unknown period `fortnight`"),
        ("30/0s", "shorter than 1 ms"),
        ("30/10us", "shorter than 1 ms"),
        ("30/400d", "longer than 366 days"),
        ("30/min/2", "unknown period `min/2`"),
        ("1000000000001/day", "above 1000000000000"),
        ("99999999999999999999999/day", "above 1000000000000"),
        ("1000001/1ms", "more than one a nanosecond"),
    ];
    for (rate, fragment) in cases {
        for text in [
            format!("[limits.a]\nrequests = \"{rate}\""),
            format!("[limits.a]\ntokens = {{ rate = \"{rate}\" }}"),
            format!("[providers.a]\nrequests = [\"1/s\", \"{rate}\"]"),
        ] {
            let errors = errors_of(&text);
            assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
            assert_eq!((errors.diagnostics().len(), errors.diagnostics()[0].line), (1, 2));
        }
    }
}

#[test]
fn a_table_of_a_rate_is_refused_if_it_cannot_be_counted() {
    check(&[
        ("[limits.a]\nrequests = {}", "says no rate", 2),
        ("[limits.a]\nrequests = { kind = \"bucket\" }", "says no rate", 2),
        ("[limits.a]\nrequests = []", "is an empty list", 2),
        ("[limits.a]\nrequests = { rate = \"1/s\", kind = \"buckit\" }", "mean `bucket`?", 2),
        ("[limits.a]\nrequests = { rate = \"1/s\", kind = \"leaky\" }", "choices: `sliding`", 2),
        (
            "[limits.a]\nrequests = { rate = \"1/s\", burst = 2 }",
            "only kind = \"bucket\" has it",
            2,
        ),
        (
            "[limits.a]\nrequests = { rate = \"1/s\", zone = \"UTC\" }",
            "only kind = \"calendar\"",
            2,
        ),
        (
            "[limits.a]\nrequests = { rate = \"1/s\", kind = \"bucket\", transit = \"1ms\" }",
            "only kind = \"sliding\"",
            2,
        ),
        (
            "[limits.a]\nrequests = { rate = \"1/s\", transit = \"2s\" }",
            "longer than the period",
            2,
        ),
        ("[providers.a]\nrequests = { rate = \"1/s\", transit = \"1ms\" }", "to a provider", 2),
        ("[limits.a]\nrequests = { rate = \"1/7s\", kind = \"calendar\" }", "windows of 7s", 2),
        ("[limits.a]\nrequests = { rate = \"1/500ms\", kind = \"calendar\" }", "of 500ms", 2),
        ("[limits.a]\nrequests = { rate = \"1/2d\", kind = \"calendar\" }", "windows of 2d", 2),
    ]);
}

#[test]
fn a_zone_that_is_none_is_refused() {
    let cases = [
        ("utc", "write zone = \\\"UTC\\\""),
        ("Z", "write zone"),
        ("", "is not a zone"),
        ("+2", "is not a zone"),
        ("+2:00", "is not a zone"),
        ("+02:60", "is not a zone"),
        ("+0200", "is not a zone"),
        ("++2:00", "is not a zone"),
        ("+15:00", "no zone on Earth"),
        ("-12:30", "no zone on Earth"),
        ("CEST", "there is no zone `CEST`"),
        ("é", "is not a zone"),
        ("Europe/Belin", "there is no zone `Europe/Belin`"),
        ("Europe/Belin", "did you mean \\\"Europe/Berlin\\\"?"),
        ("europe/berlin", "did you mean \\\"Europe/Berlin\\\"?"),
        ("Berlin", "did you mean \\\"Europe/Berlin\\\"?"),
        ("Atlantis/Poseidonia", "or a place such as"),
    ];
    for (zone, fragment) in cases {
        let kind = format!("kind = \"calendar\", zone = \"{zone}\"");
        let errors = errors_of(&format!("[limits.a]\nrequests = {{ rate = \"1/day\", {kind} }}"));
        let fragment = fragment.replace('\\', "");
        assert!(errors.to_string().contains(&fragment), "no `{fragment}` in {errors}");
    }
}

#[test]
fn a_size_that_is_none_is_refused() {
    let cases = [
        ("1MB", "write \"1MiB\""),
        ("64k", "write \"64KiB\""),
        ("10 MiB", "unknown unit ` MiB`"),
        ("0B", "it is zero"),
        ("1025MiB", "above 1024MiB"),
        ("18446744073709551615MiB", "above 1024MiB"),
        ("-1B", "it is negative"),
        ("lots", "does not start with a number"),
    ];
    for (size, fragment) in cases {
        for text in [
            format!("max_arguments = \"{size}\""),
            format!("tools.t.run = {{ command = [\"a\"], max_output = \"{size}\" }}"),
        ] {
            let errors = errors_of(&text);
            assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        }
    }
}
