//! Rows of equal length over time, of which there are never too many.

/// Most rows; beyond an hour each row becomes two seconds, beyond two hours four, and so on.
const MOST_ROWS: usize = 3600;

/// What can take in another of its kind.
pub(crate) trait Merge {
    /// Adds everything of the other one, which is of a later time or of the same.
    fn merge(&mut self, other: &Self);
}

/// Rows of equal length, the first at 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Steps<R> {
    /// Length of a row: a power of two.
    step_seconds: u64,
    rows: Vec<R>,
}

impl<R> Default for Steps<R> {
    fn default() -> Self {
        Self { step_seconds: 1, rows: Vec::new() }
    }
}

impl<R: Default + Merge> Steps<R> {
    pub(crate) fn step_seconds(&self) -> u64 {
        self.step_seconds
    }

    pub(crate) fn rows(&self) -> &[R] {
        &self.rows
    }

    /// The row of a second; rows before it that are not there yet are made.
    pub(crate) fn row(&mut self, second: u64) -> &mut R {
        while second / self.step_seconds >= MOST_ROWS as u64 {
            self.widen();
        }
        // Below MOST_ROWS.
        let index = (second / self.step_seconds) as usize;
        if index >= self.rows.len() {
            self.rows.resize_with(index + 1, R::default);
        }
        &mut self.rows[index]
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        while self.step_seconds < other.step_seconds {
            self.widen();
        }
        for (index, row) in other.rows.iter().enumerate().rev() {
            self.row(index as u64 * other.step_seconds).merge(row);
        }
    }

    /// Makes each two rows one.
    fn widen(&mut self) {
        self.step_seconds *= 2;
        let rows = std::mem::take(&mut self.rows);
        for (index, row) in rows.into_iter().enumerate() {
            match self.rows.get_mut(index / 2) {
                Some(first) => first.merge(&row),
                None => self.rows.push(row),
            }
        }
    }
}
