//! The gate before the mock provider, over HTTP, with a clock so slow that no quota comes back while
//! a test runs: only counts matter.

#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![cfg(feature = "studies")]

use std::sync::Arc;

use rampmeter::runtime::VirtualTime;
use rampmeter::{Call, Gate, Outcome, Policy};
use rampmeter_lab::provider::{Config, Provider};
use rampmeter_lab::studies::client::Client;
use serde_json::json;

const KINDS: [&str; 3] = ["bucket", "sliding", "calendar"];

async fn provider(kind: &str) -> (Provider, Client) {
    let quotas = "requests = \"20/day\"\ntokens = \"9000/day\"\nstarts_at = \"00:00:00\"";
    let config = format!("{quotas}\nkind = \"{kind}\"\nspeed = 0.001\ncharge = \"actual\"");
    let provider = Provider::start(Config::read(&config).unwrap()).await.unwrap();
    let client = Client::new(&provider.url());
    (provider, client)
}

fn gate(kind: &str) -> Gate {
    let rate = |amount| format!("{{ rate = \"{amount}/day\", kind = \"{kind}\" }}");
    let policy = format!(
        "[limits.it]\nrequests = {}\ntokens = {}\n[tools.t]\nlimits = {{ it = {{ tokens = 1 }} }}\n",
        rate(20),
        rate(9_000)
    );
    let policy = Policy::parse("test.toml", &policy).unwrap();
    // Its time stands still, also at midnight.
    Gate::with_runtime(&policy, Arc::new(VirtualTime::new())).unwrap()
}

async fn status(client: &Client, tokens: u64) -> u16 {
    let body = json!({"mock": {"input_tokens": tokens, "output_tokens": 0}});
    client.post("/tool", &[], &body).await.unwrap().status
}

#[tokio::test]
async fn what_the_gate_admits_the_provider_admits_and_no_call_more_would_have_fitted() {
    for kind in KINDS {
        for tokens in [100, 700, 4_500] {
            let ((provider, client), gate) = (provider(kind).await, gate(kind));
            let mut admitted = 0;
            for _ in 0..30 {
                let Ok(permit) = gate.try_admit(Call::new("t").tokens(tokens)) else { continue };
                assert_eq!(status(&client, tokens).await, 200, "{kind}, {tokens}");
                permit.finish(Outcome::Succeeded);
                admitted += 1;
            }
            assert_eq!(status(&client, tokens).await, 429, "{kind}, {tokens}: nothing was left");
            let log = provider.stop().await;
            assert_eq!((log.admitted, log.throttled), (admitted, 1), "{kind}, {tokens}");
        }
    }
}

#[tokio::test]
async fn without_a_limit_the_rest_is_turned_away() {
    for kind in KINDS {
        let (provider, client) = provider(kind).await;
        for _ in 0..30 {
            status(&client, 100).await;
        }
        let log = provider.stop().await;
        assert_eq!((log.admitted, log.throttled), (20, 10), "{kind}");
    }
}
