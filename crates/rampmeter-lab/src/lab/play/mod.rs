//! A script played under a regime.

pub mod stageflow;
