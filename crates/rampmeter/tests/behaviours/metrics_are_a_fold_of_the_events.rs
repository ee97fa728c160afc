use std::collections::{BTreeMap, BTreeSet};

use rampmeter::{Call, Metrics, Outcome};

use crate::support::{Wakes, World, poll_once};

const POLICY: &str = r#"
    [limits.door]
    concurrency = 2
    [limits."per tenant"]
    concurrency = 3
    per = "tenant"
    [tools.enter]
    limits = ["door"]
    [tools.visit]
    limits = ["per tenant"]
"#;

/// The samples of a page by their name and labels, if it is one: the text format of OpenMetrics,
/// read without mercy.
fn read(page: &str) -> BTreeMap<String, f64> {
    let body = page.strip_suffix("# EOF\n").expect("it ends as a page does");
    let (mut samples, mut families) = (BTreeMap::new(), BTreeSet::new());
    let (mut family, mut kind) = ("", "");
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let (what, rest) = rest.split_once(' ').unwrap();
            let (name, text) = rest.split_once(' ').unwrap();
            match what {
                "HELP" => assert!(families.insert(name), "{name} is there twice"),
                "TYPE" => (family, kind) = (name, text),
                "UNIT" => assert!(name.ends_with(&format!("_{text}")), "{line}"),
                other => panic!("{other}"),
            }
            assert!(families.contains(name), "{name} has no help");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is in {family}"));
        let allowed: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "gauge" => &[""],
            other => panic!("{other}"),
        };
        assert!(allowed.contains(&suffix), "{line}");
        if let Some(labels) = series.strip_prefix(name).filter(|it| !it.is_empty()) {
            let inside = labels.strip_prefix('{').and_then(|it| it.strip_suffix('}')).unwrap();
            labels_are_right(inside);
        }
        let value: f64 = value.parse().unwrap();
        assert!(kind == "gauge" || value >= 0.0, "{line}");
        assert_eq!(samples.insert(series.to_owned(), value), None, "{series} is there twice");
    }
    samples
}

/// `name="value",…`, each name once, and only escapes that there are.
fn labels_are_right(mut text: &str) {
    let mut names = BTreeSet::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(names.insert(name), "{name} twice");
        let mut end = None;
        let mut bytes = rest.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' => assert!(matches!(bytes.next(), Some((_, b'\\' | b'"' | b'n'))), "{rest}"),
                b'"' => {
                    end = Some(at);
                    break;
                }
                b'\n' => panic!("a line break in {rest}"),
                _ => {}
            }
        }
        let end = end.expect("a value ends");
        text = &rest[end + 1..];
        text = text.strip_prefix(',').unwrap_or(text);
    }
}

