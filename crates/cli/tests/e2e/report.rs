//! The page of runs of a Gradio app; what all tests of pages share.

use crate::support::{Plimsoll, json, json_lines, text};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// What `report --json` prints of a run.
pub(crate) fn page_data(dir: &Path) -> Value {
    let ended = Plimsoll::new().args(["report", "--json"]).arg(dir).run().code(0);
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}\n{}", ended.stdout))
}

/// Opens a report in a browser: no error of any kind, accessible in both themes, these figures on it.
pub(crate) fn check(report: &Path, expected: &Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard/tests");
    let ready = folder.join("node_modules/playwright-core").is_dir();
    assert!(ready, "this test drives a browser: install Node 20 or later and run `npm ci` in {}", folder.display());
    let wanted = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(wanted.path(), expected.to_string()).unwrap();
    let mut command = Command::new("node");
    command.arg(folder.join("check.mjs")).arg("--file").arg(report).arg("--expect").arg(wanted.path());
    let output = command.output().expect("this test drives a browser: install Node 20 or later");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {said}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["compared"], expected.as_object().unwrap().len(), "{said:#}");
    assert!(said["figures"].as_u64() > Some(20), "{said:#}");
}

/// The figures of a stage and of its requests of this name.
pub(crate) fn expect_stage(stage: usize, name: &str, times: &Value) -> Value {
    let mut expected = json!({});
    for figure in ["mean", "p50", "p90", "p95", "p99"] {
        assert!(times[figure].is_number(), "{figure} of {times:#}");
        expected[format!("stages.{stage}.{figure}")] = times[figure].clone();
        expected[format!("requests.{stage}.{name}.{figure}")] = times[figure].clone();
    }
    for figure in ["min", "max"] {
        expected[format!("requests.{stage}.{name}.{figure}")] = times[figure].clone();
    }
    expected
}

#[test]
fn the_page_of_an_app_has_the_summarys_figures() {
    let call = Plimsoll::app("echo_text").args(["--tiers", "1,5", "--requests-per-user", "20"]);
    let ended = call.run().measured().prints("Report: ");
    let (dir, summary) = (ended.run_dir(), ended.summary());
    let mut expected = json!({"state": "complete", "verdict": summary["verdict"]["result"]});
    for (stage, tier) in summary["tiers"].as_array().unwrap().iter().enumerate() {
        let name = tier["api_name"].as_str().unwrap();
        let figures = expect_stage(stage, name, &tier["client_summary"]);
        expected.as_object_mut().unwrap().extend(figures.as_object().unwrap().clone());
        expected[format!("stages.{stage}.ok")] = tier["client_summary"]["success_count"].clone();
        expected[format!("stages.{stage}.failed")] = tier["failed"].clone();
        expected[format!("stages.{stage}.throughput_rps")] = tier["throughput_rps"].clone();
        expected[format!("health.{stage}.send_lag_p99")] = tier["health"]["send_lag"]["p99_ms"].clone();
    }
    expected["tiles.p95"] = summary["tiers"][1]["client_summary"]["p95"].clone();
    check(&dir.join("report.html"), &expected);

    let data = page_data(&dir);
    for (stage, tier) in summary["tiers"].as_array().unwrap().iter().enumerate() {
        for row in data["phases"][stage]["rows"].as_array().unwrap() {
            assert_eq!(row["mean"], tier["phases"][row["name"].as_str().unwrap()]["mean"], "{row:#}");
        }
    }
    assert_eq!(data["series"]["stage"].as_array().unwrap().iter().filter_map(Value::as_i64).max(), Some(1));
    // Made again: the same, to the last digit. Nothing else in the directory is touched.
    let before = text(&dir.join("tier_5/client_latencies.jsonl"));
    Plimsoll::new().arg("report").arg(&dir).run().code(0);
    assert_eq!((page_data(&dir), text(&dir.join("tier_5/client_latencies.jsonl"))), (data, before));
    assert_eq!(json(&dir.join("summary.json")), summary);
}

#[test]
fn a_run_killed_in_its_second_tier_is_reported() {
    let call = Plimsoll::app("echo_text").args(["--tiers", "1,5", "--duration", "4"]);
    let mut run = call.start();
    run.wait_for_samples(5);
    sleep(Duration::from_secs(2));
    run.signal("KILL");
    let killed_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let ended = run.wait();
    ended.left_no_process();
    let dir = ended.run_dir();
    let data = page_data(&dir);
    assert_eq!((&data["run"]["state"], data["stages"].as_array().unwrap().len()), (&"partial".into(), 2), "{data:#}");
    assert!(data["run"]["partial_reason"].as_str().unwrap().contains("the run was killed"), "{:#}", data["run"]);
    let whole = text(&dir.join("tier_5/client_latencies.jsonl"));
    let lines: Vec<Value> = whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(data["requests"][1]["count"], lines.len());
    assert_eq!(data["requests"][0]["count"], json_lines(&dir.join("tier_1/client_latencies.jsonl")).len());
    assert!(lines.len() > 20 && data["phases"].as_array().unwrap().len() == 2, "{}", lines.len());
    let last = lines.iter().map(|line| line["end_unix"].as_f64().unwrap()).fold(0.0, f64::max);
    assert!((-0.1..1.5).contains(&(killed_at - last)), "the last sample is {} s older than the kill", killed_at - last);
    Plimsoll::new().arg("report").arg(&dir).run().code(0);
    check(&dir.join("report.html"), &json!({"state": "partial"}));
}

#[test]
fn a_run_of_hf_perftest_has_a_page_without_time() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("20260330_142500");
    std::fs::create_dir_all(dir.join("tier_10")).unwrap();
    let summary = json!({
        "app": "apps/echo_text.py", "timestamp": "20260330_142500",
        "tiers": [{
            "tier": 10, "requests_per_user": 2, "total_requests": 4, "elapsed_seconds": 0.5, "server_summary": {},
            "client_summary": {"count": 4, "success_count": 3, "success_rate": 0.75, "p50": 20.0, "p90": 30.0,
                "p95": 30.0, "p99": 30.0, "mean": 20.0, "min": 10.0, "max": 30.0},
        }],
    });
    std::fs::write(dir.join("summary.json"), summary.to_string()).unwrap();
    let line = |user: u32, ms: f64, ok: bool| {
        let error = if ok { Value::Null } else { "boom".into() };
        json!({"user_id": user, "request_id": 0, "latency_ms": ms, "success": ok, "error": error, "upload_ms": null})
    };
    let lines = [line(0, 10.0, true), line(1, 20.0, true), line(2, 30.0, true), line(3, 5.0, false)];
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(dir.join("tier_10/client_latencies.jsonl"), lines).unwrap();
    let data = page_data(&dir);
    assert_eq!((&data["stages"][0]["ok"], &data["stages"][0]["failed"]), (&3.into(), &1.into()));
    assert_eq!(data["errors"][0]["example"], "boom");
    assert_eq!((&data["series"]["t"], &data["stages"][0]["throughput_rps"]), (&json!([]), &json!(6.0)));
    let counts = data["distribution"][0]["counts"].as_array().unwrap();
    assert_eq!(counts.iter().map(|count| count.as_u64().unwrap()).sum::<u64>(), 3);
    assert!(data["warnings"].to_string().contains("no time stamps"), "{:#}", data["warnings"]);
    Plimsoll::new().arg("report").arg(&dir).run().code(0);
    check(&dir.join("report.html"), &json!({"stages.0.p50": 20.0, "requests.0.predictions.count": 4}));
}
