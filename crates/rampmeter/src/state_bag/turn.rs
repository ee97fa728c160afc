//! The calls of a turn as writers.

use std::sync::Arc;

use super::StateBag;
use super::writer::BagWriter;
use super::writer_id::{Place, Who, WriterId};

/// A turn whose calls share a bag. It has its place among others once it begins, which it does
/// each time that it is run.
#[derive(Clone, Debug)]
pub(crate) struct BagTurn {
    bag: StateBag,
    number: Option<u64>,
    place: (u64, u64),
}

impl BagTurn {
    pub(crate) fn new(bag: &StateBag) -> BagTurn {
        BagTurn { bag: bag.clone(), number: None, place: (0, 0) }
    }

    pub(crate) fn begin(&mut self, number: Option<u64>) {
        self.number = number;
        self.place = self.bag.books.lock().begin_turn(number);
    }

    /// The writer of one attempt of the turn's call at `index`. `output` is the key for its result
    /// by the policy, which wins over the tool's own.
    pub(crate) fn writer(
        &self,
        call: &str,
        tool: &str,
        index: usize,
        attempt: u32,
        output: Option<&str>,
    ) -> BagWriter {
        let (call, tool, turn) = (call.into(), tool.into(), self.number);
        self.write_as(WriterId { call, tool, turn, attempt }, index, output)
    }

    pub(super) fn write_as(&self, id: WriterId, index: usize, output: Option<&str>) -> BagWriter {
        let (turn, begun) = self.place;
        let who = Who { id: Arc::new(id), place: Place { turn, begun, index } };
        BagWriter::new(self.bag.clone(), who, output.map(Arc::from))
    }
}
