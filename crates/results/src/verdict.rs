//! Whether a run's figures may be believed.

use crate::{RunState, ThresholdResult, TierSummary};
use plimsoll_model::Health;
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
    /// A rule is broken.
    Fail,
    /// The figures may not be the target's: nothing should be concluded from them.
    Inconclusive,
}

impl VerdictResult {
    /// The word for it in texts and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl Verdict {
    /// Of a Gradio app's run. When in a tier the load generator may have set the figures it is inconclusive, whatever
    /// they say. Else it fails when a rule is broken. Else it is inconclusive when it ended early, when in a tier no
    /// request succeeded, and when a rule could not be judged or was met by too few values to tell.
    pub fn of(state: RunState, partial_reason: Option<&str>, tiers: &[TierSummary]) -> Self {
        let mut reasons = Reasons::default();
        reasons.state(state, partial_reason);
        if tiers.is_empty() {
            reasons.unsure.push("no tier was run".to_owned());
        }
        for tier in tiers {
            let at = format!("tier {}: ", tier.tier);
            if tier.client_summary.success_count.unwrap_or(0) == 0 {
                reasons.unsure.push(format!("{at}no request succeeded"));
            }
            reasons.health(&at, &tier.health);
            reasons.rules(&at, &tier.thresholds);
        }
        reasons.verdict()
    }
}

/// Why a run is not a pass, by what follows from it.
#[derive(Default)]
pub(crate) struct Reasons {
    pub limited: Vec<String>,
    pub broken: Vec<String>,
    pub unsure: Vec<String>,
}

impl Reasons {
    pub(crate) fn state(&mut self, state: RunState, partial_reason: Option<&str>) {
        if state != RunState::Complete {
            self.unsure.push(format!("the run ended early: {}", partial_reason.unwrap_or("it was cut off")));
        }
    }

    pub(crate) fn health<'a>(&mut self, at: &str, health: impl IntoIterator<Item = &'a Health>) {
        let limits = health.into_iter().flat_map(|health| &health.limits_passed);
        self.limited.extend(limits.map(|limit| format!("{at}generator-limited: {}", limit.message)));
    }

    pub(crate) fn rules(&mut self, at: &str, rules: &[ThresholdResult]) {
        for threshold in rules {
            let rule = threshold.title();
            let rests = format!("rests on {}", threshold.samples_in_words());
            match threshold.ok {
                Some(false) => {
                    let thin = if threshold.enough { String::new() } else { format!(" ({rests})") };
                    self.broken.push(format!("{at}{rule} is broken: {}{thin}", threshold.value_in_words()));
                }
                Some(true) if !threshold.enough => {
                    self.unsure.push(format!("{at}{rule} is met, but {rests}: too few to tell"));
                }
                Some(true) => {}
                None => self.unsure.push(format!("{at}{rule} cannot be judged: nothing was measured")),
            }
        }
    }

    pub(crate) fn verdict(self) -> Verdict {
        let result = if !self.limited.is_empty() {
            VerdictResult::Inconclusive
        } else if !self.broken.is_empty() {
            VerdictResult::Fail
        } else if !self.unsure.is_empty() {
            VerdictResult::Inconclusive
        } else {
            VerdictResult::Pass
        };
        Verdict { result, reasons: [self.limited, self.broken, self.unsure].concat() }
    }
}
