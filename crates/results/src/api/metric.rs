//! The values of one metric: a histogram, and exactly their sum, least and greatest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use plimsoll_stats::{Distribution, quantile_rank, quantile_ranks};
use serde::{Deserialize, Serialize};

/// Significant digits of the histograms: a quantile is at most 0.05 % off.
const DIGITS: u8 = 3;

/// Larger values count as this one (half a year in microseconds), which bounds the size of a histogram.
const MOST: u64 = 1 << 44;

/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.95;

/// Values in thousandths of a microsecond (or of a thousandth of a token a second), so that what is divided keeps its
/// fractions; the histogram in whole ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MetricFold {
    histogram: Histogram<u64>,
    sum: u128,
    min: u64,
    max: u64,
}

/// How sure a quantile is: the interval between two order statistics that holds the true one with 95 % confidence, see
/// [`plimsoll_stats::quantile_interval`]. It tells the noise within this run, not the difference to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QuantileInterval {
    /// Lower end, in milliseconds.
    pub low: f64,
    /// Upper end, in milliseconds.
    pub high: f64,
    /// Rank of the lower end among the sorted values, from 1.
    pub low_rank: u64,
    /// Rank of the upper end.
    pub high_rank: u64,
}

/// A histogram in a file, with what it does not say exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredHistogram {
    /// How many values.
    pub count: u64,
    /// Mean, in milliseconds or tokens a second.
    pub mean: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// HdrHistogram V2, compressed, base64; in microseconds or thousandths of a token a second.
    pub hdr_v2: String,
}

impl Default for MetricFold {
    fn default() -> Self {
        let histogram = Histogram::new(DIGITS).unwrap_or_else(|_| unreachable!("3 digits are allowed"));
        Self { histogram, sum: 0, min: u64::MAX, max: 0 }
    }
}

impl MetricFold {
    /// Counts a value of whole units.
    pub(crate) fn add(&mut self, units: u64) {
        self.add_fine(units.saturating_mul(1000), 1);
    }

    /// Counts a value of thousandths `times` times.
    pub(crate) fn add_fine(&mut self, thousandths: u64, times: u64) {
        self.add_without_sum(thousandths, times);
        self.add_sum(u128::from(thousandths) * u128::from(times));
    }

    /// Counts a value, and leaves the sum to [`MetricFold::add_sum`].
    pub(crate) fn add_without_sum(&mut self, thousandths: u64, times: u64) {
        if times == 0 {
            return;
        }
        let units = (thousandths.saturating_add(500) / 1000).min(MOST);
        // The histogram grows to any value up to the limit above, so there is nothing that it could refuse.
        let _ = self.histogram.record_n(units, times);
        self.min = self.min.min(thousandths);
        self.max = self.max.max(thousandths);
    }

    pub(crate) fn add_sum(&mut self, thousandths: u128) {
        self.sum += thousandths;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        // As above.
        let _ = self.histogram.add(&other.histogram);
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// In milliseconds (or tokens a second), as everything below.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum as f64 / self.count() as f64 / 1e6)
    }

    pub(crate) fn min(&self) -> Option<f64> {
        (self.count() > 0).then(|| out(self.min))
    }

    pub(crate) fn max(&self) -> Option<f64> {
        (self.count() > 0).then(|| out(self.max))
    }

    pub(crate) fn quantile(&self, q: f64) -> Option<f64> {
        let rank = quantile_rank(self.count(), q)?;
        Some(self.at_ranks([rank])[0])
    }

    pub(crate) fn distribution(&self) -> Option<Distribution> {
        let rank = |q| quantile_rank(self.count(), q);
        let [p50, p90, p95, p99] = self.at_ranks([rank(0.50)?, rank(0.90)?, rank(0.95)?, rank(0.99)?]);
        let count = usize::try_from(self.count()).unwrap_or(usize::MAX);
        Some(Distribution { count, mean: self.mean()?, min: self.min()?, max: self.max()?, p50, p90, p95, p99 })
    }

    /// So many quantiles in ascending order, each of the same part of the values; zeros without values.
    pub(crate) fn points<const N: usize>(&self) -> [f64; N] {
        let count = self.count();
        self.at_ranks(std::array::from_fn(|point| (count * (2 * point as u64 + 1)).div_ceil(2 * N as u64).max(1)))
    }

