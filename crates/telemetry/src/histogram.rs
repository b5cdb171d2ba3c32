//! A distribution in two forms: fixed buckets as Prometheus reads them, exponential ones as OpenTelemetry does.

/// Buckets of an octave are 2 to this power: each is 2.2 % wide, so a quantile is at most 1.1 % off.
pub(crate) const SCALE: i32 = 5;

/// Upper bounds of the fixed buckets of times, in seconds.
pub const TIME_BOUNDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.04, 0.06, 0.1, 0.15, 0.25, 0.4, 0.6, 1.0, 1.5, 2.5, 4.0, 6.0,
    10.0, 15.0, 25.0, 40.0, 60.0, 120.0, 300.0,
];

/// Upper bounds of the fixed buckets of numbers of tokens (those that OpenTelemetry advises).
pub const TOKEN_BOUNDS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// Values beyond these count as these, which bounds the room that a histogram takes.
const LEAST: f64 = 1e-9;
const MOST: f64 = 1e9;

/// A distribution of values that are not negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    /// Values in each fixed bucket; the last one has no upper bound.
    fixed: Vec<u64>,
    /// Values in each exponential bucket, from `offset` on: bucket `i` holds 2^(i/32) < value <= 2^((i+1)/32).
    exponential: Vec<u64>,
    offset: i32,
    zeros: u64,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Histogram {
    /// An empty one.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            fixed: Vec::new(),
            exponential: Vec::new(),
            offset: 0,
            zeros: 0,
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: 0.0,
        }
    }

    /// Counts a value. What is no number, or negative, counts as 0.
    pub fn add(&mut self, value: f64) {
        let value = if value > 0.0 { value } else { 0.0 };
        if self.fixed.is_empty() {
            self.fixed = vec![0; self.bounds.len() + 1];
        }
        self.fixed[self.bounds.partition_point(|bound| *bound < value)] += 1;
        if value == 0.0 {
            self.zeros += 1;
        } else {
            *self.bucket(value) += 1;
        }
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn bucket(&mut self, value: f64) -> &mut u64 {
        let place = value.clamp(LEAST, MOST).log2() * f64::from(1 << SCALE);
        let index = place.ceil() as i32 - 1;
        if self.exponential.is_empty() {
            self.offset = index;
        }
        if index < self.offset {
            let more = (self.offset - index) as usize;
            self.exponential.splice(0..0, std::iter::repeat_n(0, more));
            self.offset = index;
        }
        let at = (index - self.offset) as usize;
        if at >= self.exponential.len() {
            self.exponential.resize(at + 1, 0);
        }
        &mut self.exponential[at]
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The smallest and the largest; `None` without values.
    pub fn range(&self) -> Option<(f64, f64)> {
        (self.count > 0).then_some((self.min, self.max))
    }

    /// Upper bound of each fixed bucket (infinity for the last), and how many values lie below or at it.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.fixed.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        }))
    }

    /// Index of the first exponential bucket, and the counts from there on.
    pub(crate) fn exponential(&self) -> (i32, &[u64]) {
        (self.offset, &self.exponential)
    }

    /// Values of exactly 0.
    pub(crate) fn zeros(&self) -> u64 {
        self.zeros
    }

    /// A quantile (0 to 1) by nearest rank, within 1.1 %; `None` without values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let (min, max) = self.range()?;
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        if rank == self.count {
            return Some(max);
        }
        let mut seen = self.zeros;
        if rank <= seen {
            return Some(0.0);
        }
        for (index, count) in (self.offset..).zip(&self.exponential) {
            seen += count;
            if rank <= seen {
                let middle = 2_f64.powf((f64::from(index) + 0.5) / f64::from(1 << SCALE));
                return Some(middle.clamp(min, max));
            }
        }
        Some(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_belong_to_the_bucket_below() {
        let mut histogram = Histogram::new(TIME_BOUNDS);
        for value in [0.0, 0.001, 0.0011, 500.0, f64::NAN] {
            histogram.add(value);
        }
        let buckets: Vec<_> = histogram.cumulative().collect();
        assert_eq!((buckets[0], buckets[1]), ((0.001, 3), (0.0025, 4)));
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, 5)));
        assert_eq!((histogram.zeros(), histogram.count()), (2, 5));
        // A power of two is the upper end of its bucket.
        let mut exact = Histogram::new(TIME_BOUNDS);
        exact.add(1.0);
        assert_eq!(exact.exponential(), (-1, [1].as_slice()));
    }

    proptest! {
        #[test]
        fn quantiles_are_close(values in prop::collection::vec(0.0..1000.0_f64, 1..200), q in 0.0..=1.0_f64) {
            let mut all = Histogram::new(TIME_BOUNDS);
            values.iter().for_each(|value| all.add(*value));
            prop_assert_eq!(all.exponential().1.iter().sum::<u64>() + all.zeros(), values.len() as u64);
            prop_assert_eq!(all.cumulative().last().map(|last| last.1), Some(values.len() as u64));
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let (exact, found) = (sorted[rank - 1], all.quantile(q).unwrap());
            prop_assert!((found - exact).abs() <= exact * 0.012 + 1e-9, "{found} for {exact}");
        }
    }
}
