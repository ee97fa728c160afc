mod behaviours;
mod broken;
mod crashes;
mod regimes;
mod servers;
mod support;
