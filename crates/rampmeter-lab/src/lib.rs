//! Studies of Rampmeter: the deterministic simulator of its engine and its judges, pictures of how
//! calls are ordered, and the gate beside other limiters before a provider that is not ours to see
//! into. [`lab`] plays scenarios under several regimes and reports what happens.
#![forbid(unsafe_code)]

#[cfg(feature = "lab")]
pub mod lab;
pub mod pictures;
mod server;
pub mod sim;
pub mod studies;

/// Tools with settable behaviour, and who watches what happens inside them.
#[cfg(feature = "lab")]
pub use lab::tools;
/// The mock provider, which shares no code with the limiters before it.
#[cfg(feature = "studies")]
pub use rampmeter_provider as provider;
