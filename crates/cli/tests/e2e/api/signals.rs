//! Runs that are interrupted.

use super::support::{Mock, among_others, classify, scenario, wait_for_samples};
use std::time::{Duration, Instant};

const LOAD: &str =
    "[think]\nconstant = \"20ms\"\n[load]\nexecutor = \"users\"\nusers = 4\nspawn_rate = 100\nduration = \"2m\"\n";

#[test]
fn what_was_measured_is_kept() {
    let _turn = among_others();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mock = Mock::start("");
        let mut run = scenario(&(classify(&mock.url()) + LOAD)).start();
        wait_for_samples(&mut run);
        let start = Instant::now();
        run.signal(signal);
        let reason = format!("interrupted by SIG{signal}");
        let ended = run.wait().code(code).says(&reason).prints(&reason);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        let summary = ended.summary();
        assert_eq!((&summary["state"], &summary["partial_reason"]), (&"partial".into(), &reason.clone().into()));
        assert_eq!(ended.manifest()["state"], "partial");
        let all = ended.level()["all"].clone();
        let samples = ended.samples();
        let with = |outcome: &str| samples.iter().filter(|sample| sample["outcome"] == outcome).count();
        assert!(with("ok") > 0, "{all:#}");
        assert_eq!((&all["ok"], &all["failed"]), (&with("ok").into(), &0.into()), "{all:#}");
        let given_up = all["cancelled"].as_u64().unwrap();
        assert_eq!(all["ok"].as_u64().unwrap() + given_up, mock.requests(), "{all:#}");
    }
}

#[test]
fn requests_under_way_are_given_up() {
    let _turn = among_others();
    let mock = Mock::start("--service-time 60s");
    let mut run = scenario(&(classify(&mock.url()) + LOAD)).start();
    run.wait_for("--- 4 users");
    std::thread::sleep(Duration::from_secs(1));
    let start = Instant::now();
    run.signal("INT");
    let ended = run.wait().code(130);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let all = &ended.level()["all"];
    assert_eq!((&all["count"], &all["cancelled"]), (&0.into(), &4.into()), "{all:#}");
}

#[test]
fn twice_ends_it_at_once() {
    let _turn = among_others();
    let mock = Mock::start("");
    let mut run = scenario(&(classify(&mock.url()) + LOAD)).start();
    wait_for_samples(&mut run);
    let start = Instant::now();
    run.signal("INT");
    run.signal("INT");
    run.wait().code(130).says("SIGINT");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}
