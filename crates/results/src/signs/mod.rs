//! What neither a count nor a percentile tells: when failures came, whether times fall into two groups, whether the
//! first requests were unlike the others. Kept in `summary.json` as figures; what they mean is for [`crate::Diagnosis`].

mod failures;
mod groups;
mod settling;

use crate::record::is_default;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use failures::FailureSpan;
pub use groups::Groups;
pub(crate) use groups::POINTS;
pub use settling::Settling;

/// The signs of one tier or level.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Signs {
    /// For each class of failure, when most of them came.
    #[serde(default, skip_serializing_if = "is_default")]
    pub failures: BTreeMap<String, FailureSpan>,
    /// For each name whose times fall into two groups, these.
    #[serde(default, skip_serializing_if = "is_default")]
    pub groups: BTreeMap<String, Groups>,
    /// Each user's first request against its later ones; of Gradio apps only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<FirstRequests>,
    /// From when on the times no longer changed; `null` when it was too short to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settling: Option<Settling>,
}

/// Each user's first request in a tier against its later ones. Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FirstRequests {
    /// First requests that succeeded.
    pub first: usize,
    /// Their median latency.
    pub first_p50: f64,
    /// Later ones that succeeded.
    pub later: usize,
    /// Their median latency.
    pub later_p50: f64,
}

impl FirstRequests {
    /// `None` when one of the two has no success. Sorts what it is given.
    pub(crate) fn of(first: &mut [f64], later: &mut [f64]) -> Option<Self> {
        let median = |values: &mut [f64]| {
            values.sort_unstable_by(f64::total_cmp);
            plimsoll_stats::quantile(values, 0.5)
        };
        Some(Self { first: first.len(), later: later.len(), first_p50: median(first)?, later_p50: median(later)? })
    }
}
