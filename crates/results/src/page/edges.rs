//! Buckets of times for heat maps and distributions: equally wide on a logarithmic scale.

use plimsoll_stats::Sketch;

/// The lowest edge is 10 to this power, in milliseconds; what is below counts in the lowest bucket.
const LOWEST_DECADE: i32 = -2;

/// From 10 µs to nearly 17 minutes; what is above counts in the highest bucket.
const DECADES: usize = 8;

/// Of a heat map: each bucket is 12 % wide.
const HEAT: usize = 20;

/// Of a distribution, which has room for more: 3.7 % wide.
const FINE: usize = 64;

/// The edges of all buckets in milliseconds, one more than there are buckets. Always the same ones, so that rows can be
/// added to a heat map while a run goes on.
pub(crate) fn all_edges() -> Vec<f64> {
    (0..=DECADES * HEAT).map(|index| edge(index, HEAT)).collect()
}

fn edge(index: usize, per_decade: usize) -> f64 {
    let exact = 10_f64.powf(f64::from(LOWEST_DECADE) + index as f64 / per_decade as f64);
    // Five digits.
    let scale = 10_f64.powf(4.0 - exact.log10().floor());
    (exact * scale).round() / scale
}

/// The bucket of a time in milliseconds.
fn bucket(milliseconds: f64, per_decade: usize) -> usize {
    let place = (milliseconds.log10() - f64::from(LOWEST_DECADE)) * per_decade as f64;
    // Casting takes a negative number, and that of a time of 0, to 0.
    (place as usize).min(DECADES * per_decade - 1)
}

/// Bucket, count, bucket, count…
pub(crate) fn sparse(times: &Sketch) -> Vec<u64> {
    let mut row: Vec<u64> = Vec::new();
    for (micros, count) in times.iter() {
        let bucket = bucket(micros as f64 / 1e3, HEAT) as u64;
        match row.as_mut_slice() {
            [.., last, so_far] if *last == bucket => *so_far += count,
            _ => row.extend([bucket, count]),
        }
    }
    row
}

/// Values in milliseconds, as the edges and counts of those buckets that lie between the
/// lowest and the highest one with something in it.
pub(crate) fn counts(values: impl Iterator<Item = (f64, u64)>) -> (Vec<f64>, Vec<u64>) {
    let mut all = vec![0; DECADES * FINE];
    values.for_each(|(milliseconds, count)| all[bucket(milliseconds, FINE)] += count);
    let Some(first) = all.iter().position(|count| *count > 0) else { return (Vec::new(), Vec::new()) };
    let end = all.iter().rposition(|count| *count > 0).map_or(first, |last| last + 1);
    ((first..=end).map(|index| edge(index, FINE)).collect(), all[first..end].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_its_bucket() {
        let edges = all_edges();
        assert_eq!((edges.len(), edges[0], edges[160]), (161, 0.01, 1e6));
        for time in [0.011, 0.5, 1.01, 64.25, 9_999.0, 999_999.0] {
            let bucket = bucket(time, HEAT);
            assert!(edges[bucket] <= time && time < edges[bucket + 1], "{time}");
        }
        assert_eq!([0.0, 1e-9, 1e12].map(|time| bucket(time, HEAT)), [0, 0, 159]);
    }

    #[test]
    fn rows_are_sparse_and_distributions_are_cut_to_size() {
        let mut times = Sketch::default();
        [1_000, 1_010, 64_000].iter().for_each(|time| times.add(*time));
        assert_eq!(sparse(&times), [40, 2, 76, 1]);
        let (edges, counts) = counts([(1.0, 2), (64.0, 1)].into_iter());
        assert_eq!((edges.len(), counts.len(), counts[0], counts[115], edges[0]), (117, 116, 2, 1, 1.0));
        assert_eq!(super::counts(std::iter::empty()), (vec![], vec![]));
    }
}
