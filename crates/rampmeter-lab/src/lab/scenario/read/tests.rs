use std::time::Duration;

use super::super::{Arrive, FaultKind, FaultPlace, Spread};
use super::*;

/// A scenario with nothing against it; each line has a number of its own.
const GOOD: &str = r#"about = "Searches"
ends = "2min"
[[load]]
name = "users"
calls = "search"
turns = 3
[tools.search]
takes = "50ms"
server = "api"
[servers.api]
full = 4
[policy.limits.api]
concurrency = 8
[policy.tools.search]
limits = ["api"]
"#;

#[test]
fn what_is_left_out_is_what_is_usual() {
    let scenario = read("mine.toml", GOOD).unwrap();
    assert_eq!((scenario.name.as_str(), scenario.family), ("mine", Family::Own));
    assert_eq!(scenario.ends, Duration::from_secs(120));
    assert_eq!(scenario.regimes, Regime::ALL);
    assert_eq!(scenario.semaphore, 10);
    assert_eq!(scenario.rate, Rate { calls: 10, period: Duration::from_secs(1) });
    assert_eq!((scenario.deadline, scenario.only, scenario.pipeline), (None, None, false));
    let load = &scenario.loads[0];
    assert_eq!((load.flow.as_str(), load.flows, load.priority.as_str()), ("users", 1, "normal"));
    assert_eq!((load.arrive, load.turns), (Arrive::AtOnce, Some(3)));
    assert_eq!(scenario.policy.limits[0].concurrency, Some(8));
}

