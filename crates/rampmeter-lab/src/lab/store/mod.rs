//! Where playings are kept: what was played once is not played again.
