//! A report that was made by hand, of what a study could come to.

use rampmeter_lab::lab::figures::{Unit, show};
use rampmeter_lab::lab::hypotheses::Answer;
use rampmeter_lab::lab::report::data::{
    Again, Axis, Bar, Cell, Chapter, Chart, Drawing, Fact, Form, Found, Gallery, Group, Held,
    Hypothesis, Ink, Judged, Line, Mark, Panel, Picture, Published, Report, Roll, Rows, Shade,
    Stage, Table,
};
use rampmeter_lab::lab::{Clock, Regime};

/// All sections, drawings of every form, and names that would be markup if they were not escaped.
pub(crate) fn report() -> Report {
    Report {
        roll: roll(),
        facts: facts(),
        chapters: chapters(),
        curves: vec![against_concurrency(), who_waits()],
        hypotheses: hypotheses(),
        published: published(),
        findings: findings(),
        holds: holds(),
        again: again(),
        words: words(),
    }
}

/// A name as only somebody who means harm would choose it.
pub(crate) const HOSTILE: &str = "<script>alert('x')</script>&\"<svg onload=1>";

fn roll() -> Roll {
    let families = [("baseline", 6), ("stress", 9), ("chaos", 5), ("adversarial", 9)];
    Roll {
        families: families.map(|(name, count)| (name.to_owned(), count)).into(),
        regimes: Regime::ALL.into(),
        seeds: vec![1, 2, 3],
        clocks: vec![(Clock::Virtual, 435), (Clock::Real, 24)],
        calls: 412_345,
        seconds: 51_234.0,
        under: vec!["stageflow-core 1.2.0, CPython 3.11.7".into()],
        broken: vec![(
            "chaos/cascade under stageflow, seed 3".into(),
            "its process ended with signal 9".into(),
        )],
        left_out: vec![(
            "jobs/stress/thousand/rampmeter-2.virtual.jsonl".into(),
            "line 3: no JSON".into(),
        )],
    }
}

fn facts() -> Vec<Fact> {
    let fact = |what: &str, sides: [(Regime, &str); 2], sentence: &str| Fact {
        what: what.into(),
        sides: sides.map(|(regime, value)| (regime, value.to_owned())).into(),
        sentence: sentence.into(),
    };
    use Regime::{Rampmeter, Unlimited};
    vec![
        fact(
            "Inside tools at once, of 1,000",
            [(Unlimited, "1,000"), (Rampmeter, "8")],
            "Without limits 1,000 of 1,000 calls ran at once; under the policy 8.",
        ),
        fact(
            "Calls throttled",
            [(Unlimited, "342"), (Rampmeter, "0")],
            "A server with a quota turned 342 calls away without limits, and none under the policy.",
        ),
        fact(
            "High priority, 95th percentile",
            [(Unlimited, "9.4 s"), (Rampmeter, "0.31 s")],
            "Important calls had their answer within 0.31 s where they took 9.4 s.",
        ),
        fact(
            "Back to normal after a fault",
            [(Unlimited, "41 s"), (Rampmeter, "2.1 s")],
            "After ten slow seconds it took 41 s to recover without limits, and 2.1 s with them.",
        ),
    ]
}

fn chapters() -> Vec<Chapter> {
    let chapter = |family: &str, about: &str, stages| Chapter {
        family: family.into(),
        about: about.into(),
        stages,
        figures: table(
            &["Scenario", "Regime", "p95", "Goodput"],
            &[
                &["stress/fifty", "unlimited", "1.2 s", "35/s"],
                &["stress/fifty", "rampmeter", "0.9 s", "52/s"],
            ],
        ),
    };
    vec![
        chapter("stress", "Much at once.", vec![stage("stress/thousand-at-once", 1_000.0, false)]),
        chapter("chaos", "What fails.", vec![stage(&format!("chaos/{HOSTILE}"), 60.0, true)]),
    ]
}

