//! A subscription's two ends. The gate fills a batch under its own lock, so that telling an event
//! takes no further one; the reader changes it for the empty batch that it has read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use rampmeter_core::Instant;

use super::{Batch, Event, EventKind};
use crate::gate::Home;

/// A subscription. It holds up to its capacity; what comes while it is full is lost to it, and
/// counted ([`Events::missed`]). Dropping it ends it.
pub struct Events {
    home: &'static Home,
    mail: Arc<Mail>,
    /// What is being read.
    batch: Batch,
}

/// The gate's end.
pub(crate) struct Subscriber {
    mail: Arc<Mail>,
    pub(crate) batch: Batch,
    capacity: usize,
    /// At most so many events of the batch that the reader has are unread.
    handed: usize,
    missed: u64,
    reader: Option<Waker>,
}

/// What the ends share.
#[derive(Default)]
pub(crate) struct Mail {
    /// Events of the reader's batch that are unread.
    unread: AtomicUsize,
    /// What the gate leaves when it goes: the last batch, and how many were missed.
    last: Mutex<Option<(Batch, u64)>>,
}

impl Events {
    /// Both ends of a subscription at the gate in this home.
    pub(crate) fn new(home: &'static Home, capacity: usize) -> (Events, Subscriber) {
        let mail = Arc::new(Mail::default());
        let mut batch = Batch::default();
        batch.begin();
        let subscriber = Subscriber {
            mail: mail.clone(),
            batch,
            capacity: capacity.max(1),
            handed: 0,
            missed: 0,
            reader: None,
        };
        (Events { home, mail, batch: Batch::default() }, subscriber)
    }

    /// The next event; `None` once the gate is gone and all has been read.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// All that is there now.
    pub fn drain(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            events.reserve(self.batch.unread());
            events.extend(std::iter::from_fn(|| self.batch.pop()));
            // The one that was begun, and then what there is besides.
            if !self.fetch(None) {
                return events;
            }
        }
    }

    /// Shows `each` all that is there now. It costs less than to [`drain`](Events::drain) them.
    pub fn read(&mut self, mut each: impl FnMut(&Event)) {
        let mut event = Event::new(0, Instant::EPOCH, EventKind::Invoked);
        loop {
            self.batch.read(&mut event, &mut each);
            if !self.fetch(None) {
                return;
            }
        }
    }

    /// How many events came while the buffer was full.
    pub fn missed(&self) -> u64 {
        let missed = self.home.visit(|gate| Some(gate?.subscriber(&self.mail)?.missed));
        missed.unwrap_or_else(|| self.mail.last.lock().as_ref().map_or(0, |(_, missed)| *missed))
    }

    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.batch.unread() == 0 && !self.fetch(Some(context.waker())) {
            let gone = self.mail.last.lock().is_some();
            // It may have gone since, and left something.
            if !gone {
                return Poll::Pending;
            }
            self.fetch(None);
        }
        let event = self.batch.pop();
        self.mail.unread.store(self.batch.unread(), Ordering::Relaxed);
        Poll::Ready(event)
    }

    /// Changes the batch that has been read for one that is not empty; says whether there was
    /// one. If not, `reader` is woken when there is.
    fn fetch(&mut self, reader: Option<&Waker>) -> bool {
        // Its calls are dropped, and the waker is cloned, before the lock.
        self.batch.clear();
        let mut reader = reader.cloned();
        self.home.visit(|gate| {
            if let Some(subscriber) = gate.and_then(|gate| gate.subscriber(&self.mail)) {
                subscriber.exchange(&mut self.batch, &mut reader);
            }
        });
        drop(reader);
        self.mail.unread.store(self.batch.unread(), Ordering::Relaxed);
        if self.batch.unread() == 0
            && let Some((last, _)) = self.mail.last.lock().as_mut()
        {
            std::mem::swap(last, &mut self.batch);
        }
        self.batch.unread() > 0
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let gone = self.home.visit(|gate| gate?.unsubscribe(&self.mail));
        drop(gone);
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Subscriber {
    pub(crate) fn is_for(&self, mail: &Arc<Mail>) -> bool {
        Arc::ptr_eq(&self.mail, mail)
    }

    /// May so many events be told? If not, they are missed.
    #[inline]
    pub(crate) fn has_room(&mut self, events: usize) -> bool {
        if self.batch.unread() + self.handed + events <= self.capacity {
            return true;
        }
        self.has_room_now(events)
    }

    /// The reader may have read more since.
    #[cold]
    fn has_room_now(&mut self, events: usize) -> bool {
        self.handed = self.mail.unread.load(Ordering::Relaxed);
        let room = self.batch.unread() + self.handed + events <= self.capacity;
        self.missed += if room { 0 } else { events as u64 };
        room
    }

    #[inline]
    pub(crate) fn has_reader(&self) -> bool {
        self.reader.is_some()
    }

    /// Whom to wake, now that there is something to read.
    #[inline]
    pub(crate) fn reader(&mut self) -> Option<Waker> {
        self.reader.take()
    }

    /// The gate is gone: the reader finds what is left.
    pub(crate) fn leave(self) -> Option<Waker> {
        *self.mail.last.lock() = Some((self.batch, self.missed));
        self.reader
    }

    /// Changes the reader's empty batch for this one. If this one is empty too, the reader leaves
    /// its waker and gets the one before it.
    fn exchange(&mut self, read: &mut Batch, reader: &mut Option<Waker>) {
        if self.batch.unread() == 0 {
            if reader.is_some() {
                std::mem::swap(&mut self.reader, reader);
            }
            return;
        }
        std::mem::swap(&mut self.batch, read);
        self.batch.begin();
        self.handed = read.unread();
        self.mail.unread.store(self.handed, Ordering::Relaxed);
    }
}
