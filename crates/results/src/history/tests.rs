use super::*;
use crate::{RunFigures, Summary};
use serde_json::json;

/// 12 nightly runs; the latency jumps by a fifth at the eighth.
fn runs() -> Vec<LoadedRun> {
    let noise = [0.0, 0.4, -0.3, 0.2, -0.1, 0.3, -0.4, 0.1, -0.2, 0.35, -0.15, 0.05];
    let night = |(day, noise): (usize, f64)| {
        let p50 = if day < 7 { 100.0 } else { 120.0 } + noise;
        let summary: Summary = serde_json::from_value(json!({
            "app": "echo_text", "timestamp": format!("202601{:02}_030000", day + 1),
            "tiers": [{"tier": 1, "requests_per_user": 20, "total_requests": 20, "elapsed_seconds": 2.0 + noise / 1e3,
                "client_summary": {"count": 20, "success_count": 20, "success_rate": 1.0, "p50": p50},
                "server_summary": {}}],
        }))
        .unwrap();
        LoadedRun { dir: format!("runs/{day}").into(), manifest: None, figures: RunFigures::Gradio(Box::new(summary)) }
    };
    noise.into_iter().enumerate().map(night).collect()
}

#[test]
fn a_step_is_found_where_it_is() {
    // In any order: time decides.
    let mut runs = runs();
    runs.reverse();
    let history = History::of(&runs, &HistoryOptions::default());
    let changes: Vec<_> = history
        .series
        .iter()
        .flat_map(|series| series.changes.iter().map(|change| (series.metric, change.run)))
        .collect();
    assert_eq!(changes, [(Kind::P50, 7)]);
    let text = history_table(&history);
    assert!(text.contains("(runs/7)") && text.contains("+20.0%") && text.contains("worse"), "{text}");
    let csv = otava_csv(&history);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("time,target_version,run,tier_1_p50,tier_1_throughput,tier_1_success_rate"));
    assert_eq!(lines.count(), 12);
}

#[test]
fn few_and_partial_runs_are_told() {
    let mut runs = runs();
    runs.truncate(3);
    let RunFigures::Gradio(summary) = &mut runs[2].figures else { unreachable!() };
    summary.state = RunState::Partial;
    let history = History::of(&runs, &HistoryOptions::default());
    let text = history_table(&history);
    assert!(text.contains("Too few runs") && text.contains("runs/2 is left out: it is partial"), "{text}");
    assert!(history_table(&History::of(&[], &HistoryOptions::default())).contains("No run that can be used."));
}
