//! A process that keeps its state is killed at random moments (SIGKILL), and the next one carries
//! on from its file.
//!
//! `RAMPMETER_KILLS=1000 cargo test -p rampmeter --test kills -- --nocapture` kills so many and
//! prints what was lost; `RAMPMETER_SEED=N` chooses other moments, `RAMPMETER_INTERVAL_MS=100`
//! another interval. Where the disk takes longer than the interval, writes are that far apart.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rampmeter::{BudgetSnapshot, Durability, Gate, Policy};

const FILE: &str = "RAMPMETER_KILLED_FILE";
const STRICT: &str = "RAMPMETER_KILLED_STRICT";

/// Units of the quota, and the most that a write charges in advance.
const AMOUNT: u64 = 1_600;
const MOST_IN_ADVANCE: u64 = AMOUNT / 16;

/// What the child said of one permit that it had.
#[derive(Clone, Copy, Debug)]
struct Said {
    permits: u64,
    /// Writes that were on the disk by then.
    writes: u64,
    at_micros: u64,
}

fn gate() -> Gate {
    let text =
        format!("[limits.quota]\nrequests = \"{AMOUNT}/day\"\n[tools.t]\nlimits = [\"quota\"]");
    Gate::new(&Policy::parse("kills.toml", &text).unwrap()).unwrap()
}

/// Not a test of its own: it is what the others start and kill.
#[test]
fn the_child_admits_calls_for_as_long_as_it_lives() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let strict = std::env::var_os(STRICT).is_some();
    let durability = if strict { Durability::Strict } else { Durability::Interval(interval()) };
    let gate = gate();
    gate.persist(Path::new(&file), durability).unwrap();
    let begun = Instant::now();
    for permits in 1..AMOUNT {
        drop(gate.try_admit("t").unwrap());
        let writes = gate.persisted().unwrap().writes;
        let line = format!("\n# {permits} {writes} {}\n", begun.elapsed().as_micros());
        // One write to the pipe: whoever reads it reads it whole.
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        // So that there are writes among them.
        spin(if strict { Duration::from_micros(40) } else { interval() / 250 });
    }
}

fn child(file: &Path, strict: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "the_child_admits_calls_for_as_long_as_it_lives", "--nocapture"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if strict {
        command.env(STRICT, "1");
    }
    command.spawn().unwrap()
}

/// Kills the child a random while after a random one of its permits; what it had said until then.
fn kill_at_random(mut child: Child, state: &mut u64) -> Vec<Said> {
    let (after_permits, micros) = (draw(state, 1_000), draw(state, 3_000));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said = Vec::new();
    while (said.len() as u64) < after_permits
        && let Some(line) = lines.next()
    {
        said.extend(parse(&line));
    }
    spin(Duration::from_micros(micros));
    child.kill().unwrap();
    said.extend(lines.filter_map(|line| parse(&line)));
    child.wait().unwrap();
    said
}

fn spin(duration: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < duration {
        std::hint::spin_loop();
    }
}

fn parse(line: &str) -> Option<Said> {
    let mut words = line.strip_prefix("# ")?.split(' ').map(|word| word.parse().ok());
    let mut next = || words.next().flatten();
    Some(Said { permits: next()?, writes: next()?, at_micros: next()? })
}

/// What the next process finds used.
fn used(file: &Path) -> u64 {
    let gate = gate();
    let restored = gate.persist(file, Durability::default()).unwrap();
    assert_eq!(restored.set_aside, None, "what is in the place of the file is whole");
    match &gate.snapshot().limits[0].instances[0].budgets[0] {
        BudgetSnapshot::Rate { used, .. } => *used,
        BudgetSnapshot::Concurrency { .. } => panic!("it is a rate"),
    }
}

fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below
}

fn interval() -> Duration {
    Duration::from_millis(from_environment("RAMPMETER_INTERVAL_MS", 10))
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// Kills half of `RAMPMETER_KILLS` children; `judge` is told what each said and what was found.
fn kills(strict: bool, mut judge: impl FnMut(&[Said], u64)) -> u64 {
    if std::env::var_os(FILE).is_some() {
        return 0;
    }
    let kills = from_environment("RAMPMETER_KILLS", 50) / 2;
    let mut state = from_environment("RAMPMETER_SEED", 1) + u64::from(strict);
    for _ in 0..kills {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("quota.state");
        let said = kill_at_random(child(&file, strict), &mut state);
        judge(&said, used(&file));
    }
    kills
}

#[test]
fn with_strict_durability_no_permit_is_forgotten_wherever_the_process_is_killed() {
    let (mut permits, mut in_vain) = (0, 0);
    let killed = kills(true, |said, used| {
        let said = said.last().map_or(0, |last| last.permits);
        // One more may have been admitted that the child could not tell of.
        let most = said + 1 + MOST_IN_ADVANCE;
        assert!((said..=most).contains(&used), "{used} used of {said} permits");
        permits += said;
        in_vain = in_vain.max(used - said);
    });
    println!(
        "strict: {killed} kills after {permits} permits; forgotten 0; charged in vain at most \
         {in_vain} of {AMOUNT}"
    );
}

#[test]
fn with_an_interval_no_more_is_forgotten_than_was_used_since_the_last_write() {
    let (mut permits, mut forgotten, mut micros, mut apart) = (0, 0, 0, 0);
    let killed = kills(false, |said, used| {
        let Some(last) = said.last() else { return };
        assert!(used <= last.permits + 1, "{used} used of {} permits", last.permits);
        // A write is begun after the one before is done; so the last one that was seen done has
        // all that was used before the one before it was.
        let seen = said.iter().rfind(|it| it.writes + 2 <= last.writes);
        let written = seen.map_or(0, |it| it.permits);
        assert!(used >= written, "{used} used, and {written} were written: {last:?}");
        permits += last.permits;
        forgotten = forgotten.max(last.permits.saturating_sub(used));
        let lost = said.iter().find(|it| it.permits > used);
        micros = micros.max(lost.map_or(0, |first| last.at_micros - first.at_micros));
        let done = said.windows(2).filter(|two| two[0].writes < two[1].writes);
        let done: Vec<u64> = done.map(|two| two[1].at_micros).collect();
        apart = done.windows(2).map(|two| two[1] - two[0]).chain([apart]).max().unwrap_or(0);
    });
    println!(
        "interval of {:?}: {killed} kills after {permits} permits; forgotten at most {forgotten} \
         permits, those of the last {micros} µs; writes were done up to {apart} µs apart",
        interval()
    );
}
