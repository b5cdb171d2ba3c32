use super::*;
use crate::testdata::plan;
use crate::{ClientSummary, RunManifest, RunState, Summary};
use plimsoll_model::Clock;
use serde_json::json;

/// A run with one tier of 10 users whose latencies are these times those of a usual one.
fn run(factor: f64, success_rate: f64) -> LoadedRun {
    let client = ClientSummary {
        count: 200,
        success_count: Some((200.0 * success_rate) as usize),
        success_rate,
        p50: Some(100.0 * factor),
        p90: Some(150.0 * factor),
        p95: Some(180.0 * factor),
        p99: Some(300.0 * factor),
        mean: Some(110.0 * factor),
        ..ClientSummary::default()
    };
    let summary: Summary = serde_json::from_value(json!({
        "app": "echo_text", "timestamp": "20260101_120000", "schema_version": 1, "state": "complete",
        "tiers": [{"tier": 10, "requests_per_user": 20, "total_requests": 200, "elapsed_seconds": 2.0 * factor,
            "client_summary": client, "server_summary": {}}],
    }))
    .unwrap();
    let mut manifest = RunManifest::start("plimsoll", &plan(), 7, &Clock::start()).unwrap();
    manifest.host =
        serde_json::from_value(json!({"os": "o", "kernel": null, "cpu_model": "c", "cores": 2, "memory_bytes": null}))
            .unwrap();
    manifest.end(None);
    LoadedRun { dir: "r".into(), manifest: Some(manifest), figures: RunFigures::Gradio(Box::new(summary)) }
}

pub(crate) fn noisy(factor: f64) -> Vec<LoadedRun> {
    [1.0, 1.02, 0.99, 1.01, 0.98, 1.015, 0.995, 1.005].iter().map(|noise| run(noise * factor, 1.0)).collect()
}

pub(crate) fn branch_of(factor: f64) -> Vec<LoadedRun> {
    [1.004, 1.01, 1.0, 1.012, 0.985, 1.01, 0.99, 1.01].iter().map(|noise| run(noise * factor, 1.0)).collect()
}

fn row(comparison: &RunComparison, kind: Kind) -> &ComparisonRow {
    comparison.rows.iter().find(|row| row.metric == kind).unwrap()
}

#[test]
fn a_slower_branch_is_a_regression() {
    let comparison = compare(&noisy(1.0), &branch_of(1.1), true, &CompareOptions::default()).unwrap();
    assert_eq!(comparison.outcome, ComparisonOutcome::Regression);
    let p50 = row(&comparison, Kind::P50);
    assert!(p50.gate && p50.verdict == RowVerdict::Slower && (p50.ratio.unwrap() - 1.1).abs() < 0.01, "{p50:?}");
    // Half the rows are of the gate: p50, p95 (too few requests for a p99) and the success rate.
    let gate: Vec<Kind> = comparison.gate().map(|row| row.metric).collect();
    assert_eq!(gate, [Kind::P50, Kind::P95, Kind::SuccessRate]);
    let throughput = row(&comparison, Kind::Throughput);
    assert_eq!((throughput.verdict, throughput.gate), (RowVerdict::Worse, false));
    assert_eq!(row(&comparison, Kind::SuccessRate).verdict, RowVerdict::Equivalent);
    insta::assert_snapshot!(comparison_table(&comparison));
    insta::assert_snapshot!(comparison_markdown(&comparison));
    let again: RunComparison = serde_json::from_str(&serde_json::to_string(&comparison).unwrap()).unwrap();
    assert_eq!(again.outcome, comparison.outcome);
}

#[test]
fn the_same_app_is_equivalent_and_a_faster_one_faster() {
    let same = compare(&noisy(1.0), &branch_of(1.0), true, &CompareOptions::default()).unwrap();
    assert_eq!(
        (same.outcome, row(&same, Kind::P50).verdict),
        (ComparisonOutcome::NoRegression, RowVerdict::Equivalent)
    );
    assert!(same.conclusion.contains("could have seen ±"), "{}", same.conclusion);
    let faster = compare(&noisy(1.0), &branch_of(0.8), false, &CompareOptions::default()).unwrap();
    assert_eq!((faster.outcome, faster.design), (ComparisonOutcome::Improvement, RunDesign::Unpaired));
    assert!(faster.conclusion.starts_with("Improvement: p50 of tier 10 is faster, -"), "{}", faster.conclusion);
}

