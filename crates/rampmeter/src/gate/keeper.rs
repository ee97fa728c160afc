//! Who writes a gate's state to its file: a thread of its own, so that nobody waits for the disk
//! under the gate's lock.
//!
//! What is to be written is taken under that lock and put on the disk without it; then the gate is
//! told that it is there. The store's lock is taken before the gate's, never the other way round,
//! and is free again when others' wakers run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Home;
use super::persist::Draft;
use crate::persist::{PersistError, Store};

/// A disk is not kept busier than this, however short the interval.
const SHORTEST_REST: Duration = Duration::from_millis(1);

pub(super) struct Keeper {
    home: &'static Home,
    /// Of the gate whose state it keeps; another one may live there later.
    serial: u64,
    interval: Duration,
    /// How long the last write took.
    took: Mutex<Duration>,
    /// Empty once the gate has come to its end.
    store: Mutex<Option<Store>>,
    signal: Mutex<Signal>,
    changed: Condvar,
}

#[derive(Default)]
struct Signal {
    /// Somebody waits for a write.
    asked: bool,
    ended: bool,
}

impl Keeper {
    pub(super) fn new(
        home: &'static Home,
        serial: u64,
        interval: Duration,
        store: Store,
    ) -> Keeper {
        let (store, signal) = (Mutex::new(Some(store)), Mutex::new(Signal::default()));
        let (took, changed) = (Mutex::new(Duration::ZERO), Condvar::new());
        Keeper { home, serial, interval, took, store, signal, changed }
    }

    /// Starts the thread.
    pub(super) fn start(self: &Arc<Keeper>) -> std::io::Result<()> {
        let keeper = self.clone();
        let thread = std::thread::Builder::new().name("rampmeter-state".into());
        thread.spawn(move || {
            while keeper.wait() {
                // Who asked for it is told by the gate; otherwise it is tried again.
                let _ = keeper.write(false);
            }
        })?;
        Ok(())
    }

    /// A write shall begin soon. Takes no lock that is held for long.
    pub(super) fn ask(&self) {
        self.signal.lock().asked = true;
        self.changed.notify_all();
    }

    /// Writes what there is to write; with `anew` also if nothing has changed.
    pub(super) fn write(&self, anew: bool) -> Result<(), PersistError> {
        let mut guard = self.store.lock();
        let Some(store) = guard.as_mut() else { return Ok(()) };
        let Some(draft) = self.draft(anew, false) else { return Ok(()) };
        let begun = Instant::now();
        let result = store.save(&draft.record());
        *self.took.lock() = begun.elapsed();
        drop(guard);
        let outcome = result.as_ref().err().map(ToString::to_string);
        self.home.input_at(self.serial, |state, now| state.written(now, draft, outcome));
        result
    }

    /// The gate has come to its end: writes a last time, and lets the file go.
    pub(super) fn finish(&self) {
        let store = self.store.lock().take();
        if let Some(mut store) = store {
            // Nobody is left who could be told; `Gate::save` tells.
            let _ = self.draft(true, true).map(|draft| store.save(&draft.record()));
        }
        self.signal.lock().ended = true;
        self.changed.notify_all();
    }

    /// What there is to write, taken piece by piece.
    fn draft(&self, anew: bool, clean: bool) -> Option<Draft> {
        let mut draft = self.home.visit_at(self.serial, |state| state.draft(anew, clean))??;
        while !draft.is_whole() {
            self.home.visit_at(self.serial, |state| state.draft_on(&mut draft))?;
        }
        Some(draft)
    }

    /// Until there may be something to write; `false` once there never will be. An interval after
    /// a draft was taken the next one should be on the disk, if that takes as long as the last.
    fn wait(&self) -> bool {
        let rest = self.interval.saturating_sub(*self.took.lock() * 2).max(SHORTEST_REST);
        let mut signal = self.signal.lock();
        if !signal.asked && !signal.ended {
            self.changed.wait_for(&mut signal, rest);
        }
        signal.asked = false;
        !signal.ended
    }
}
