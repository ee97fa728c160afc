mod behaviours;
mod crashes;
mod regimes;
mod servers;
mod support;
