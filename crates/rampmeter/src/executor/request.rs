//! What is to be run: a turn, and for whom.

use std::fmt;
use std::time::Duration;

use super::resolve::ResolvedTurn;
use crate::call::{DEFAULT_FLOW, names};
use crate::lineage::Lineage;
use crate::state_bag::{BagTurn, StateBag};

/// One turn to run: a model's answer, and for whom it is.
#[derive(Clone)]
pub struct TurnRequest {
    pub(super) turn: ResolvedTurn,
    pub(super) flow: String,
    pub(super) priority: Option<String>,
    pub(super) labels: Vec<(String, String)>,
    pub(super) deadline: Option<Duration>,
    pub(super) number: Option<u64>,
    pub(super) parent: Option<Lineage>,
    pub(super) fail_fast: bool,
    pub(super) state: Option<BagTurn>,
}

impl TurnRequest {
    /// A turn of the flow [`DEFAULT_FLOW`], each call at its tool's priority.
    pub fn new(turn: ResolvedTurn) -> TurnRequest {
        let flow = DEFAULT_FLOW.to_owned();
        TurnRequest {
            turn,
            flow,
            priority: None,
            labels: vec![],
            deadline: None,
            number: None,
            parent: None,
            fail_fast: false,
            state: None,
        }
    }

    /// Whom it is for.
    pub fn flow(mut self, flow: impl Into<String>) -> Self {
        self.flow = flow.into();
        self
    }

    /// The priority of all its calls, instead of their tools'.
    pub fn priority(mut self, priority: impl Into<String>) -> Self {
        self.priority = Some(priority.into());
        self
    }

    /// The value of a label of all its calls.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// How long the whole turn may take, instead of what the policy says.
    pub fn deadline(mut self, within: Duration) -> Self {
        self.deadline = Some(within);
        self
    }

    /// Its number, for events.
    pub fn number(mut self, number: u64) -> Self {
        self.number = Some(number);
        self
    }

    /// Ends the whole turn when one of its calls has failed for good: what has not ended by then is
    /// cancelled. Without it, one failure takes no sibling with it.
    pub fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// The running call that makes all its calls, instead of the one in whose
    /// [`scope`](crate::Permit::scope) the turn is run.
    pub fn parent(mut self, parent: impl Into<Lineage>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// What its calls share: each of them writes to the bag as itself, and the results of tools with
    /// an output key go there. Without a bag such keys have no effect.
    pub fn state(mut self, bag: &StateBag) -> Self {
        self.state = Some(BagTurn::new(bag));
        self
    }
}

/// The values of labels may be secret; they are not shown.
impl fmt::Debug for TurnRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TurnRequest { turn, flow, priority, labels, deadline, number, parent, .. } = self;
        let TurnRequest { fail_fast, state, .. } = self;
        f.debug_struct("TurnRequest")
            .field("turn", turn)
            .field("flow", flow)
            .field("priority", priority)
            .field("labels", &names(labels))
            .field("deadline", deadline)
            .field("number", number)
            .field("parent", parent)
            .field("fail_fast", fail_fast)
            .field("state", state)
            .finish()
    }
}
