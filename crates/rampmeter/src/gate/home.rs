//! Where gates live: places that are never freed, only used again.
//!
//! A permit must reach its gate to be released, whoever still holds the gate itself. A share in
//! the gate would cost every call two atomic counts, a fifth of what it may cost in all. So a home
//! lives for ever and a permit holds a plain reference to it; that permits are out is known to the
//! engine. When the last handle is gone and no call runs, the home is emptied and the next gate
//! moves in: there are never more homes than there were gates at one time.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use rampmeter_core::{CallId, Instant, Outcome};

use super::lock::lock;
use super::state::State;

pub(crate) struct Home {
    /// That of the gate which lives here, for those who hold it without its lock.
    serial: AtomicU64,
    state: Mutex<Option<State>>,
}

static EMPTY: Mutex<Vec<&'static Home>> = Mutex::new(Vec::new());

impl Home {
    /// A home for this gate.
    pub(super) fn of(state: State) -> &'static Home {
        let empty = lock(&EMPTY).pop();
        let home = empty.unwrap_or_else(|| Box::leak(Box::new(Home::empty_one())));
        home.serial.store(state.serial, Ordering::Relaxed);
        *lock(&home.state) = Some(state);
        home
    }

    const fn empty_one() -> Home {
        Home { serial: AtomicU64::new(0), state: Mutex::new(None) }
    }

    /// Which gate lives here. The caller holds the gate, or a permit of it.
    pub(crate) fn serial(&self) -> u64 {
        self.serial.load(Ordering::Relaxed)
    }

    /// What the home holds now; nothing, or another gate, if the one that was meant is gone.
    pub(crate) fn visit<R>(&self, visit: impl FnOnce(Option<&mut State>) -> R) -> R {
        visit(lock(&self.state).as_mut())
    }

    /// [`Home::visit`], if the gate with this serial number is still here.
    pub(super) fn visit_at<R>(
        &self,
        serial: u64,
        visit: impl FnOnce(&mut State) -> R,
    ) -> Option<R> {
        lock(&self.state).as_mut().filter(|state| state.serial == serial).map(visit)
    }

    /// Every input goes through here: the lock, the time, what it brings, the input, what followed
    /// from it, and after the lock the wakes. The caller holds the gate, or a permit of it.
    #[inline]
    pub(super) fn input<R>(&'static self, input: impl FnOnce(&mut State, Instant) -> R) -> R {
        let mut guard = lock(&self.state);
        let Some(state) = guard.as_mut() else {
            unreachable!("a home is not emptied while its gate or a permit is held")
        };
        let now = state.begin();
        let result = input(state, now);
        if !state.is_settled() {
            self.follow_up(guard, now);
        }
        result
    }

    /// A running call has ended.
    pub(crate) fn release(&'static self, id: CallId, outcome: Outcome) {
        self.input(|state, now| state.release(now, id, outcome));
    }

    /// A running call must have ended by then.
    pub(crate) fn must_end_by(&'static self, id: CallId, by: Instant) {
        self.visit(|state| state.map(|state| state.engine.must_end_by(id, by)));
    }

    /// [`Home::input`], if the gate with this serial number is still here.
    pub(crate) fn input_at<R>(
        &'static self,
        serial: u64,
        input: impl FnOnce(&mut State, Instant) -> R,
    ) -> Option<R> {
        let mut guard = lock(&self.state);
        let state = guard.as_mut().filter(|state| state.serial == serial)?;
        let now = state.begin();
        let result = input(state, now);
        self.follow_up(guard, now);
        Some(result)
    }

    /// The last handle is gone.
    pub(super) fn abandon(&'static self) {
        let mut guard = lock(&self.state);
        if let Some(state) = guard.as_mut() {
            state.abandoned = true;
            let now = state.now;
            self.follow_up(guard, now);
        }
    }

    /// What followed from an input. What the engine left over is carried on at once.
    #[inline(never)]
    fn follow_up(&'static self, mut guard: MutexGuard<'static, Option<State>>, mut now: Instant) {
        loop {
            let Some(state) = guard.as_mut() else { return };
            state.settle(now);
            state.look_at_pressure(now);
            let left_over = state.keep_time(now);
            if state.abandoned && state.engine.running() == 0 {
                self.empty(guard);
                return;
            }
            let (serial, wakes) = (state.serial, std::mem::take(&mut state.wakes));
            drop(guard);
            // To measure is to read a file, and nobody shall wait for that.
            let measured = wakes.wake().map(|meter| meter.bytes());
            if !left_over && measured.is_none() {
                return;
            }
            guard = lock(&self.state);
            let Some(state) = guard.as_mut().filter(|state| state.serial == serial) else { return };
            now = state.begin();
            if let Some(bytes) = measured {
                state.measured(now, bytes);
            }
        }
    }

    /// The gate is gone.
    fn empty(&'static self, mut guard: MutexGuard<'static, Option<State>>) {
        // Closed before it is out of the readers' sight, so that they find what it leaves.
        let wakes = guard.as_mut().map(State::close).unwrap_or_default();
        let state = guard.take();
        drop(guard);
        drop(wakes.wake());
        drop(state);
        lock(&EMPTY).push(self);
    }
}
