//! One flight: of calls that ask for the same at the same time one runs, and the others share its
//! result.
//!
//! The first to come leads, whoever comes while it is under way follows. A leader that lands tells
//! all its followers; one that is dropped before, because its caller gave up, is succeeded by a
//! follower, so nobody is lost with it. No lock is held while anybody waits, and no runtime is
//! needed. (Go's `singleflight` has the idea; there a caller that gives up takes its followers with
//! it, or runs on for nobody.)

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::CacheKey;

/// Followers of one flight.
const MOST_FOLLOWERS: usize = 10_000;

/// Calls under way that others may share, by what they ask for. Clones share them.
#[derive(Debug)]
pub struct Flights<T> {
    under_way: Arc<Mutex<UnderWay<T>>>,
}

/// How a call takes part.
#[derive(Debug)]
pub enum Joined<T> {
    /// It runs, and lands with what comes of it.
    Leader(Leader<T>),
    /// Another runs; this is the future of what comes of it.
    Follower(Follower<T>),
    /// There are as many flights, or followers of this one, as there may be: it runs for itself.
    Alone,
}

/// What became of the flight that a call followed.
#[derive(Debug)]
pub enum Landed<T> {
    /// Its result.
    Shared(T),
    /// Its leader gave up: this call leads from now on.
    Leads(Leader<T>),
}

/// Leads a flight. Dropping it without [`Leader::land`] passes the lead on to a follower.
#[derive(Debug)]
pub struct Leader<T> {
    seat: Seat<T>,
    landed: bool,
}

/// The future of a flight that another leads.
///
/// # Cancel safety
/// Dropping it is giving up; if it was about to lead, another follower is.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Follower<T> {
    /// None once it has been told.
    seat: Option<Seat<T>>,
    number: u64,
}

#[derive(Debug)]
struct Seat<T> {
    flights: Flights<T>,
    key: CacheKey,
    flight: Arc<Mutex<Flight<T>>>,
}

#[derive(Debug)]
struct UnderWay<T> {
    most: usize,
    flights: HashMap<CacheKey, Arc<Mutex<Flight<T>>>>,
}

/// Its lock is taken within that of all flights, if both are.
#[derive(Debug)]
struct Flight<T> {
    phase: Phase<T>,
    followers: usize,
    numbers: u64,
    /// Of the followers that have been polled, in the order in which they came.
    wakers: BTreeMap<u64, Waker>,
}

#[derive(Debug)]
enum Phase<T> {
    Led,
    /// Its leader gave up, and a follower is to lead when it is polled.
    Vacant,
    Landed(T),
}

impl<T> Flights<T> {
    /// No flights yet, and at most so many at once.
    pub fn new(most: usize) -> Flights<T> {
        let under_way = UnderWay { most, flights: HashMap::new() };
        Flights { under_way: Arc::new(Mutex::new(under_way)) }
    }

    /// Takes part in the flight for `key`, or begins it.
    pub fn join(&self, key: CacheKey) -> Joined<T> {
        let mut under_way = self.under_way.lock();
        let Some(known) = under_way.flights.get(&key) else {
            if under_way.flights.len() >= under_way.most {
                return Joined::Alone;
            }
            let (phase, wakers) = (Phase::Led, BTreeMap::new());
            let flight = Flight { phase, followers: 0, numbers: 0, wakers };
            let flight = Arc::new(Mutex::new(flight));
            under_way.flights.insert(key, flight.clone());
            return Joined::Leader(Leader { seat: self.seat(key, flight), landed: false });
        };
        let seat = self.seat(key, known.clone());
        let mut flight = known.lock();
        if let Phase::Vacant = flight.phase {
            // Whoever was woken to lead finds that another does, and follows on.
            flight.phase = Phase::Led;
            drop(flight);
            return Joined::Leader(Leader { seat, landed: false });
        }
        if flight.followers >= MOST_FOLLOWERS {
            return Joined::Alone;
        }
        flight.followers += 1;
        flight.numbers += 1;
        Joined::Follower(Follower { seat: Some(seat), number: flight.numbers })
    }

    /// Flights under way.
    pub fn under_way(&self) -> usize {
        self.under_way.lock().flights.len()
    }

    fn seat(&self, key: CacheKey, flight: Arc<Mutex<Flight<T>>>) -> Seat<T> {
        Seat { flights: self.clone(), key, flight }
    }
}

impl<T> Leader<T> {
    /// The flight has come to an end, and its followers are told. Whoever comes from now on begins
    /// another one. What only this caller is to blame for, such as its own deadline, is no result:
    /// drop the leader then.
    pub fn land(mut self, result: T) {
        self.landed = true;
        let Seat { flights, key, flight } = &self.seat;
        let mut under_way = flights.under_way.lock();
        under_way.flights.remove(key);
        let mut flight = flight.lock();
        flight.phase = Phase::Landed(result);
        let wakers = std::mem::take(&mut flight.wakers);
        drop((flight, under_way));
        wakers.into_values().for_each(Waker::wake);
    }
}

impl<T> Drop for Leader<T> {
    fn drop(&mut self) {
        if self.landed {
            return;
        }
        let next = self.seat.pass_on(|flight| flight.phase = Phase::Vacant);
        next.into_iter().for_each(Waker::wake);
    }
}

impl<T> Seat<T> {
    /// Changes a flight; if it has no leader then, returns the follower to wake, and ends it if
    /// there is none.
    fn pass_on(&self, change: impl FnOnce(&mut Flight<T>)) -> Option<Waker> {
        let mut under_way = self.flights.under_way.lock();
        let mut flight = self.flight.lock();
        change(&mut flight);
        if !matches!(flight.phase, Phase::Vacant) {
            return None;
        }
        if flight.followers == 0 {
            under_way.flights.remove(&self.key);
            return None;
        }
        // Whoever has not been polled yet finds it out by itself.
        flight.wakers.pop_first().map(|(_, waker)| waker)
    }
}

impl<T: Clone> Future for Follower<T> {
    type Output = Landed<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Landed<T>> {
        let number = self.number;
        let Some(seat) = self.seat.take() else { return Poll::Pending };
        let mut flight = seat.flight.lock();
        match &flight.phase {
            Phase::Led => {
                let old = flight.wakers.insert(number, context.waker().clone());
                drop(flight);
                drop(old);
                self.seat = Some(seat);
                Poll::Pending
            }
            Phase::Vacant => {
                flight.phase = Phase::Led;
                flight.followers -= 1;
                let old = flight.wakers.remove(&number);
                drop(flight);
                drop(old);
                Poll::Ready(Landed::Leads(Leader { seat, landed: false }))
            }
            Phase::Landed(result) => {
                let result = result.clone();
                drop(flight);
                Poll::Ready(Landed::Shared(result))
            }
        }
    }
}

impl<T> Drop for Follower<T> {
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        let number = self.number;
        let mut own = None;
        let next = seat.pass_on(|flight| {
            flight.followers -= 1;
            own = flight.wakers.remove(&number);
        });
        drop(own);
        next.into_iter().for_each(Waker::wake);
    }
}

impl<T> Clone for Flights<T> {
    fn clone(&self) -> Flights<T> {
        Flights { under_way: self.under_way.clone() }
    }
}
