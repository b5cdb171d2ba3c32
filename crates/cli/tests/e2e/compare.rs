//! `compare` and `history` over directories made here.

use crate::support::{Plimsoll, text};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A result directory as hf-perftest leaves it: one tier with this median.
fn hf_run(folder: &Path, name: &str, tier: u32, p50: f64) {
    let dir = folder.join(name);
    fs::create_dir_all(&dir).unwrap();
    let summary = json!({"app": "apps/echo_text.py", "timestamp": name, "tiers": [
        {"tier": tier, "requests_per_user": 100, "total_requests": 1000, "elapsed_seconds": 9.0,
         "client_summary": {"count": 1000, "success_count": 1000, "success_rate": 1.0, "p50": p50, "p90": p50 * 1.6,
          "p95": p50 * 1.8, "p99": p50 * 2.5, "mean": p50 * 1.1, "min": 1.0, "max": p50 * 4.0},
         "server_summary": {}}]});
    fs::write(dir.join("summary.json"), summary.to_string()).unwrap();
}

fn runs(folder: &Path, side: &str, p50: f64) {
    for (index, noise) in [0.0, 0.6, -0.5, 0.3, -0.4].into_iter().enumerate() {
        hf_run(&folder.join(side), &format!("2026010{}_120000", index + 1), 10, p50 + noise);
    }
}

#[test]
fn directories_of_hf_perftest() {
    let call = Plimsoll::new();
    let dir = call.dir();
    runs(&dir, "main", 50.0);
    runs(&dir, "change", 60.0);
    let ended = call
        .args(["compare", "main", "--markdown", "comment.md", "--", "change"])
        .run()
        .code(98)
        .prints("Regression: p50 of tier 10 is slower, +20.")
        .prints("WARNING: the runs have no run.json");
    assert!(text(&ended.dir().join("comment.md")).contains("❌ Performance: regression"));
    for (args, code) in [
        (&["change", "--", "main"] as &[&str], 0),
        (&["main", "change", "--threshold", "30%"], 0),
        (&["main", "change", "--exit-zero"], 0),
    ] {
        let call = Plimsoll::new();
        runs(&call.dir(), "main", 50.0);
        runs(&call.dir(), "change", 60.0);
        call.arg("compare").args(args).run().code(code);
    }
}

#[test]
fn one_run_of_each_is_too_little() {
    let call = Plimsoll::new();
    hf_run(&call.dir(), "20260101_120000", 10, 50.0);
    hf_run(&call.dir(), "20260102_120000", 10, 90.0);
    call.args(["compare", "20260101_120000", "20260102_120000"])
        .run()
        .code(3)
        .prints("too little to say")
        .prints("76 %")
        .prints("+80.0%");
}

#[test]
fn what_cannot_be_compared_is_said() {
    for (args, wanted) in [
        (&["a", "--", "b"] as &[&str], "the base has tier 10; the branch has tier 100"),
        (&["a", "--", "nothing"], "there is no such folder"),
        (&["a"], "holds no ab.json"),
        (&["a", "a", "b"], "Put `--` before them"),
        (&["a", "--", "empty"], "holds no run"),
        (&["a", "--", "damaged"], "line 1"),
        (&["a", "--", "killed"], "plimsoll report"),
        (&["a", "--metric", "ttf_p50", "--", "b"], "did you mean `ttft_p50`?"),
        (&["a", "--metric", "ttft_p50", "--", "a"], "no run has ttft_p50"),
    ] {
        let call = Plimsoll::new();
        let dir = call.dir();
        hf_run(&dir, "a", 10, 50.0);
        hf_run(&dir, "b", 100, 50.0);
        for folder in ["empty", "damaged", "killed"] {
            fs::create_dir(dir.join(folder)).unwrap();
        }
        fs::write(dir.join("damaged/summary.json"), "{\"tiers\": [").unwrap();
        let manifest = json!({"schema_version": 1, "tool": {"name": "plimsoll", "version": "0.1.0"}, "command": "plimsoll",
            "plan": {}, "started_at": "2026-01-01T00:00:00.000Z", "ended_at": null, "state": "running",
            "partial_reason": null, "target": null, "seed": 1,
            "host": {"os": "x", "kernel": null, "cpu_model": null, "cores": 2, "memory_bytes": null}});
        fs::write(dir.join("killed/run.json"), manifest.to_string()).unwrap();
        call.arg("compare").args(args).run().code(2).says(wanted);
    }
}

#[test]
fn a_step_in_a_history() {
    let call = Plimsoll::new();
    let dir = call.dir();
    for day in 1..=20 {
        let p50 = if day < 12 { 50.0 } else { 57.0 } + f64::from(day * 7 % 5) / 10.0;
        hf_run(&dir.join("nightly"), &format!("202601{day:02}_030000"), 10, p50);
    }
    fs::create_dir(dir.join("nightly/20260121_030000")).unwrap();
    fs::write(dir.join("nightly/20260121_030000/summary.json"), "{").unwrap();
    let ended = call
        .args(["history", "nightly", "--otava-csv", "series.csv"])
        .run()
        .code(0)
        .prints("20 runs from")
        .prints("nightly/20260112_030000")
        .prints("tier 10 p50")
        .prints("20260121_030000 is left out");
    let csv = text(&ended.dir().join("series.csv"));
    assert!(csv.starts_with("time,target_version,run,tier_10_p50,"), "{csv}");
    assert_eq!(csv.lines().count(), 21);

    let call = Plimsoll::new();
    hf_run(&call.dir().join("nightly"), "20260101_030000", 10, 50.0);
    let ended = call.args(["history", "nightly", "--json"]).run().code(0);
    let history: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(history["runs"].as_array().unwrap().len(), 1);
    let call = Plimsoll::new();
    fs::create_dir(call.dir().join("none")).unwrap();
    call.args(["history", "none"]).run().code(2).says("no run can be read below none");
}
