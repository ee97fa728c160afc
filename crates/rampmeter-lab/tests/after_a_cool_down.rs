//! A thousand calls wait when a cool-down lifts: the provider's log shows a ramp, not a spike. The
//! time is real, but only counts of the log matter.

#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![cfg(feature = "studies")]

use std::time::Duration;

use rampmeter::{Call, Gate, Outcome, Policy, Reason};
use rampmeter_lab::provider::{Config, Entry, Provider, Who};
use rampmeter_lab::studies::client::Client;
use serde_json::{Value, json};

const WAITING: usize = 1_000;

/// A million tokens in each second; a call takes 5 ms.
const PROVIDER: &str = "tokens = \"1000000/min\"\nkind = \"calendar\"\ncharge = \"actual\"\n\
                        speed = 60\nlatency = \"300ms\"";

const POLICY: &str =
    "[limits.it]\nconcurrency = 1000\nfeedback = true\n[tools.t]\nlimits = [\"it\"]\n";

fn body(tokens: u64) -> Value {
    json!({"mock": {"input_tokens": tokens, "output_tokens": 0}})
}

/// Somebody else takes all there is, until a call of ours is turned away.
async fn throttled_once(gate: &Gate, client: &Client) -> Duration {
    loop {
        client.post("/tool", &[], &body(1_000_000)).await.unwrap();
        let permit = gate.admit("t").await.unwrap();
        let answer = client.post("/tool", &[("flow", "first")], &body(1)).await.unwrap();
        if answer.status == 200 {
            permit.finish(Outcome::Succeeded);
            continue;
        }
        let delay = answer.retry_after().unwrap();
        if delay < Duration::from_millis(300) {
            // Too short for all to be waiting when it lifts.
            permit.finish(Outcome::Failed);
            continue;
        }
        assert!(permit.report().throttled(Some(delay)));
        permit.finish(Outcome::Overloaded);
        return delay;
    }
}

async fn call(gate: Gate, client: Client) -> u16 {
    let permit = gate.admit(Call::new("t")).await.unwrap();
    let answer = client.post("/tool", &[("flow", "herd")], &body(1)).await.unwrap();
    if answer.status == 200 {
        permit.finish(Outcome::Succeeded);
    } else {
        permit.report().throttled(answer.retry_after());
        permit.finish(Outcome::Overloaded);
    }
    answer.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_that_waited_reach_the_provider_as_a_ramp_and_none_is_throttled_again() {
    let provider = Provider::start(Config::read(PROVIDER).unwrap()).await.unwrap();
    let client = Client::new(&provider.url());
    let gate = Gate::new(&Policy::parse("test.toml", POLICY).unwrap()).unwrap();
    let delay = throttled_once(&gate, &client).await;
    let short = gate.admit(Call::new("t").deadline(delay / 2)).await.unwrap_err();
    assert_eq!(short.reason, Reason::Deadline, "whoever cannot wait so long is told at once");

    let herd = (0..WAITING).map(|_| tokio::spawn(call(gate.clone(), client.clone())));
    let herd: Vec<_> = herd.collect();
    for task in herd {
        assert_eq!(task.await.unwrap(), 200);
    }
    let log = provider.stop().await;
    let of_herd =
        |entry: &&Entry| entry.who == Who::Client && entry.flow.as_deref() == Some("herd");
    let arrived: Vec<&Entry> = log.entries.iter().filter(of_herd).collect();
    assert_eq!(arrived.len(), WAITING);
    for (place, entry) in arrived.iter().enumerate() {
        // So many had come back when it was let out, and one more than that may be out.
        let running = usize::try_from(entry.running).unwrap();
        let back = place + 1 - running;
        assert!(running <= back + 1, "{running} at once when {back} had come back: {entry:?}");
    }
    let most = arrived.iter().map(|entry| entry.running).max();
    assert!(most.is_some_and(|most| most > 8), "it does become wide: {most:?}");
}
