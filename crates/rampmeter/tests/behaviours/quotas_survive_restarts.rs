use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rampmeter::runtime::{BoxFuture, Runtime, VirtualTime};
use rampmeter::{
    BudgetSnapshot, Call, Durability, Gate, Instant, PersistError, Policy, Reason, Restored,
};

use crate::support::{assert_idle, policy};

/// Virtual time of a process that was started at some time of day.
#[derive(Clone)]
struct Process {
    time: VirtualTime,
    started: SystemTime,
}

/// Noon of some day, in seconds since 1970.
const NOON: u64 = 20_000 * 86_400 + 43_200;

/// Nothing is written but when it is asked for.
const SELDOM: Durability = Durability::Interval(Duration::from_secs(1 << 30));

impl Process {
    fn at(seconds: u64) -> Process {
        Process::at_nanos(seconds * 1_000_000_000)
    }

    fn at_nanos(nanos: u64) -> Process {
        let started = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
        Process { time: VirtualTime::new(), started }
    }

    fn gate(&self, policy: &Policy) -> Gate {
        Gate::with_runtime(policy, Arc::new(self.clone())).unwrap()
    }

    /// A gate that carries on from the file.
    fn resumes(&self, policy: &Policy, file: &Path) -> (Gate, Restored) {
        let gate = self.gate(policy);
        let restored = gate.persist(file, SELDOM).unwrap();
        (gate, restored)
    }

    fn run_for(&self, seconds: u64) {
        let until = self.time.now().saturating_add(Duration::from_secs(seconds));
        self.time.block_on(self.time.sleep_until(until)).unwrap();
    }
}

impl Runtime for Process {
    fn now(&self) -> Instant {
        self.time.now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.started + Duration::from_nanos(self.time.now().as_nanos())
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<()> {
        self.time.sleep_until(at)
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.time.spawn(task);
    }
}

fn quota(rate: &str) -> Policy {
    policy(&format!("[limits.quota]\nrequests = {rate}\n[tools.t]\nlimits = [\"quota\"]"))
}

const DAILY: &str = "{ rate = \"10/day\", kind = \"calendar\", zone = \"UTC\" }";

/// How many calls start at once, of at most a hundred.
fn admitted(gate: &Gate) -> usize {
    let calls = std::iter::from_fn(|| gate.try_admit("t").ok());
    calls.take(100).count()
}

fn admits(gate: &Gate, calls: usize) {
    (0..calls).for_each(|_| drop(gate.try_admit("t").unwrap()));
}

/// What the first instance's first rate has used.
fn used(gate: &Gate) -> u64 {
    let instances = &gate.snapshot().limits[0].instances;
    let rates = instances.iter().flat_map(|it| &it.budgets).filter_map(|budget| match budget {
        BudgetSnapshot::Rate { used, .. } => Some(*used),
        BudgetSnapshot::Concurrency { .. } => None,
    });
    rates.max().unwrap_or(0)
}

/// A folder, and a file in it that is not there yet.
fn place() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quota.state");
    (folder, file)
}

/// What a process that starts now would find used, whoever has the file.
fn used_by_file(policy: &Policy, file: &Path, at: &Process) -> u64 {
    let (_folder, copy) = place();
    fs::copy(file, &copy).unwrap();
    let now = at.wall_clock().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let process = Process::at_nanos(u64::try_from(now.as_nanos()).unwrap());
    let (gate, restored) = process.resumes(policy, &copy);
    assert_eq!(restored.set_aside, None);
    used(&gate)
}

#[test]
fn the_next_process_carries_on_where_the_last_one_ended_whatever_the_kind() {
    let kinds = ["\"10/day\"", "{ rate = \"10/day\", kind = \"bucket\" }", DAILY];
    for rate in kinds {
        let (_folder, file) = place();
        let policy = quota(rate);
        let (gate, restored) = Process::at(NOON).resumes(&policy, &file);
        assert_eq!(restored, Restored::default(), "there was nothing");
        admits(&gate, 7);
        drop(gate);

        let (gate, restored) = Process::at(NOON + 60).resumes(&policy, &file);
        assert_eq!(restored.age, Some(Duration::from_secs(60)));
        assert_eq!((restored.clean, restored.rates), (true, 1));
        assert_eq!((used(&gate), admitted(&gate)), (7, 3), "{rate}");
    }
}

