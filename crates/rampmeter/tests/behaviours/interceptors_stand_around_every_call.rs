use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rampmeter::{
    Access, Before, CallContext, CallError, EventKind, Executor, Interceptor, Reason, Status, Tool,
    ToolError, TurnReport, TurnRequest,
};
use serde_json::json;

use crate::support::{Inside, World, assert_idle, assert_sums, openai};

const POLICY: &str = r#"
    undeclared = "read"
    [turn]
    deadline = "60s"
    [limits.host]
    concurrency = 2
    [tools.work]
    limits = ["host"]
    queue_timeout = "10s"
    [tools.late]
    timeout = "100ms"
    [tools."*"]
"#;

type Told = Arc<Mutex<Vec<String>>>;

/// Notes what it hears, and does what the call's id tells it to.
struct Witness {
    name: &'static str,
    told: Told,
    world: World,
}

impl Witness {
    fn note(&self, what: &str, call: &CallContext) {
        self.told.lock().push(format!("{} {what} {}", self.name, call.id()));
    }
}

impl Interceptor for Witness {
    fn name(&self) -> &str {
        self.name
    }

    async fn before(&self, call: &mut CallContext) -> Before {
        self.note("before", call);
        let id = call.id().to_owned();
        match id.strip_prefix(self.name).unwrap_or_default() {
            "-answers" => Before::Answer("its own answer".into()),
            "-refuses" => Before::Refuse("not you".into()),
            "-panics" => panic!("no more"),
            "-hangs" => {
                self.world.sleep(1_000_000).await;
                Before::Continue
            }
            _ => Before::Continue,
        }
    }

    async fn after(&self, call: &CallContext, answer: String) -> Result<String, CallError> {
        self.note("after", call);
        match call.id().strip_prefix(self.name).unwrap_or_default() {
            "-panics-after" => panic!("too late"),
            "-fails-after" => Err(CallError::Failed("the answer was not allowed".into())),
            _ => Ok(answer),
        }
    }

    async fn on_error(&self, call: &CallContext, error: CallError) -> Result<String, CallError> {
        self.note("on_error", call);
        match call.id().strip_prefix(self.name).unwrap_or_default() {
            "-mends" => Ok(format!("instead of {error}")),
            _ => Err(error),
        }
    }

    fn cancelled(&self, call: &CallContext) {
        self.note("cancelled", call);
    }
}

struct Scene {
    world: World,
    told: Told,
    inside: Arc<Inside>,
    executor: Executor,
}

/// Two witnesses, `outer` and `inner`, around `work`, `fail` and `hang`.
fn scene() -> Scene {
    let (world, told, inside) = (World::new(POLICY), Told::default(), Arc::<Inside>::default());
    let witness = |name| Witness { name, told: told.clone(), world: world.clone() };
    let tools = [
        world.sleeper("work", &inside),
        Tool::raw("fail", "", json!({}), |_| async { Err(ToolError::failed("no luck")) }),
        Tool::raw("late", "", json!({}), |_| std::future::pending()),
        Tool::raw("echo", "", json!({}), |call| async move {
            Ok(format!("{} {:?}", call.arguments, call.labels))
        }),
    ];
    let executor = world.executor(tools).intercept(witness("outer")).intercept(witness("inner"));
    Scene { world, told, inside, executor }
}

impl Scene {
    fn run(&self, calls: &[(&str, &str, &str)]) -> TurnReport {
        let turn = self.executor.resolve(&openai(calls)).unwrap();
        self.world.run(self.executor.run_turn(TurnRequest::new(turn)))
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock())
    }
}

#[test]
fn they_run_in_order_before_a_call_and_in_reverse_after_it() {
    let scene = scene();
    let report = scene.run(&[("a", "work", "{}")]);
    assert_eq!(report.results[0].output.as_deref(), Ok("a"));
    assert_eq!(report.results[0].waited, Some(Duration::ZERO));
    assert_eq!(
        scene.told(),
        ["outer before a", "inner before a", "inner after a", "outer after a"]
    );
    let report = scene.run(&[("b", "fail", "{}")]);
    assert_eq!(report.results[0].output, Err(CallError::Failed("no luck".into())));
    let expected = ["outer before b", "inner before b", "inner on_error b", "outer on_error b"];
    assert_eq!(scene.told(), expected);
    let report = scene.run(&[("inner-mends", "fail", "{}")]);
    assert_eq!(report.results[0].output.as_deref(), Ok("instead of no luck"));
    assert_eq!(report.results[0].status(), Status::Succeeded);
    assert_eq!(scene.told()[2..], ["inner on_error inner-mends", "outer after inner-mends"]);
}

