//! The load line of a server whose capacity is known.

use super::support::{Mock, alone, classify, number};
use crate::support::{Plimsoll, json};

/// Four at a time, 20 ms each: 200 a second.
#[test]
fn the_line_is_found() {
    let _turn = alone();
    let mut tries = Vec::new();
    for _ in 0..3 {
        let mock = Mock::start("--servers 4 --service-time 20ms");
        let call = Plimsoll::new().args(["capacity", "scenario.toml", "--threshold", "p(95) < 250ms"]);
        let load = "[load]\nexecutor = \"rate\"\nrate = 1\nduration = \"1s\"\n";
        std::fs::write(call.dir().join("scenario.toml"), classify(&mock.url()) + load).unwrap();
        let args = "--window 3s --cool-down 300ms --start 50 --max 300 --precision 4 --seed 1";
        let ended = call.args(args.split(' ')).timeout(180).run();
        let line = json(&ended.run_dir().join("capacity.json"));
        let summary = ended.summary();
        assert!(summary["load_line"].is_string(), "{summary:#}");
        let within = |key: &str| line[key].as_f64().is_some_and(|rate| (180.0..=220.0).contains(&rate));
        if ended.code == Some(0) && within("held") && within("did_not_hold") {
            let (held, not) = (number(&line["held"]), number(&line["did_not_hold"]));
            assert!(held < not && not <= held * 1.05, "{line:#}");
            assert_eq!(line["windows"], summary["levels"].as_array().unwrap().len(), "{line:#}");
            return;
        }
        let reasons = summary["verdict"]["reasons"].to_string();
        tries.push((reasons.contains("generator"), format!("{:?} {line}\n{reasons}", ended.code)));
    }
    if tries.iter().all(|(limited, _)| *limited) {
        println!("skipped: this machine is too busy to measure a server: {tries:?}");
        return;
    }
    panic!("it found 200/s in none of three searches: {tries:#?}");
}