#[test]
fn the_time_in_which_nothing_ran_counts() {
    let cases = [
        ("\"10/min\"", 59, 3),
        ("\"10/min\"", 61, 10),
        ("{ rate = \"10/min\", kind = \"bucket\" }", 12, 5),
        ("{ rate = \"10/min\", kind = \"bucket\" }", 42, 10),
        (DAILY, 43_199, 3),
        (DAILY, 43_200, 10),
        (DAILY, 5 * 86_400, 10),
    ];
    for (rate, seconds, left) in cases {
        let (_folder, file) = place();
        let policy = quota(rate);
        let (gate, _) = Process::at(NOON).resumes(&policy, &file);
        admits(&gate, 7);
        drop(gate);
        let (gate, _) = Process::at(NOON + seconds).resumes(&policy, &file);
        assert_eq!(admitted(&gate), left, "{rate} after {seconds} s");
    }
}

#[test]
fn a_clock_that_was_set_back_frees_nothing_early_and_blocks_nobody_beyond_one_period() {
    for (rate, period) in [
        ("\"10/min\"", 61),
        ("{ rate = \"10/min\", kind = \"bucket\" }", 60),
        ("{ rate = \"10/min\", kind = \"calendar\" }", 60),
    ] {
        for back in [30, 3_600, 400 * 86_400] {
            let (_folder, file) = place();
            let policy = quota(rate);
            let (gate, _) = Process::at(NOON).resumes(&policy, &file);
            assert_eq!(admitted(&gate), 10);
            drop(gate);
            let process = Process::at(NOON - back);
            let (gate, restored) = process.resumes(&policy, &file);
            assert_eq!(restored.ahead, Some(Duration::from_secs(back)));
            assert_eq!(admitted(&gate), 0, "{rate}, {back} s back");
            process.run_for(period);
            assert_eq!(admitted(&gate), 10, "{rate}, {back} s back");
        }
    }
}

/// The time of day at the write and the gate's own clock were read one after the other.
#[test]
fn yesterdays_use_is_not_counted_to_today_because_two_clocks_were_a_hair_apart() {
    let (_folder, file) = place();
    let policy = quota(DAILY);
    let midnight = (NOON + 43_200) * 1_000_000_000;
    let last = Process::at_nanos(midnight - 2_000_000);
    let (gate, _) = last.resumes(&policy, &file);
    assert_eq!(admitted(&gate), 10);
    drop(gate);
    // By the file, yesterday still has two of its last milliseconds.
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"ends_in_ns\":2000000"), "{text}");
    let (gate, _) = Process::at_nanos(midnight + 1_000_000).resumes(&policy, &file);
    assert_eq!(admitted(&gate), 10);
}

#[test]
fn a_file_that_is_none_is_told_of_and_set_aside_and_quotas_begin_anew() {
    let (folder, file) = place();
    let policy = quota(DAILY);
    let (gate, _) = Process::at(NOON).resumes(&policy, &file);
    admits(&gate, 7);
    drop(gate);
    let whole = fs::read(&file).unwrap();
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 1;
    let flawed: [(&[u8], &str); 4] = [
        (&whole[..whole.len() / 2], "torn"),
        (&turned, "checksum"),
        (b"[limits.quota]\n", "no state file"),
        (b"rampmeter-state 9 0 0\n", "version \"9\""),
    ];
    for (number, (bytes, what)) in flawed.iter().enumerate() {
        fs::write(&file, bytes).unwrap();
        let (gate, restored) = Process::at(NOON).resumes(&policy, &file);
        let aside = restored.set_aside.unwrap();
        assert!(aside.why.contains(what), "{}", aside.why);
        assert_eq!(aside.to, folder.path().join(format!("quota.state.corrupt-{}", number + 1)));
        assert_eq!(fs::read(&aside.to).unwrap(), *bytes, "it is kept as it was");
        assert_eq!(restored.age, None);
        assert_eq!(admitted(&gate), 10, "{what}");
    }
}

