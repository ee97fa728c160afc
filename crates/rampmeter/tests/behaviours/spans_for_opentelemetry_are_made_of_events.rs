use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanId, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use rampmeter::{Call, OtelSpans, Outcome};

use crate::support::{Wakes, World, poll_once};

const POLICY: &str = r#"
    [limits.front]
    concurrency = 1
    [limits.back]
    concurrency = 1
    [tools.front]
    limits = ["front"]
    [tools.back]
    limits = ["back"]
    [tools.both]
    limits = ["front", "back"]
    queue_timeout = "1s"
"#;

/// The spans of what `work` does at a gate.
fn spans(world: &World, work: impl FnOnce()) -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let mut spans = OtelSpans::new(&world.gate, provider.tracer("rampmeter"));
    work();
    spans.export();
    assert_eq!(spans.missed(), 0);
    exporter.get_finished_spans().unwrap()
}

fn find<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}: {spans:#?}"))
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|it| it.key.as_str() == name);
    found.map(|it| it.value.to_string())
}

#[test]
fn a_call_has_a_span_with_its_wait_and_its_run_at_the_times_of_its_events() {
    let world = World::new(POLICY);
    let wakes = Wakes::new();
    let spans = spans(&world, || {
        let front = world.gate.try_admit("front").unwrap();
        let back = world.gate.try_admit("back").unwrap();
        world.run_until(100);
        let call = Call::new("both").flow("f").priority("high").id("x").turn(7);
        let mut both = Box::pin(world.gate.admit(call.label("api_key", "sk-123")));
        assert!(poll_once(both.as_mut(), &wakes).is_pending());
        world.run_until(200);
        front.finish(Outcome::Succeeded);
        world.run_until(300);
        back.finish(Outcome::Succeeded);
        let std::task::Poll::Ready(Ok(permit)) = poll_once(both.as_mut(), &wakes) else { panic!() };
        world.run_until(450);
        permit.finish(Outcome::Overloaded);
    });
    let call = find(&spans, "execute_tool both");
    let inside = |name: &str| {
        let own = |span: &&SpanData| span.parent_span_id == call.span_context.span_id();
        spans.iter().filter(own).find(|span| span.name == name).unwrap()
    };
    let millis = |from: SystemTime, to: SystemTime| to.duration_since(from).unwrap().as_millis();
    assert_eq!(call.parent_span_id, SpanId::INVALID);
    assert_eq!(millis(call.start_time, call.end_time), 350);
    let (wait, run) = (inside("wait"), inside("run"));
    assert_eq!((wait.start_time, run.end_time), (call.start_time, call.end_time));
    assert_eq!(millis(wait.start_time, wait.end_time), 200);
    assert_eq!(millis(run.start_time, run.end_time), 150);
    let limits: Vec<_> = wait.events.iter().map(|it| it.attributes[0].value.to_string()).collect();
    assert_eq!(limits, ["front", "back"]);
    assert_eq!(millis(wait.start_time, wait.events[1].timestamp), 100);
    for (name, value) in [
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "both"),
        ("gen_ai.tool.call.id", "x"),
        ("rampmeter.flow", "f"),
        ("rampmeter.priority", "high"),
        ("rampmeter.turn", "7"),
        ("error.type", "overloaded"),
    ] {
        assert_eq!(attribute(call, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(call.status, Status::error(""));
    assert!(!format!("{spans:?}").contains("sk-123"));
    let front = find(&spans, "execute_tool front");
    assert_eq!((attribute(front, "error.type"), &front.status), (None, &Status::Unset));
}

#[test]
fn what_is_refused_or_given_up_has_its_span_too() {
    let world = World::new(POLICY);
    let wakes = Wakes::new();
    let spans = spans(&world, || {
        let _front = world.gate.try_admit("front").unwrap();
        assert!(world.gate.try_admit("both").is_err());
        let mut given_up = Box::pin(world.gate.admit("front"));
        assert!(poll_once(given_up.as_mut(), &wakes).is_pending());
        let mut late = Box::pin(world.gate.admit("both"));
        assert!(poll_once(late.as_mut(), &wakes).is_pending());
        drop(given_up);
        world.run_until(2_000);
    });
    let errors: Vec<_> = spans.iter().filter_map(|span| attribute(span, "error.type")).collect();
    assert_eq!(errors, ["would_wait", "cancelled", "queue_timeout", "cancelled"]);
    let waits: Vec<_> = spans.iter().filter(|span| span.name == "wait").collect();
    let lasted = |span: &SpanData| span.end_time.duration_since(span.start_time).unwrap();
    assert_eq!(
        waits.iter().map(|it| lasted(it)).collect::<Vec<_>>(),
        [Duration::ZERO, Duration::from_secs(1)]
    );
    assert_eq!(attribute(waits[1], "rampmeter.limit").as_deref(), Some("front"));
}

#[test]
fn spans_are_made_as_calls_end_until_the_gate_is_gone() {
    let World { gate, time, .. } = World::new(POLICY);
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let mut spans = OtelSpans::new(&gate, provider.tracer("rampmeter"));
    gate.try_admit("front").unwrap().finish(Outcome::Succeeded);
    drop(gate);
    time.block_on(spans.follow()).unwrap();
    assert_eq!(exporter.get_finished_spans().unwrap().len(), 2, "the call and its run");
}
