//! A scenario as it was read, with the places of its parts: what is checked before it is one.

use super::super::Scenario;
use super::sink::Span;

/// A part, and where it stands.
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// The places of a scenario's parts, in their order.
#[derive(Default)]
pub(super) struct Places {
    pub(super) about: Span,
    pub(super) loads: Vec<Span>,
    pub(super) tools: Vec<Span>,
    pub(super) faults: Vec<Span>,
    pub(super) holds: Vec<Span>,
    pub(super) published: Vec<Span>,
    pub(super) sweep: Option<Span>,
}

/// A scenario of which it is not known yet whether it contradicts itself.
pub(super) struct Draft {
    pub(super) scenario: Scenario,
    pub(super) places: Places,
}

/// Splits parts from their places.
pub(super) fn split<T>(all: Vec<Placed<T>>) -> (Vec<T>, Vec<Span>) {
    all.into_iter().map(|placed| (placed.value, placed.span)).unzip()
}
