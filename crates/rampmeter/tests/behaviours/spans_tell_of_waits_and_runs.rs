use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use parking_lot::Mutex;
use rampmeter::{Access, Before, CallContext, Interceptor, Tool, ToolError, TurnRequest};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::support::{Inside, World, openai};

const POLICY: &str = r#"
    undeclared = "read"
    [limits.door]
    concurrency = 1
    [tools.work]
    limits = ["door"]
    [tools.noisy]
"#;

/// A span: its name, its parent's, its fields, and whether it has ended.
#[derive(Clone, Default, Debug)]
struct Seen {
    name: &'static str,
    parent: Option<u64>,
    fields: BTreeMap<&'static str, String>,
    over: bool,
}

#[derive(Clone, Default)]
struct Collect(Arc<Mutex<BTreeMap<u64, Seen>>>);

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collect {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| Some(span.parent()?.id().into_u64()));
        let mut seen = Seen { name: attributes.metadata().name(), parent, ..Seen::default() };
        attributes.record(&mut seen);
        self.0.lock().insert(id.into_u64(), seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(self.0.lock().get_mut(&id.into_u64()).unwrap());
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.0.lock().get_mut(&id.into_u64()).unwrap().over = true;
    }
}

/// Runs `calls`, the secret label `api_key` among their labels, and collects the spans.
fn spans(world: &World, calls: &[(&str, &str, &str)]) -> Vec<(u64, Seen)> {
    let collect = Collect::default();
    let subscriber = tracing_subscriber::registry().with(collect.clone());
    let _here = tracing::subscriber::set_default(subscriber);
    let noisy = Tool::raw("noisy", "", json!({}), |call| async move {
        let _mine = tracing::info_span!("of_the_tool").entered();
        if call.id.starts_with("fails") { Err(ToolError::failed("no luck")) } else { Ok("".into()) }
    });
    let tools = [world.sleeper("work", &Arc::<Inside>::default()), noisy.access(Access::Read)];
    let executor = world.executor(tools).intercept(Deny);
    let turn = executor.resolve(&openai(calls)).unwrap();
    let request = TurnRequest::new(turn).flow("f").priority("high").number(7);
    world.run(executor.run_turn(request.label("api_key", "sk-123")));
    let seen = collect.0.lock();
    seen.iter().map(|(id, span)| (*id, span.clone())).collect()
}

struct Deny;

impl Interceptor for Deny {
    async fn before(&self, call: &mut CallContext) -> Before {
        match call.id() {
            "denied" => Before::Refuse("no".into()),
            _ => Before::Continue,
        }
    }
}

#[test]
fn each_call_has_a_span_and_in_it_one_for_its_wait_and_one_for_its_run() {
    let calls = [("1", "work", r#"{"ms":50}"#), ("2", "work", r#"{"ms":5}"#)];
    let spans = spans(&World::new(POLICY), &calls);
    let of_calls: Vec<_> = spans.iter().filter(|(_, it)| it.name == "execute_tool").collect();
    assert_eq!(of_calls.len(), 2);
    for ((id, call), expected) in of_calls.iter().zip(["1", "2"]) {
        let field = |name: &str| call.fields[name].as_str();
        assert_eq!(field("otel.name"), "execute_tool work");
        assert_eq!(field("gen_ai.operation.name"), "execute_tool");
        assert_eq!((field("gen_ai.tool.name"), field("gen_ai.tool.call.id")), ("work", expected));
        assert_eq!((field("rampmeter.flow"), field("rampmeter.priority")), ("f", "high"));
        assert_eq!((field("rampmeter.turn"), field("gen_ai.tool.type")), ("7", "function"));
        assert!(!call.fields.contains_key("error.type"), "{call:?}");
        let inside: Vec<_> = spans.iter().filter(|(_, it)| it.parent == Some(*id)).collect();
        assert_eq!(inside.iter().map(|(_, it)| it.name).collect::<Vec<_>>(), ["wait", "run"]);
        assert!(inside.iter().all(|(_, it)| it.fields["rampmeter.attempt"] == "1"));
    }
    assert!(spans.iter().all(|(_, it)| it.over), "{spans:#?}");
}

#[test]
fn what_a_tool_records_is_inside_of_its_run() {
    let spans = spans(&World::new(POLICY), &[("1", "noisy", "{}")]);
    let (_, own) = spans.iter().find(|(_, it)| it.name == "of_the_tool").unwrap();
    let (_, run) = spans.iter().find(|(id, _)| Some(*id) == own.parent).unwrap();
    assert_eq!(run.name, "run");
}

#[test]
fn an_error_is_in_the_span_of_its_call_as_one_word() {
    let spans = spans(&World::new(POLICY), &[("fails", "noisy", "{}"), ("denied", "work", "{}")]);
    let kind = |id: &str| {
        let of_call =
            |it: &&(u64, Seen)| it.1.fields.get("gen_ai.tool.call.id").is_some_and(|it| it == id);
        let fields = &spans.iter().find(of_call).unwrap().1.fields;
        (fields["error.type"].clone(), fields["otel.status_code"].clone())
    };
    assert_eq!(kind("fails"), ("failed".into(), "ERROR".into()));
    assert_eq!(kind("denied"), ("denied".into(), "ERROR".into()));
}

#[test]
fn no_label_argument_or_answer_is_in_a_span() {
    let calls = [("1", "work", r#"{"ms":5,"password":"hunter2"}"#)];
    let told = format!("{:?}", spans(&World::new(POLICY), &calls));
    assert!(told.contains("execute_tool work"), "{told}");
    assert!(!told.contains("sk-123") && !told.contains("hunter2"), "{told}");
}
