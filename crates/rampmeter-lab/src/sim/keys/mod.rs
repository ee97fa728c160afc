//! Scenes of calls that read and write keys, over few keys and full limits: nested calls, claims,
//! rescues, spent rates, pauses, time-outs and callers that end before their calls. Books of their
//! own judge every input.

mod books;
mod judges;
mod play;
mod scene;

use super::rng::Rng;
use super::verdict::Violation;

/// What a scene of keys showed.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Calls that were asked for, and those of them that started.
    pub asked: u64,
    /// Calls that started.
    pub started: u64,
    /// Calls that were refused because they would deadlock.
    pub cycles: u64,
    /// The most readers at one key at once, and the most writers.
    pub peaks: (u64, u64),
    /// How often a call was seen to wait at a priority that it had inherited.
    pub raised: u64,
    /// How often the one being rescued was at the head of a line of others.
    pub rescued_heads: u64,
    /// What was wrong.
    pub violation: Option<Box<Violation>>,
}

/// Plays one scene of keys and judges it.
pub fn play_keys(seed: u64) -> Keys {
    let mut rng = Rng::new(seed ^ 0x4B45_5953);
    let scene = scene::Scene::new(&mut rng);
    let mut player = play::Player::new(scene, rng);
    let result = player.play();
    let mut shown = player.shown;
    if let Err(mut violation) = result {
        violation.what = format!(
            "seed {seed}, at {} ns: {}; {:?}",
            player.books.now, violation.what, player.scene
        );
        shown.violation = Some(violation);
    }
    shown
}
