//! Tests of the policy file, as tables of data.

mod errors;
mod failures;
mod files;
mod http;
mod learned;
mod meaning;
mod pressure;
mod quantities;
mod remarks;
mod rendering;
mod state;
mod zones;

use super::{Policy, PolicyErrors};

fn errors_of(text: &str) -> PolicyErrors {
    match Policy::parse("rampmeter.toml", text) {
        Ok(policy) => panic!("read as a policy:\n{text}\n{policy:#?}"),
        Err(errors) => errors,
    }
}

fn policy_of(text: &str) -> Policy {
    match Policy::parse("rampmeter.toml", text) {
        Ok(policy) => policy,
        Err(errors) => panic!("not read as a policy:\n{text}\n{errors}"),
    }
}
