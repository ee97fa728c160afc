//! Each wrong policy is refused with the right words at the right line.

use super::errors_of;

/// Policy text, a part of the message or of the remedy, and the line it must name.
pub(super) type Case = (&'static str, &'static str, usize);

#[track_caller]
pub(super) fn check(cases: &[Case]) {
    for (text, fragment, line) in cases {
        let errors = errors_of(text);
        let all = errors.diagnostics();
        assert_eq!(all.len(), 1, "one mistake, one error:\n{text}\n{errors}");
        let (message, help) = (&all[0].message, all[0].help.as_deref().unwrap_or_default());
        assert!(
            message.contains(fragment) || help.contains(fragment),
            "no `{fragment}` in:\n{errors}"
        );
        assert_eq!(all[0].line, *line, "{text}\n{errors}");
        assert!(!help.is_empty(), "every error has a remedy: {errors}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_word() {
    check(&[
        ("limit = 1", "unknown key `limit` at the top of the file", 1),
        ("limit = 1", "did you mean `limits`?", 1),
        ("[limits.a]\nconcurency = 8\nrequests = \"1/s\"", "did you mean `concurrency`?", 2),
        ("[limits.a]\nConcurrency = 8\nrequests = \"1/s\"", "did you mean `concurrency`?", 2),
        ("[limits.a]\nconcurrency = 8\nzzz = 1", "keys here: `concurrency`, `reserved`", 3),
        ("[limits.a]\nconcurrency = 8\nqueue = { sise = 1 }", "did you mean `size`?", 3),
        ("[limits.a]\nrequests = { rate = \"1/s\", brust = 2 }", "did you mean `burst`?", 2),
        ("[tools.t]\nqueue-timeout = \"1s\"", "did you mean `queue_timeout`?", 2),
        ("[tools.t]\nrun = { comand = [\"a\"], command = [\"a\"] }", "mean `command`?", 2),
        ("[tools.t]\nrun = { simulate = { latency = \"1s\", fial = 0 } }", "mean `fail`?", 2),
        ("[limits.a]\nconcurrency = 1\n[tools.t.limits.a]\nwieght = 2", "mean `weight`?", 4),
        ("[turn]\ndead_line = \"1s\"", "did you mean `deadline`?", 2),
        ("[tools.t]\non-abandon = \"free\"", "did you mean `on_abandon`?", 2),
        ("[tools.t]\non_abandon = \"fre\"", "did you mean `free`?", 2),
        ("[tools.t]\non_abandon = \"1s\"", "choices: `hold`, `free`", 2),
        ("[labels.a]\nsecrete = true", "did you mean `secret`?", 2),
        ("[flows]\na = { wieght = 1 }", "did you mean `weight`?", 2),
        ("[providers.p]\nper = \"a\"", "unknown key `per` in `providers.p`", 2),
        ("[run]\nflows = \"user\"", "did you mean `flow`?", 2),
    ]);
}

#[test]
fn a_template_of_a_key_is_refused_where_it_is_wrong() {
    check(&[
        ("[tools.t]\nreads = \"file:{path}\"", "writes = [\"file:{path}\"]", 2),
        ("[tools.t]\nreads = [\"file:{path\"]", "a `{` is never closed", 2),
        ("[tools.t]\nwrites = [\n\"a\", \"file:{}\"]", "no argument's name", 3),
        ("[tools.t]\nwrites = [\"\"]", "a key of 0 bytes", 2),
        ("[tools.t]\nwrites = [\"{path|up}\"]", "write {path|clean} or {path|folders}", 2),
        ("[tools.t]\nreads = [\"{a|folders}{b|folders}\"]", "in a key of its own", 2),
        ("[tools.t]\nwrites = [7]", "file:{path}", 2),
        ("[tools.t]\nread = [\"a\"]", "did you mean `reads`?", 2),
    ]);
    let many = format!("[tools.t]\nreads = [{}]", "\"a\", ".repeat(17));
    assert!(errors_of(&many).to_string().contains("name at most 16"));
}

#[test]
fn a_kind_that_does_not_fit_says_what_does() {
    check(&[
        (
            "[limits.a]\nrequests = { rate = \"1/s\", kind = \"adaptive\" }",
            "write concurrency = { size = 20, adaptive = \"aimd\" }",
            2,
        ),
        (
            "[providers.a]\nrequests = { rate = \"1/s\", kind = \"calendar\", zone = \"Asia/Tokyo\" }",
            "the clocks of simulated providers are never changed",
            2,
        ),
    ]);
}

#[test]
fn a_key_in_the_wrong_place_is_shown_the_right_one() {
    check(&[
        ("patience = \"1s\"", "write it below [calls], as in patience", 1),
        ("[limits.a]\nconcurrency = 1\ncool_down = \"1s\"", "write feedback = true", 3),
        ("[limits.a]\nconcurrency = 1\nestimate = 5", "or leave it out to have it learned", 3),
        ("[turn]\nstate = \"q\"", "write it below [run], as in state", 2),
        ("keys = 1000", "write reads = [", 1),
        ("[limits.a]\nconcurrency = 1\npatience = \"1s\"", "write it below [calls]", 3),
        ("max_depth = 3", "write it below [calls], as in max_depth = 8", 1),
        ("nesting = 8", "write max_depth = 8 below [calls]", 1),
        ("[tools.t]\nreserved = { high = 1 }", "write it in a limit", 2),
        ("[limits.a]\nconcurrency = 1\nlend = false", "with the slots, as in concurrency = {", 3),
        ("[limits.a]\nconcurrency = 1\nper_flow = 3", "queue = { per_flow = 100 }", 3),
        ("[limits.a]\nconcurrency = 1\noverflow = \"evict\"", "queue = { overflow = ", 3),
        ("[calls]\npatiense = \"1s\"", "did you mean `patience`?", 2),
        ("[limits.a]\nconcurrency = { size = 1, lent = true }", "did you mean `lend`?", 2),
        ("[limits.a]\nconcurrency = 1\nqueue = { perflow = 1 }", "did you mean `per_flow`?", 3),
    ]);
}

#[test]
fn slots_cannot_be_kept_for_nobody_or_beyond_what_there_is() {
    const A: &str = "[limits.a]\nconcurrency = 8\n";
    let cases = [
        ("reserved = 4", "must be a table, not a whole number"),
        ("reserved = { critcal = 4 }", "did you mean `critical`?"),
        ("reserved = { urgent = 4 }", "there is no priority `urgent`"),
        (
            "reserved = { critical = 9 }",
            "`limits.a.reserved.critical` keeps 9 slots, and the limit has 8",
        ),
        ("reserved = { critical = 0 }", "critical` is 0, not from 1 to"),
        ("reserved = { critical = \"4\" }", "must be a whole number"),
    ];
    for (line, fragment) in cases {
        let errors = errors_of(&format!("{A}{line}"));
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!((errors.diagnostics().len(), errors.diagnostics()[0].line), (1, 3), "{errors}");
    }
    check(&[
        (
            "[limits.a]\nrequests = \"1/s\"\nreserved = { high = 1 }",
            "`limits.a.reserved` means nothing without `concurrency`",
            3,
        ),
        ("[limits.a]\nconcurrency = {}", "`limits.a.concurrency` says no size", 2),
        ("[limits.a]\nconcurrency = { size = 0 }", "concurrency.size` is 0", 2),
        ("[limits.a]\nconcurrency = { size = 1, lend = 1 }", "must be true or false", 2),
        ("[providers.a]\nconcurrency = { size = 1 }", "must be a whole number, not a table", 2),
    ]);
}

#[test]
fn a_weight_that_never_fits_beside_kept_slots_is_refused_with_both_names() {
    const A: &str =
        "[limits.host]\nconcurrency = 8\nreserved = { high = 6, critical = 2 }\n[tools.t]\n";
    let cases = [
        (
            "limits = { host = { weight = 3 } }",
            "weight 3 never fits at priority `normal`, limit `host` keeps 6 of 8 slots for `high`",
        ),
        ("limits = { host = { weight = 3 } }", "write a weight of at most 2"),
        (
            "priority = \"high\"\nlimits = { host = { weight = 7 } }",
            "keeps 2 of 8 slots for `critical`",
        ),
        ("priority = \"critical\"\nlimits = { host = { weight = 9 } }", "has 8 slots"),
    ];
    for (lines, fragment) in cases {
        let errors = errors_of(&format!("{A}{lines}"));
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!(errors.diagnostics().len(), 1, "{errors}");
    }
    check(&[(
        "[limits.a]\nconcurrency = 2\nreserved = { high = 2 }\n[tools.t]\nlimits = [\"a\"]",
        "keep fewer slots for `high`, or raise the tool's priority",
        5,
    )]);
    let fits = format!("{A}priority = \"high\"\nlimits = {{ host = {{ weight = 6 }} }}");
    super::policy_of(&fits);
}

#[test]
fn a_queue_says_only_what_can_be_meant() {
    let cases = [
        ("{ per_flow = 0 }", "per_flow` is 0, not from 1 to"),
        ("{ size = 5, per_flow = 6 }", "is 6, and no more than 5 may wait at all"),
        ("{ per_flow = 10001 }", "no more than 10000 may wait at all"),
        ("{ size = 0, overflow = \"evict\" }", "no call waits here that could be evicted"),
        ("{ overflow = \"drop\" }", "choices: `refuse`, `evict`"),
        ("{ overflow = \"evikt\" }", "did you mean `evict`?"),
    ];
    for (queue, fragment) in cases {
        let errors = errors_of(&format!("[limits.a]\nconcurrency = 1\nqueue = {queue}"));
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!((errors.diagnostics().len(), errors.diagnostics()[0].line), (1, 3), "{errors}");
    }
}

#[test]
fn patience_and_depth_have_their_bounds() {
    check(&[
        ("[calls]\npatience = \"0s\"", "`calls.patience` is zero", 2),
        ("[calls]\npatience = 30", "must be a string, not a whole number", 2),
        ("[calls]\nmax_depth = 256", "`calls.max_depth` is 256, not from 0 to 255", 2),
        ("[calls]\nmax_depth = \"8\"", "must be a whole number", 2),
        ("calls = 8", "write [calls] and below it", 1),
    ]);
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    check(&[
        ("[limits.a]\nconcurrency = \"8\"", "must be a whole number, not a string", 2),
        ("[limits.a]\nconcurrency = [8]", "must be a whole number, not a list", 2),
        ("[limits.a]\nconcurrency = 8.0", "must be a whole number, not a float", 2),
        ("[limits.a]\nconcurrency = true", "must be a whole number, not a boolean", 2),
        ("[limits.a]\nconcurrency = 2026-01-01", "not a date or time", 2),
        ("[limits.a]\nrequests = 30", "must be a string, not a whole number", 2),
        ("[limits.a]\nrequests = [30]", "must be a string, not a whole number", 2),
        ("[limits.a]\nconcurrency = 1\nper = 5", "`limits.a.per` must be a string", 3),
        ("[limits.a]\nconcurrency = 1\nqueue = 5", "`limits.a.queue` must be a table", 3),
        ("[limits]\nconcurrency = 8", "`limits.concurrency` must be a table", 2),
        ("limits = [\"a\"]", "`limits` must be a table, not a list", 1),
        ("[[limits]]\nconcurrency = 1", "`limits` must be a table, not a list of tables", 1),
        ("[[tools]]\nname = \"t\"", "write [tools.NAME]", 1),
        ("providers = 1", "write [providers.NAME]", 1),
        ("[tools.t]\ntimeout = 30", "must be a string, not a whole number", 2),
        ("[tools.t]\nlimits = \"a\"", "must be a list or a table of limits, not a string", 2),
        ("[tools.t]\nlimits = [1]", "must be a string, not a whole number", 2),
        ("[tools.t]\nlimits = { a = 2 }", "write a = { weight = 2 }", 2),
        ("[tools.t]\naccess = true", "write \"read\" or \"write\"", 2),
        ("[tools.t]\nrun = \"ls\"", "write run = {", 2),
        ("[tools.t]\nrun = { command = \"ls -l\" }", "must be a list, not a string", 2),
        ("[tools.t]\nrun = { command = [\"ls\", 1] }", "must be a string", 2),
        ("[tools.t]\nrun = { simulate = \"20ms\" }", "must be a table, not a string", 2),
        ("[labels.a]\nsecret = \"yes\"", "must be true or false", 2),
        ("labels = { a = true }", "`labels.a` must be a table", 1),
        ("[flows]\na = 3", "write { weight = 3 }", 2),
        ("[priorities]\na = \"4\"", "must be a whole number", 2),
        ("turn = \"10m\"", "write [turn]", 1),
        ("max_arguments = 1048576", "write max_arguments = \"1MiB\"", 1),
        ("[run]\nlabels = [\"a\"]", "write labels = {", 2),
        ("[run]\nflow = [\"a\"]", "must be a string, not a list", 2),
    ]);
}

#[test]
fn a_number_out_of_bounds_is_refused() {
    check(&[
        ("[limits.a]\nconcurrency = 0", "`limits.a.concurrency` is 0, not from 1 to", 2),
        ("[limits.a]\nconcurrency = -1", "`limits.a.concurrency` is -1", 2),
        ("[limits.a]\nconcurrency = 1000000001", "is 1000000001", 2),
        ("[limits.a]\nconcurrency = 99999999999999999999", "integer number overflowed", 2),
        (
            "[limits.a]\nrequests = { rate = \"1/s\", kind = \"bucket\", burst = 0 }",
            "burst` is 0",
            2,
        ),
        ("[limits.a]\nconcurrency = 1\nper = \"x\"\ninstances = 0", "instances` is 0", 4),
        ("[limits.a]\nconcurrency = 1\nper = \"x\"\ninstances = 9999999999", "is 9999999999", 4),
        ("[limits.a]\nconcurrency = 1\nqueue = { size = -1 }", "size` is -1", 3),
        ("[priorities]\na = 0", "`priorities.a` is 0, not from 1 to 1000000", 2),
        ("[priorities]\na = 1000001", "is 1000001", 2),
        ("[flows]\na = { weight = 0 }", "`flows.a.weight` is 0", 2),
        ("[providers.p]\nconcurrency = 0", "`providers.p.concurrency` is 0", 2),
        ("[run]\nturns_at_once = 0", "`run.turns_at_once` is 0", 2),
        ("[run]\nstate = \"\"", "`run.state`", 2),
        ("[run]\nstate = \"q\"\ndurability = \"stict\"", "cannot be `stict`", 3),
        ("[tools.t]\nrun = { simulate = { latency = \"1s\", fail = 1.5 } }", "not from 0 to 1", 2),
        ("[tools.t]\nrun = { simulate = { latency = \"1s\", fail = -0.1 } }", "not from 0 to 1", 2),
        ("[tools.t]\nrun = { simulate = { latency = \"1s\", fail = nan } }", "not from 0 to 1", 2),
        ("[tools.t]\nrun = { simulate = { latency = \"1s\", fail = 2 } }", "not from 0 to 1", 2),
    ]);
}

#[test]
fn a_name_of_nothing_is_refused_with_the_nearest_name() {
    const A: &str = "[limits.groq]\nconcurrency = 8\n[providers.search]\nrequests = \"1/s\"\n";
    let cases = [
        ("limits = [\"grok\"]", "did you mean `groq`?"),
        ("limits = { grok = {} }", "did you mean `groq`?"),
        ("limits = [\"host\"]", "limits: `groq`"),
        ("limits = [\"\"]", "there is no limit ``"),
        ("priority = \"hihg\"", "did you mean `high`?"),
        ("priority = \"urgent\"", "priorities: `critical`, `high`, `normal`, `low`"),
        ("run = { simulate = { latency = \"1s\", provider = \"serach\" } }", "mean `search`?"),
    ];
    for (line, fragment) in cases {
        let errors = errors_of(&format!("{A}[tools.t]\n{line}"));
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!((errors.diagnostics().len(), errors.diagnostics()[0].line), (1, 6));
    }
    check(&[
        ("[tools.t]\nlimits = [\"a\"]", "there are no limits", 2),
        ("[priorities]\nfast = 2\nslow = 1\n[tools.t]", "write priority = \"fast\" or \"slow\"", 4),
        ("[priorities]\n[tools.t]", "`priorities` names no priority", 1),
    ]);
}

#[test]
fn what_never_fits_or_is_never_counted_is_refused() {
    const A: &str = "[limits.slots]\nconcurrency = 4\n\
        [limits.bucket]\ntokens = { rate = \"6000/min\", kind = \"bucket\", burst = 500 }\n\
        [limits.window]\ntokens = [\"900/min\", \"800/h\"]\n\
        [limits.calls]\nrequests = \"1/s\"\n\
        [providers.p]\ntokens = \"100/min\"\n[providers.q]\nrequests = \"1/s\"\n[tools.t]\n";
    let cases = [
        ("limits = { slots = { weight = 5 } }", "weight 5 never fits, limit `slots` has 4 slots"),
        ("limits = { slots = { weight = 0 } }", "weight` is 0"),
        ("limits = { calls = { weight = 2 } }", "limit `calls` has no slots to weigh"),
        ("limits = { window = { tokens = -1 } }", "tokens` is -1"),
        ("limits = { slots = { tokens = 9 } }", "limit `slots` counts no tokens"),
        ("limits = [\"slots\", \"slots\"]", "lists `slots` twice"),
        (
            "run = { simulate = { latency = \"1s\", provider = \"p\" } }",
            "say how many a call costs",
        ),
        ("run = { simulate = { latency = \"1s\", provider = \"p\", tokens = 101 } }", "never fit"),
        (
            "run = { simulate = { latency = \"1s\", provider = \"q\", tokens = 1 } }",
            "counts no tokens",
        ),
        ("run = { simulate = { latency = \"1s\", tokens = 1 } }", "says tokens and no provider"),
    ];
    for (line, fragment) in cases {
        let errors = errors_of(&format!("{A}{line}"));
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!((errors.diagnostics().len(), errors.diagnostics()[0].line), (1, 14));
    }
    check(&[
        ("[limits.a]\nqueue = { size = 5 }", "`limits.a` has no budget", 1),
        ("[limits.a]", "add concurrency, requests or tokens", 1),
        ("[limits.a]\nconcurrency = 1\ninstances = 5", "means nothing without `per`", 3),
    ]);
}

#[test]
fn patterns_that_tie_or_have_two_stars_are_refused() {
    check(&[
        ("[tools.\"a*b*\"]", "has more than one `*`", 1),
        ("[tools.\"**\"]", "has more than one `*`", 1),
        ("[tools.\"fs_*\"]\n[tools.\"fs_*_all\"]", "ties with `fs_*`", 2),
        ("[tools.\"*\"]\n[tools.\"*_all\"]", "ties with `*`", 2),
        ("[tools.\"a*bc\"]\n[tools.\"a*c\"]", "ties with `a*bc`", 2),
        ("[tools.a]\n[tools.a]", "keep one of the two", 2),
    ]);
}

#[test]
fn a_name_must_be_there_and_printable() {
    check(&[
        ("[limits.\"\"]\nconcurrency = 1", "is an empty name", 1),
        ("[tools.\"\"]", "is an empty name", 1),
        ("[tools.\"a\\tb\"]", "has a control character in its name", 1),
        ("[tools.\"\\u001b[2J\"]", "has a control character in its name", 1),
        ("[priorities]\nnormal = 1\n\"\" = 1", "is an empty name", 3),
        ("[flows]\n\"a\\nb\" = {}", "has a control character", 2),
        ("[labels.\"\"]", "is an empty name", 1),
        ("[providers.\"\"]\nconcurrency = 1", "is an empty name", 1),
        ("[limits.a]\nconcurrency = 1\nper = \"\"", "is an empty name", 3),
        ("[run]\nlabels = { \"\" = \"a\" }", "is an empty name", 2),
        ("[run]\nflow = \"\"", "is an empty name", 2),
        ("[run]\nflow = \"a..b\"", "has an empty part", 2),
    ]);
}

#[test]
fn a_run_that_cannot_be_run_is_refused() {
    let cases = [
        ("{}", "says neither `command` nor `http` nor `simulate`"),
        ("{ max_output = \"1KiB\" }", "says neither"),
        ("{ command = [\"a\"], simulate = { latency = \"1s\" } }", "says both"),
        ("{ http = { url = \"http://a\" }, command = [\"a\"] }", "says both `command` and `http`"),
        ("{ simulate = { latency = \"1s\" }, max_output = \"1KiB\" }", "nothing without `command`"),
        ("{ command = [] }", "has 0 words"),
        ("{ command = [\"\"] }", "the program has no name"),
        ("{ command = [\"{tool}\"] }", "a call could choose the program"),
        ("{ command = [\"a\", \"{path\"] }", "a `{` is never closed"),
        ("{ command = [\"a\", \"path}\"] }", "a `}` closes nothing"),
        ("{ command = [\"a\", \"{}\"] }", "the braces hold no argument's name"),
        ("{ command = [\"a\", \"{a b}\"] }", "the braces hold no argument's name"),
        ("{ command = [\"a\", \"{a{b}\"] }", "the braces hold no argument's name"),
        ("{ command = [\"awk\", \"{print $1}\"] }", "the braces hold no argument's name"),
        ("{ command = [\"a\", \"{a..b}\"] }", "the braces hold no argument's name"),
        ("{ command = [\"a\", \"{.a}\"] }", "the braces hold no argument's name"),
        ("{ command = [\"a\", \"{a.}\"] }", "the braces hold no argument's name"),
        ("{ command = [\"a\", \"{a/b}\"] }", "the braces hold no argument's name"),
        ("{ command = [\"a\", \"{{a}\"] }", "a `}` closes nothing"),
        ("{ command = [\"a\", \"\\u0000\"] }", "no program takes a zero byte"),
        ("{ simulate = {} }", "says no latency"),
        ("{ simulate = { latency = \"80ms..20ms\" } }", "write \"20ms..80ms\""),
        ("{ simulate = { latency = \"20..80ms\" } }", "unknown unit ``"),
        ("{ simulate = { latency = \"20ms...80ms\" } }", "is not a duration"),
        ("{ simulate = { latency = \"20ms..\" } }", "it is empty"),
    ];
    for (run, fragment) in cases {
        let errors = errors_of(&format!("[tools.t]\nrun = {run}"));
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!((errors.diagnostics().len(), errors.diagnostics()[0].line), (1, 2), "{errors}");
    }
}

#[test]
fn too_many_of_anything_is_refused() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| -> String {
        (0..count).map(|index| line(index) + "\n").collect()
    };
    let priorities = format!("[priorities]\n{}", many(17, &|index| format!("p{index} = 1")));
    assert!(errors_of(&priorities).to_string().contains("keep at most 16"));
    let rates = format!("limits.a.requests = [{}]", many(9, &|_| "\"1/s\",".to_owned()));
    assert!(errors_of(&rates).to_string().contains("keep at most 8"));
    let limits = many(10_001, &|index| format!("limits.a{index}.concurrency = 1"));
    assert!(errors_of(&limits).to_string().contains("keep at most 10000"));
}
