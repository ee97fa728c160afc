//! The books in words, for whoever reads a violation.

use super::Books;

impl Books {
    /// Who waits and for what, and what is held and used, a line each.
    pub(crate) fn shown(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for place in 0..self.budgets.len() {
            let name = self.name_of(u32::try_from(place).unwrap_or(u32::MAX));
            lines.push(format!("#{place}: {name}: {:?}", self.budgets[place]));
        }
        for place in 0..self.active.len() {
            let head = self.lanes[self.active[place] as usize].first;
            let (route, priority) = (self.call(head).route, self.call(head).priority);
            let way = self.in_the_way(route, priority).map(|budget| self.name_of(budget));
            let takes: Vec<_> = self.routes[route as usize]
                .takes
                .iter()
                .map(|take| format!("{} of #{}", take.amount, take.budget))
                .collect();
            let call = self.call(head);
            lines.push(format!(
                "{:?} waits: variant {}, priority {priority}, flow {}, ticket {}, since {}, until {}: \
                 {}; in its way: {way:?}",
                call.id,
                call.variant,
                call.flow,
                call.ticket,
                call.arrived,
                call.expires,
                takes.join(", ")
            ));
        }
        lines
    }
}