#[test]
fn one_file_has_one_gate_at_a_time_and_the_error_says_what_to_do() {
    let (_folder, file) = place();
    let policy = quota(DAILY);
    let (gate, _) = Process::at(NOON).resumes(&policy, &file);
    let other = Process::at(NOON).gate(&policy);
    let error = other.persist(&file, SELDOM).unwrap_err();
    assert!(matches!(error, PersistError::InUse { .. }));
    let told = error.to_string();
    assert!(told.contains("quota.state: another gate") && told.contains("name another file"));
    let error = gate.persist(&file, SELDOM).unwrap_err();
    assert!(matches!(error, PersistError::Already { .. }), "{error}");
    drop(gate);
    other.persist(&file, SELDOM).unwrap();
    assert!(matches!(Process::at(NOON).gate(&policy).save(), Err(PersistError::Nowhere)));
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_at_once() {
    let (folder, _) = place();
    let gate = Process::at(NOON).gate(&quota(DAILY));
    let error = gate.persist(folder.path().join("missing/quota.state"), SELDOM).unwrap_err();
    let told = error.to_string();
    assert!(told.contains("missing/quota.state: cannot") && told.contains("a folder that exists"));
    assert!(gate.persist(folder.path(), SELDOM).is_err(), "a folder is no file");
    assert_eq!(gate.persisted(), None);
}

#[test]
fn what_the_policy_has_no_place_for_is_told_and_the_rest_carries_on() {
    let (_folder, file) = place();
    let before = policy(
        "[limits.gone]\nrequests = \"10/day\"\n[limits.other]\nrequests = \"10/day\"\n\
         [limits.stays]\nrequests = [\"10/day\", \"9/h\"]\n\
         [tools.t]\nlimits = [\"gone\", \"other\", \"stays\"]",
    );
    let (gate, _) = Process::at(NOON).resumes(&before, &file);
    admits(&gate, 7);
    drop(gate);
    let after = policy(
        "[limits.stays]\nrequests = [\"8/h\", \"20/day\"]\n\
         [limits.other]\nrequests = { rate = \"10/day\", kind = \"bucket\" }\n\
         [tools.t]\nlimits = [\"stays\"]",
    );
    let (gate, restored) = Process::at(NOON).resumes(&after, &file);
    let told: Vec<String> = restored.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "what limit gone had used is left out: the policy has no such limit",
            "what limit other had used is left out: it has no rate of that unit, period and kind \
             any more",
        ]
    );
    assert_eq!(restored.rates, 2);
    assert_eq!(admitted(&gate), 1, "eight an hour, of which seven are used");
}

fn of_key(key: &str) -> Call<'_> {
    Call::new("t").label("key", key)
}

#[test]
fn secrets_are_written_as_hashes_and_found_again() {
    let per_key = |labels: &str| {
        policy(&format!(
            "[limits.quota]\nper = \"key\"\nrequests = \"3/day\"\n\
             [tools.t]\nlimits = [\"quota\"]\n{labels}"
        ))
    };
    let (secret, plain) =
        (per_key("[labels.key]\nsecret = true"), per_key("[labels.key]\nsecret = false"));
    let (_folder, file) = place();
    let left = |gate: &Gate, key| (0..9).filter(|_| gate.try_admit(of_key(key)).is_ok()).count();
    let (gate, _) = Process::at(NOON).resumes(&plain, &file);
    drop(gate.try_admit(of_key("sk-12345")).unwrap());
    drop(gate);
    assert!(fs::read_to_string(&file).unwrap().contains("sk-12345"), "it was no secret then");

    let (gate, _) = Process::at(NOON).resumes(&secret, &file);
    assert!(!fs::read_to_string(&file).unwrap().contains("sk-12345"), "it is one now");
    assert_eq!(left(&gate, "sk-12345"), 2);
    drop(gate);
    let (gate, _) = Process::at(NOON).resumes(&secret, &file);
    assert!(!fs::read_to_string(&file).unwrap().contains("sk-12345"));
    assert_eq!((left(&gate, "sk-12345"), left(&gate, "sk-67890")), (0, 3));
    drop(gate);
    let (_, restored) = Process::at(NOON).resumes(&plain, &file);
    assert_eq!(restored.left_out.len(), 2, "no value can be found from its hash");
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, file) = place();
    let (gate, _) = Process::at(NOON).resumes(&quota(DAILY), &file);
    admits(&gate, 1);
    gate.save().unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn what_changed_is_written_by_itself_and_what_did_not_is_not() {
    let (_folder, file) = place();
    let (process, policy) = (Process::at(NOON), quota(DAILY));
    let gate = process.gate(&policy);
    gate.persist(&file, Durability::Interval(Duration::ZERO)).unwrap();
    admits(&gate, 4);
    while used_by_file(&policy, &file, &process) != 4 {
        std::thread::yield_now();
    }
    let writes = |gate: &Gate| gate.persisted().unwrap().writes;
    gate.save().unwrap();
    let before = writes(&gate);
    gate.save().unwrap();
    assert_eq!(writes(&gate), before + 1, "nobody wrote in between but who was asked to");
}

