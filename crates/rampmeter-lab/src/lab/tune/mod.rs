//! The limits that meet stated aims at the greatest goodput.
