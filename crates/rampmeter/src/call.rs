//! What the gate is asked.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use rampmeter_core::{Instant, KeyAccess};

use crate::lineage::Lineage;
use crate::policy::Unit;

/// One call that wants to start: its tool, and what is known of it.
///
/// ```
/// use rampmeter::Call;
/// let call = Call::new("web_search").flow("tenant-7").priority("high").label("region", "eu");
/// # let _ = call;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Call<'a> {
    pub(crate) tool: &'a str,
    pub(crate) flow: &'a str,
    pub(crate) priority: Option<&'a str>,
    pub(crate) labels: Labels<'a>,
    pub(crate) keys: Option<Box<Keys<'a>>>,
    pub(crate) costs: Costs,
    pub(crate) deadline: Option<Duration>,
    pub(crate) arrived: Option<Instant>,
    pub(crate) id: &'a str,
    pub(crate) turn: Option<u64>,
    pub(crate) attempt: u32,
    pub(crate) parent: Option<Lineage>,
}

/// Names and values. Most calls have one label at most, and that takes no allocation.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Labels<'a> {
    first: Option<Label<'a>>,
    rest: Vec<Label<'a>>,
}

/// What a call reads and writes. Most name nothing, and then there is only a word to copy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Keys<'a>(pub(crate) Vec<(Cow<'a, str>, KeyAccess)>);

/// What a call itself says of its costs, unit by unit. Most say nothing, and are compared with one
/// look.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Costs {
    /// Bit `i` is set if something is said of the unit `i`.
    said: u8,
    amounts: [u64; Unit::COSTS.len()],
}

impl Costs {
    pub(crate) fn of(&self, unit: Unit) -> Option<u64> {
        let at = Unit::COSTS.iter().position(|it| *it == unit)?;
        (self.said >> at & 1 == 1).then_some(self.amounts[at])
    }

    fn set(&mut self, unit: Unit, amount: u64) {
        if let Some(at) = Unit::COSTS.iter().position(|it| *it == unit) {
            self.said |= 1 << at;
            self.amounts[at] = amount;
        }
    }
}

impl PartialEq for Costs {
    #[inline]
    fn eq(&self, other: &Costs) -> bool {
        self.said == other.said && (self.said == 0 || self.amounts == other.amounts)
    }
}

impl Eq for Costs {}

/// A name and a value.
type Label<'a> = (&'a str, &'a str);

/// The flow of a call that names none.
pub const DEFAULT_FLOW: &str = "default";

