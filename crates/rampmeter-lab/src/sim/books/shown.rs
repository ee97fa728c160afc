//! The books in words, for whoever reads a violation.

use super::Books;

impl Books {
    /// Who waits and for what, and what is held and used, a line each.
    pub(crate) fn shown(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for place in 0..self.budgets.len() {
            let number = u32::try_from(place).unwrap_or(u32::MAX);
            let name = self.name_of(number);
            if self.instances.iter().any(|it| it.budgets.contains(&number)) {
                lines.push(format!("#{place}: {name}: {:?}", self.budgets[place]));
            }
        }
        for (place, instance) in self.instances.iter().enumerate() {
            if let Some(cool) = &instance.cool {
                let limit = &self.limits[usize::from(instance.limit)].config.name;
                lines.push(format!("instance {place} of {limit}: {cool:?}"));
            }
        }
        let heads = self.active.iter().map(|lane| self.lanes[*lane as usize].first);
        let heads: Vec<u32> = heads.chain(self.nested.iter().copied()).collect();
        for head in heads {
            let (route, priority) = (self.call(head).route, self.call(head).priority);
            let way = self
                .in_the_way(route, priority, self.call(head).parent)
                .map(|budget| self.name_of(budget));
            let takes: Vec<_> = self.routes[route as usize]
                .takes
                .iter()
                .map(|take| format!("{} of #{}", take.amount, take.budget))
                .collect();
            let call = self.call(head);
            lines.push(format!(
                "{:?} waits: variant {}, priority {priority}, flow {}, ticket {:?}, since {}, until {}: \
                 {}; in its way: {way:?}",
                call.id,
                call.variant,
                call.flow,
                call.ticket,
                call.asked,
                call.expires,
                takes.join(", ")
            ));
        }
        for running in &self.running {
            let call = self.call(*running);
            let children: Vec<_> = call.children.iter().map(|it| self.call(*it).id).collect();
            lines.push(format!(
                "{:?} runs: variant {}, priority {}, parent {}, children {children:?}, {:?}",
                call.id, call.variant, call.priority, call.parent, call.holds
            ));
        }
        lines
    }
}
