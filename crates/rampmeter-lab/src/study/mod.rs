//! Studies: a workload in virtual time against a model that is not the engine's, and figures out.
//! What must hold is data, beside the study; a test holds it to that.

pub mod adaptive;
