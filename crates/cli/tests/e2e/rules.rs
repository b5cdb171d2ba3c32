//! Rules for a Gradio app, and what CI systems read of its runs.

use crate::apps::tier;
use crate::support::{Plimsoll, fixture, json, text};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const LOAD: [&str; 6] = ["--tiers", "1,4", "--requests-per-user", "30", "--warmup", "1"];

fn app() -> Plimsoll {
    Plimsoll::app("echo_text")
}

/// The test cases of a JUnit file: class and name, with the kind of end and its message.
pub(crate) fn cases(path: &Path) -> BTreeMap<(String, String), (String, String)> {
    let xml = text(path);
    let mut reader = Reader::from_str(&xml);
    let mut cases = BTreeMap::new();
    let mut last = (String::new(), String::new());
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}\n{xml}")) {
            Event::Eof => return cases,
            Event::Start(tag) | Event::Empty(tag) => {
                let attributes: BTreeMap<String, String> = tag
                    .attributes()
                    .map(|attribute| attribute.unwrap())
                    .map(|one| {
                        let value = String::from_utf8_lossy(&one.value);
                        let value = quick_xml::escape::unescape(&value).unwrap().into_owned();
                        (String::from_utf8_lossy(one.key.as_ref()).into_owned(), value)
                    })
                    .collect();
                match tag.name().as_ref() {
                    b"testcase" => {
                        last = (attributes["classname"].clone(), attributes["name"].clone());
                        let old = cases.insert(last.clone(), ("passed".to_owned(), String::new()));
                        assert_eq!(old, None, "twice: {last:?}");
                    }
                    b"failure" | b"skipped" | b"error" => {
                        let kind = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
                        cases.insert(last.clone(), (kind, attributes["message"].clone()));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

fn oks(tier: &Value) -> Vec<&Value> {
    tier["thresholds"].as_array().unwrap().iter().map(|rule| &rule["ok"]).collect()
}

#[test]
fn met_in_each_tier() {
    let rules =
        ["p(50) < 20s", "tier 4: service_time p(75) < 20s", "rate(failed) < 10%", "queue_wait avg < 20s", "rps > 0.01"];
    let call = rules.iter().fold(app().args(LOAD), |call, rule| call.args(["--threshold", rule]));
    let ended = call.args(["--junit", "junit.xml", "--threshold-abort", "max < 100s"]).run().measured();
    let ended = ended.prints("Rules, tier 4").prints("✓ queue_wait avg < 20s");
    let summary = ended.summary();
    assert_eq!(oks(tier(&summary, 1)), [true; 5]);
    assert_eq!(oks(tier(&summary, 4)), [true; 6]);
    // The figures are those of the summary.
    let of = |users: u32, at: usize| tier(&summary, users)["thresholds"][at]["value"].as_f64().unwrap();
    assert_eq!(of(4, 0), tier(&summary, 4)["response_summary"]["p50"].as_f64().unwrap());
    assert_eq!(of(1, 3), tier(&summary, 1)["throughput_rps"].as_f64().unwrap());
    let cases = cases(&ended.dir().join("junit.xml"));
    assert_eq!(cases.len(), 11 + 2, "{cases:#?}");
    if ended.code == Some(0) {
        assert!(cases.values().all(|(kind, _)| kind == "passed"), "{cases:#?}");
    }
    assert_eq!(ended.manifest()["plan"]["thresholds"][1]["rule"], "tier 4: service_time p(75) < 20s");
}

#[test]
fn broken_ones_end_with_99() {
    let ended = app()
        .args(LOAD)
        .args(["--threshold", "tier 4: p(50) < 0.01ms", "--threshold", "p(99) < 100s"])
        .args(["--junit", "junit.xml", "--comment", "comment.md", "--metrics-txt", "metrics.txt"])
        .args(["--github-benchmark", "bench.json", "--otava-csv", "history.csv", "--github"])
        .env("GITHUB_STEP_SUMMARY", "summary.md")
        .env("GITHUB_OUTPUT", "output.txt")
        .env("GITHUB_SHA", "abc123")
        .run()
        .judged(99);
    if ended.code == Some(3) {
        return;
    }
    let ended = ended
        .prints("✗ p(50) < 0.01ms")
        .prints("Verdict: fail")
        .prints("::error title=Plimsoll%3A threshold is broken::tier 4");
    let dir = ended.dir();
    let summary = ended.summary();
    let rule = &tier(&summary, 4)["thresholds"][0];
    let cases = cases(&dir.join("junit.xml"));
    let (kind, message) = &cases[&("echo_text.tier 4".to_owned(), "p(50) < 0.01ms".to_owned())];
    assert_eq!(kind, "failure");
    let samples = rule["samples"].as_u64().unwrap();
    assert!(message.contains(&format!("{samples} values")) && message.contains("95 % interval"), "{message}");
    // 30 and 120 values are too few for a 99th percentile.
    assert_eq!(cases[&("echo_text.tier 1".to_owned(), "p(99) < 100s".to_owned())].0, "skipped");
    let outputs = text(&dir.join("output.txt"));
    let p95 = tier(&summary, 4)["client_summary"]["p95"].as_f64().unwrap();
    for line in [
        "verdict=fail",
        "exit-code=99",
        "state=complete",
        "failed=0",
        "comment=comment.md",
        &format!("p95-ms={p95:.3}"),
    ] {
        assert!(outputs.lines().any(|output| output == line), "no {line} in\n{outputs}");
    }
    assert!(
        text(&dir.join("summary.md")).contains("| ❌ | `p(50) < 0.01ms` | tier 4 |"),
        "{}",
        text(&dir.join("summary.md"))
    );
    assert!(text(&dir.join("comment.md")).starts_with("<!-- plimsoll:echo_text -->\n### Plimsoll: ❌ fail"));
    assert!(text(&dir.join("metrics.txt")).ends_with("# EOF\n"));
    assert_eq!(json(&dir.join("bench.json")).as_array().unwrap().len(), 8);
    assert_eq!(json(&dir.join("bench-throughput.json")).as_array().unwrap().len(), 2);
    let history = text(&dir.join("history.csv"));
    assert!(history.starts_with("time,commit,tier_1_p50_ms,") && history.lines().nth(1).unwrap().contains(",abc123,"));
}

#[test]
fn one_that_ends_the_run() {
    let start = Instant::now();
    let ended = Plimsoll::app(fixture("raises.py"))
        .args(["--tiers", "2,4", "--duration", "60s", "--warmup", "0"])
        .args(["--threshold-abort", "rate(failed) < 50%", "--junit", "junit.xml"])
        .run()
        .code(99)
        .says("the threshold `rate(failed) < 50%` is broken");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    let summary = ended.summary();
    assert_eq!((&summary["state"], summary["tiers"].as_array().unwrap().len()), (&"partial".into(), 1), "{summary:#}");
    let rule = &summary["tiers"][0]["thresholds"][0];
    assert_eq!((&rule["ok"], &rule["abort"]), (&false.into(), &true.into()), "{rule}");
    assert!(rule["samples"].as_u64().unwrap() >= 10, "{rule}");
    let cases = cases(&ended.dir().join("junit.xml"));
    let end = cases.iter().find(|((_, name), _)| name == "the run came to its end").unwrap().1;
    assert_eq!(end.0, "error", "{cases:#?}");
}

#[test]
fn an_interrupted_run_writes_its_files() {
    let mut run = app()
        .args(["--tiers", "2", "--duration", "120s", "--warmup", "0", "--threshold", "p(50) < 20s"])
        .args(["--junit", "junit.xml", "--comment", "comment.md", "--otava-csv", "history.csv"])
        .start();
    run.wait_for_samples(2);
    run.signal("INT");
    let ended = run.wait().code(130).says("history.csv: this run is not added: the run is partial");
    let cases = cases(&ended.dir().join("junit.xml"));
    assert_eq!(
        cases[&("echo_text".to_owned(), "the run came to its end".to_owned())],
        ("error".to_owned(), "partial: interrupted by SIGINT".to_owned())
    );
    assert!(cases.contains_key(&("echo_text.tier 2".to_owned(), "p(50) < 20s".to_owned())), "{cases:#?}");
    assert!(text(&ended.dir().join("comment.md")).contains("**Partial:** interrupted by SIGINT"));
    assert!(!ended.dir().join("history.csv").exists());
}

#[test]
fn mistakes_are_pointed_at_before_any_load() {
    for (rule, wanted) in [
        ("ttfx p(95) < 1s", "--threshold: `ttfx` is not a metric\n  |\n  | ttfx p(95) < 1s\n  | ^^^^\n"),
        ("tier 4: p(95) < soon", "`soon` is not a time\n  |\n  |  p(95) < soon\n  |          ^^^^\n"),
        ("p(95) 1s", "  | p(95) 1s\n  |         ^\n"),
        (
            "tier 7: p(95) < 1s",
            "there is no tier of 7 users\n  |\n  | tier 7: p(95) < 1s\n  | ^^^^^^^^^^^^^^^^^^\n  |\n  help: the tiers are 1, 4",
        ),
        ("goodput > 1", "a tier of a Gradio app does not have this figure"),
        (
            "tpot p(95) < 1s",
            "help: its metrics are response_time, service_time, connect, ttft, itl, queue_wait, function",
        ),
    ] {
        app().args(LOAD).args(["--threshold", rule]).run().code(2).says(wanted).did_nothing();
    }
    app()
        .args(LOAD)
        .args(["--threshold-abort", ""])
        .run()
        .code(2)
        .says("--threshold-abort: the rule is empty")
        .did_nothing();
    app().args(["--junit", "no/such/junit.xml"]).run().code(2).says("make it first").did_nothing();
    app().args(["--comment", "."]).run().code(2).says("this is a folder").did_nothing();
}

#[test]
fn files_that_cannot_be_written_any_more_are_told() {
    let small = ["--tiers", "1", "--requests-per-user", "1", "--warmup", "0"];
    let ended = app()
        .args(small)
        .args(["--junit", "/dev/full"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", "/dev/full")
        .env("GITHUB_OUTPUT", "no/such/folder/output")
        .run();
    // A machine that is too busy decides before.
    assert!(matches!(ended.code, Some(1 | 3)), "{}", ended.output());
    ended
        .says("--junit /dev/full:")
        .says("WARNING: GITHUB_STEP_SUMMARY")
        .says("WARNING: GITHUB_OUTPUT cannot be written");
    // hf-perftest says nothing to GitHub by itself.
    let call = Plimsoll::hf_perftest().args(["run", "--app", "echo_text"]).args(small);
    let ended = call.env("GITHUB_ACTIONS", "true").env("GITHUB_OUTPUT", "output").run().measured();
    assert!(!ended.dir().join("output").exists());
}