impl<'a> Call<'a> {
    /// A call of `tool` in the flow [`DEFAULT_FLOW`], at the tool's priority.
    #[inline]
    pub fn new(tool: &'a str) -> Call<'a> {
        Call {
            tool,
            flow: DEFAULT_FLOW,
            priority: None,
            labels: Labels::default(),
            keys: None,
            costs: Costs::default(),
            deadline: None,
            arrived: None,
            id: "",
            turn: None,
            attempt: 1,
            parent: None,
        }
    }

    /// Whom it is for.
    #[inline]
    pub fn flow(mut self, flow: &'a str) -> Self {
        self.flow = flow;
        self
    }

    /// The name of its priority, instead of the tool's.
    #[inline]
    pub fn priority(mut self, priority: &'a str) -> Self {
        self.priority = Some(priority);
        self
    }

    /// The value of a label; limits may be per label.
    #[inline]
    pub fn label(mut self, name: &'a str, value: &'a str) -> Self {
        self.labels.push((name, value));
        self
    }

    /// A key that it reads while it runs, side by side with other readers.
    pub fn reads(self, key: impl Into<Cow<'a, str>>) -> Self {
        self.key(key.into(), KeyAccess::Shared)
    }

    /// A key that it writes while it runs, and so has alone.
    pub fn writes(self, key: impl Into<Cow<'a, str>>) -> Self {
        self.key(key.into(), KeyAccess::Exclusive)
    }

    pub(crate) fn key(mut self, key: Cow<'a, str>, access: KeyAccess) -> Self {
        self.keys.get_or_insert_default().0.push((key, access));
        self
    }

    /// How many tokens it should take, instead of what the policy says of its tool or was learned.
    #[inline]
    pub fn tokens(self, tokens: u64) -> Self {
        self.cost(Unit::Tokens, tokens)
    }

    /// How much of a unit it should take, instead of what the policy says of its tool or was
    /// learned; every call is one request, so of requests there is nothing to say.
    #[inline]
    pub fn cost(mut self, unit: Unit, amount: u64) -> Self {
        self.costs.set(unit, amount);
        self
    }

    /// How long from now it may still start, and so may whatever it makes.
    #[inline]
    pub fn deadline(mut self, within: Duration) -> Self {
        self.deadline = Some(within);
        self
    }

    /// When it was asked for first, if it comes again, such as a retry: it stands before those of
    /// its flow and priority that arrived later, and its patience counts from there. How long it
    /// may wait counts from this asking. Later than now is now.
    ///
    /// The moment is the gate's: [`Gate::now`](crate::Gate::now), read before the first asking.
    #[inline]
    pub fn arrived(mut self, at: Instant) -> Self {
        self.arrived = Some(at);
        self
    }

    /// The id that the model gave it, for events.
    #[inline]
    pub fn id(mut self, id: &'a str) -> Self {
        self.id = id;
        self
    }

    /// The number of the turn that it belongs to, for events.
    #[inline]
    pub fn turn(mut self, turn: u64) -> Self {
        self.turn = Some(turn);
        self
    }

    /// The running call that makes it: a permit, or a [`Lineage`]. It has that call's flow and
    /// priority, and its deadline if that is sooner; run by an executor, also its time-out. Without it, a call is nested under the one
    /// in whose [`scope`](crate::Permit::scope) it is first polled, if there is one.
    pub fn parent(mut self, parent: impl Into<Lineage>) -> Self {
        self.parent = Some(parent.into());
        self
    }
}

impl Keys<'_> {
    pub(crate) fn kept(&self) -> Keys<'static> {
        let owned = self.0.iter().map(|(key, access)| (Cow::Owned(key.to_string()), *access));
        Keys(owned.collect())
    }
}

impl<'a> Labels<'a> {
    pub(crate) fn push(&mut self, label: Label<'a>) {
        match self.first {
            None => self.first = Some(label),
            Some(_) => self.rest.push(label),
        }
    }

    /// The first, and the others.
    #[inline]
    pub(crate) fn parts(&self) -> (Option<Label<'a>>, &[Label<'a>]) {
        (self.first, &self.rest)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Label<'a>> {
        self.first.iter().chain(&self.rest)
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Labels<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(labels: I) -> Labels<'a> {
        let mut all = Labels::default();
        labels.into_iter().for_each(|label| all.push(label));
        all
    }
}

impl<'a> From<&'a str> for Call<'a> {
    fn from(tool: &'a str) -> Call<'a> {
        Call::new(tool)
    }
}

/// A call does not know which of its labels are secret, so none shows its value.
impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { tool, flow, priority, labels, keys, costs, deadline, arrived, id, .. } = self;
        let Call { turn, attempt, parent, .. } = self;
        f.debug_struct("Call")
            .field("tool", tool)
            .field("flow", flow)
            .field("priority", priority)
            .field("labels", &labels.iter().map(|(name, _)| *name).collect::<Vec<_>>())
            .field("keys", &keys.as_ref().map(|keys| keys.0.as_slice()).unwrap_or_default())
            .field("costs", costs)
            .field("deadline", deadline)
            .field("arrived", arrived)
            .field("id", id)
            .field("turn", turn)
            .field("attempt", attempt)
            .field("parent", parent)
            .finish()
    }
}

/// What may be shown of labels.
pub(crate) fn names<N: AsRef<str>, V>(labels: &[(N, V)]) -> Vec<&str> {
    labels.iter().map(|(name, _)| name.as_ref()).collect()
}