#[test]
fn calls_waits_and_runs_are_counted_by_tool_and_priority() {
    let world = World::new(POLICY);
    let (metrics, wakes) = (Metrics::new(&world.gate), Wakes::new());
    let held: Vec<_> = (0..2).map(|_| world.gate.try_admit("enter").unwrap()).collect();
    let mut waits = Box::pin(world.gate.admit(Call::new("enter").priority("high")));
    assert!(poll_once(waits.as_mut(), &wakes).is_pending());
    let seen = read(&metrics.render());
    assert_eq!(seen[r#"rampmeter_calls{state="running"}"#], 2.0);
    assert_eq!(seen[r#"rampmeter_calls{state="waiting"}"#], 1.0);
    assert_eq!(seen[r#"rampmeter_limit_slots{limit="door"}"#], 2.0);
    assert_eq!(seen[r#"rampmeter_limit_slots_held{limit="door"}"#], 2.0);
    assert_eq!(seen[r#"rampmeter_limit_waiting{limit="door"}"#], 1.0);
    assert_eq!(seen[r#"rampmeter_limit_waits_total{limit="door",obstacle="slots"}"#], 1.0);
    world.run_until(400);
    held.into_iter().for_each(|permit| permit.finish(Outcome::Succeeded));
    let std::task::Poll::Ready(Ok(permit)) = poll_once(waits.as_mut(), &wakes) else { panic!() };
    permit.finish(Outcome::Failed);
    let refused = Call::new("enter").priority("urgent");
    assert!(world.gate.try_admit(refused).is_err());
    let seen = read(&metrics.render());
    let of = |event: &str, priority: &str| {
        let labels = format!(r#"event="{event}",tool="enter",priority="{priority}""#);
        seen.get(&format!("rampmeter_call_events_total{{{labels}}}")).copied().unwrap_or(0.0)
    };
    assert_eq!((of("tool.started", "normal"), of("tool.started", "high")), (2.0, 1.0));
    assert_eq!((of("tool.completed", "normal"), of("tool.failed", "high")), (2.0, 1.0));
    let refusals =
        r#"rampmeter_refusals_total{reason="unsupported",tool="enter",priority="other"}"#;
    assert_eq!(seen[refusals], 1.0, "there is no priority `urgent`");
    let high = r#"tool="enter",priority="high""#;
    assert_eq!(seen[&format!("rampmeter_wait_seconds_sum{{{high}}}")], 0.4);
    assert_eq!(seen[&format!(r#"rampmeter_wait_seconds_bucket{{le="0.25",{high}}}"#)], 0.0);
    assert_eq!(seen[&format!(r#"rampmeter_wait_seconds_bucket{{le="0.5",{high}}}"#)], 1.0);
    let normal = r#"tool="enter",priority="normal""#;
    assert_eq!(seen[&format!("rampmeter_run_seconds_sum{{{normal}}}")], 0.8);
    assert_eq!(seen[&format!("rampmeter_run_seconds_count{{{normal}}}")], 2.0);
    assert_eq!(seen[r#"rampmeter_limit_events_total{event="limit.saturated",limit="door"}"#], 1.0);
    assert_eq!(seen[r#"rampmeter_calls{state="running"}"#], 0.0);
    assert_eq!(seen["rampmeter_events_missed_total"], 0.0);
}

/// However many tools, flows, tenants and keys there are, and whatever they are called.
#[test]
fn the_number_of_series_is_bounded_and_no_value_of_a_label_is_shown() {
    let world = World::new(POLICY);
    let (metrics, wakes) = (Metrics::new(&world.gate), Wakes::new());
    let mut held = Vec::new();
    for at in 0..300 {
        let (tool, flow) = (format!("tool \"{at}\"\n\\"), format!("flow-{at}"));
        let key = format!("file:/{at}");
        let call = || Call::new(&tool).flow(&flow).writes(key.clone());
        held.push(world.gate.try_admit(call()).unwrap());
        let mut waits = Box::pin(world.gate.admit(call()));
        assert!(poll_once(waits.as_mut(), &wakes).is_pending());
        let tenant = format!("tenant-{at}");
        drop(world.gate.try_admit(Call::new("visit").label("tenant", &tenant)));
    }
    let page = metrics.render();
    let seen = read(&page);
    let names = |series: &str, of: &str| {
        let names: BTreeSet<_> = seen.keys().filter(|it| it.starts_with(series)).cloned().collect();
        names.iter().filter(|it| it.contains(of)).count()
    };
    assert!(names("rampmeter_call_events_total", "") <= 500, "{}", seen.len());
    assert!(names("rampmeter_call_events_total", "tool=\"other\"") > 0);
    assert_eq!(names("rampmeter_limit_waits_total", "limit=\"key\""), 1);
    assert_eq!(names("rampmeter_limit_waiting", ""), 2);
    for part in ["flow-", "tenant-", "file:/"] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn events_are_counted_as_they_come_where_somebody_keeps_up() {
    let world = World::new(POLICY);
    let metrics = Metrics::new(&world.gate);
    let wakes = Wakes::new();
    let mut keeps_up = Box::pin(metrics.keep_up());
    for _ in 0..60 {
        assert!(poll_once(keeps_up.as_mut(), &wakes).is_pending());
        (0..1_000).for_each(|_| world.gate.try_admit("enter").unwrap().finish(Outcome::Succeeded));
    }
    let seen = read(&metrics.render());
    let started =
        r#"rampmeter_call_events_total{event="tool.started",tool="enter",priority="normal"}"#;
    assert_eq!((seen[started], seen["rampmeter_events_missed_total"]), (60_000.0, 0.0));
    assert!(wakes.count() > 0, "it is woken when there is something to count");
    drop(keeps_up);
    (0..60_000).for_each(|_| world.gate.try_admit("enter").unwrap().finish(Outcome::Succeeded));
    let seen = read(&metrics.render());
    assert!(seen["rampmeter_events_missed_total"] > 0.0, "what nobody could count is said");
}
