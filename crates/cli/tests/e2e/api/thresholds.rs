//! Rules, and the exit codes that they lead to.

use super::support::{Mock, among_others, classify, scenario};
use crate::support::Plimsoll;
use serde_json::Value;
use std::time::{Duration, Instant};

fn load(mock: &Mock, rules: &[&str]) -> Plimsoll {
    let text = classify(&mock.url()) + "[load]\nexecutor = \"iterations\"\niterations = 60\nusers = 4\n";
    rules.iter().fold(scenario(&text), |call, rule| call.args(["--threshold", rule]))
}

fn met(level: &Value) -> Vec<&Value> {
    level["thresholds"].as_array().unwrap().iter().map(|rule| &rule["ok"]).collect()
}

#[test]
fn met_and_broken() {
    let _turn = among_others();
    let mock = Mock::start("--service-time 50ms");
    let rules = ["p(50) < 5s", "Classify: rate(failed) < 2%", "p(50) >= 50ms", "rps > 1"];
    let ended = load(&mock, &rules).run().measured();
    assert_eq!(met(&ended.level()), [true, true, true, true]);
    let rules = ["p(50) < 49ms", "p(50) < 5s"];
    let ended = load(&mock, &rules).run().judged(99);
    assert_eq!(met(&ended.level()), [false, true]);
    ended.prints("p(50) < 49ms is broken");
    load(&mock, &rules).arg("--exit-zero").run().code(0).prints("p(50) < 49ms is broken");
    // 60 values are too few for a 99th percentile.
    let ended = load(&mock, &["p(99) < 5s"]).run().code(3);
    assert!(ended.summary()["verdict"]["reasons"].to_string().contains("too few to tell"), "{:#}", ended.summary());
}

#[test]
fn without_a_success_nothing_is_met() {
    let _turn = among_others();
    let mock = Mock::start("--fault 500=1");
    let ended = load(&mock, &["p(50) < 5s"]).run().code(3);
    assert_eq!(met(&ended.level()), [&Value::Null]);
    assert_eq!(ended.summary()["verdict"]["result"], "inconclusive");
    load(&mock, &["rate(failed) < 50%"]).run().judged(99);
    load(&mock, &["rate(server_error) >= 100%", "count(timeout) < 1"]).run().code(3);
}

#[test]
fn one_that_ends_the_run() {
    let _turn = among_others();
    let mock = Mock::start("--fault 503=0.5");
    let text = classify(&mock.url())
        + "[[threshold]]\nrule = \"rate(failed) < 10%\"\nrequest = \"Classify\"\nabort = true\n\
           [load]\nexecutor = \"users\"\nusers = 4\nspawn_rate = 100\nduration = \"1m\"\n";
    let start = Instant::now();
    let ended = scenario(&text).run().code(99).says("rate(failed) < 10%");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let summary = ended.summary();
    assert_eq!(summary["state"], "partial", "{summary:#}");
    assert_eq!(met(&ended.level()), [false]);
    let ok = ended.samples().iter().filter(|sample| sample["outcome"] == "ok").count();
    assert!(ok > 0, "what was measured is kept");
    assert_eq!(ended.level()["all"]["ok"], ok);
}
