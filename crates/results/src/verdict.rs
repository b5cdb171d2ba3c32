//! Whether a run's figures may be believed.

use crate::{RunState, TierSummary};
use serde::{Deserialize, Serialize};

/// What a run comes to, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What it comes to.
    pub result: VerdictResult,
    /// Why it is not a pass, one sentence each.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// What a run comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictResult {
    /// The figures hold.
    Pass,
    /// A rule of the scenario is broken.
    Fail,
    /// The figures may not be the target's: nothing should be concluded from them.
    Inconclusive,
}

impl Verdict {
    /// A run is inconclusive when it ended early, when in a tier the load generator may have set the figures, or when
    /// in a tier no request succeeded.
    pub fn of(state: RunState, partial_reason: Option<&str>, tiers: &[TierSummary]) -> Self {
        let mut reasons = Vec::new();
        if state != RunState::Complete {
            reasons.push(format!("the run ended early: {}", partial_reason.unwrap_or("it was cut off")));
        }
        if tiers.is_empty() {
            reasons.push("no tier was run".to_owned());
        }
        for tier in tiers {
            if tier.client_summary.success_count.unwrap_or(0) == 0 {
                reasons.push(format!("tier {}: no request succeeded", tier.tier));
            }
            for limit in tier.health.iter().flat_map(|health| &health.limits_passed) {
                reasons.push(format!("tier {}: generator-limited: {}", tier.tier, limit.message));
            }
        }
        let result = if reasons.is_empty() { VerdictResult::Pass } else { VerdictResult::Inconclusive };
        Self { result, reasons }
    }
}
