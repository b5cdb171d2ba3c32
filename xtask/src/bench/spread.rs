//! Repeated figures as one.

use std::fmt;

/// Median, least and greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Of at least one value.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        Self { median: f64::midpoint(values[last / 2], values[values.len() / 2]), min: values[0], max: values[last] }
    }

    /// Of those values that there are; `None` where there are none.
    pub(super) fn of_some(values: impl Iterator<Item = Option<f64>>) -> Option<Self> {
        let mut values = values.flatten().peekable();
        values.peek().is_some().then(|| Self::of(values))
    }
}

/// `2.40 (1.20–4.80)`, with the precision that is asked for.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(1);
        write!(f, "{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.min, self.max)
    }
}

/// A cell of a table; a dash where there is nothing.
pub(super) fn cell(spread: Option<Spread>, digits: usize) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| format!("{spread:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0].into_iter()), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0].into_iter()).median, 2.5);
        assert_eq!(Spread::of([4.0].into_iter()).median, 4.0);
        assert_eq!(Spread::of_some([None, Some(2.0)].into_iter()).map(|spread| spread.max), Some(2.0));
        assert_eq!(Spread::of_some([None].into_iter()), None);
    }

    #[test]
    fn cells() {
        assert_eq!(cell(Some(Spread { median: 2.0, min: 1.0, max: 3.456 }), 2), "2.00 (1.00–3.46)");
        assert_eq!(cell(None, 2), "–");
    }
}
