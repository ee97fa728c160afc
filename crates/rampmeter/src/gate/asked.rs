//! What may be asked about.

use std::sync::Arc;

use rampmeter_core::Instant;

use super::state::{Standing, State};
use super::{Gate, Handle};
use crate::call::Call;

/// What to admit: a [`Call`], a tool's name, or a [`Handle`].
pub trait Ask: Unpin + Sealed {
    /// Itself.
    #[doc(hidden)]
    fn asked(&self) -> Asked<'_>;
}

/// Nobody else has anything to ask.
pub trait Sealed {}

/// Whatever was asked about.
#[derive(Debug)]
pub enum Asked<'a> {
    /// A call by name.
    Call(&'a Call<'a>),
    /// Nothing but a name.
    Tool(&'a str),
    /// What was found before.
    Handle(&'a Handle),
}

impl Sealed for Call<'_> {}
impl Sealed for &str {}
impl Sealed for &Handle {}

impl Ask for Call<'_> {
    #[inline]
    fn asked(&self) -> Asked<'_> {
        Asked::Call(self)
    }
}

impl Ask for &str {
    #[inline]
    fn asked(&self) -> Asked<'_> {
        Asked::Tool(self)
    }
}

impl Ask for &Handle {
    #[inline]
    fn asked(&self) -> Asked<'_> {
        Asked::Handle(self)
    }
}

impl Asked<'_> {
    /// Puts it to the gate, under its lock. Written out where it is asked, so that what is asked
    /// about is known there and its answer stays in registers.
    #[inline(always)]
    pub(super) fn put(self, gate: &Gate, state: &mut State, now: Instant, wait: bool) -> Standing {
        match self {
            Asked::Call(call) => state.ask_call(gate, now, call, wait),
            Asked::Tool(tool) => state.ask_call(gate, now, &Call::new(tool), wait),
            // Its numbers mean something else elsewhere, or nothing.
            Asked::Handle(handle) if !Arc::ptr_eq(&handle.gate.tenancy, &gate.tenancy) => {
                state.refused_stranger(now, handle.call.clone())
            }
            Asked::Handle(handle) => state.ask_handle_or_nested(gate, now, handle, wait),
        }
    }
}
