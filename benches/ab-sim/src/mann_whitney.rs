//! The test that many tools make of requests. Here it shows why not to.

/// |z| of the Mann–Whitney test of two sorted samples, by the normal approximation: H. B. Mann, D. R. Whitney, "On a test of
/// whether one of two random variables is stochastically larger than the other", Annals of Mathematical Statistics 18 (1947).
/// Ties, which continuous latencies do not have, are not corrected for.
pub(crate) fn z(left: &[f64], right: &[f64]) -> f64 {
    let (n, m) = (left.len() as f64, right.len() as f64);
    let mut below = 0;
    let wins: usize = right
        .iter()
        .map(|value| {
            while left.get(below).is_some_and(|left| left < value) {
                below += 1;
            }
            below
        })
        .sum();
    (wins as f64 - n * m / 2.0).abs() / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::z;

    #[test]
    fn agrees_with_scipy() {
        // `mannwhitneyu(left, right, method="asymptotic", use_continuity=False)`.
        let (left, right) = ([1.0, 2.0, 4.0, 5.0, 8.0], [6.0, 7.0, 9.0, 10.0, 11.0]);
        assert!((z(&left, &right) - 2.1933784650417927).abs() < 1e-12);
        assert!((z(&right, &left) - 2.1933784650417927).abs() < 1e-12);
    }
}
