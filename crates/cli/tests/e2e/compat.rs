//! hf-perftest's command line and its results, for those who come from it.

use crate::apps::{all_ok, background_is_whole};
use crate::support::{Ended, Plimsoll, files, fixture, python, run_dir};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

fn results(ended: &Ended) -> PathBuf {
    run_dir(&ended.dir().join("results"))
}

/// What a script that knows only hf-perftest's names finds; fails when it fails.
fn read(ended: &Ended) -> Value {
    let output = Command::new(python()).arg(fixture("read_results.py")).arg(results(ended)).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}\n{}", ended.output());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn hf_perftests_command_line_gives_hf_perftests_results() {
    let call = Plimsoll::hf_perftest();
    let port = call.port().to_string();
    let ended = call
        .args(["run", "--app", "echo_text", "--tiers", "1,2", "--requests-per-user", "3", "--mode", "wave"])
        .args(["--concurrency-limit", "none", "--max-threads", "20", "--output-dir", "results", "--port", &port])
        .run()
        .prints("--- Tier: 2 concurrent users ---")
        .prints("Results saved to results/");
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.output());
    let found = read(&ended);
    assert_eq!(found["rows"], serde_json::json!(["1", "2"]));
    assert_eq!(found["tiers"][1]["traces"], 6);

    let folder = results(&ended);
    let mut names: Vec<String> =
        files(&folder).iter().map(|path| path.strip_prefix(&folder).unwrap().display().to_string()).collect();
    names.sort();
    // hf-perftest's, and ours beside them.
    assert_eq!(
        names,
        [
            "app.log",
            "events.jsonl",
            "report.html",
            "run.json",
            "summary.json",
            "summary_table.txt",
            "tier_1/client_latencies.jsonl",
            "tier_1/traces.jsonl",
            "tier_2/client_latencies.jsonl",
            "tier_2/traces.jsonl",
        ]
    );
    let manifest = crate::support::json(&folder.join("run.json"));
    assert_eq!((&manifest["command"], &manifest["state"]), (&"hf-perftest".into(), &"complete".into()));
    let app = &manifest["plan"]["target"];
    assert_eq!((&app["max_threads"], &app["concurrency_limit"]), (&20.into(), &"none".into()), "{app}");
    ended.left_no_process();
}

#[test]
fn figures_are_those_of_numpy() {
    let ended = Plimsoll::app("echo_text")
        .args(["--tiers", "1,7,20", "--requests-per-user", "5", "--output-dir", "results"])
        .run();
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.output());
    // The script computes them from the lines.
    let found = read(&ended);
    let requests: Vec<u64> =
        found["tiers"].as_array().unwrap().iter().map(|tier| tier["requests"].as_u64().unwrap()).collect();
    assert_eq!(requests, [5, 35, 100]);
    ended.left_no_process();
}

#[test]
fn mixed_traffic_has_hf_perftests_files() {
    let call = Plimsoll::hf_perftest();
    let port = call.port().to_string();
    let ended = call
        .args(["run", "--app", "file_heavy.py", "--tiers", "10", "--requests-per-user", "4", "--mixed-traffic"])
        .args(["--port", &port])
        .run()
        .measured();
    all_ok(&ended, 10, 40);
    background_is_whole(&ended, 10);
    // Image files of one user per round, under hf-perftest's names.
    let samples = files(&ended.tier_dir(10).join("samples"));
    assert_eq!(samples.len(), 4, "{samples:?}");
    ended.left_no_process();
}