#[test]
fn everything_that_can_be_said_is_read() {
    let text = r#"
about = "All of it"
ends = "1h"
deadline = "1.5s"
clock = "real"
regimes = ["rampmeter", "stageflow"]
pipeline = true
semaphore = 8
rate = "40/2s"
holds = ["peak <= 8", { regime = "unlimited", aim = "peak > 8" }]
[[load]]
name = "a"
flow = "tenant"
flows = 3
priority = "urgent"
start = "1s"
arrive = { burst = 10, every = "1s" }
for = "5s"
sequence = true
calls = ["search", { tool = "search", count = 5, arguments = '{"path": "{flow}/{call}"}' }]
[[load]]
name = "b"
priority = "urgent"
arrive = { poisson = "30/min" }
for = "1min"
calls = "uniform"
[[load]]
name = "c"
priority = "urgent"
arrive = { users = 8, think = "2s" }
turns = 80
calls = "heavy"
[tools]
search = { takes = { pareto = "10ms", shape = 1.5 }, calls = "heavy" }
uniform = { takes = { uniform = ["10ms", "90ms"] }, hangs = 0.5, fails_from = 3 }
heavy = { takes = { median = "10ms", p99 = "90ms" }, memory = "2MiB", cpu = "1ms", races = "n" }
chance = { takes = { exponential = "10ms" }, fails = "12.5%", ignores_cancel = "2s", server = "s" }
[servers.s]
sigma = 0.1
kappa = 0
quotas = ["60/min", "5/s"]
[[faults]]
tool = "search"
from = "1s"
for = "2s"
slower = 10
[[faults]]
process = true
from = "1s"
for = "2s"
crashes = true
[sweep]
limit = "api"
concurrency = [1, 2]
[[published]]
what = "x"
was = "74.93 ms"
figure = "duration"
[policy]
undeclared = "read"
[policy.priorities]
urgent = 3
[policy.limits]
api = { concurrency = 1 }
[policy.tools."*"]
limits = ["api"]
priority = "urgent"
"#;
    let scenario = read("some/stress/all.toml", text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((scenario.name.as_str(), scenario.family), ("stress/all", Family::Stress));
    assert_eq!(scenario.deadline, Some(Duration::from_millis(1500)));
    assert_eq!((scenario.only, scenario.pipeline), (Some(Clock::Real), true));
    assert_eq!(scenario.regimes, [Regime::Rampmeter, Regime::Stageflow]);
    assert_eq!(scenario.holds[1].regime, Regime::Unlimited);
    let [a, b, c] = scenario.loads.as_slice() else { panic!("three loads") };
    assert_eq!(a.arrive, Arrive::Bursts(10, Duration::from_secs(1)));
    assert_eq!((a.flow.as_str(), a.flows, a.sequence), ("tenant", 3, true));
    assert_eq!((a.calls[0].count, a.calls[1].count), (1, 5));
    assert_eq!(
        (b.arrive, c.arrive),
        (Arrive::Poisson(0.5), Arrive::Users(8, Duration::from_secs(2)))
    );
    let [search, uniform, heavy, chance] = scenario.tools.as_slice() else { panic!("four tools") };
    let ms = Duration::from_millis;
    assert_eq!(search.takes, Spread::Pareto(ms(10), 1.5));
    assert_eq!(uniform.takes, Spread::Uniform(ms(10), ms(90)));
    assert_eq!(heavy.takes, Spread::LogNormal(ms(10), ms(90)));
    assert_eq!(chance.takes, Spread::Exponential(ms(10)));
    assert_eq!((heavy.memory, chance.fails), (2 << 20, 0.125));
    assert_eq!(scenario.servers[0].quotas.len(), 2);
    assert_eq!(scenario.faults[0].place, FaultPlace::Tool("search".to_owned()));
    assert_eq!(scenario.faults[1].kind, FaultKind::Crashes);
    assert_eq!(scenario.sweep.unwrap().sizes, [1, 2]);
    assert_eq!(scenario.policy.undeclared, rampmeter::policy::Access::Read);
}

/// A scenario with one of its parts replaced, the line that is wrong, and words of what is said.
const WRONG: [(&str, &str, usize, &str, &str); 60] = [
    // What has the wrong shape.
    ("about = \"Searches\"", "", 1, "the file has no `about`", "say in a sentence"),
    ("\"Searches\"", "\"\"", 1, "`about` is empty", "write something"),
    ("ends = \"2min\"", "end = \"2min\"", 2, "unknown key `end`", "did you mean `ends`?"),
    ("\"2min\"", "\"2 fortnights\"", 2, "`2 fortnights` is no duration", "\"2min\""),
    ("\"2min\"", "120", 2, "`ends` must be a text, not a whole number", "in quotes"),
    ("\"2min\"", "\"2min", 2, "not TOML", "nothing after this place"),
    ("ends =", "rate = \"10\"\nends =", 2, "`10` is no rate", "\"60/min\""),
    ("ends =", "rate = \"0/s\"\nends =", 2, "lets nothing through", "\"60/min\""),
    ("ends =", "clock = \"reel\"\nends =", 2, "cannot be `reel`", "did you mean `real`?"),
    ("ends =", "regimes = [\"sempahore\"]\nends =", 2, "`sempahore`", "mean `semaphore`?"),
    ("ends =", "regimes = []\nends =", 2, "`regimes` is empty", "name one"),
    ("ends =", "semaphore = 0\nends =", 2, "`semaphore` is not from 1", "a whole number from 1"),
    ("ends =", "pipeline = 1\nends =", 2, "must be true or false", "without quotes"),
    ("ends =", "holds = \"peak <= 8\"\nends =", 2, "must be a list", "holds = [\"peak <= 8\"]"),
    ("ends =", "holds = [{ aim = \"peak <= 8\" }]\nends =", 2, "no `regime`", "regime ="),
    ("[[load]]\nname = \"users\"\ncalls = \"search\"\nturns = 3", "", 1, "nobody asks", "[[load]]"),
    ("name = \"users\"", "nmae = \"users\"", 4, "unknown key `load.nmae`", "mean `name`?"),
    ("calls = \"search\"", "calls = []", 5, "asks for nothing", "calls = \"search\""),
    ("\"search\"\nturns", "[{ tool = \"search\", count = 0 }]\nturns", 5, "not from 1", "from 1"),
    (
        "\"search\"\nturns",
        "[{ tool = \"search\", arguments = \"[]\" }]\nturns",
        5,
        "no JSON object",
        "'{\"path\"",
    ),
    ("turns = 3", "turns = 3\narrive = \"atonce\"", 7, "`atonce`", "mean `at once`?"),
    ("turns = 3", "turns = 3\narrive = { evry = \"1s\" }", 7, "unknown key", "mean `every`?"),
    ("turns = 3", "turns = 3\narrive = { burst = 5 }", 7, "has no `every`", "every = \"1s\""),
    ("turns = 3", "arrive = { every = \"1s\" }", 3, "load `users` has no end", "for = \"30s\""),
    ("turns = 3", "arrive = \"pulled\"", 3, "load `users` has no end", "turns = 100"),
    ("turns = 3", "turns = 3\nfor = \"1s\"", 7, "`load.for` means nothing", "turns = 100"),
    ("takes = \"50ms\"\n", "", 7, "`tools.search` has no `takes`", "takes = \"50ms\""),
    ("\"50ms\"", "{ uniform = [\"9ms\", \"1ms\"] }", 8, "runs backwards", "the longest"),
    ("\"50ms\"", "{ median = \"9ms\", p99 = \"1ms\" }", 8, "below the median", "longer"),
    ("\"50ms\"", "{ pareto = \"9ms\", shape = 1 }", 8, "not at least 1.05", "from 1.05 on"),
    ("\"50ms\"", "\"50ms\"\nfails = \"110%\"", 9, "no share", "\"30%\""),
    ("\"50ms\"", "\"50ms\"\nfails = 1.5", 9, "is 1.5, no share", "from 0 to 1"),
    ("\"50ms\"", "\"50ms\"\nmemory = \"2MB\"", 9, "`2MB` is no size", "\"4MiB\""),
    ("full = 4", "sigma = -0.1", 11, "not at least 0", "from 0 on"),
    ("full = 4", "[[faults]]\nfrom = \"1s\"\nfor = \"1s\"\nfails = 1", 11, "where it is", "tool ="),
    (
        "full = 4",
        "[[faults]]\nprocess = true\nfrom = \"1s\"\nfor = \"1s\"\nslower = 3",
        11,
        "can only crash",
        "crashes = true",
    ),
    ("concurrency = 8", "concurency = 8", 13, "unknown key `concurency`", "`concurrency`?"),
    ("limits = [\"api\"]", "limits = [\"apu\"]", 15, "no limit `apu`", "did you mean `api`?"),
    // What contradicts something else.
    ("calls = \"search\"", "calls = \"serach\"", 5, "no tool `serach`", "mean `search`?"),
    ("turns = 3", "turns = 3\npriority = \"hihg\"", 7, "no priority `hihg`", "mean `high`?"),
    ("server = \"api\"", "server = \"db\"", 9, "no server `db`", "there are `api`"),
    ("\"50ms\"", "\"50ms\"\ncalls = \"search\"", 7, "in a circle: search → search", "take one"),
    ("turns = 3", "turns = 1000001", 6, "not from 1 to 1000000", "from 1 to"),
    (
        "\"search\"\nturns = 3",
        "[{ tool = \"search\", count = 1001 }]\nturns = 1000",
        3,
        "1001000 calls",
        "fewer",
    ),
    (
        "turns = 3",
        "arrive = { every = \"1s\" }\nturns = 122",
        3,
        "still asks 121 s after",
        "end later",
    ),
    (
        "[policy.limits.api]",
        "[sweep]\nlimit = \"apu\"\nconcurrency = [1]\n[policy.limits.api]",
        13,
        "no limit `apu`",
        "mean `api`?",
    ),
    (
        "concurrency = 8",
        "requests = \"5/s\"\n[sweep]\nlimit = \"api\"\nconcurrency = [1]",
        15,
        "no concurrency to sweep",
        "concurrency = 8",
    ),
    (
        "full = 4",
        "[[faults]]\ntool = \"search\"\nfrom = \"1min\"\nfor = \"2min\"\nslower = 2",
        11,
        "past the scenario's end",
        "end later",
    ),
    (
        "full = 4",
        "[[faults]]\nprocess = true\nfrom = \"9s\"\nfor = \"2s\"\ncrashes = true\n[[faults]]\nprocess = true\n\
         from = \"5s\"\nfor = \"5s\"\ncrashes = true",
        11,
        "before it is back",
        "crash later",
    ),
    (
        "ends = \"2min\"\n",
        "ends = \"2min\"\nholds = [\"peak <= 8\"]\nsweep = { limit = \"api\", concurrency = [4, 16] }\n",
        4,
        "the policy's own size is not swept",
        "add 8",
    ),
    (
        "[tools.search]",
        "[[load]]\nname = \"users\"\ncalls = \"search\"\n[tools.search]",
        7,
        "two loads `users`",
        "a name of its own",
    ),
    ("[policy.tools.search]", "[policy.tools.serach]", 14, "no tool `serach`", "mean `search`?"),
    (
        "[policy.limits.api]",
        "[policy.flows]\nuser = { weight = 2 }\n[policy.limits.api]",
        13,
        "no flow `user`",
        "mean `users`?",
    ),
    (
        "turns = 3",
        "flows = 3\nturns = 3\n[policy.flows]\nusers-3 = { weight = 2 }",
        9,
        "no flow `users-3`",
        "mean `users-0`?",
    ),
    ("ends =", "holds = [\"p95 <= 8\"]\nends =", 2, "`p95`", "expected"),
    ("ends =", "holds = [\"peek <= 8\"]\nends =", 2, "`peek` is no figure", "did you mean"),
    ("ends =", "holds = [\"peak of serch <= 8\"]\nends =", 2, "`serch`", "mean `search`?"),
    ("ends =", "holds = [\"peak of user <= 8\"]\nends =", 2, "`user`", "mean `users`?"),
    (
        "ends =",
        "holds = [\"p95 <= 1s\", \"p95 >= 2s\"]\nends =",
        2,
        "`p95 >= 2s` cannot hold where `p95 <= 1s` does",
        "change one",
    ),
    (
        "[tools.search]",
        "[[published]]\nwhat = \"x\"\nwas = \"1 ms\"\nfigure = \"durration\"\n[tools.search]",
        10,
        "`durration` is no figure",
        "mean `duration`?",
    ),
];

#[test]
fn what_is_wrong_is_told_with_its_line_and_the_remedy() {
    for (part, instead, line, message, help) in WRONG {
        let text = GOOD.replacen(part, instead, 1);
        assert_ne!(text, GOOD, "{part}");
        let error = read("mine.toml", &text).map(|_| ()).expect_err(&text);
        let problem = error.problems.iter().find(|problem| problem.message.contains(message));
        let problem = problem.unwrap_or_else(|| panic!("{message}: {text}\n{error}"));
        assert!(problem.help.contains(help), "{text}\n{error}");
        assert_eq!(problem.line, line, "{text}\n{error}");
        assert!(error.to_string().contains(&format!("mine.toml:{line}:")), "{error}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_in_the_order_of_the_file() {
    let text = GOOD.replace("2min", "2").replace("full = 4", "ful = 4").replace("= 8", "= 0");
    let error = read("mine.toml", &text).unwrap_err();
    let lines: Vec<_> = error.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 11, 13]);
}

#[test]
fn aims_that_can_be_met_together_are_not_refused() {
    let both = ["p95 <= 2s", "p95 >= 1s", "p95 = 1500ms", "peak < 3", "peak > 2"];
    let holds = format!("holds = {both:?}\nends =");
    let scenario = read("mine.toml", &GOOD.replace("ends =", &holds)).unwrap();
    assert_eq!(scenario.holds.len(), 5);
    // Another regime is held to something else.
    let other = "holds = [\"peak <= 2\", { regime = \"unlimited\", aim = \"peak > 2\" }]\nends =";
    assert!(read("mine.toml", &GOOD.replace("ends =", other)).is_ok());
}

#[test]
fn tools_that_call_tools_many_times_over_are_counted_in_no_time() {
    let chain = (0..64).map(|at| {
        let next = at + 1;
        format!("[tools.t{at}]\ntakes = \"1ms\"\ncalls = [\"t{next}\", \"t{next}\"]\n")
    });
    let chain = chain.collect::<String>() + "[tools.t64]\ntakes = \"1ms\"\n[tools.search]";
    let text = GOOD.replacen("[tools.search]", &chain, 1).replace("\"search\"\n", "\"t0\"\n");
    let error = read("mine.toml", &text).unwrap_err();
    assert!(error.problems[0].message.contains("18446744073709551615 calls"), "{error}");
}

#[test]
fn tools_that_call_each_other_without_end_or_nearly_so_are_refused() {
    let chain = |length: u32| {
        let tool = |at: u32| {
            format!("[tools.t{at}]\ntakes = \"1ms\"\ncalls = \"t{}\"\n", (at + 1) % length)
        };
        let chain = (0..length).map(tool).collect::<String>() + "[tools.search]";
        let text = GOOD.replacen("[tools.search]", &chain, 1);
        read("mine.toml", &text).unwrap_err().problems.remove(0)
    };
    let (circle, deep) = (chain(3), chain(10_000));
    assert!(circle.message.ends_with("t0 → t1 → t2 → t0"), "{circle:?}");
    assert!(deep.message.contains("more than 255 deep"), "{deep:?}");
}

#[test]
fn an_error_shows_the_line_and_marks_what_is_wrong_in_it() {
    let error = read("mine.toml", &GOOD.replace("\"search\"\nturns", "\"serach\"\nturns"));
    let shown = "error: there is no tool `serach`\n --> mine.toml:5:9\n  |\n5 | calls = \
                 \"serach\"\n  |         ^^^^^^^^\nhelp: did you mean `search`?\n";
    assert_eq!(error.unwrap_err().to_string(), shown);
}

#[test]
fn what_is_shown_of_a_line_is_short_and_cannot_write_to_the_terminal() {
    let long = format!("\"{}\\u001b[31mred\" = 1\nends =", "x".repeat(100_000));
    let error = read("mine.toml", &GOOD.replace("ends =", &long)).unwrap_err();
    let shown = error.to_string();
    assert_eq!(error.problems[0].line, 2);
    assert!(shown.len() < 2_000 && !shown.contains('\u{1b}'), "{} bytes", shown.len());
}

#[test]
fn a_policy_under_other_keys_than_its_headers_is_refused_instead_of_forgotten() {
    let text = GOOD.replace("[policy.limits.api]\nconcurrency = 8\n", "");
    let text = text.replace("ends =", "policy.limits.api.concurrency = 8\nends =");
    let error = read("mine.toml", &text.replace("[policy.tools.search]\nlimits = [\"api\"]\n", ""));
    let problem = &error.unwrap_err().problems[0];
    assert_eq!(problem.line, 2);
    assert!(problem.help.contains("[policy.limits.api]"), "{problem:?}");
}

#[test]
fn a_policy_that_looks_like_headers_within_texts_is_read_as_it_stands() {
    let text = GOOD.replace("\"Searches\"", "\"\"\"\n[policy.limits.none]\n\"\"\"");
    let text = text.replace("\"\"\"\n[", "\"\"\"[").replace("]\n\"\"\"", "]\"\"\"");
    let scenario = read("mine.toml", &text).unwrap();
    assert_eq!(scenario.about, "[policy.limits.none]");
    assert_eq!(scenario.policy.limits.len(), 1);
}

#[test]
fn turns_that_are_pulled_are_not_asked_for_call_by_call() {
    let text = GOOD.replace("turns = 3", "turns = 3\narrive = \"pulled\"\nsequence = true");
    let error = read("mine.toml", &text).unwrap_err().to_string();
    assert!(error.contains("mine.toml:8"), "{error}");
    assert!(error.contains("`pulled`") && error.contains("sequence"), "{error}");
}
