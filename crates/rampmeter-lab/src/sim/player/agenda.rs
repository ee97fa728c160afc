//! What the player will do of its own accord, and when.

use std::cmp::Reverse;

use rampmeter_core::CallId;

use super::super::scene::Arrivals;
use super::super::verdict::Verdict;
use super::Player;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Job {
    /// A running call ends.
    End(CallId),
    /// A waiting call is given up.
    GiveUp(CallId),
    /// A source asks for some calls, and later again.
    Burst(u16),
    /// A client of a source asks.
    Ask(u16),
    /// A running call makes a call.
    Make(CallId),
    /// A limit goes on.
    Resume(u16),
    /// A running call tells what it took.
    Settle(CallId),
    /// Something goes wrong, and later something else.
    Fault,
}

impl Player {
    pub(super) fn later(&mut self, at: u64, job: Job) {
        self.jobs += 1;
        self.agenda.push(Reverse((at, self.jobs, job)));
    }

    pub(super) fn first_jobs(&mut self) {
        for source in 0..self.scene.sources.len() {
            let name = u16::try_from(source).unwrap_or(0);
            match self.scene.sources[source].arrivals {
                Arrivals::Bursts { every, .. } => {
                    let at = self.rng.below(every);
                    self.later(at, Job::Burst(name));
                }
                Arrivals::Closed { clients, think } => {
                    for _ in 0..clients {
                        let at = self.rng.below(think);
                        self.later(at, Job::Ask(name));
                    }
                }
            }
        }
        let at = self.fault_after();
        self.later(at, Job::Fault);
    }

    /// Does what is next: a job, or what the engine's timer is for. `false` if there is nothing.
    pub(super) fn turn(&mut self) -> Verdict<bool> {
        let timer = self.timer();
        let job = self.agenda.peek().map(|Reverse((at, _, _))| (*at).max(self.now));
        let Some(to) = timer.into_iter().chain(job).min() else { return Ok(false) };
        self.try_before(to)?;
        self.now = to;
        if job == Some(to) {
            if let Some(Reverse((_, _, job))) = self.agenda.pop() {
                self.job(job)?;
            }
        } else {
            self.fire()?;
        }
        Ok(true)
    }

    fn job(&mut self, job: Job) -> Verdict {
        match job {
            Job::End(id) => self.end(id),
            Job::GiveUp(id) => self.give_up(id),
            Job::Ask(source) if !self.healed => self.ask_for(source, true),
            Job::Burst(source) if !self.healed => {
                let Arrivals::Bursts { many, every } =
                    self.scene.sources[usize::from(source)].arrivals
                else {
                    return Ok(());
                };
                let at = self.now + self.rng.about(every) + 1;
                self.later(at, Job::Burst(source));
                for _ in 0..many {
                    self.ask_for(source, false)?;
                }
                Ok(())
            }
            Job::Fault if !self.healed => {
                let at = self.now + self.fault_after();
                self.later(at, Job::Fault);
                self.fault()
            }
            Job::Make(id) => self.make(id),
            Job::Resume(limit) => self.resume(limit),
            Job::Settle(id) if !self.healed => self.settles(id),
            Job::Ask(_) | Job::Burst(_) | Job::Fault | Job::Settle(_) => Ok(()),
        }
    }
}
