//! The wish that a command should end.

#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

/// Ctrl-C, or what a service manager sends instead.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        tokio::select! {
            Ok(()) = tokio::signal::ctrl_c() => return,
            Some(()) = terminate.recv() => return,
            else => std::future::pending::<()>().await,
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
