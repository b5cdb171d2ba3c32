//! The page of runs of a scenario, and runs made again from their samples.

use super::support::{Mock, alone, among_others, classify, scenario, wait_for_samples};
use crate::report::{check, expect_stage, page_data};
use crate::support::{Plimsoll, json, run_dir, text};
use serde_json::Value;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

const LOAD: &str =
    "[think]\nconstant = \"20ms\"\n[load]\nexecutor = \"users\"\nusers = 4\nspawn_rate = 100\nduration = \"2m\"\n";

const RULES: &str =
    "[[threshold]]\nrule = \"p(95) < 10s\"\n[[threshold]]\nrule = \"p(50) < 1us\"\nrequest = \"Classify\"\n";

#[test]
fn a_killed_run_is_reported_up_to_its_last_lines() {
    let _turn = alone();
    let mock = Mock::start("");
    let mut run = scenario(&(classify(&mock.url()) + RULES + LOAD)).start();
    wait_for_samples(&mut run);
    sleep(Duration::from_secs(3));
    run.signal("KILL");
    let killed_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let ended = run.wait();
    assert_eq!(ended.signal, Some(9));
    let dir = ended.run_dir();
    assert!(!dir.join("report.html").exists() && ended.manifest()["state"] == "running");

    let data = page_data(&dir);
    assert_eq!(data["run"]["state"], "partial");
    let reason = data["run"]["partial_reason"].as_str().unwrap();
    assert!(reason.contains("the run was killed") && data["banner"].as_str().unwrap().contains(reason), "{data:#}");
    assert_eq!(data["verdict"]["result"], "fail", "{:#}", data["verdict"]);
    let lines: Vec<Value> =
        text(&dir.join("samples.jsonl")).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(lines.len() > 100, "{}", lines.len());
    assert_eq!(data["requests"][0]["count"], lines.len());
    assert_eq!(data["thresholds"][0]["ok"], true, "{:#}", data["thresholds"]);
    assert_eq!((&data["thresholds"][1]["ok"], &data["thresholds"][1]["scope"]), (&false.into(), &"Classify".into()));
    // Samples reach the disk at least once a second.
    let last = lines.iter().map(|line| line["end"].as_u64().unwrap()).max().unwrap() as f64 / 1e6;
    let began = ended.manifest()["started_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let lost = killed_at - began.as_microsecond() as f64 / 1e6 - last;
    assert!((-0.1..1.5).contains(&lost), "the last sample is {lost} s older than the kill");

    // Half a line more, as a kill in the middle of a write leaves it.
    let file = dir.join("samples.jsonl");
    fs::write(&file, text(&file) + "{\"name\":\"Clas").unwrap();
    let cut = page_data(&dir);
    assert_eq!(cut["requests"][0]["count"], lines.len());
    assert!(cut["warnings"].to_string().contains("cut off"), "{:#}", cut["warnings"]);

    Plimsoll::new().arg("report").arg(&dir).run().code(0).prints("report.html");
    check(&dir.join("report.html"), &serde_json::json!({"state": "partial", "requests.0.Classify.count": lines.len()}));
}

#[test]
fn the_page_of_a_chat_has_the_summarys_figures() {
    let _turn = alone();
    let mock = Mock::start("--itl uniform(5ms,15ms) --fault 503=0.05");
    let chat = ["chat", "--model", "m", "--users", "5", "--run-time", "6s", "--warmup", "1s", "--output-tokens", "20"];
    let rules = ["--threshold", "p(95) < 5s", "--threshold", "rate(failed) < 50%", "--url"];
    let ended = Plimsoll::new().args(chat).args(rules).arg(mock.url()).run();
    let ended = ended.prints("report.html");
    let last = ended.stdout.trim_end().lines().last().unwrap().to_owned();
    assert!(last.starts_with("Report: ") && last.ends_with("/report.html"), "{last}");
    let (dir, summary) = (ended.run_dir(), ended.summary());
    let level = &summary["levels"][0];
    let mut expected = expect_stage(0, "chat", &level["requests"]["chat"]["metrics"]["response_time"]);
    for metric in ["ttft", "itl", "itl_per_token", "tpot", "e2e", "tokens_per_second"] {
        for figure in ["count", "mean", "p50", "p90", "p95", "p99", "max"] {
            let value = level["requests"]["chat"]["metrics"][metric][figure].clone();
            assert!(value.is_number(), "{metric} {figure}");
            expected[format!("streams.0.chat.{metric}.{figure}")] = value;
        }
    }
    let lag = &level["health"][0]["send_lag"];
    for (key, value) in [
        ("state", &summary["state"]),
        ("verdict", &summary["verdict"]["result"]),
        ("stages.0.ok", &level["all"]["ok"]),
        ("stages.0.failed", &level["all"]["failed"]),
        ("stages.0.throughput_rps", &level["throughput_rps"]),
        ("requests.0.chat.count", &level["all"]["count"]),
        ("requests.0.chat.rate_rps", &level["all"]["rate_rps"]),
        ("tiles.p95", &level["all"]["metrics"]["response_time"]["p95"]),
        ("tiles.ttft_p95", &level["all"]["metrics"]["ttft"]["p95"]),
        ("tiles.output_tokens", &level["output_tokens_per_second"]),
        ("thresholds.0", &level["thresholds"][0]["value"]),
        ("thresholds.1", &level["thresholds"][1]["value"]),
        ("errors.0.chat.overloaded.count", &level["all"]["errors"]["overloaded"]["count"]),
        ("health.0.send_lag_p99", &lag["p99_ms"]),
    ] {
        expected[key] = value.clone();
    }
    check(&dir.join("report.html"), &expected);
}

#[test]
fn a_report_is_left_also_when_the_run_is_interrupted_and_not_when_it_is_not_wanted() {
    let _turn = among_others();
    let mock = Mock::start("");
    let mut run = scenario(&(classify(&mock.url()) + LOAD)).start();
    wait_for_samples(&mut run);
    run.signal("INT");
    let ended = run.wait().code(130).prints("Report: ");
    let data = page_data(&ended.run_dir());
    assert_eq!(data["run"]["state"], "partial");
    assert_eq!(data["requests"][0]["count"], ended.level()["all"]["count"]);

    let short = LOAD.replace("2m", "1s");
    let ended = scenario(&(classify(&mock.url()) + &short)).arg("--no-report").run();
    assert!(!ended.run_dir().join("report.html").exists() && !ended.stdout.contains("Report:"), "{}", ended.output());
    // A report that cannot be written is a warning.
    let call = scenario(&(classify(&mock.url()) + &short));
    let mut run = call.start();
    wait_for_samples(&mut run);
    fs::create_dir(run_dir(&run.dir().join("benchmark_results")).join("report.html")).unwrap();
    let ended = run.wait().says("there is no report of this run");
    assert_eq!(ended.code, Some(if ended.summary()["verdict"]["result"] == "pass" { 0 } else { 3 }));
}

#[test]
fn report_says_what_is_wrong() {
    let _turn = among_others();
    let mock = Mock::start("");
    let report = |dir: &std::path::Path| Plimsoll::new().arg("report").arg(dir);
    let ended = scenario(&(classify(&mock.url()) + &LOAD.replace("2m", "1s"))).run();
    let dir = ended.run_dir();
    // A folder of runs, no run, nothing.
    let above = dir.parent().unwrap();
    let name = dir.file_name().unwrap().to_str().unwrap();
    report(above).run().code(2).says("is not the directory of a run; it holds 1 of them").says(name);
    report(&ended.dir().join("nothing")).run().code(2).says("there is no such folder");
    report(&dir.join("run.json")).run().code(2).says("this is a file");
    Plimsoll::new().arg("report").run().code(2).says("<RUN>");
    let elsewhere = ended.dir().join("no/such/report.html");
    report(&dir)
        .arg("--output")
        .arg(&elsewhere)
        .run()
        .code(2)
        .says("the report cannot be written")
        .says("--output FILE");
    report(&dir).arg("--output").arg(&dir).run().code(2).says("is a folder");
    // Overlays and another place.
    let both = ended.dir().join("both.html");
    report(&dir).arg(&dir).arg("--output").arg(&both).run().code(0).prints("both.html");
    check(&both, &serde_json::json!({}));
    // A damaged line is named; a damaged file too.
    let file = dir.join("samples.jsonl");
    let whole = text(&file);
    let damaged: String = whole
        .lines()
        .enumerate()
        .map(|(at, line)| if at == 2 { "{\"oops\n".to_owned() } else { format!("{line}\n") })
        .collect();
    fs::write(&file, damaged).unwrap();
    report(&dir).run().code(2).says("line 3 of ").says("samples.jsonl");
    fs::remove_file(&file).unwrap();
    let data = page_data(&dir);
    assert_eq!(data["stages"][0]["ok"], json(&dir.join("summary.json"))["levels"][0]["all"]["ok"]);
    assert!(data["warnings"].to_string().contains("samples.jsonl is not there"), "{:#}", data["warnings"]);
    fs::write(dir.join("summary.json"), "{\"kind\": \"api\", \"levels\": 7}").unwrap();
    report(&dir).run().code(2).says("summary.json");
    fs::remove_file(dir.join("summary.json")).unwrap();
    report(&dir).run().code(2).says("nothing was measured");
}
