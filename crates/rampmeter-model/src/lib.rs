//! Holds nothing: the model checks are in `tests`, so that only they need the checker.