fn stage(scenario: &str, calls: f64, fault: bool) -> Stage {
    let panels = Regime::ALL.into_iter().zip(0_u32..).map(|(regime, index)| {
        let cap = [calls, calls / 5.0, calls / 2.0, calls / 12.0, calls][index as usize];
        let time = |step: u32| f64::from(step) * 0.2;
        let left = |step: u32| (calls - cap * f64::from(step) / 14.0).max(0.0);
        let wave = |step: u32| 1.0 + 0.12 * (f64::from(step) / 5.0).sin();
        Panel {
            regime,
            inside: (0..150).map(|s| (time(s), (left(s) * wave(s)).min(cap).round())).collect(),
            waiting: (0..150).map(|s| (time(s), (left(s) - cap).max(0.0).round())).collect(),
            shades: fault
                .then(|| Shade {
                    from: 8.0,
                    until: 14.0,
                    name: "search answers 5 times as slowly".into(),
                })
                .into_iter()
                .collect(),
            figures: [
                ("at once", show(cap, Unit::Count)),
                ("p95", show(cap / 90.0, Unit::Time)),
                ("throttled", show((cap - calls / 12.0).round(), Unit::Count)),
            ]
            .map(|(what, value)| (what.to_owned(), value))
            .into(),
            broken: None,
        }
    });
    Stage {
        scenario: scenario.into(),
        about: "A model asks for everything at once from one server that has room for 80.".into(),
        caption: "Without limits all calls are inside at once and most are turned away; under the \
                  policy they wait outside and all are answered."
            .into(),
        played: "virtual time, seed 1".into(),
        panels: panels.collect(),
        table: table(
            &["Time", "unlimited", "rampmeter"],
            &[&["0 s", "1,000", "83"], &["2 s", "980", "83"], &["4 s", "410", "82"]],
        ),
    }
}

fn against_concurrency() -> Gallery {
    let sizes = [1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0];
    let rate = |n: f64| 40.0 * n / (1.0 + 0.03 * (n - 1.0) + 0.0012 * n * (n - 1.0));
    let line = |name: &str, dash, factor: f64| Line {
        name: name.into(),
        ink: Ink { regime: Some(Regime::Rampmeter), dash },
        form: Form::Dots,
        points: sizes.map(|n| (n, factor * n / rate(n))).into(),
        band: Vec::new(),
    };
    let size = || axis("calls at once", Unit::Count, false);
    let latency = Chart {
        x: size(),
        y: axis("latency", Unit::Time, true),
        lines: vec![
            line("p50", 0, 1.0),
            line("p95", 1, 1.8),
            line("p99", 2, 2.6),
            line("max", 3, 5.0),
        ],
        shades: Vec::new(),
        marks: vec![Mark { x: 16.0, y: None, name: "knee at 16".into() }],
    };
    let measured = Line {
        name: "measured".into(),
        ink: Ink { regime: Some(Regime::Rampmeter), dash: 0 },
        form: Form::Dots,
        points: sizes.map(|n| (n, rate(n) * (1.0 + 0.03 * n.sin()))).into(),
        band: sizes.map(|n| (n, rate(n) * 0.93, rate(n) * 1.07)).into(),
    };
    let law = Line {
        name: "the law".into(),
        ink: Ink { regime: None, dash: 1 },
        form: Form::Line,
        points: (1..=64).map(|n| (f64::from(n), rate(f64::from(n)))).collect(),
        band: Vec::new(),
    };
    let goodput = Chart {
        x: size(),
        y: axis("good answers", Unit::PerSecond, false),
        lines: vec![law, measured],
        shades: Vec::new(),
        marks: vec![Mark { x: 28.4, y: Some(rate(28.4)), name: "best at 28".into() }],
    };
    let figures = || {
        table(&["At once", "p50", "p95"], &[&["1", "25 ms", "45 ms"], &["16", "40 ms", "72 ms"]])
    };
    let picture = |title: &str, caption: &str, drawing| Picture {
        title: title.into(),
        caption: caption.into(),
        drawing,
        table: figures(),
    };
    Gallery {
        title: "Against concurrency".into(),
        about: "One limit of the policy is given one size after the other.".into(),
        pictures: vec![
            picture(
                "Latency",
                "Past the knee every further call at once costs more than it brings.",
                Drawing::Chart(latency),
            ),
            picture(
                "Goodput",
                "The fitted law and a search agree on the best size within one.",
                Drawing::Chart(goodput),
            ),
            picture("Queue depth", "Calls that wait, over time.", Drawing::Chart(queue())),
        ],
    }
}