/// Of another framework it is told that it reports such a call as completed, and runs `after`
/// without `before`.
#[test]
fn a_refusal_is_reported_as_one_and_nobody_hears_of_an_end_whose_before_did_not_run() {
    let scene = scene();
    let report = scene.run(&[("outer-refuses", "work", "{}")]);
    let result = &report.results[0];
    let denied = CallError::Denied { by: "outer".into(), message: "not you".into() };
    assert_eq!((&result.output, result.status()), (&Err(denied), Status::Refused));
    assert_eq!(result.content(), "error: refused by outer: not you");
    assert_eq!(scene.told(), ["outer before outer-refuses"]);
    let report = scene.run(&[("inner-refuses", "work", "{}")]);
    assert_eq!(report.results[0].status(), Status::Refused);
    let heard = scene.told();
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert_eq!(heard[2], "outer on_error inner-refuses");
    let counters = scene.world.gate.counters();
    assert_eq!((counters.of(EventKind::Refused), counters.of(EventKind::Completed)), (2, 0));
    assert_eq!(counters.of(EventKind::Started), 0, "it holds nothing when it is refused");
    assert_eq!(scene.inside.entered(), 0);
    assert_sums(&scene.world.gate, "refused by interceptors");
}

#[test]
fn a_refusal_is_an_event_that_says_who_it_was_not() {
    let scene = scene();
    let mut events = scene.world.gate.subscribe(100);
    scene.run(&[("inner-refuses", "work", "{}")]);
    let refused = events.drain().into_iter().find(|it| it.kind == EventKind::Refused).unwrap();
    assert_eq!((refused.reason, refused.limit), (Some(Reason::Denied), None), "no limit did");
    assert_eq!(&*refused.call.unwrap().tool, "work");
}

#[test]
fn an_answer_of_an_interceptor_stands_for_the_tools() {
    let scene = scene();
    let report = scene.run(&[("inner-answers", "work", "{}")]);
    assert_eq!(report.results[0].output.as_deref(), Ok("its own answer"));
    assert_eq!((report.results[0].waited, report.results[0].ran), (None, None));
    assert_eq!(scene.told()[2], "outer after inner-answers");
    assert_eq!(scene.inside.entered(), 0);
    assert_sums(&scene.world.gate, "answered by an interceptor");
}

#[test]
fn a_panic_is_a_named_error_of_its_own_call_and_frees_its_slot() {
    let scene = scene();
    let calls = [
        ("outer-panics", "work", "{}"),
        ("1", "work", "{}"),
        ("inner-panics-after", "work", "{}"),
        ("outer-panics-after", "work", "{}"),
        ("2", "work", "{}"),
    ];
    let report = scene.run(&calls);
    let error = |at: usize| report.results[at].output.clone().unwrap_err();
    let panicked = |name: &str, message: &str| CallError::Interceptor {
        name: name.into(),
        message: message.into(),
    };
    assert_eq!(error(0), panicked("outer", "no more"));
    assert_eq!(error(2), panicked("inner", "too late"));
    assert_eq!(error(3), panicked("outer", "too late"));
    assert_eq!(report.results[0].status(), Status::Failed);
    assert!(error(0).to_string().contains("interceptor outer panicked: no more"));
    for at in [1, 4] {
        assert!(report.results[at].output.is_ok(), "siblings are untouched");
    }
    let told = scene.told();
    let about = |id: &str| told.iter().filter(|it| it.ends_with(&format!(" {id}"))).count();
    assert_eq!(about("outer-panics"), 1, "{told:?}");
    assert!(told.contains(&"outer on_error inner-panics-after".into()), "{told:?}");
    assert_idle(&scene.world.gate, "after panics");
    assert_sums(&scene.world.gate, "after panics");
}

#[test]
fn what_comes_after_may_turn_an_answer_into_an_error() {
    let scene = scene();
    let report = scene.run(&[("inner-fails-after", "work", "{}")]);
    assert_eq!(report.results[0].status(), Status::Failed);
    assert_eq!(scene.told()[3], "outer on_error inner-fails-after");
}

