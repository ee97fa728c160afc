//! A gate's state in a file: taken in when the gate begins, written while it works.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rampmeter_core::{CallId, Instant, LimitId, Place, Unrestorable, Usage};

use super::Gate;
use super::ask::short_hash;
use super::keeper::Keeper;
use super::leases::Leases;
use super::state::State;
use crate::persist::{
    Durability, InstanceRecord, LeftOut, PersistError, Persisted, RealDisk, Record, Restored,
    Store, unix_ns,
};

/// How often a gate with [`Durability::Strict`] writes what no call waits for.
const STRICT_INTERVAL: Duration = Durability::DEFAULT_INTERVAL;

/// So many instances are looked at under one hold of the gate's lock.
const INSTANCES_AT_ONCE: usize = 256;

/// What the gate knows of its file.
pub(super) struct Keeping {
    pub(super) keeper: Arc<Keeper>,
    path: Arc<Path>,
    /// How many events there had been when it was last written.
    events: u64,
    writes: u64,
    failures: u64,
    last_error: Option<String>,
}

/// What is to be written.
pub(super) struct Draft {
    written_unix_ns: u64,
    clean: bool,
    /// Each with its limit's name, and whether its label is secret.
    usages: Vec<(Arc<str>, bool, Usage)>,
    events: u64,
    /// Calls that wait for it.
    covers: Vec<CallId>,
    /// Up to where it says it all; `None` if to the end.
    up_to: Option<Place>,
}

impl Gate {
    /// Keeps what the rates have used in a file, so that a quota survives a restart: takes in what
    /// the file says, less what has come back meanwhile, and writes to it from then on and when
    /// the gate is dropped. Call it before the first admission: until then, quotas begin anew.
    ///
    /// A file that is none of ours, or damaged, is renamed and told of in [`Restored`], and never
    /// trusted. `FILE.lock` beside it keeps others away. The values of secret labels are written
    /// as they are shown, as hashes; all other labels' as they are.
    ///
    /// It reads and writes before it returns, and dropping the gate's last handle writes too.
    ///
    /// # Errors
    /// Another process uses the file, this gate has one, or it cannot be read or written.
    pub fn persist(
        &self,
        file: impl AsRef<Path>,
        durability: Durability,
    ) -> Result<Restored, PersistError> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME.lock();
        if let Some(Persisted { path, .. }) = self.persisted() {
            return Err(PersistError::Already { path });
        }
        let file = file.as_ref();
        let failed = |doing| move |error| PersistError::Io { path: file.to_owned(), doing, error };
        let path = std::path::absolute(file).map_err(failed("read"))?;
        // Of a link the file itself is kept, and locked.
        let path = path.canonicalize().unwrap_or(path);
        let mut store = Store::open(&path, Box::new(RealDisk::default()))?;
        let found = store.load()?;
        let mut restored = Restored { set_aside: found.set_aside, ..Restored::default() };
        if let Some(record) = &found.record {
            self.home().input(|state, now| state.take_in(now, record, &mut restored));
        }
        let (interval, strict) = match durability {
            Durability::Interval(interval) => (interval, false),
            Durability::Strict => (STRICT_INTERVAL, true),
        };
        let keeper = Arc::new(Keeper::new(self.home(), self.serial(), interval, store));
        self.home().input(|state, _| state.begin_keeping(keeper.clone(), &path, strict));
        let begun = keeper.write(true).and_then(|()| keeper.start().map_err(failed("keep")));
        if let Err(error) = begun {
            self.home().input(|state, _| state.stop_keeping());
            return Err(error);
        }
        Ok(restored)
    }

    /// Writes the state now, whatever its [`Durability`]; it is on the disk when this returns.
    ///
    /// # Errors
    /// The gate keeps no state ([`Gate::persist`]), or it cannot be written.
    pub fn save(&self) -> Result<(), PersistError> {
        let keeper = self.home().visit(|state| state?.keeping.as_ref().map(|it| it.keeper.clone()));
        keeper.ok_or(PersistError::Nowhere)?.write(true)
    }

    /// How the keeping of the state has gone so far; `None` without [`Gate::persist`].
    pub fn persisted(&self) -> Option<Persisted> {
        self.home().visit(|state| {
            let keeping = state?.keeping.as_ref()?;
            Some(Persisted {
                path: keeping.path.to_path_buf(),
                writes: keeping.writes,
                failures: keeping.failures,
                last_error: keeping.last_error.clone(),
            })
        })
    }
}

impl Draft {
    /// Whether it says it all.
    pub(super) fn is_whole(&self) -> bool {
        self.up_to.is_none()
    }

    pub(super) fn record(&self) -> Record {
        let instances = self.usages.iter();
        let instances =
            instances.map(|(limit, secret, usage)| InstanceRecord::new(limit, *secret, usage));
        let (written_unix_ns, clean) = (self.written_unix_ns, self.clean);
        Record { written_unix_ns, clean, instances: instances.collect() }
    }
}

impl State {
    /// What is to be written now; `None` if nothing has changed and it need not be written `anew`.
    pub(super) fn draft(&mut self, anew: bool, clean: bool) -> Option<Draft> {
        let keeping = self.keeping.as_ref()?;
        let waited_for = self.leases.as_ref().is_some_and(|leases| leases.holds_any());
        let lent = self.leases.as_ref().is_some_and(|leases| leases.any_lent());
        if !anew && !waited_for && !lent && keeping.events == self.events {
            return None;
        }
        let (events, covers, up_to) = (self.events, Vec::new(), None);
        let (written_unix_ns, usages) = (0, Vec::new());
        let mut draft = Draft { written_unix_ns, clean, usages, events, covers, up_to };
        self.draft_on(&mut draft);
        Some(draft)
    }

