//! `rampmeter lab tune`: the limits that meet aims at the greatest goodput.

use std::fs::File;
use std::io::{BufReader, Read};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

use rampmeter::Policy;
use rampmeter_lab::lab::figures::Aim;
use rampmeter_lab::lab::scenario;
use rampmeter_lab::lab::store::write_whole;
use rampmeter_lab::lab::tune::{self, TuneOptions, Tuned, Workload, replay};

use super::pick::one_of;
use super::progress::Counting;
use crate::args::TuneArgs;
use crate::exit::Exit;
use crate::say::{print, say};

pub(super) fn tune(args: &TuneArgs) -> Result<Exit, String> {
    let aims = args.aims.iter().map(|aim| Aim::parse(aim)).collect::<Result<Vec<_>, _>>()?;
    let file = args.policy.display().to_string();
    let policy = std::fs::read_to_string(&args.policy).map_err(|error| {
        format!("cannot read {file}: {error}; name the policy file whose limits are to be found")
    })?;
    let workload = workload(&args.workload, &file, &policy)?;
    let seeds: Vec<u64> = (1..=u64::from(args.seeds)).collect();
    let counting = Counting::new("settings tried");
    let tuned = tune::tune(&TuneOptions {
        file: &file,
        policy: &policy,
        workload: &workload,
        aims: &aims,
        seeds: &seeds,
        threads: thread::available_parallelism().map_or(1, NonZeroUsize::get),
        most: usize::try_from(args.most).unwrap_or(usize::MAX),
        told: &|tried| counting.at(tried),
    });
    drop(counting);
    let tuned = tuned.map_err(|error| error.trim_end().to_owned())?;
    let printed = print(&in_words(args, &tuned)?);
    let written = args.out.as_deref().is_none_or(|out| written(out, &tuned.policy));
    Ok(if tuned.met && printed && written { Exit::Done } else { Exit::Partly })
}

/// A scenario by its name or in a file, or what was recorded.
fn workload(name: &str, file: &str, policy: &str) -> Result<Workload, String> {
    let is_built_in = scenario::built_in().iter().any(|(it, _)| *it == name);
    if is_built_in || !is_recording(Path::new(name)) {
        let scenario = one_of(name)?;
        return Ok(Workload::Scenario(Box::new((*scenario).clone())));
    }
    let policy = Policy::parse(file, policy).map_err(|it| it.to_string().trim_end().to_owned())?;
    let events = File::open(name).map_err(|error| format!("cannot read {name}: {error}"))?;
    Ok(Workload::Replay(Box::new(replay(name, BufReader::new(events), &policy)?)))
}

/// Events are JSON Lines, and a scenario cannot begin with a brace. What is empty was to be events,
/// unless it is named as a scenario is.
fn is_recording(path: &Path) -> bool {
    let file = File::open(path).into_iter().flat_map(Read::bytes).map_while(Result::ok);
    let first = file.take(1024).find(|byte| !byte.is_ascii_whitespace());
    let may_be_empty = || path.is_file() && path.extension().is_none_or(|it| it != "toml");
    first.map_or_else(may_be_empty, |first| first == b'{')
}

fn in_words(args: &TuneArgs, tuned: &Tuned) -> Result<String, String> {
    match args.json {
        false => Ok(tuned.to_string()),
        true => serde_json::to_string(tuned)
            .map(|text| text + "\n")
            .map_err(|error| format!("cannot write what was found as JSON: {error}")),
    }
}

fn written(out: &Path, policy: &str) -> bool {
    let written = write_whole(out, |file| file.write_all(policy.as_bytes()));
    if let Err(error) = &written {
        say(format_args!("error: {error}; what was found is above"));
    }
    written.is_ok()
}
