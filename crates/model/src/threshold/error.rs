//! A rule that cannot be read: what is wrong, and at which character.

use std::fmt;
use std::ops::Range;

/// Why a rule cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThresholdError {
    pub(super) rule: String,
    pub(super) span: Range<usize>,
    pub(super) why: String,
    pub(super) expected: String,
}

impl ThresholdError {
    /// The rule, as it was written.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The bytes of [`ThresholdError::rule`] that are wrong; empty, at the end, where something is missing.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is wrong, in one line.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What could stand there, in one line.
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

impl fmt::Display for ThresholdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a rule: {}; {}", self.rule, self.why, self.expected)
    }
}

impl std::error::Error for ThresholdError {}