#[test]
fn with_strict_durability_every_charge_is_in_the_file_before_its_permit_is_handed_out() {
    for rate in [
        "\"400/day\"",
        "{ rate = \"400/day\", kind = \"bucket\" }",
        "{ rate = \"400/day\", kind = \"calendar\" }",
    ] {
        let (_folder, file) = place();
        let (process, policy) = (Process::at(NOON), quota(rate));
        let gate = process.gate(&policy);
        gate.persist(&file, Durability::Strict).unwrap();
        for calls in 1..=150 {
            drop(gate.try_admit("t").unwrap());
            let written = used_by_file(&policy, &file, &process);
            assert!(
                (calls..=calls + 400 / 16 + 1).contains(&written),
                "{written} of {calls}, {rate}"
            );
        }
        assert!(gate.persisted().unwrap().writes < 100, "most calls need not wait for one");
        drop(gate);
        assert_eq!(used_by_file(&policy, &file, &process), 150, "what nobody used is given back");
    }
}

#[test]
fn with_strict_durability_calls_that_come_together_share_their_writes() {
    let (_folder, file) = place();
    let policy = Arc::new(quota("{ rate = \"100000/day\", kind = \"calendar\" }"));
    let process = Process::at(NOON);
    let gate = process.gate(&policy);
    gate.persist(&file, Durability::Strict).unwrap();
    let admitted = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (gate, admitted, file) = (gate.clone(), admitted.clone(), file.clone());
            let (process, policy) = (process.clone(), policy.clone());
            std::thread::spawn(move || {
                for call in 0..500 {
                    drop(gate.try_admit("t").unwrap());
                    let so_far = admitted.fetch_add(1, Ordering::SeqCst) + 1;
                    if call % 10 == 0 {
                        assert!(used_by_file(&policy, &file, &process) >= so_far);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let writes = gate.persisted().unwrap().writes;
    assert!(writes < 1_000, "{writes} writes for 2000 calls");
    drop(gate);
    assert_eq!(used_by_file(&policy, &file, &process), 2_000);
}

#[test]
fn a_charge_that_cannot_be_written_is_a_refusal_and_holds_nothing() {
    let (folder, _) = place();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let text =
        "[limits.quota]\nconcurrency = 1\nrequests = \"10/day\"\n[tools.t]\nlimits = [\"quota\"]";
    let gate = Process::at(NOON).gate(&policy(text));
    gate.persist(inner.join("quota.state"), Durability::Strict).unwrap();
    fs::remove_dir_all(&inner).unwrap();
    let refusal = gate.try_admit("t").unwrap_err();
    assert_eq!(refusal.reason, Reason::Unwritten);
    assert_idle(&gate, "it was never admitted");
    let persisted = gate.persisted().unwrap();
    assert!(persisted.failures > 0 && persisted.last_error.is_some());
    fs::create_dir(&inner).unwrap();
    assert!(gate.try_admit("t").is_ok(), "the folder is back");
}

#[test]
fn an_admission_that_is_dropped_while_it_is_written_down_holds_nothing() {
    let (_folder, file) = place();
    let text =
        "[limits.quota]\nconcurrency = 2\nrequests = \"1000/day\"\n[tools.t]\nlimits = [\"quota\"]";
    let gate = Process::at(NOON).gate(&policy(text));
    gate.persist(&file, Durability::Strict).unwrap();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waited = 0;
    for _ in 0..50 {
        let mut admissions: Vec<_> = (0..4).map(|_| Box::pin(gate.admit("t"))).collect();
        for admission in &mut admissions {
            waited += usize::from(admission.as_mut().poll(&mut context).is_pending());
        }
        drop(admissions);
        assert_idle(&gate, "all were dropped");
    }
    assert!(waited > 0);
    assert!(gate.try_admit("t").is_ok());
}

#[test]
fn a_thousand_values_of_a_label_carry_on_each_with_its_own() {
    let (_folder, file) = place();
    let policy = policy(
        "[limits.quota]\nper = \"tenant\"\ninstances = 2000\nrequests = \"3/day\"\n\
         [tools.t]\nlimits = [\"quota\"]",
    );
    let names: Vec<String> = (0..1_000).map(|number| format!("tenant-{number}")).collect();
    let of = |number: usize| Call::new("t").label("tenant", &names[number]);
    let (gate, _) = Process::at(NOON).resumes(&policy, &file);
    (0..1_000).for_each(|it| (0..it % 4).for_each(|_| drop(gate.try_admit(of(it)).unwrap())));
    drop(gate);
    let (gate, restored) = Process::at(NOON).resumes(&policy, &file);
    assert_eq!(restored.rates, 750);
    for number in 0..1_000 {
        let left = (0..9).filter(|_| gate.try_admit(of(number)).is_ok()).count();
        assert_eq!(left, 3 - number % 4, "tenant {number}");
    }
}