#[test]
fn a_single_pair_is_told_what_it_is() {
    let comparison = compare(&[run(1.0, 1.0)], &[run(2.0, 1.0)], false, &CompareOptions::default()).unwrap();
    assert_eq!((comparison.design, comparison.outcome), (RunDesign::Single, ComparisonOutcome::TooFewRuns));
    assert!(comparison.rows.iter().all(|row| row.verdict == RowVerdict::TooLittle && row.p.is_none()));
    assert_eq!(row(&comparison, Kind::P50).ratio, Some(2.0));
    assert!(comparison.conclusion.contains("76 %"), "{}", comparison.conclusion);
    insta::assert_snapshot!(comparison_table(&comparison));
}

#[test]
fn lost_answers_are_a_regression_whatever_the_latency() {
    let failing: Vec<_> = (0..8).map(|i| run(1.0, 0.9 + 0.001 * f64::from(i))).collect();
    let comparison = compare(&noisy(1.0), &failing, true, &CompareOptions::default()).unwrap();
    assert_eq!(row(&comparison, Kind::SuccessRate).verdict, RowVerdict::Worse);
    // Three answers of a hundred are lost, less than the threshold for times.
    let little: Vec<_> = (0..8).map(|i| run(1.0, 0.97 + 0.001 * f64::from(i))).collect();
    let comparison = compare(&noisy(1.0), &little, true, &CompareOptions::default()).unwrap();
    assert_eq!(comparison.outcome, ComparisonOutcome::Regression, "{}", comparison_table(&comparison));
    let dead: Vec<_> = (0..8).map(|_| run(1.0, 0.0)).collect();
    let comparison = compare(&noisy(1.0), &dead, false, &CompareOptions::default()).unwrap();
    assert_eq!(row(&comparison, Kind::SuccessRate).verdict, RowVerdict::Worse);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let error = |base: &[LoadedRun], branch: &[LoadedRun], paired| {
        compare(base, branch, paired, &CompareOptions::default()).unwrap_err().to_string()
    };
    let mut other = run(1.0, 1.0);
    let RunFigures::Gradio(summary) = &mut other.figures else { unreachable!() };
    summary.tiers[0].tier = 100;
    let text = error(&[run(1.0, 1.0)], &[other], false);
    assert!(text.contains("the base has tier 10; the branch has tier 100"), "{text}");
    assert!(error(&[run(1.0, 1.0)], &noisy(1.0), true).contains("1 base runs and 8 branch runs"));
    assert_eq!(error(&[], &noisy(1.0), true), "the base has no runs");
    let options = CompareOptions { metrics: vec![Kind::TtftP50], ..CompareOptions::default() };
    let text = compare(&noisy(1.0), &noisy(1.0), true, &options).unwrap_err().to_string();
    assert!(text.contains("no run has ttft_p50"), "{text}");
}

#[test]
fn doubts_are_told() {
    let (base, mut branch) = (noisy(1.0), branch_of(1.0));
    let manifest = branch[0].manifest.as_mut().unwrap();
    manifest.host.cores = 64;
    manifest.plan["load"]["tiers"] = json!([10]);
    manifest.plan["target"]["url"] = json!("http://other/");
    manifest.tool.version = "9".to_owned();
    manifest.seed = 8;
    manifest.state = RunState::Running;
    let comparison = compare(&base, &branch, true, &CompareOptions::default()).unwrap();
    for wanted in [
        "1 of 16 runs is partial",
        "different machines: c, 2 cores; c, 64 cores",
        "plimsoll 9",
        "load.tiers: [1,10] and [10]",
        "different seeds",
    ] {
        assert!(
            comparison.warnings.iter().any(|warning| warning.contains(wanted)),
            "{wanted}: {:#?}",
            comparison.warnings
        );
    }
    assert_eq!(comparison.differences, ["target.url: http://127.0.0.1:7860 and http://other/"]);
    let theirs: Vec<_> = noisy(1.0).into_iter().map(|run| LoadedRun { manifest: None, ..run }).collect();
    let comparison = compare(&theirs, &branch_of(1.0), false, &CompareOptions::default()).unwrap();
    assert!(comparison.warnings[0].contains("some runs have no run.json"), "{:#?}", comparison.warnings);
}
