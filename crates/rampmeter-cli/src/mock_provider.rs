//! `rampmeter mock-provider`: an API on loopback that enforces quotas, to try limits against.

use std::io::Write;

use rampmeter_provider::{Config, Kept, Provider, Quota, Unit};

use crate::args::MockProviderArgs;
use crate::exit::Exit;
use crate::interrupt::interrupted;
use crate::say::say;

pub(crate) fn run(args: &MockProviderArgs) -> Exit {
    match try_run(args) {
        Ok(exit) => exit,
        Err(message) => {
            say(format_args!("error: {message}"));
            Exit::Refused
        }
    }
}

fn try_run(args: &MockProviderArgs) -> Result<Exit, String> {
    let config = config(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let kept = runtime.block_on(serve(config))?;
    let Kept { calls, admitted, throttled, written, .. } = kept;
    say(format_args!(
        "{calls} calls: {admitted} admitted, {throttled} answered 429, {} failed",
        calls - admitted - throttled
    ));
    if !written {
        say("error: a line of the log could not be written");
    }
    Ok(if written { Exit::Done } else { Exit::Partly })
}

/// Serves until an interrupt. The first line on stdout is the address and nothing else.
async fn serve(config: Config) -> Result<Kept, String> {
    let quotas = config.quotas.clone();
    let provider = Provider::start(config).await?;
    // A reader that has seen enough may close the pipe.
    let _ = writeln!(std::io::stdout().lock(), "{}", provider.url());
    for quota in &quotas {
        say(format_args!("enforces {quota}"));
    }
    if quotas.is_empty() {
        say("enforces no quota: say --requests 60/min or --tokens 6000/min");
    }
    interrupted().await;
    Ok(provider.stop().await)
}

/// The file's configuration, over which the flags win.
fn config(args: &MockProviderArgs) -> Result<Config, String> {
    let mut config = match &args.config {
        Some(path) => {
            let named = |error: String| format!("{}: {}", path.display(), error.trim_end());
            let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
            Config::read(&text).map_err(named)?
        }
        None => Config::default(),
    };
    for (unit, rates) in [(Unit::Requests, &args.requests), (Unit::Tokens, &args.tokens)] {
        if !rates.is_empty() {
            config.quotas.retain(|quota| quota.unit != unit);
        }
        for rate in rates {
            config.quotas.push(Quota::parse(unit, rate, args.kind, None)?);
        }
    }
    config.style = args.style.unwrap_or(config.style);
    config.charge = args.charge.unwrap_or(config.charge);
    config.speed = args.speed.unwrap_or(config.speed);
    config.port = args.port.unwrap_or(config.port);
    config.seed = args.seed.unwrap_or(config.seed);
    config.latency = args.latency.unwrap_or(config.latency);
    config.at_once = args.at_once.or(config.at_once);
    config.faults.share = args.faults.unwrap_or(config.faults.share);
    config.other_user = args.other_user.or(config.other_user);
    config.log_file.clone_from(&args.log);
    // The file has the whole of it, and nobody asks for what is kept in memory.
    config.log_entries = 0;
    config.check()?;
    Ok(config)
}
