//! `ab` on real Gradio apps.

use crate::support::{Ended, Plimsoll, app_processes, files, fixture, json, no_process_left, run_dir, signal};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// An experiment with the app that sleeps, in short runs, on ports of its own.
fn ab() -> Plimsoll {
    let call = Plimsoll::new();
    let port = call.port().to_string();
    call.args(["ab", "--app", &fixture("sleeps.py"), "--port", &port, "--pause", "0s", "--warmup", "1"]).args([
        "--tiers",
        "2",
        "--requests-per-user",
        "8",
        "--seed",
        "5",
    ])
}

fn comparison(ended: &Ended) -> Value {
    json(&ended.run_dir().join("comparison.json"))
}

fn row(comparison: &Value, metric: &str) -> Value {
    let rows = comparison["rows"].as_array().unwrap();
    rows.iter().find(|row| row["metric"] == metric).unwrap_or_else(|| panic!("no {metric} in {comparison:#}")).clone()
}

#[test]
fn an_app_against_itself() {
    let ended = ab().args(["--pairs", "3", "--restart", "never", "--threshold", "500%"]).run();
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.output());
    ended.left_no_process();
    let dir = ended.run_dir();
    assert!(dir.to_string_lossy().ends_with("_ab"));
    let file = json(&dir.join("ab.json"));
    assert_eq!((&file["state"], &file["differences"], &file["seed"]), (&json!("complete"), &json!([]), &json!(5)));
    let pairs = file["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 3);
    assert_ne!(pairs[0]["first"], pairs[1]["first"], "orders are balanced: {pairs:#?}");
    for pair in pairs {
        assert_eq!(pair["complete"], true);
        for arm in ["base", "branch"] {
            let run = dir.join(pair[arm].as_str().unwrap());
            let manifest = json(&run.join("run.json"));
            assert_eq!((&manifest["state"], &manifest["seed"]), (&json!("complete"), &pair["seed"]));
            assert_eq!(json(&run.join("summary.json"))["tiers"][0]["client_summary"]["success_count"], 16);
        }
    }
    for name in ["comparison.txt", "comment.md", "app_base/app.log"] {
        assert!(dir.join(name).is_file(), "{name} in {:?}", files(&dir));
    }
    let first = comparison(&ended);
    assert_eq!((&first["design"], &first["differences"][0]), (&json!("paired"), &json!("nothing: an A/A test")));
    let ended = ended.prints("Pair 3 of 3").prints("so far p50");
    // The folder is enough to compare again, and so are its runs, in whatever order they come.
    let runs = |arm: &str| (1..=3).rev().map(|pair| dir.join(format!("pair_{pair}_{arm}"))).collect::<Vec<PathBuf>>();
    let whole =
        Plimsoll::new().args(["compare", "--json", "--exit-zero", "--threshold", "500%"]).arg(&dir).run().code(0);
    let listed = Plimsoll::new()
        .args(["compare", "--json", "--exit-zero", "--threshold", "500%"])
        .args(runs("base"))
        .arg("--")
        .args(runs("branch"))
        .run()
        .code(0);
    for again in [whole, listed] {
        let again: Value = serde_json::from_str(&again.stdout).unwrap();
        assert_eq!(again["design"], "paired");
        assert_eq!(row(&again, "p50")["ratio"], row(&first, "p50")["ratio"]);
    }
    drop(ended);
}

#[test]
fn a_slower_function_is_a_regression() {
    let ended = ab()
        .args(["--pairs", "4", "--restart", "never", "--base-env", "SLEEP_MS=40", "--branch-env", "SLEEP_MS=80"])
        .args(["--base-env", "MY_TOKEN=hunter2222", "--branch-env", "MY_TOKEN=hunter2222"])
        .run()
        .code(98)
        .prints("Regression: p50 of tier 2 is slower");
    ended.left_no_process();
    ended.hides("hunter2222");
    let comparison = comparison(&ended);
    assert_eq!(comparison["outcome"], "regression");
    assert_eq!(comparison["differences"], json!(["SLEEP_MS: 40 and 80"]));
    let p50 = row(&comparison, "p50");
    assert!(p50["ratio"].as_f64().unwrap() > 1.5 && p50["verdict"] == "slower", "{p50:#}");
}

#[test]
fn ctrl_c_keeps_the_pairs_that_are_done() {
    let mut run = ab().args(["--pairs", "50", "--restart", "never", "--base-env", "SLEEP_MS=100"]).start();
    run.wait_for("Pair 1 of 50");
    run.wait_until("the second pair", |run| {
        run_dir(&run.dir().join("benchmark_results")).join("pair_2_base/tier_2").exists()
            || run_dir(&run.dir().join("benchmark_results")).join("pair_2_branch/tier_2").exists()
    });
    run.signal("INT");
    let ended = run.wait().code(130).prints("PARTIAL: ");
    ended.left_no_process();
    let file = json(&ended.run_dir().join("ab.json"));
    assert_eq!(file["state"], "partial", "{file:#}");
    assert!(file["partial_reason"].as_str().unwrap().contains("interrupted by SIGINT"), "{file:#}");
    let done: Vec<&Value> = file["pairs"].as_array().unwrap().iter().map(|pair| &pair["complete"]).collect();
    assert!(done.len() >= 2 && done[0] == true && *done[done.len() - 1] == false, "{file:#}");
    assert!(comparison(&ended)["warnings"][0].as_str().unwrap().contains("the experiment is partial"));
}

#[test]
fn a_killed_experiment_leaves_no_resting_app() {
    let mut run = ab().args(["--pairs", "50", "--restart", "never", "--base-env", "SLEEP_MS=100"]).start();
    run.wait_for("Pair 1 of 50");
    let port = run.port();
    assert!(!app_processes(port).is_empty());
    signal("KILL", &run.pid().to_string());
    let ended = run.wait();
    assert_eq!(ended.signal, Some(9));
    no_process_left(port);
    assert_eq!(json(&ended.run_dir().join("ab.json"))["state"], "running");
    Plimsoll::new().args(["compare"]).arg(ended.run_dir()).run().code(3).prints("the experiment is partial");
}

#[test]
fn what_cannot_be_tested_is_said_at_once() {
    for (args, wanted) in [
        (&["--base-env", "A=1", "--branch-concurrency-limit", "3"] as &[&str], "differ in 2 things"),
        (&["--target-mde", "2%", "--max-pairs", "4"], "--max-pairs 4 is less than --pairs 8"),
        (&["--branch", "nonsense"], "--branch nonsense: give a version"),
        (&["--target-mde", "x"], "not a percentage"),
    ] {
        ab().args(args).run().code(2).says(wanted).did_nothing();
    }
    let ended = ab().args(["--branch-env", "X_KEY=secretvalue", "--dry-run"]).run().code(0);
    assert!(!ended.stdout.contains("secretvalue") && ended.stdout.contains("X_KEY"), "{}", ended.stdout);
    assert!(files(&ended.dir()).is_empty());
}

#[test]
fn a_branch_that_does_not_start() {
    let call = Plimsoll::new();
    let port = call.port().to_string();
    let broken = fixture("broken_start.py");
    let ended = call
        .args(["ab", "--base-app", &fixture("sleeps.py"), "--branch-app", &broken, "--port", &port, "--tiers", "1"])
        .run()
        .code(2)
        .says("branch: ")
        .says("no weights found");
    ended.left_no_process();
    assert_eq!(json(&ended.run_dir().join("ab.json"))["state"], "partial");
    assert!(!fs::exists(ended.run_dir().join("comparison.json")).unwrap());
}
