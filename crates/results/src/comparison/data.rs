//! What a comparison of runs comes to, as data.

use super::metric::{Better, Kind, Unit};
use plimsoll_model::SCHEMA_VERSION;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of `comparison.json`, that of the other files.
pub(super) const VERSION: u32 = SCHEMA_VERSION;

/// Runs of a base beside runs of a branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunComparison {
    /// Version of this file.
    pub schema_version: u32,
    /// `comparison`, to tell it from a summary.
    pub kind: String,
    /// How the runs were set beside each other.
    pub design: RunDesign,
    /// The base.
    pub base: ArmRuns,
    /// The branch.
    pub branch: ArmRuns,
    /// What differs between the two, one phrase each; known only for runs of ours.
    pub differences: Vec<String>,
    /// Smaller effects do not matter; 0.05 is 5 %.
    pub threshold: f64,
    /// What it comes to.
    pub outcome: ComparisonOutcome,
    /// That in a sentence.
    pub conclusion: String,
    /// What to keep in mind, one sentence each.
    pub warnings: Vec<String>,
    /// The figures, in order of scopes; of each scope those of the gate first.
    pub rows: Vec<ComparisonRow>,
}

/// How runs were set beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunDesign {
    /// Each base run with one branch run.
    Paired,
    /// All base runs with all branch runs.
    Unpaired,
    /// One base run and one branch run: nothing can be said.
    Single,
}

/// The runs of one side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmRuns {
    /// What it is, in words.
    pub label: String,
    /// Where its runs lie, in the order in which they were compared.
    pub runs: Vec<PathBuf>,
}

/// What a comparison comes to. Only the figures of the gate decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonOutcome {
    /// A figure of the gate is worse, by more than the threshold.
    Regression,
    /// None is worse, and some are better.
    Improvement,
    /// Each is equivalent, or would likely have shown a difference beyond the threshold.
    NoRegression,
    /// Some could not be judged: the runs are too few, or too noisy.
    TooFewRuns,
}

/// One figure of one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// What it was measured over.
    pub scope: String,
    /// Which figure.
    pub metric: Kind,
    /// Of all values in this row.
    pub unit: Unit,
    /// Which direction is the good one.
    pub better: Better,
    /// Whether it is one of those that decide.
    pub gate: bool,
    /// Runs that have it: pairs, or runs of the base.
    pub base_runs: usize,
    /// Pairs, or runs of the branch.
    pub branch_runs: usize,
    /// Fewest values that it was made of in a run.
    pub samples: u64,
    /// Geometric mean of the base's runs; the arithmetic one when a run has 0.
    pub base: f64,
    /// That of the branch's.
    pub branch: f64,
    /// branch / base: 1.05 is 5 % more; `null` when one is 0.
    pub ratio: Option<f64>,
    /// 95 % interval of the ratio; `null` with too few runs.
    pub interval: Option<(f64, f64)>,
    /// p value of the t test on the logarithms (paired, or Welch's).
    pub p: Option<f64>,
    /// p value of the permutation test, for whoever doubts the t test.
    pub p_permutation: Option<f64>,
    /// `p` made up for the number of figures: Holm within the gate, Benjamini-Hochberg in the rest of the table.
    pub p_adjusted: Option<f64>,
    /// p value of the equivalence test.
    pub p_equivalence: Option<f64>,
    /// The smallest true effect that these runs would see four times of five; 0.04 is ±4 %.
    pub smallest_detectable: Option<f64>,
    /// What it says.
    pub verdict: RowVerdict,
    /// What to keep in mind.
    pub notes: Vec<String>,
}

/// What one figure says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowVerdict {
    /// A time is shorter, by more than the threshold.
    Faster,
    /// A time is longer, by more than the threshold.
    Slower,
    /// A rate is higher, by more than the threshold.
    Better,
    /// A rate is lower, by more than the threshold.
    Worse,
    /// No difference was seen, though one as large as the threshold would likely have been.
    NoDifference,
    /// The difference is smaller than the threshold: shown, not merely unseen.
    Equivalent,
    /// Too noisy for so many runs to say.
    Inconclusive,
    /// Single runs, of which nothing can be said.
    TooLittle,
}

impl RowVerdict {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoDifference => "no difference found",
            Self::Equivalent => "equivalent",
            Self::Inconclusive => "inconclusive",
            Self::TooLittle => "too little to say",
        }
    }

    /// Whether it is a loss.
    pub fn is_worse(self) -> bool {
        matches!(self, Self::Slower | Self::Worse)
    }

    /// Whether it is a gain.
    pub fn is_better(self) -> bool {
        matches!(self, Self::Faster | Self::Better)
    }

    /// Whether more runs might say more.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Inconclusive | Self::TooLittle)
    }
}

impl RunComparison {
    /// The largest effect among the gate's figures that could have gone unseen; `None` when there is none.
    pub fn smallest_detectable(&self) -> Option<f64> {
        self.gate().filter_map(|row| row.smallest_detectable).max_by(f64::total_cmp)
    }

    /// The rows that decide.
    pub fn gate(&self) -> impl Iterator<Item = &ComparisonRow> {
        self.rows.iter().filter(|row| row.gate)
    }
}
