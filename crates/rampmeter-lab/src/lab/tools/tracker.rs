//! Who knows of each call when it was asked for, when it was inside a tool, and how it ended.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use rampmeter::runtime::Runtime;
use tokio::sync::Notify;

use super::super::record::{CallRecord, Facts, Run, RunEnd, Status};
use super::locked;
use super::stay::Stay;

/// What happened to each call so far. It looks on from outside: from within the tools, and from where
/// whoever asks stands.
pub struct Tracker {
    clock: Arc<dyn Runtime>,
    books: Mutex<Books>,
    /// Nobody is inside a tool any more.
    idle: Notify,
    heard: Option<Box<Heard>>,
}

/// Who wants to know of each call as soon as it is answered.
type Heard = dyn Fn(&CallRecord) + Send + Sync;

#[derive(Default)]
struct Books {
    calls: Vec<Option<Tracked>>,
    /// How many runs of each tool began.
    runs: Vec<u64>,
    inside: u64,
    /// Of each counter that tools race on, how many wrote it and what it came to.
    counters: BTreeMap<String, (u64, u64)>,
    held: u64,
    held_peak: u64,
    /// When everything was over; nothing is noted from then on.
    over: Option<u64>,
    ended: u64,
}

struct Tracked {
    record: CallRecord,
    /// Whether its last run was of a tool that stood in for its own.
    stood_in: bool,
    /// Whether what was told of it is not all.
    untold: bool,
}

impl Tracker {
    /// Nothing has happened to any of so many calls of so many tools.
    pub fn new(clock: Arc<dyn Runtime>, calls: usize, tools: usize) -> Tracker {
        let calls = (0..calls).map(|_| None).collect();
        let books = Books { calls, runs: vec![0; tools], ..Books::default() };
        Tracker { clock, books: Mutex::new(books), idle: Notify::new(), heard: None }
    }

    /// Tells this of each call's record when the call is answered, and of those that changed since
    /// when it is over.
    #[must_use]
    pub fn telling(self, heard: impl Fn(&CallRecord) + Send + Sync + 'static) -> Tracker {
        Tracker { heard: Some(Box::new(heard)), ..self }
    }

