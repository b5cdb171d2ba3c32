//! Times that are known beforehand: of a server that stalls, and of tokens.

use super::support::{Mock, alone, among_others, classify, number, scenario};
use serde_json::Value;

const STALL: &str = "--stall-at 1s --stall-for 2s --service-time 10ms";

/// 200 of 500 requests are due while nothing is served: each waits for the rest of the two seconds.
#[test]
fn a_stall_under_arrivals() {
    let _turn = alone();
    let mock = Mock::start(STALL);
    let load = "[load]\nexecutor = \"rate\"\nrate = 100\narrival = \"constant\"\nduration = \"5s\"\n";
    let ended = scenario(&(classify(&mock.url()) + load)).run().measured();
    let level = ended.level();
    assert_eq!((&level["all"]["ok"], &level["dropped_iterations"]), (&500.into(), &0.into()), "{level:#}");
    let times = &level["all"]["metrics"]["response_time"];
    // One arrival each 10 ms: the first in the stall waits for all of it, the sixth 50 ms less. Beside that there are
    // 10 ms of service, and for the busy machine 90 ms to serve all that waited.
    assert!((1990.0..2100.0).contains(&number(&times["max"])), "{times:#}");
    assert!((1940.0..2050.0).contains(&number(&times["p99"])), "{times:#}");
    // Arrivals after and before the stall did not wait; more than half of all.
    assert!(number(&times["p50"]) < 100.0, "{times:#}");
    let samples = ended.samples();
    let at = |sample: &Value, key: &str| number(&sample[key]) / 1e3;
    let start = samples.iter().map(|sample| at(sample, "sent")).fold(f64::MAX, f64::min);
    let (stalls, resumes) = (start + 1000.0, start + 3000.0);
    let mut waited = 0;
    for sample in samples {
        let (intended, end) = (at(&sample, "intended"), at(&sample, "end"));
        // Those within 30 ms of the ends may be on either side.
        if intended > stalls + 30.0 && intended < resumes - 30.0 {
            waited += 1;
            assert!((resumes - 20.0..resumes + 100.0).contains(&end), "resumes at {resumes}\n{sample:#}");
        }
    }
    assert!((190..=200).contains(&waited), "{waited} waited");
    let diagnosis = ended.summary()["diagnosis"].to_string();
    assert!(!diagnosis.contains("\"stall\""), "arrivals leave nothing out: {diagnosis}");
}

#[test]
fn a_stall_under_users_who_wait() {
    let _turn = alone();
    let mock = Mock::start(STALL);
    let load = "[load]\nexecutor = \"users\"\nusers = 4\nspawn_rate = 100\nduration = \"5s\"\n";
    let ended = scenario(&(classify(&mock.url()) + load)).run().measured();
    let level = ended.level();
    let times = &level["all"]["metrics"]["response_time"];
    // Four of some thousand requests met the stall.
    assert!((1900.0..2200.0).contains(&number(&times["max"])), "{times:#}");
    assert!(number(&times["p99"]) < 500.0, "{times:#}");
    ended.prints("but a closed load sends nothing while it waits");
}

fn chat(url: &str, requests: u32) -> String {
    format!(
        r#"
        name = "chat"
        [target]
        url = "{url}"
        [[request]]
        name = "Chat"
        api = "chat"
        model = "m"
        prompt = "Hello {{{{ vu }}}}"
        [load]
        executor = "iterations"
        iterations = {requests}
        users = 32
        "#
    )
}

/// Fails unless each of these requests has so many tokens in so many chunks, as the server itself counted.
fn assert_tokens(ended: &crate::support::Ended, mock: &Mock, (tokens, chunks): (u64, usize)) {
    let (level, stats) = (ended.level(), mock.stats());
    let samples = ended.samples();
    assert_eq!((&level["all"]["ok"], &level["all"]["failed"]), (&samples.len().into(), &0.into()), "{level:#}");
    for sample in &samples {
        assert_eq!((&sample["tokens"]["output"], &sample["tokens"]["source"]), (&tokens.into(), &"server".into()));
        let arrived = sample["chunks"].as_array().unwrap();
        assert_eq!(arrived.len(), chunks, "{sample:#}");
        assert!(arrived.iter().map(number).is_sorted(), "{sample:#}");
    }
    let told = &level["all"]["tokens"];
    assert_eq!((&told["output"], &told["input"]), (&stats["tokens"], &stats["prompt_tokens"]), "{stats:#}");
}

#[test]
fn tokens_come_when_the_server_says() {
    let _turn = alone();
    let mut tries = Vec::new();
    for _ in 0..3 {
        let mock = Mock::start("--ttft 200ms --itl 20ms --tokens 40");
        let ended = scenario(&chat(&mock.url(), 64)).run().measured();
        assert_tokens(&ended, &mock, (40, 40));
        let (metrics, stats) = (ended.level()["all"]["metrics"].clone(), mock.stats());
        let off = |metric: &str, theirs: &str| number(&metrics[metric]["p50"]) - number(&stats[theirs]["p50"]) / 1e3;
        let (ttft, itl) = (off("ttft", "ttft_us"), off("itl", "itl_us"));
        assert!(ttft > -0.1, "tokens came before they were sent: {metrics:#}\n{stats:#}");
        // A wrong stamp is off each time, a busy machine hardly ever so much.
        if ttft < 2.0 && itl.abs() < 2.0 {
            return;
        }
        tries.push((ttft, itl));
    }
    panic!("ms later than the server says (time to first token, between tokens): {tries:?}");
}

#[test]
fn tokens_are_counted_in_any_shape_of_stream() {
    let _turn = among_others();
    for (args, expected) in [
        ("", (20, 20)),
        ("--fault no-done=1", (20, 20)),
        ("--fault crlf=1", (20, 20)),
        ("--fault coalesce=1", (20, 20)),
        ("--fault split=1", (20, 20)),
        ("--tokens-per-chunk 3", (20, 7)),
    ] {
        let mock = Mock::start(&format!("--ttft 5ms --itl 2ms --tokens 20 {args}"));
        let ended = scenario(&chat(&mock.url(), 64)).run().measured();
        println!("{args}");
        assert_tokens(&ended, &mock, expected);
    }
}
