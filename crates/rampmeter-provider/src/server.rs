//! The provider over HTTP.

mod reply;
mod visit;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::Config;
use crate::desk::Desk;
use crate::log::{Kept, Log};

/// What a body may be at most.
const BODY_BYTES: usize = 16 << 20;

/// A provider that is being served. Dropping it ends it, too.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

struct Shared {
    config: Config,
    clock: Clock,
    book: Mutex<Book>,
}

/// What is decided and what is written down, under one lock, so that the log is in the order of the
/// decisions.
struct Book {
    desk: Desk,
    log: Log,
}

impl Provider {
    /// Serves on loopback, by the runtime that this is called on.
    ///
    /// # Cancel safety
    /// If it is dropped, nothing is served.
    pub async fn start(config: Config) -> Result<Provider, String> {
        config.check()?;
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, config.port));
        let refused = |error| format!("cannot listen on {wanted}: {error}; say another port");
        let listener = TcpListener::bind(wanted).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let clock = Clock::start(&config);
        let desk = Desk::new(&config, clock.phase_ns());
        let book = Mutex::new(Book { desk, log: Log::open(&config)? });
        let shared = Arc::new(Shared { config, clock, book });
        let router = Router::new()
            .route("/v1/chat/completions", post(reply::chat))
            .route("/chat/completions", post(reply::chat))
            .route("/tool", post(reply::tool))
            .route("/v1/models", get(reply::models))
            .layer(DefaultBodyLimit::max(BODY_BYTES))
            .with_state(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let ends = async {
                let _ = stopped.await;
            };
            // It ends by itself only if the listener fails, and then there is nobody to tell.
            let _ = axum::serve(listener, router).with_graceful_shutdown(ends).await;
        });
        Ok(Provider { address, shared, stop: Some(stop), serving })
    }

    /// Where it is, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The log so far.
    pub fn log(&self) -> Kept {
        self.shared.book().log.kept().clone()
    }

    /// How far into a day its clock was when it started, which calendar quotas are aligned to.
    pub fn phase_ns(&self) -> u64 {
        self.shared.clock.phase_ns()
    }

    /// The provider's clock, from its start.
    pub fn now_ns(&self) -> u64 {
        self.shared.clock.now_ns()
    }

    /// Answers what is being answered, takes nothing more, and gives the log.
    ///
    /// # Cancel safety
    /// If it is dropped, the provider still comes to its end.
    pub async fn stop(mut self) -> Kept {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.serving).await;
        self.log()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if self.stop.is_some() {
            self.serving.abort();
        }
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        // The log is only ever added to, so it is whole even if a holder panicked.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}
