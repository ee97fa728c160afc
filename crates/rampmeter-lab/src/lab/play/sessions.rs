//! Whoever asks: sessions, each of which asks for one turn after the other.

use std::sync::Arc;

use futures_util::future::join_all;
use rampmeter::runtime::Runtime;
use rampmeter_core::Instant;
use tokio::sync::{mpsc, oneshot};

use super::plain;
use super::stage::{Stage, Up};

/// All sessions begin, each at its time; each keeps a clone of `asks` until it is over.
pub(super) fn begin(stage: &Arc<Stage>, asks: &mpsc::Sender<()>) {
    for index in 0..stage.script.sessions.len() {
        let (stage, asks) = (stage.clone(), asks.clone());
        let outside = stage.outside.clone();
        outside.spawn(Box::pin(async move {
            session(&stage, index).await;
            drop(asks);
        }));
    }
}

async fn session(stage: &Arc<Stage>, index: usize) {
    let script = stage.script.clone();
    let session = &script.sessions[index];
    stage.outside.sleep_until(Instant::from_nanos(session.at)).await;
    if session.pulled {
        return pulled(stage, &session.turns).await;
    }
    for (nth, turn) in session.turns.iter().enumerate() {
        if nth > 0 && session.think > 0 {
            stage.outside.sleep(session.think).await;
        }
        turn_of(stage, *turn).await;
    }
}

/// A producer that has all its turns at once: held back where there is a way to do so.
async fn pulled(stage: &Arc<Stage>, turns: &[usize]) {
    let up = stage.up().await;
    if up.gated().is_none() {
        drop(up);
        join_all(turns.iter().map(|turn| turn_of(stage, *turn))).await;
        return;
    }
    drop(up);
    let turns: Arc<[usize]> = turns.into();
    within(stage, |stage, up| {
        let turns = turns.clone();
        async move {
            if let Some(gated) = up.gated() {
                gated.pull(&stage, &turns).await;
            }
        }
    })
    .await;
}

/// Asks for a turn until its calls are answered: again, if the process dies meanwhile.
async fn turn_of(stage: &Arc<Stage>, turn: usize) {
    let calls = stage.unanswered(turn);
    let at_once = if stage.script.turns[turn].sequence { 1 } else { calls.len() };
    calls.iter().take(at_once).for_each(|call| stage.tracker.asked(*call));
    within(stage, |stage, up| in_process(stage, up, turn)).await;
}

/// Has something done in the process that runs the calls, and again if that dies meanwhile.
async fn within<F>(stage: &Arc<Stage>, what: impl Fn(Arc<Stage>, Arc<Up>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while !stage.is_broken() {
        let up = stage.up().await;
        let (done, is_done) = oneshot::channel();
        let process = up.process.clone();
        let doing = what(stage.clone(), up);
        process.spawn(Box::pin(async move {
            doing.await;
            let _ = done.send(());
        }));
        if is_done.await.is_ok() {
            return;
        }
        if !process.is_dead() {
            stage.breaks("a turn panicked; its message is on the standard error".to_owned());
        }
    }
}

async fn in_process(stage: Arc<Stage>, up: Arc<Up>, turn: usize) {
    let calls = stage.unanswered(turn);
    match (up.gated(), stage.script.turns[turn].sequence) {
        (Some(gated), _) => gated.turn(&stage, turn, &calls).await,
        (None, false) => plain::ask_all(&stage, &up, &calls).await,
        (None, true) => {
            for call in calls {
                plain::ask(stage.clone(), up.clone(), call).await;
            }
        }
    }
}