    /// Nanoseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.clock.now().as_nanos()
    }

    /// Somebody asks for a call. If it was asked for before, that is when it was.
    pub fn asked(&self, call: usize) {
        let now = self.now();
        let mut books = locked(&self.books);
        if books.over.is_none() && books.calls[call].is_none() {
            let (answered, status, runs) = (None, Status::Lost, Vec::new());
            let record = CallRecord { call, asked: now, answered, status, runs };
            books.calls[call] = Some(Tracked { record, stood_in: false, untold: true });
        }
    }

    /// Whoever asked for it has an answer now, and this is what it came to.
    pub fn answered(&self, call: usize, status: Status) {
        let now = self.now();
        let mut books = locked(&self.books);
        if books.over.is_some() {
            return;
        }
        books.ended = books.ended.max(now);
        if let Some(tracked) = &mut books.calls[call] {
            (tracked.record.answered, tracked.record.status) = (Some(now), status);
            self.tell(tracked);
        }
    }

    /// What it came to is this; when that was is known already, if it is.
    pub fn settled(&self, call: usize, status: Status) {
        let mut books = locked(&self.books);
        let over = books.over.is_some();
        let Some(tracked) = books.calls[call].as_mut().filter(|_| !over) else { return };
        if tracked.record.answered.is_some() {
            if tracked.record.status != status {
                tracked.record.status = status;
                self.tell(tracked);
            }
            return;
        }
        drop(books);
        self.answered(call, status);
    }

    /// When it was asked for, if it was.
    pub fn asked_at(&self, call: usize) -> Option<u64> {
        locked(&self.books).calls[call].as_ref().map(|it| it.record.asked)
    }

    /// Whether it is answered.
    pub fn is_answered(&self, call: usize) -> bool {
        let books = locked(&self.books);
        books.calls[call].as_ref().is_some_and(|it| it.record.answered.is_some())
    }

    /// Whether an answer that a call has now is not of a run of its own tool.
    pub fn is_stood_in(&self, call: usize) -> bool {
        let books = locked(&self.books);
        books.calls[call].as_ref().is_some_and(|it| {
            it.record.runs.last().is_some_and(|run| it.stood_in || run.end != RunEnd::Done)
        })
    }

    /// A call comes to a tool: its own, or one that stands in for it.
    pub fn enters(self: &Arc<Tracker>, call: usize, tool: usize, stands_in: bool) -> Stay {
        self.asked(call);
        let started = self.now();
        let mut books = locked(&self.books);
        let nth = books.runs[tool];
        books.runs[tool] += 1;
        books.inside += 1;
        let over = books.over.is_some();
        let tracked = books.calls[call].as_mut().filter(|_| !over);
        let run = tracked.map(|tracked| {
            (tracked.stood_in, tracked.untold) = (stands_in, true);
            tracked.record.runs.push(Run { started, ended: started, end: RunEnd::Cut });
            tracked.record.runs.len()
        });
        let attempt = u32::try_from(run.unwrap_or(1)).unwrap_or(u32::MAX);
        Stay::new(self.clone(), call, run.map(|run| run - 1), attempt, nth)
    }

    /// A call leaves the tool that its so-manieth run was of.
    pub(super) fn leaves(&self, call: usize, run: Option<usize>, end: Option<RunEnd>) {
        let now = self.now();
        let mut books = locked(&self.books);
        books.inside -= 1;
        if books.inside == 0 {
            self.idle.notify_waiters();
        }
        let over = books.over;
        let now = over.unwrap_or(now);
        books.ended = books.ended.max(now);
        let tracked = books.calls[call].as_mut();
        if let Some(tracked) = tracked
            && let Some(run) = run.and_then(|run| tracked.record.runs.get_mut(run))
        {
            tracked.untold = true;
            run.ended = now;
            run.end = match (over, end) {
                (Some(_), _) => RunEnd::Running,
                (None, end) => end.unwrap_or(RunEnd::Cut),
            };
        }
    }

    /// Memory is held, or given back.
    pub(super) fn holds(&self, more: u64, less: u64) {
        let mut books = locked(&self.books);
        books.held = books.held.saturating_add(more).saturating_sub(less);
        books.held_peak = books.held_peak.max(books.held);
    }

    /// How many bytes are held.
    pub fn held(&self) -> u64 {
        locked(&self.books).held
    }

    /// What a counter says.
    pub(super) fn read(&self, counter: &str) -> u64 {
        locked(&self.books).counters.get(counter).map_or(0, |(_, value)| *value)
    }

    /// A counter says this from now on, whatever it said.
    pub(super) fn write(&self, counter: &str, value: u64) {
        let mut books = locked(&self.books);
        let (written, stands) = books.counters.entry(counter.to_owned()).or_default();
        *written += 1;
        *stands = value;
    }

    /// Ready when nobody is inside a tool.
    pub async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if locked(&self.books).inside == 0 {
                return;
            }
            idle.await;
        }
    }

    /// It is over at this moment: what still runs does so until then, and what has no answer is lost.
    /// To be said before what runs is dropped.
    pub fn over(&self, at: u64) {
        locked(&self.books).over = Some(at);
    }

    /// What became of each call that was asked for, and what is known of the whole. To be asked when
    /// nothing runs any more.
    pub fn finish(&self) -> (Vec<CallRecord>, Facts) {
        let mut books = locked(&self.books);
        let all = books.calls.len();
        books.calls.iter_mut().flatten().filter(|it| it.untold).for_each(|it| self.tell(it));
        let records: Vec<_> =
            books.calls.iter_mut().filter_map(Option::take).map(|it| it.record).collect();
        let facts = Facts {
            ended: books.ended,
            never_asked: (all - records.len()) as u64,
            counters: std::mem::take(&mut books.counters),
            held_bytes_peak: books.held_peak,
            ..Facts::default()
        };
        (records, facts)
    }

    fn tell(&self, tracked: &mut Tracked) {
        tracked.untold = false;
        if let Some(heard) = &self.heard {
            heard(&tracked.record);
        }
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker").field("now", &self.now()).finish_non_exhaustive()
    }
}
