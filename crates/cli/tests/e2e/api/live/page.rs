//! `--web`.

use super::support::Page;
use crate::api::support::{Mock, among_others, classify, number, scenario, wait_for_samples};
use crate::support::{Plimsoll, is_listening};
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

fn load(seconds: u32) -> String {
    format!("[load]\nexecutor = \"rate\"\nrate = 50\nduration = \"{seconds}s\"\n[[threshold]]\nrule = \"p(95) < 5s\"\n")
}

#[test]
fn shows_the_run_and_ends_with_its_summary() {
    let _turn = among_others();
    let mock = Mock::start("");
    let mut run = scenario(&(classify(&mock.url()) + &load(7))).args(["--web", "0"]).start();
    let page = Page::of(&mut run);
    wait_for_samples(&mut run);
    let mut events = page.events();
    // One that never reads.
    let _stopped = page.events();
    let (kind, first) = events.next().unwrap();
    assert_eq!((kind.as_str(), &first["run"]["state"], &first["live"]), ("data", &"running".into(), &true.into()));
    let start = Instant::now();
    let (mut ticks, mut ok, mut last, mut over) = (0, 0, Value::Null, false);
    while let Some((kind, value)) = events.next() {
        match kind.as_str() {
            "tick" => {
                ticks += 1;
                let now = value["stages"][0]["ok"].as_u64().unwrap_or(ok);
                assert!(now >= ok, "{now} after {ok}");
                ok = now;
                if ticks == 2 {
                    assert_eq!(page.post("/api/annotate", r#"{"text": "the cache is warm"}"#), 204);
                }
            }
            "data" => last = value,
            "bye" => over = true,
            other => panic!("{other}"),
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    assert!(over && ok > 100 && f64::from(ticks) > seconds * 0.6 && f64::from(ticks) < seconds * 2.0 + 4.0, "{ticks}");
    let ended = run.wait().measured();
    let (summary, stage) = (ended.level(), &last["stages"][0]);
    let times = &summary["all"]["metrics"]["response_time"];
    assert_eq!((&stage["ok"], &stage["failed"]), (&summary["all"]["ok"], &summary["all"]["failed"]));
    for figure in ["mean", "p50", "p95", "p99"] {
        assert!((number(&stage[figure]) - number(&times[figure])).abs() < 1e-9, "{figure}: {stage} {times}");
    }
    assert_eq!(last["run"]["state"], "complete");
    assert_eq!(last["thresholds"][0]["ok"], true);
    let rows = last["series"]["columns"]["ok"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row.as_u64().unwrap()).sum::<u64>(), summary["all"]["ok"].as_u64().unwrap());
    let noted = |event: &&Value| event["kind"] == "annotation" && event["text"] == "the cache is warm";
    assert_eq!(ended.events().iter().filter(noted).count(), 1);
    assert!(last["annotations"].to_string().contains("the cache is warm"), "{}", last["annotations"]);
    assert!(!is_listening(page.port));
    ended.hides(&page.token);
}

#[test]
fn turns_others_away() {
    let _turn = among_others();
    let mock = Mock::start("");
    let mut run = scenario(&(classify(&mock.url()) + &load(60))).args(["--web", "0"]).start();
    let page = Page::of(&mut run);
    let token = format!("X-Plimsoll-Token: {}\r\n", page.token);
    for (line, headers) in [
        ("POST /api/stop", String::new()),
        ("POST /api/stop", "X-Plimsoll-Token: 00000000000000000000000000000000\r\n".to_owned()),
        ("POST /api/stop", format!("{token}Origin: https://evil.example\r\n")),
        ("POST /api/stop", format!("{token}Host: evil.example\r\n")),
        ("GET /", "Host: evil.example:8390\r\n".to_owned()),
        ("GET /api/data", "Sec-Fetch-Site: cross-site\r\n".to_owned()),
        ("GET /api/events", "Origin: http://localhost:3000\r\n".to_owned()),
    ] {
        assert_eq!(page.ask(line, &headers, "").0, 403, "{line} {headers}");
    }
    assert_eq!(page.data()["run"]["state"], "running");
    let other = Plimsoll::new().args(["http", &mock.url(), "--web", &page.port.to_string()]).run();
    other.code(2).says(&format!("--web 127.0.0.1:{}: another program listens there", page.port)).did_nothing();
    let start = Instant::now();
    wait_for_samples(&mut run);
    assert_eq!(page.post("/api/stop", "{}"), 204);
    let ended = run.wait().code(130).says("asked for on the live page");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    let summary = ended.summary();
    assert_eq!((&summary["state"], ended.manifest()["state"].as_str()), (&"partial".into(), Some("partial")));
    assert!(ended.level()["all"]["ok"].as_u64().unwrap() > 0);
}

#[test]
fn stays_when_asked_to() {
    let _turn = among_others();
    let mock = Mock::start("");
    let short = load(2).split_once("[[threshold").unwrap().0.to_owned();
    let mut run = scenario(&(classify(&mock.url()) + &short)).args(["--web", "0", "--web-wait"]).start();
    let page = Page::of(&mut run);
    run.wait_for("The live page stays at");
    assert_eq!(page.data()["run"]["state"], "complete");
    assert_eq!(page.post("/api/annotate", r#"{"text": "late"}"#), 409);
    let mut events = page.events();
    assert_eq!([events.next().unwrap().0, events.next().unwrap().0], ["data", "bye"]);
    run.signal("INT");
    let ended = run.wait().measured();
    assert_eq!(ended.manifest()["state"], "complete");
}

#[test]
fn addresses_that_cannot_be_had() {
    for (address, said) in [
        ("192.0.2.1:9000", "this machine has no such address"),
        ("scenario.toml", "not an address to listen at"),
        ("127.0.0.1:70000", "not an address to listen at"),
    ] {
        let call = Plimsoll::new().args(["http", "http://127.0.0.1:1/", "--web", address]);
        call.run().code(2).says(said).did_nothing();
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    Plimsoll::new().args(["http", "http://127.0.0.1:1/", "--web", &port]).run().code(2).says("listens").did_nothing();
    Plimsoll::new().args(["http", "http://127.0.0.1:1/", "--web-wait"]).run().code(2).says("--web").did_nothing();
}

/// Needs `npm ci` in `dashboard/tests`, and a Chromium (its own or the system's).
#[test]
fn a_browser_shows_what_the_summary_says() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard/tests");
    let mock = Mock::start("");
    let mut run = scenario(&(classify(&mock.url()) + &load(6))).args(["--web", "0", "--web-wait"]).start();
    let page = Page::of(&mut run);
    let url = format!("http://127.0.0.1:{}/", page.port);
    let check = |expected: Option<&Path>| {
        let mut node = Command::new("node");
        node.arg("check.mjs").args(["--url", &url, "--theme", "both"]).current_dir(&tests);
        if let Some(expected) = expected {
            node.arg("--expect").arg(expected);
        }
        let answer = node.output().unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stdout));
    };
    wait_for_samples(&mut run);
    check(None);
    run.wait_for("The live page stays at");
    let stage = page.data()["stages"][0].clone();
    let expected = run.dir().join("expected.json");
    let figures = serde_json::json!({ "stages.0.ok": stage["ok"], "stages.0.p50": stage["p50"] });
    std::fs::write(&expected, figures.to_string()).unwrap();
    check(Some(&expected));
    run.signal("INT");
    let ended = run.wait().measured();
    assert_eq!(stage["ok"], ended.level()["all"]["ok"]);
}
