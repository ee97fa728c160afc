mod regimes;
mod support;
