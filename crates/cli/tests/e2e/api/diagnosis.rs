//! What a run is said to mean, against servers of which the truth is known.

use super::support::{Mock, alone, among_others, classify, number, scenario};
use crate::support::Ended;
use serde_json::Value;

/// The sentences of a kind.
fn said(ended: &Ended, kind: &str) -> Vec<String> {
    let diagnosis = ended.summary()["diagnosis"].clone();
    let found = diagnosis.as_array().unwrap().iter().filter(|one| one["kind"] == kind);
    found.map(|one| one["sentence"].as_str().unwrap().to_owned()).collect()
}

fn one(ended: &Ended, kind: &str) -> String {
    let said = said(ended, kind);
    assert_eq!(said.len(), 1, "{kind}: {:#}", ended.summary()["diagnosis"]);
    said[0].clone()
}

/// The first number that stands before this text.
fn number_before(sentence: &str, text: &str) -> f64 {
    let before = sentence.split(text).next().unwrap();
    let digits: Vec<char> = before.chars().rev().take_while(|c| c.is_ascii_digit() || ".,".contains(*c)).collect();
    let number: String = digits.into_iter().rev().filter(|c| *c != ',').collect();
    number.parse().unwrap_or_else(|_| panic!("no number before {text:?} in {sentence:?}"))
}

/// Four servers of 20 ms: 200 a second, from four users on.
#[test]
fn a_capacity_that_is_known() {
    let _turn = alone();
    let mock = Mock::start("--servers 4 --service-time 20ms");
    let load = "[load]\nexecutor = \"sweep\"\nsweep_users = [1, 2, 4, 8, 16]\nduration = \"3s\"\nwarmup = \"500ms\"\n\
                cool_down = \"200ms\"\n";
    let ended = scenario(&(classify(&mock.url()) + load)).run().measured();
    let sentence = one(&ended, "saturation");
    assert!(sentence.starts_with("Throughput stops growing at about 4 users"), "{sentence}");
    assert!((180.0..220.0).contains(&number_before(&sentence, "/s)")), "{sentence}");
    ended.prints(&sentence).prints("What it means");
}

/// Forty servers of 200 ms, 200 a second too, asked for 300. A level whose requests a busy machine sent late is left out of
/// the rule, so there are three attempts; on a machine that is never quiet there is nothing to be seen.
#[test]
fn arrivals_beyond_the_capacity() {
    let _turn = alone();
    let load =
        "[load]\nexecutor = \"sweep\"\nsweep_rates = [\"100/s\", \"300/s\"]\nduration = \"5s\"\ncool_down = \"3s\"\n";
    let attempt = || {
        let mock = Mock::start("--servers 40 --service-time 200ms");
        scenario(&(classify(&mock.url()) + load)).run().measured()
    };
    let ended = (0..3).map(|_| attempt()).find(|ended| said(ended, "generator").is_empty());
    let Some(ended) = ended else { return };
    let sentence = one(&ended, "saturation");
    assert!(sentence.starts_with("The target kept up with 100/s and not with 300/s"), "{sentence}");
    let most = number_before(&sentence, "/s.");
    assert!((180.0..220.0).contains(&most), "{sentence}");
}

#[test]
fn a_rate_limit() {
    let _turn = among_others();
    let mock = Mock::start("--rate-limit 20/1s --service-time 10ms");
    let load = "[load]\nexecutor = \"rate\"\nrate = 60\narrival = \"constant\"\nduration = \"4s\"\n";
    let ended = scenario(&(classify(&mock.url()) + load)).run().measured();
    let sentence = one(&ended, "rate_limit");
    assert!(sentence.contains("20/s are allowed: stay below 20/s"), "{sentence}");
    let refused = number(&ended.level()["all"]["errors"]["rate_limited"]["count"]);
    assert_eq!(number_before(&sentence, " of 240 requests"), refused, "{sentence}");
    assert!(said(&ended, "saturation").is_empty(), "a quota is no capacity");
    assert!(said(&ended, "failures").is_empty(), "said once");
}

/// Nothing is served for two seconds, and requests are given up after one.
#[test]
fn a_burst_of_failures() {
    let _turn = alone();
    let mock = Mock::start("--stall-at 8s --stall-for 2s --service-time 10ms");
    let target = classify(&mock.url()).replace("[target]", "[target]\ntimeout = \"1s\"");
    let load = "[load]\nexecutor = \"users\"\nusers = 8\nspawn_rate = 100\nduration = \"31s\"\n";
    let ended = scenario(&(target + load)).run().measured();
    let sentence = one(&ended, "timeout");
    let (from, to) = (number_before(&sentence, " s and "), number_before(&sentence, " s into the run"));
    assert!((8.0..11.0).contains(&from) && (1.0..=3.0).contains(&(to - from)), "{sentence}");
    assert!(sentence.contains("were given up after 1.00 s"), "{sentence}");
    let steady = Mock::start("--fault 500=0.05 --service-time 10ms");
    let ended = scenario(&(classify(&steady.url()) + &load.replace("31s", "21s"))).run().measured();
    assert!(one(&ended, "failures").contains("spread over the whole time"), "{:#}", ended.summary()["diagnosis"]);
}

#[test]
fn a_cold_start() {
    let _turn = alone();
    let mock = Mock::start("--cold-start 2s --service-time 10ms");
    let load = "[load]\nexecutor = \"rate\"\nrate = 20\narrival = \"constant\"\nduration = \"5s\"\n";
    let ended = scenario(&(classify(&mock.url()) + load)).run().measured();
    let sentence = one(&ended, "cold_start");
    let came = number_before(&sentence, " s after the first of them");
    assert!((1.9..2.4).contains(&came), "{sentence}");
}

/// A healthy server under a light load: nothing to warn of.
#[test]
fn nothing_is_made_up() {
    let _turn = alone();
    let mock = Mock::start("--service-time 20ms");
    let load = "[load]\nexecutor = \"users\"\nusers = 4\nspawn_rate = 100\nduration = \"10s\"\n";
    let ended = scenario(&(classify(&mock.url()) + load)).run().measured();
    let diagnosis = ended.summary()["diagnosis"].clone();
    let of_this_machine = |one: &&Value| !["noisy_host", "generator", "stall"].iter().any(|kind| one["kind"] == *kind);
    let graver = diagnosis.as_array().unwrap().iter().filter(|one| one["severity"] != "info").filter(of_this_machine);
    assert_eq!(graver.count(), 0, "{diagnosis:#}");
}
