//! The view of a Gradio app's run.

use super::{CiError, CiPart, CiReport, CiRow, CiRule, sentences};
use crate::{Summary, TierSummary, Verdict, VerdictResult};
use plimsoll_stats::Distribution;

impl From<&Summary> for CiReport {
    fn from(summary: &Summary) -> Self {
        let unknown = Verdict {
            result: VerdictResult::Inconclusive,
            reasons: vec!["the run has no verdict: another tool made it".to_owned()],
        };
        let limits = |tier: &TierSummary| {
            let title = title(tier);
            let health = tier.health.iter().flat_map(|health| &health.limits_passed);
            health.map(|limit| format!("{title}: {}", limit.message)).collect::<Vec<_>>()
        };
        Self {
            name: crate::without_credentials(&summary.app),
            timestamp: summary.timestamp.clone(),
            partial: summary.partial_reason.clone(),
            verdict: summary.verdict.clone().unwrap_or(unknown),
            headline: None,
            limited: summary.tiers.iter().flat_map(limits).collect(),
            parts: summary.tiers.iter().map(part).collect(),
            diagnosis: sentences(&summary.diagnosis),
            facts: Vec::new(),
        }
    }
}

fn part(tier: &TierSummary) -> CiPart {
    let intervals = &tier.intervals;
    let mut errors: Vec<CiError> = tier
        .errors
        .iter()
        .map(|(class, errors)| CiError {
            class: class.clone(),
            count: errors.count as u64,
            example: errors.example.clone(),
        })
        .collect();
    errors.sort_by_key(|error| std::cmp::Reverse(error.count));
    CiPart {
        title: title(tier),
        seconds: tier.elapsed_seconds,
        all: CiRow {
            name: tier.api_name.clone().unwrap_or_else(|| "all".to_owned()),
            requests: tier.total_requests as u64,
            failed: tier.failed as u64,
            rps: tier.throughput_rps,
            times: times(tier),
            intervals: [intervals.p50, intervals.p95, intervals.p99],
        },
        names: Vec::new(),
        rules: tier.thresholds.iter().map(|result| CiRule { result: result.clone(), place: None }).collect(),
        errors,
    }
}

/// The latencies that hf-perftest's table shows.
fn times(tier: &TierSummary) -> Option<Distribution> {
    let client = &tier.client_summary;
    Some(Distribution {
        count: client.success_count?,
        mean: client.mean?,
        min: client.min?,
        max: client.max?,
        p50: client.p50?,
        p90: client.p90?,
        p95: client.p95?,
        p99: client.p99?,
    })
}

/// `tier 10`, or `tier 10 (tier_10_2)` when the tier came before.
fn title(tier: &TierSummary) -> String {
    if tier.directory.is_empty() || tier.directory == format!("tier_{}", tier.tier) {
        format!("tier {}", tier.tier)
    } else {
        format!("tier {} ({})", tier.tier, tier.directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{failed, health, run_with, sample};
    use plimsoll_model::FailureClass;

    #[test]
    fn a_tier() {
        let samples = [sample(0, 0), failed(1, 0, FailureClass::Timeout, "late")];
        let (_folder, _run, mut summary) = run_with(&samples, false);
        summary.tiers[0].health = Some(health(true));
        summary.app = "http://me:secret@host/".to_owned();
        let report = CiReport::from(&summary);
        let part = &report.parts[0];
        assert_eq!((report.name.as_str(), part.title.as_str()), ("http://host/", "tier 2"));
        assert_eq!((part.all.requests, part.all.failed, part.all.times.map(|times| times.p50)), (2, 1, Some(64.25)));
        assert_eq!(part.errors, [CiError { class: "timeout".to_owned(), count: 1, example: "late".to_owned() }]);
        assert_eq!(report.limited.len(), 1);
    }
}
