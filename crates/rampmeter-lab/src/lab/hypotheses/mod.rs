//! H1 to H10: what is claimed of running calls without limits, and a verdict for every regime.
