//! Process groups, ended as a whole.
//!
//! A group's number may be given to strangers as soon as its leader is reaped and its members are
//! gone. So the end of the leader is *seen* (`waitid` with `WNOWAIT`, at each SIGCHLD), the group is
//! killed while the leader still holds the number, and only then is the leader reaped.

use std::collections::BTreeSet;
use std::future::pending;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgid, kill_process, kill_process_group, waitid,
};
use tokio::process::{Child, Command};
use tokio::signal::unix::Signal as Signals;

/// The groups that are there now. A program that leaves at once drops nothing, and must end them.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Ends every command that runs, for a program that is about to leave: none can start after it.
pub(crate) fn end_all() {
    let groups = groups();
    for group in groups.iter().filter_map(|id| Pid::from_raw(*id)) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    std::mem::forget(groups);
}

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child that leads a process group of its own. Dropping it kills the group; the runtime then
/// reaps the child.
pub(super) struct Group(pub(super) Child);

impl Group {
    pub(super) fn spawn(program: &str, argv: &[String]) -> io::Result<Self> {
        let mut groups = groups();
        let group = Command::new(program)
            .args(argv)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map(Self)?;
        groups.extend(group.id().map(Pid::as_raw_pid));
        Ok(group)
    }

    /// The group's number, until the leader is reaped.
    fn id(&self) -> Option<Pid> {
        self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// Waits for the leader to end, without reaping it.
    pub(super) async fn leader_ended(&self, signals: &mut Signals) {
        let Some(id) = self.id() else { return };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(id), options) {
                Ok(None) | Err(Errno::INTR) => {}
                // On any other error nothing is left to wait for, and reaping will tell it.
                Ok(Some(_)) | Err(_) => return,
            }
            if signals.recv().await.is_none() {
                pending::<()>().await;
            }
        }
    }

    /// Asks all of the group to end. One that is stopped goes on, so that it hears.
    pub(super) fn terminate(&self) {
        let Some(id) = self.id() else { return };
        for signal in [Signal::TERM, Signal::CONT] {
            let _ = kill_process_group(id, signal);
            // The child itself may have moved to another group.
            if getpgid(Some(id)) != Ok(id) {
                let _ = kill_process(id, signal);
            }
        }
    }

    /// An error here means that nobody is left to kill.
    pub(super) fn kill(&mut self) {
        if let Some(id) = self.id() {
            let _ = kill_process_group(id, Signal::KILL);
            // Once the child is reaped, the number may be somebody else's.
            groups().remove(&id.as_raw_pid());
            // The child itself may have moved to another group.
            let _ = self.0.start_kill();
        }
    }

    pub(super) async fn reap(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
