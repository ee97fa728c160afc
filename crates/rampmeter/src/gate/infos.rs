//! What is known of calls, by small numbers: entries and records hold a number, not a share, so
//! that the way of a call through the gate costs no atomic count.

use std::sync::Arc;

use crate::event::{Batch, CallInfo};

#[derive(Default)]
pub(super) struct Infos {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    info: Arc<CallInfo>,
    users: u32,
    /// The batch that last took it in, by serial number, and its place there.
    told: (u64, u32),
}

impl Infos {
    /// Takes an info in, for one user.
    pub(super) fn insert(&mut self, info: Arc<CallInfo>) -> u32 {
        let slot = Slot { info, users: 1, told: (0, 0) };
        if let Some(id) = self.free.pop() {
            self.slots[id as usize] = slot;
            return id;
        }
        self.slots.push(slot);
        u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
    }

    #[inline]
    pub(super) fn share(&mut self, id: u32) {
        self.slots[id as usize].users += 1;
    }

    /// One user less. The place of an unused one keeps it until it is given to another.
    #[inline]
    pub(super) fn release(&mut self, id: u32) {
        let slot = &mut self.slots[id as usize];
        slot.users -= 1;
        if slot.users == 0 {
            self.free.push(id);
        }
    }

    pub(super) fn get(&self, id: u32) -> &Arc<CallInfo> {
        &self.slots[id as usize].info
    }

    /// Its place in a batch.
    #[inline]
    pub(super) fn place(&mut self, id: u32, batch: &mut Batch) -> u32 {
        match self.slots.get(id as usize) {
            Some(slot) if slot.told.0 == batch.serial() => slot.told.1,
            _ => self.make_place(id, batch),
        }
    }

    #[cold]
    fn make_place(&mut self, id: u32, batch: &mut Batch) -> u32 {
        let slot = &mut self.slots[id as usize];
        slot.told = (batch.serial(), batch.call(&slot.info));
        slot.told.1
    }
}