fn queue() -> Chart {
    let line = |regime: Regime, cap: f64| Line {
        name: regime.to_string(),
        ink: Ink { regime: Some(regime), dash: 0 },
        form: if regime == Regime::Rampmeter { Form::Area } else { Form::Step },
        points: (0..100)
            .map(|s| (f64::from(s) * 0.3, (cap * (f64::from(s) / 30.0).sin()).max(0.0).round()))
            .collect(),
        band: Vec::new(),
    };
    Chart {
        x: axis("time", Unit::Time, false),
        y: axis("calls waiting", Unit::Count, false),
        lines: vec![
            line(Regime::Rampmeter, 30.0),
            line(Regime::Semaphore, 80.0),
            line(Regime::Unlimited, 0.0),
        ],
        shades: vec![Shade { from: 5.0, until: 10.0, name: "slow".into() }],
        marks: Vec::new(),
    }
}

fn who_waits() -> Gallery {
    let bar = |regime: Regime, value, other, tick| Bar {
        name: regime.to_string(),
        ink: Ink { regime: Some(regime), dash: 0 },
        value,
        other,
        tick,
    };
    let group = |name: &str, scale: f64, tick: Option<f64>| Group {
        name: name.into(),
        bars: vec![
            bar(Regime::Unlimited, None, None, tick),
            bar(Regime::Semaphore, Some(4.0), Some(7.0), tick),
            bar(Regime::Rampmeter, Some(4.0 * scale), Some(6.0 * scale), tick),
        ],
    };
    let rows = |name: &str, unit, tick: Option<f64>| Rows {
        axis: axis(name, unit, false),
        groups: vec![
            group("high", 0.08, tick),
            group("normal", 0.7, tick),
            group(HOSTILE, 1.4, tick),
        ],
    };
    let picture = |title: &str, rows| Picture {
        title: title.into(),
        caption: "Bars reach the 95th percentile, the thin line the longest wait.".into(),
        drawing: Drawing::Rows(rows),
        table: table(&["Priority", "semaphore", "rampmeter"], &[&["high", "4 s", "0.32 s"]]),
    };
    Gallery {
        title: "Who waits, and for how long".into(),
        about: "Six calls at once, asked for by three priorities.".into(),
        pictures: vec![
            picture("Waits by priority", rows("wait", Unit::Time, None)),
            picture(
                "Share by flow",
                rows("share of all time inside tools", Unit::Plain, Some(3.0)),
            ),
        ],
    }
}

fn hypotheses() -> Vec<Hypothesis> {
    let titles = [
        "Executions are not limited",
        "Priority is ignored",
        "Nobody is fair",
        "Resources run out",
        "There is no back-pressure",
        "Shared state races",
        "The loop stops answering under load",
        "Calls a second are not limited",
        "Time-outs do not know of each other",
        "Nothing degrades gracefully",
    ];
    titles
        .into_iter()
        .enumerate()
        .map(|(index, title)| Hypothesis {
            id: format!("H{}", index + 1),
            title: title.into(),
            claim: "Stageflow lets any number of tools run at once".into(),
            thresholds: vec![
                "Shown if the peak is at least 0.9 of the calls asked for.".into(),
                "Refuted if it is at most 0.2 of them.".into(),
            ],
            note: (index == 5)
                .then(|| "The study's race came from one lock for each instance of a tool.".into()),
            real_only: matches!(index, 3 | 6),
            verdicts: Regime::ALL
                .into_iter()
                .zip(0_usize..)
                .map(|(regime, column)| Judged {
                    regime,
                    answer: match (regime, (index + column) % 5) {
                        (Regime::Rampmeter, _) => Answer::Refuted,
                        (_, 3) => Answer::NotShown,
                        (_, 4) if index > 2 => Answer::NotPlayed,
                        (Regime::Semaphore, 0 | 1) => Answer::Refuted,
                        _ => Answer::Shown,
                    },
                    why: "peak / asked >= 90%: it is 100 %".into(),
                    figures: vec!["stress/hundred: peak / asked = 1 (seeds 1 to 3: 1 to 1)".into()],
                })
                .collect(),
        })
        .collect()
}

