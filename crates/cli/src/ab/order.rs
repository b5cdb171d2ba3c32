//! Which arm goes first, and which seed a pair has.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Whether the base goes first in pair `number` (from 1). Pairs come in blocks of two with opposite orders (ABBA or
/// BAAB, drawn from the seed), so that a steady drift of the machine falls on both arms alike.
pub(super) fn base_first(seed: u64, number: u32) -> bool {
    let block = u64::from((number - 1) / 2);
    let mut draw = Xoshiro256PlusPlus::seed_from_u64(seed ^ block.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    draw.random::<bool>() ^ (number % 2 == 0)
}

/// The seed of both runs of a pair: other inputs for each pair, the same within it. Within 32 bits, as all seeds.
pub(super) fn seed_of_pair(seed: u64, number: u32) -> u64 {
    (seed + u64::from(number) - 1) % (1 << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_balanced_and_drawn() {
        let orders: Vec<bool> = (1..=40).map(|number| base_first(7, number)).collect();
        assert!(orders.chunks(2).all(|block| block[0] != block[1]));
        let first = orders.iter().step_by(2).filter(|base| **base).count();
        assert!((3..=17).contains(&first), "{first} of 20 blocks begin with the base");
        assert_ne!(orders, (1..=40).map(|number| base_first(8, number)).collect::<Vec<_>>());
        assert_eq!((seed_of_pair(5, 1), seed_of_pair(u64::from(u32::MAX), 2)), (5, 0));
    }
}