    pub(crate) fn interval(&self, q: f64) -> Option<QuantileInterval> {
        let (low, high) = quantile_ranks(usize::try_from(self.count()).ok()?, q, CONFIDENCE)?;
        let (low_rank, high_rank) = (low as u64, high as u64);
        let [low, high] = self.at_ranks([low_rank, high_rank]);
        Some(QuantileInterval { low, high, low_rank, high_rank })
    }

    /// The values at these ranks (from 1, ascending).
    fn at_ranks<const N: usize>(&self, ranks: [u64; N]) -> [f64; N] {
        let mut values = [out(self.max); N];
        let (mut next, mut counted) = (0, 0);
        for step in self.histogram.iter_recorded() {
            counted += step.count_since_last_iteration();
            while next < N && ranks[next] <= counted {
                // The middle of the bucket, but never outside of what was measured.
                let middle = self.histogram.median_equivalent(step.value_iterated_to()).saturating_mul(1000);
                values[next] = out(middle.clamp(self.min, self.max));
                next += 1;
            }
        }
        values
    }

    /// Its buckets with something in them: their middles in milliseconds (or tokens a second) and counts, ascending.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.histogram.iter_recorded().map(|step| {
            let middle = self.histogram.median_equivalent(step.value_iterated_to());
            (out(middle.saturating_mul(1000)), step.count_since_last_iteration())
        })
    }

    pub(crate) fn stored(&self) -> Option<StoredHistogram> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&self.histogram, &mut bytes).ok()?;
        let (mean, min, max) = (self.mean()?, self.min()?, self.max()?);
        Some(StoredHistogram { count: self.count(), mean, min, max, hdr_v2: STANDARD.encode(bytes) })
    }
}

impl StoredHistogram {
    /// Its values, by which it can be merged with others and asked for any quantile; `None` when it is damaged.
    pub fn histogram(&self) -> Option<Histogram<u64>> {
        let bytes = STANDARD.decode(&self.hdr_v2).ok()?;
        let mut histogram = Deserializer::new().deserialize(&mut bytes.as_slice()).ok()?;
        // To make room for what is merged into it.
        histogram.auto(true);
        Some(histogram)
    }
}

/// Thousandths of a microsecond as milliseconds.
fn out(thousandths: u64) -> f64 {
    thousandths as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(units: impl IntoIterator<Item = u64>) -> MetricFold {
        let mut fold = MetricFold::default();
        units.into_iter().for_each(|units| fold.add(units));
        fold
    }

    #[test]
    fn extremes_and_mean_are_exact() {
        let fold = of([1_234_567, 1, 7_654_321]);
        let all = fold.distribution().unwrap();
        assert_eq!((all.count, all.min, all.max), (3, 0.001, 7_654.321));
        assert!((all.mean - 8_888_889.0 / 3000.0).abs() < 1e-9);
        assert!((all.p50 - 1_234.567).abs() < 0.7 && all.p99 <= all.max);
        assert_eq!(of([]).distribution(), None);
    }

    #[test]
    fn quantiles_and_intervals_are_order_statistics() {
        let fold = of((1..=1000).map(|i| i * 1000));
        let all = fold.distribution().unwrap();
        for (got, expected) in [(all.p50, 500.0), (all.p90, 900.0), (all.p95, 950.0), (all.p99, 990.0)] {
            assert!((got - expected).abs() < 0.0006 * expected, "{got} {expected}");
        }
        let p99 = fold.interval(0.99).unwrap();
        assert_eq!((p99.low_rank, p99.high_rank), (983, 997));
        assert!((p99.low - 983.0).abs() < 0.6 && (p99.high - 997.0).abs() < 0.6);
        assert_eq!(of(0..100).interval(0.99), None);
    }

    #[test]
    fn a_stored_histogram_comes_back() {
        let fold = of([0, 5, 1_000_000, u64::MAX / 1000]);
        let stored = fold.stored().unwrap();
        assert_eq!(stored.histogram().unwrap(), fold.histogram);
        assert_eq!(StoredHistogram { hdr_v2: "damaged".to_owned(), ..stored }.histogram(), None);
    }
}
