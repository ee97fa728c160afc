//! Findings: what is worth knowing of a study, each with its evidence and how to reproduce it.