/// Of another framework it is told that it skips `after` when a call is cancelled.
#[test]
fn whoever_heard_of_a_call_hears_once_that_it_was_given_up() {
    let scene = scene();
    let calls =
        [("runs", "work", r#"{"ms":500}"#), ("quick", "work", "{}"), ("inner-hangs", "work", "{}")];
    let turn = scene.executor.resolve(&openai(&calls)).unwrap();
    let stop = scene.world.until(100);
    let turn = scene.executor.run_turn_until(TurnRequest::new(turn), stop);
    let report = scene.world.run(turn);
    assert_eq!(report.results[0].output, Err(CallError::Cancelled));
    assert_eq!(report.results[1].output.as_deref(), Ok("quick"));
    assert_eq!(report.results[2].output, Err(CallError::Cancelled));
    let told = scene.told();
    for (id, end) in [("runs", "cancelled"), ("quick", "after"), ("inner-hangs", "cancelled")] {
        let ends = told.iter().filter(|it| it.ends_with(&format!(" {id}")));
        let ends: Vec<_> = ends.filter(|it| !it.contains("before")).collect();
        assert_eq!(ends, [&format!("inner {end} {id}"), &format!("outer {end} {id}")], "{told:?}");
    }
    assert_idle(&scene.world.gate, "stopped");
    assert_sums(&scene.world.gate, "stopped");
}

#[test]
fn a_time_out_and_a_refusal_are_errors_that_may_be_changed() {
    let scene = scene();
    let report = scene.run(&[("inner-mends", "work", r#"{"ms":500}"#), ("x", "late", "{}")]);
    assert_eq!(report.results[0].output.as_deref(), Ok("inner-mends"), "there was no error");
    assert!(matches!(report.results[1].output, Err(CallError::TimedOut(_))), "{report:?}");
    assert!(scene.told().contains(&"inner on_error x".into()));
    let held: Vec<_> = (0..2).map(|_| scene.world.gate.try_admit("work").unwrap()).collect();
    let report = scene.run(&[("inner-mends", "work", "{}")]);
    let answer = report.results[0].output.as_deref().unwrap();
    assert!(answer.starts_with("instead of work was refused by limit host"), "{answer}");
    drop(held);
}

#[test]
fn a_turn_that_is_dropped_tells_its_interceptors() {
    let scene = scene();
    let turn = scene.executor.resolve(&openai(&[("x", "work", r#"{"ms":500}"#)])).unwrap();
    scene.world.run(async {
        let turn = std::pin::pin!(scene.executor.run_turn(TurnRequest::new(turn)));
        let until = std::pin::pin!(scene.world.until(100));
        drop(futures_util::future::select(turn, until).await);
    });
    assert_eq!(scene.told()[2..], ["inner cancelled x", "outer cancelled x"]);
    assert_idle(&scene.world.gate, "dropped");
}

#[test]
fn a_hook_that_hangs_ends_with_its_turn() {
    let scene = scene();
    let report = scene.run(&[("inner-hangs", "work", "{}"), ("1", "work", "{}")]);
    assert_eq!(report.results[0].output, Err(CallError::TurnDeadline));
    assert!(report.results[1].output.is_ok());
    assert_eq!(scene.world.now_ms(), 60_000);
    let told = scene.told();
    assert!(told.contains(&"inner on_error inner-hangs".into()), "{told:?}");
    assert_idle(&scene.world.gate, "the turn is over");
}

/// Gives a call other arguments and another tenant, and redacts what comes back.
struct Rewrite;

impl Interceptor for Rewrite {
    async fn before(&self, call: &mut CallContext) -> Before {
        call.keep(call.arguments.clone());
        call.arguments = r#"{"path":"/b"}"#.parse().unwrap();
        call.labels.push(("tenant".into(), "t2".into()));
        Before::Continue
    }

    async fn after(&self, call: &CallContext, answer: String) -> Result<String, CallError> {
        let original: &rampmeter::format::Arguments = call.kept().unwrap();
        Ok(format!("{original} became {}", answer.replace("t2", "[redacted]")))
    }

    async fn on_error(&self, _: &CallContext, error: CallError) -> Result<String, CallError> {
        Err(CallError::Failed(error.to_string().replace("/b", "[redacted]")))
    }
}

const KEYED: &str = r#"
    undeclared = "read"
    [limits.door]
    concurrency = 1
    per = "tenant"
    [tools.echo]
    limits = ["door"]
    writes = ["file:{path}"]
    queue_timeout = "1s"
"#;

#[test]
fn the_gate_and_the_tool_see_the_arguments_and_labels_that_they_were_given() {
    let world = World::new(KEYED);
    let echo = Tool::raw("echo", "", json!({}), |call| async move {
        Ok(format!("{} {}", call.arguments, call.labels[0].1))
    });
    let executor = world.executor([echo.access(Access::Read)]).intercept(Rewrite);
    let turn = executor.resolve(&openai(&[("1", "echo", r#"{"path":"/a"}"#)])).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn.clone())));
    let expected = r#"{"path":"/a"} became {"path":"/b"} [redacted]"#;
    assert_eq!(report.results[0].output.as_deref(), Ok(expected));
    // Somebody else has what the changed call needs, and only that.
    let other = rampmeter::Call::new("other").writes("file:/b");
    let _held = world.gate.try_admit(other).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    let error = report.results[0].output.clone().unwrap_err();
    assert!(error.to_string().contains("key file:[redacted]"), "{error}");
}

#[test]
fn what_an_interceptor_sees_of_a_call_shows_no_value_of_a_label() {
    struct Print(Told);
    impl Interceptor for Print {
        async fn before(&self, call: &mut CallContext) -> Before {
            assert_eq!((call.label("api_key"), call.turn()), (Some("sk-123"), Some(7)));
            assert_eq!((call.flow(), call.priority()), ("f", "high"));
            self.0.lock().push(format!("{call:?}"));
            Before::Continue
        }
    }
    let (scene, told) = (scene(), Told::default());
    let executor = scene.executor.intercept(Print(told.clone()));
    assert!(format!("{executor:?}").contains("outer"), "{executor:?}");
    let turn = executor.resolve(&openai(&[("1", "echo", "{}")])).unwrap();
    let request = TurnRequest::new(turn).flow("f").priority("high").number(7);
    scene.world.run(executor.run_turn(request.label("api_key", "sk-123")));
    let told = told.lock();
    assert!(told[0].contains("api_key") && !told[0].contains("sk-123"), "{told:?}");
}

#[test]
fn what_comes_back_from_a_malformed_call_passes_no_interceptor() {
    let scene = scene();
    let report = scene.run(&[("1", "wrok", "{}"), ("2", "work", "[")]);
    assert!(report.results.iter().all(|it| it.output.is_err()));
    assert_eq!(scene.told(), [""; 0]);
}

/// Takes what is secret out of every answer.
struct Redacts;

impl Interceptor for Redacts {
    async fn after(&self, _: &CallContext, answer: String) -> Result<String, CallError> {
        Ok(answer.replace("secret", "[redacted]"))
    }
}

#[test]
fn what_stands_in_for_a_call_that_was_never_asked_for_passes_them_too() {
    let text = "[tools.read]\naccess = \"read\"\nreads = [\"k\"]\n\
                fallback = [{ tool = \"none\" }, { cache = \"5m\" }]\n[tools.none]\n\
                [tools.write]\naccess = \"write\"\nwrites = [\"k\"]";
    let (world, inside) = (World::new(text), Arc::<Inside>::default());
    let read = Tool::raw("read", "", json!({}), |_| async { Ok("a secret".to_owned()) });
    let none = Tool::raw("none", "", json!({}), |_| async { Err(ToolError::failed("none")) });
    let executor = world.executor([read, none, world.sleeper("write", &inside)]).intercept(Redacts);
    let run = |calls: &[(&str, &str, &str)]| {
        let turn = executor.resolve(&openai(calls)).unwrap();
        let request = TurnRequest::new(turn).deadline(Duration::from_secs(1));
        world.run(executor.run_turn(request)).results
    };
    assert_eq!(run(&[("a", "read", "{}")])[0].output, Ok("a [redacted]".into()));
    let late = run(&[("w", "write", r#"{"ms":5000}"#), ("a", "read", "{}")]);
    assert_eq!(late[1].output, Ok("a [redacted]".into()), "served from what is kept");
    assert!(late[1].degraded.is_some());
}

/// Hangs before each call, and panics when it is given up.
struct Brittle;

impl Drop for Brittle {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

impl Interceptor for Brittle {
    async fn before(&self, call: &mut CallContext) -> Before {
        if call.id() == "hangs" {
            let _brittle = Brittle;
            std::future::pending::<()>().await;
        }
        Before::Continue
    }
}

#[test]
fn a_hook_that_panics_when_it_is_given_up_takes_no_other_call_with_it() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("work", &inside)]);
    let executor = std::mem::ManuallyDrop::new(executor.intercept(Brittle));
    let calls = [("hangs", "work", "{}"), ("b", "work", r#"{"ms":10}"#), ("hangs", "work", "{}")];
    let turn = || TurnRequest::new(executor.resolve(&openai(&calls)).unwrap());
    let report = world.run(executor.run_turn(turn()));
    assert_eq!(report.results[0].output, Err(CallError::TurnDeadline));
    assert_eq!(report.results[1].output, Ok("b".into()));
    let report = world.run(executor.run_turn_until(turn(), world.sleep(500)));
    assert_eq!(report.results[1].output, Ok("b".into()), "what has ended keeps its result");
    assert_idle(&world.gate, "stopped");
}

#[test]
fn what_an_interceptor_answers_goes_where_the_tools_answer_would_have_gone() {
    let text = "[tools.echo]\naccess = \"read\"\noutput = \"said\"";
    let world = World::new(text);
    let witness = Witness { name: "outer", told: Told::default(), world: world.clone() };
    let echo = Tool::raw("echo", "", json!({}), |_| async { Ok("an echo".to_owned()) });
    let (executor, bag) =
        (world.executor([echo]).intercept(witness), rampmeter::StateBag::default());
    let turn = executor.resolve(&openai(&[("outer-answers", "echo", "{}")])).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn).state(&bag)));
    assert_eq!(report.results[0].output, Ok("its own answer".into()));
    assert_eq!(bag.snapshot().keys.len(), 1);
}