    /// The next piece of a draft. The lock is free in between, unless charges are written in
    /// advance: that is done at one moment.
    pub(super) fn draft_on(&mut self, draft: &mut Draft) {
        let now = self.now.max(self.runtime.now());
        let most = if self.leases.is_some() { usize::MAX } else { INSTANCES_AT_ONCE };
        let (mut usages, up_to) = self.engine.usage_after(now, draft.up_to.as_ref(), most);
        if let Some(leases) = self.leases.as_mut().filter(|_| !draft.clean) {
            draft.covers = leases.draft(&mut usages, now);
        }
        let named = usages.into_iter().filter_map(|usage| {
            let name = self.plan.limit(usage.limit)?;
            let secret = self.plan.has_secret_label(&name);
            Some((name, secret, usage))
        });
        draft.usages.extend(named);
        // What was told before this is then a little older than it says, and comes back that much
        // later.
        draft.written_unix_ns = unix_ns(self.runtime.wall_clock());
        draft.up_to = up_to;
    }

    /// A draft is on the disk, or it is not, and why.
    pub(super) fn written(&mut self, now: Instant, draft: Draft, failed: Option<String>) {
        let done = failed.is_none();
        if let Some(keeping) = &mut self.keeping {
            if done {
                (keeping.writes, keeping.events) = (keeping.writes + 1, draft.events);
            } else {
                keeping.failures += 1;
            }
            keeping.last_error = failed;
        }
        if let Some(leases) = &mut self.leases {
            leases.written(done);
            if leases.holds_any()
                && let Some(keeping) = &self.keeping
            {
                keeping.keeper.ask();
            }
        }
        for call in draft.covers {
            if done {
                self.hand_out(now, call);
            } else {
                self.refuse_held(now, call);
            }
        }
    }

    fn begin_keeping(&mut self, keeper: Arc<Keeper>, path: &Path, strict: bool) {
        self.leases = strict.then(Box::<Leases>::default);
        let (path, events) = (path.into(), self.events);
        let (writes, failures, last_error) = (0, 0, None);
        let keeping = Keeping { keeper, path, events, writes, failures, last_error };
        self.keeping = Some(Box::new(keeping));
    }

    fn stop_keeping(&mut self) {
        (self.keeping, self.leases) = (None, None);
    }

    fn take_in(&mut self, now: Instant, record: &Record, restored: &mut Restored) {
        let written = Duration::from_nanos(record.written_unix_ns);
        let wall = Duration::from_nanos(unix_ns(self.runtime.wall_clock()));
        let elapsed = wall.saturating_sub(written);
        restored.age = Some(elapsed);
        restored.clean = record.clean;
        restored.ahead = Some(written.saturating_sub(wall)).filter(|ahead| !ahead.is_zero());
        let mut usages = Vec::new();
        let mut names = Vec::new();
        for instance in &record.instances {
            match self.usage_of(now, elapsed, instance) {
                Ok(usage) if usage.rates.is_empty() && usage.cool_down.is_none() => {}
                Ok(usage) => {
                    restored.rates += usage.rates.len();
                    usages.push(usage);
                    names.push(&instance.limit);
                }
                Err(why) => restored.left_out.push(LeftOut { limit: instance.limit.clone(), why }),
            }
        }
        for left_out in self.engine.restore(now, &usages, &mut self.out) {
            restored.rates -= match left_out.rate {
                Some(_) => 1,
                None => usages[left_out.usage].rates.len(),
            };
            let limit = names[left_out.usage].clone();
            restored.left_out.push(LeftOut { limit, why: in_words(left_out.why) });
        }
    }

    /// What is left of an instance's use, for the limit that now has its name.
    fn usage_of(
        &self,
        now: Instant,
        elapsed: Duration,
        instance: &InstanceRecord,
    ) -> Result<Usage, &'static str> {
        let id = self.plan.limit_ids.get(&instance.limit).copied();
        let id = id.ok_or(in_words(Unrestorable::NoLimit))?;
        let is_present = |period, ends_in| self.is_present(now, id, period, ends_in);
        let mut usage = instance.usage(id, elapsed, is_present);
        let secret = usage.label.is_some() && self.plan.has_secret_label(&instance.limit);
        match (instance.secret, secret) {
            (false, true) => usage.label = usage.label.as_deref().map(short_hash),
            (true, false) => return Err("its label was secret, and is no more"),
            _ => {}
        }
        Ok(usage)
    }

    /// Whether a calendar window that ends in so many nanoseconds is the present one, or a later
    /// one, as when the clock was set back. Two clocks are never read at one moment: a window that
    /// ended where the present one began is past.
    fn is_present(&self, now: Instant, limit: LimitId, period: Duration, ends_in: i128) -> bool {
        const APART: Duration = Duration::from_secs(1);
        let began_ago = self.plan.calendars.iter().find_map(|it| it.began_ago(limit, period, now));
        let apart = APART.min(period / 2).as_nanos();
        match began_ago {
            Some(ago) => ends_in + ago > i128::try_from(apart).unwrap_or(i128::MAX),
            None => ends_in > 0,
        }
    }
}

fn in_words(why: Unrestorable) -> &'static str {
    match why {
        Unrestorable::NoLimit => "the policy has no such limit",
        Unrestorable::OtherLabel => "it is now per another label, or per none",
        Unrestorable::TooManyInstances => "it has as many instances as it may",
        Unrestorable::NoRate => "it has no rate of that unit, period and kind any more",
    }
}
