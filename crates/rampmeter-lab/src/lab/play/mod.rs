//! A script played under a regime.