fn published() -> Vec<Published> {
    let row = |what: &str, scenario: &str, was: &str, now: [(Regime, Clock, &str); 3]| Published {
        what: what.into(),
        scenario: scenario.into(),
        figure: "duration".into(),
        was: was.into(),
        now: now.map(|(regime, clock, value)| (regime, clock, value.to_owned())).into(),
    };
    let now = |a, b, c| {
        [
            (Regime::Rampmeter, Clock::Virtual, a),
            (Regime::Stageflow, Clock::Real, b),
            (Regime::Rampmeter, Clock::Real, c),
        ]
    };
    vec![
        row("5 in sequence", "baseline/sequence-5", "74.93 ms", now("70 ms", "75.1 ms", "71.2 ms")),
        row("100 at once", "stress/hundred", "5,210/s", now("1,000/s", "4,980/s", "990/s")),
        row("race of 20: kept", "adversarial/one-key", "1", now("20", "20", "20")),
    ]
}

fn findings() -> Vec<Found> {
    let found = |id: &str, kind: &str, severity: &str, title: &str| Found {
        id: id.into(),
        kind: kind.into(),
        severity: severity.into(),
        title: title.into(),
        subject: Some("stageflow-core 1.2.0".into()),
        evidence: "100 of 100 calls were inside their tool at once in stress/hundred.".into(),
        scenario: Some("stress/hundred under stageflow".into()),
        reproduce: Some("rampmeter lab run stress/hundred --regimes stageflow".into()),
        pointer: Some("a concurrency limit: `[limits.host] concurrency = 8`".into()),
    };
    vec![
        found("BUG-001", "bug", "high", "A turn's calls all start at once"),
        found("RISK-001", "risk", "medium", HOSTILE),
        found(
            "DX-001",
            "developer experience",
            "low",
            "An unknown tool is an error only when it is called",
        ),
    ]
}

fn holds() -> Vec<Held> {
    let held = |scenario: &str, aim: &str, value: &str, holds| Held {
        scenario: scenario.into(),
        regime: Regime::Rampmeter,
        aim: aim.into(),
        value: value.into(),
        holds,
        played: value != "not played",
    };
    vec![
        held("stress/hundred", "peak <= 8", "8", Some(true)),
        held("chaos/throttling", "no throttled", "0", Some(true)),
        held("adversarial/inversion", "p95 of high <= 2s", "2.4 s", Some(false)),
        held("recovery/memory", "memory <= 512MiB", "–", None),
        held("curves/knee", "throttles = 0", "not played", None),
    ]
}

fn again() -> Vec<Again> {
    let again = |what: &str, command: &str| Again { what: what.into(), command: command.into() };
    vec![
        again("everything", "rampmeter lab run --seeds 3 --out lab"),
        again(
            "stress/hundred",
            "rampmeter lab run stress/hundred --regimes unlimited,rampmeter --seed 1 --out lab",
        ),
    ]
}

fn words() -> Vec<(String, String)> {
    [
        ("p50, p95, p99", "So many per cent of the good calls were answered within it, from when they were asked for."),
        ("goodput", "Good answers a second, from the first call asked for to the last answered."),
        ("at once", "The most calls that were inside tools at one moment, counted by the tools."),
    ]
    .map(|(word, meaning)| (word.to_owned(), meaning.to_owned()))
    .into()
}

fn axis(name: &str, unit: Unit, log: bool) -> Axis {
    Axis { name: name.into(), unit, log, most: None }
}

fn table(head: &[&str], rows: &[&[&str]]) -> Table {
    let cells = |row: &&[&str]| {
        let figure = |text: &&str| Cell::figure(*text);
        std::iter::once(Cell::word(row[0])).chain(row[1..].iter().map(figure)).collect()
    };
    Table {
        head: head.iter().map(|text| (*text).to_owned()).collect(),
        rows: rows.iter().map(cells).collect(),
    }
}
