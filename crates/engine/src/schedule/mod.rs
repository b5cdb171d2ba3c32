//! When iterations are meant to start: pure functions and iterators of offsets from the start of the load. No clock.

mod rate;
mod users;

pub use rate::RateSchedule;
pub use users::UserSchedule;

use std::time::Duration;

/// The part of a load that one of several measuring threads does: every `of`-th user or arrival from `index` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which, from 0.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

impl Share {
    /// All of it.
    pub const ALL: Self = Self { index: 0, of: 1 };

    /// Whether the thing of this number is ours.
    pub fn has(self, number: u64) -> bool {
        number % u64::from(self.of) == u64::from(self.index)
    }

    /// Our part of so many things.
    pub fn part(self, count: u32) -> u32 {
        (count + self.of - 1 - self.index) / self.of
    }
}

/// A time that may be too long for a `Duration`: then it never comes.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_make_the_whole(count in 0u32..5000, of in 1u32..9) {
            let shares: Vec<Share> = (0..of).map(|index| Share { index, of }).collect();
            prop_assert_eq!(shares.iter().map(|share| share.part(count)).sum::<u32>(), count);
            for share in shares {
                let ours = (0..u64::from(count)).filter(|number| share.has(*number)).count();
                prop_assert_eq!(ours, share.part(count) as usize);
            }
        }
    }
}
