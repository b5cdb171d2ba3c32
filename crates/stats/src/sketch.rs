//! A histogram small enough to have one for every second.

use crate::quantile_rank;

/// Each power of two is cut into this many buckets.
const PER_OCTAVE: u64 = 32;

/// Counts of whole numbers in buckets that are at most 1/32 of their values wide, so that a quantile is at most 1.6 %
/// off. Numbers below 64 are exact. Only buckets with something in them take room (8 bytes each). Merging loses nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Bucket and count, by bucket.
    buckets: Vec<(u16, u32)>,
}

impl Sketch {
    /// Counts one value.
    pub fn add(&mut self, value: u64) {
        self.add_to(bucket(value), 1);
    }

    /// Adds everything that another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            self.add_to(*bucket, *count);
        }
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The `q` quantile (0 to 1), as the middle of its bucket; `None` without values.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let mut left = quantile_rank(self.count(), q)?;
        for (bucket, count) in &self.buckets {
            let count = u64::from(*count);
            if left <= count {
                return Some(middle(*bucket));
            }
            left -= count;
        }
        None
    }

    /// The values, each as the middle of its bucket, with their counts; ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets.iter().map(|(bucket, count)| (middle(*bucket), u64::from(*count)))
    }

    fn add_to(&mut self, bucket: u16, count: u32) {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(count),
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }
}

fn bucket(value: u64) -> u16 {
    let octave = value.checked_ilog2().unwrap_or(0).saturating_sub(PER_OCTAVE.ilog2());
    // At most 59 × 32 + 31.
    (u64::from(octave) * PER_OCTAVE + (value >> octave)) as u16
}

fn middle(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    let octave = (bucket / PER_OCTAVE).saturating_sub(1);
    let low = (bucket - octave * PER_OCTAVE) << octave;
    low + (1 << octave) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_numbers_are_exact() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.5), None);
        (0..64).for_each(|value| sketch.add(value));
        assert_eq!(sketch.count(), 64);
        for value in 0..64_u64 {
            assert_eq!(sketch.quantile((value + 1) as f64 / 64.0), Some(value));
        }
    }

    proptest! {
        #[test]
        fn a_value_is_near_the_middle_of_its_bucket(value: u64) {
            let middle = middle(bucket(value));
            prop_assert!(middle.abs_diff(value) as f64 <= value as f64 / 64.0 + 0.5, "{value} {middle}");
        }

        #[test]
        fn merging_is_adding(values in prop::collection::vec(any::<u64>(), 0..100), cut in 0usize..100) {
            let of = |values: &[u64]| {
                let mut sketch = Sketch::default();
                values.iter().for_each(|value| sketch.add(*value));
                sketch
            };
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = of(left);
            merged.merge(&of(right));
            prop_assert_eq!(merged, of(&values));
        }
    }
}
