//! A gate with a subscriber, as the figures of a real program would have it.

use std::hint::black_box;

use rampmeter::{Call, Events, Gate, Handle, Outcome, Policy};

pub(crate) const ONE_AND_ONE: &str = r#"
[limits.host]
concurrency = 64
[limits.api]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[limits.tenant]
per = "tenant"
concurrency = 64
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[tools.plain]
limits = ["host", "api"]
[tools.labelled]
limits = ["tenant"]
"#;

pub(crate) const SIX: &str = r#"
[limits.a]
concurrency = 64
[limits.b]
concurrency = 64
[limits.c]
concurrency = 64
[limits.d]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[limits.e]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[limits.f]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[tools.plain]
limits = ["a", "b", "c", "d", "e", "f"]
"#;

pub(crate) struct Ours {
    pub(crate) gate: Gate,
    pub(crate) handle: Handle,
    events: Events,
    unread: u32,
}

impl Ours {
    pub(crate) fn new(policy: &str) -> Ours {
        let policy = Policy::parse("bench.toml", policy).unwrap();
        let gate = Gate::new(&policy).unwrap();
        let call = Call::new("plain").flow("tenant-7").priority("high");
        let handle = gate.handle(&call).unwrap();
        let events = gate.subscribe(4096);
        Ours { gate, handle, events, unread: 0 }
    }

    pub(crate) fn another_handle(&self) -> Handle {
        let call = Call::new("plain").flow("tenant-7").priority("high");
        self.gate.handle(&call).unwrap()
    }

    /// One admission and release by handle.
    pub(crate) async fn by_handle(&mut self) {
        let permit = self.gate.admit(&self.handle).await.unwrap();
        black_box(&permit);
        permit.finish(Outcome::Succeeded);
        self.read();
    }

    /// One admission and release by name.
    pub(crate) async fn by_name(&mut self, tool: &str, label: Option<&str>) {
        let mut call = Call::new(tool).flow("tenant-7").priority("high");
        if let Some(label) = label {
            call = call.label("tenant", label);
        }
        let permit = self.gate.admit(call).await.unwrap();
        black_box(&permit);
        permit.finish(Outcome::Succeeded);
        self.read();
    }

    /// The subscriber reads in batches, so that it misses nothing.
    pub(crate) fn read(&mut self) {
        self.unread += 1;
        if self.unread == 1024 {
            self.unread = 0;
            self.events.read(|event| {
                black_box(event.seq);
            });
        }
    }
}
