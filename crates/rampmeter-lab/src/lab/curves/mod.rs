//! How things go with size, time, priority and flow; and the concurrency that is best.
