//! Several questions at once: p values that make up for it.

/// p values adjusted by Holm's step-down method, in the order given: whoever acts on those below 0.05 raises one or more
/// false alarms in at most 5 % of cases, however the tests depend on each other. For gates. `None` when one of them is
/// not from 0 to 1.
///
/// S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
pub fn holm(p: &[f64]) -> Option<Vec<f64>> {
    let order = rising(p)?;
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0.0_f64;
    for (rank, at) in order.iter().enumerate() {
        least = least.max(p[*at] * (p.len() - rank) as f64).min(1.0);
        adjusted[*at] = least;
    }
    Some(adjusted)
}

/// p values adjusted by Benjamini and Hochberg's step-up method, in the order given: of those below 0.05, at most 5 % are
/// false alarms on average (for independent or positively dependent tests). For tables that one browses. `None` when one
/// of them is not from 0 to 1.
///
/// Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 57 (1995).
pub fn benjamini_hochberg(p: &[f64]) -> Option<Vec<f64>> {
    let order = rising(p)?;
    let mut adjusted = vec![0.0; p.len()];
    let mut most = 1.0_f64;
    for (rank, at) in order.iter().enumerate().rev() {
        most = most.min(p[*at] * p.len() as f64 / (rank + 1) as f64);
        adjusted[*at] = most;
    }
    Some(adjusted)
}

/// The indices of the p values from the smallest to the largest.
fn rising(p: &[f64]) -> Option<Vec<usize>> {
    if !p.iter().all(|p| (0.0..=1.0).contains(p)) {
        return None;
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(got: Option<Vec<f64>>, expected: &[f64]) {
        let got = got.unwrap();
        assert!(got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-12), "{got:?}");
        assert_eq!(got.len(), expected.len());
    }

    #[test]
    fn agrees_with_statsmodels() {
        // `multipletests(p, method="holm")[1]` and `"fdr_bh"`, statsmodels 0.15.0; with one tie.
        let p = [0.01, 0.04, 0.03, 0.005, 0.04, 0.6];
        close(holm(&p), &[0.05, 0.12, 0.12, 0.03, 0.12, 0.6]);
        close(benjamini_hochberg(&p), &[0.030000000000000002, 0.048, 0.048, 0.030000000000000002, 0.048, 0.6]);
    }

    #[test]
    fn nothing_and_nonsense() {
        assert_eq!((holm(&[]), benjamini_hochberg(&[])), (Some(vec![]), Some(vec![])));
        assert_eq!((holm(&[0.1, f64::NAN]), benjamini_hochberg(&[1.5])), (None, None));
        assert_eq!((holm(&[0.2]), benjamini_hochberg(&[0.2])), (Some(vec![0.2]), Some(vec![0.2])));
    }

    proptest! {
        #[test]
        fn adjusting_keeps_the_order_and_never_lowers(p in prop::collection::vec(0.0f64..=1.0, 1..20)) {
            let (holm, bh) = (holm(&p).unwrap(), benjamini_hochberg(&p).unwrap());
            for i in 0..p.len() {
                prop_assert!(p[i] <= bh[i] + 1e-15 && bh[i] <= holm[i] + 1e-12 && holm[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || (holm[i] <= holm[j] && bh[i] <= bh[j]));
                }
            }
        }
    }
}
