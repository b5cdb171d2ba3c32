//! What is due when, on one event loop.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A connection's next step, if it still has this mark.
    Connection { key: usize, tag: u64 },
    /// Replicas have come up.
    Gate,
    /// Accepting failed for want of descriptors; try again.
    Accept,
}

const GATE: usize = usize::MAX;
const ACCEPT: usize = usize::MAX - 1;

/// A heap of due times. Nothing is ever taken out early: a connection's mark tells that a timer is out of date.
#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(u64, u64, usize)>>);

impl Timers {
    /// Equal times come in the order of their tags.
    pub(crate) fn push(&mut self, due: u64, tag: u64, wake: Wake) {
        let key = match wake {
            Wake::Connection { key, .. } => key,
            Wake::Gate => GATE,
            Wake::Accept => ACCEPT,
        };
        self.0.push(Reverse((due, tag, key)));
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((due, ..))| *due)
    }

    /// Takes out what is due at `now`.
    pub(crate) fn pop(&mut self, now: u64) -> Option<Wake> {
        if self.next_due()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, tag, key))| match key {
            GATE => Wake::Gate,
            ACCEPT => Wake::Accept,
            key => Wake::Connection { key, tag },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order() {
        let mut timers = Timers::default();
        timers.push(5, 2, Wake::Gate);
        timers.push(5, 1, Wake::Connection { key: 9, tag: 1 });
        timers.push(3, 3, Wake::Accept);
        assert_eq!(timers.next_due(), Some(3));
        assert_eq!(timers.pop(2), None);
        assert_eq!(timers.pop(5), Some(Wake::Accept));
        assert_eq!(timers.pop(5), Some(Wake::Connection { key: 9, tag: 1 }));
        assert_eq!(timers.pop(5), Some(Wake::Gate));
        assert_eq!(timers.pop(5), None);
    }
}
