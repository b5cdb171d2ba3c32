//! Servers that say no: credentials, credits, rate limits, models that still load.

use super::support::{Mock, Says, Server, among_others, classify, counts, lock, number, outcomes, scenario};
use crate::support::Plimsoll;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const WRONG: &str = "hf_aWrongTokenThatNobodyMaySee";
/// What of it looks the same in an address.
const MARK: &str = "aWrongTokenThatNobodyMaySee";
/// Four users for much longer than a test waits.
const LONG: &str = "[load]\nexecutor = \"users\"\nusers = 4\nspawn_rate = 100\nduration = \"2m\"\n";

fn with_auth(url: &str, auth: &str) -> String {
    classify(url).replace("[[request]]", &format!("auth = {{ {auth} }}\n[[request]]"))
}

#[test]
fn a_wrong_token_ends_the_run() {
    let _turn = among_others();
    let mock = Mock::start("--token right");
    let text = with_auth(&mock.url(), "bearer_env = \"HF_TOKEN\"") + LONG;
    let start = Instant::now();
    let ended = scenario(&text).env("HF_TOKEN", WRONG).timeout(30).run().code(3);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert!(mock.requests() <= 20, "{} requests", mock.requests());
    let sentence = "the target refuses every request: HTTP 401: Invalid credentials in Authorization header";
    assert_eq!(ended.stderr.matches(sentence).count(), 1, "{}", ended.output());
    let summary = ended.summary();
    assert_eq!(summary["state"], "partial", "{summary:#}");
    assert!(summary["partial_reason"].as_str().unwrap().contains(sentence), "{summary:#}");
    assert_eq!(outcomes(&ended.level()["all"]).keys().collect::<Vec<_>>(), ["auth"]);
    ended.hides(MARK);
    scenario(&text).env("HF_TOKEN", "right").args(["--run-time", "1s"]).run().measured();
}

#[test]
fn secrets_stay_out_of_everything() {
    let _turn = among_others();
    // It sends back all that it gets.
    let server = Server::start(|asked| {
        let headers = format!("x-request-id: {} {:?}\r\n", asked.path, asked.headers);
        Says(500, headers, format!("{} {:?} {}", asked.path, asked.headers, asked.body))
    });
    let load = "[load]\nexecutor = \"iterations\"\niterations = 5\nusers = 1\n";
    for (auth, there) in [
        ("bearer_env = \"MY_SECRET\"", "Bearer ***"),
        ("header = \"x-key\", value_env = \"MY_SECRET\"", "\"x-key\": \"***\""),
        ("query = \"key\", value_env = \"MY_SECRET\"", "key=***"),
    ] {
        let text = with_auth(&server.url(), auth);
        let ended = scenario(&(text.clone() + load)).env("MY_SECRET", WRONG).run().code(3);
        let error = ended.level()["all"]["errors"]["server_error"]["example"].as_str().unwrap().to_owned();
        assert!(error.contains(there), "no {there:?} in {error}");
        ended.hides(MARK);
        let with_json = scenario(&(text.clone() + load)).arg("--json").env("MY_SECRET", WRONG).run().code(3);
        with_json.hides(MARK);
        scenario(&(text.clone() + load)).arg("--dry-run").env("MY_SECRET", WRONG).run().code(0).hides(MARK);
        let check = Plimsoll::new().args(["check", "scenario.toml"]).env("MY_SECRET", WRONG);
        std::fs::write(check.dir().join("scenario.toml"), text + load).unwrap();
        let shown = check.run().code(99).prints(there);
        shown.hides(MARK);
    }
    let asked = server.asked();
    assert!(asked.iter().all(|asked| format!("{asked:?}").contains(MARK)), "{asked:?}");
}

#[test]
fn used_up_credits_end_the_run() {
    let _turn = among_others();
    let mock = Mock::start("--quota 30");
    let ended = scenario(&(classify(&mock.url()) + LONG)).timeout(30).run().code(3);
    assert!(mock.requests() <= 50, "{} requests", mock.requests());
    let all = &ended.level()["all"];
    let count = |key: &str| all[key].as_u64().unwrap();
    // Of the 30 that were let in, each user had at most one under way when it all ended.
    assert!((26..=30).contains(&count("ok")) && count("failed") >= 5, "{all:#}");
    assert_eq!(outcomes(all)["quota"], count("failed"), "{all:#}");
    assert_eq!(count("count") + count("cancelled"), mock.requests(), "every request is counted somewhere\n{all:#}");
    assert!(ended.says("exceeded your monthly included credits").summary()["state"] == "partial");
}

/// A server that answers the n-th try of each address with the n-th of these, then with 200.
fn after(tries: &'static [(u16, &'static str)]) -> Server {
    let seen = Mutex::new(HashMap::<String, usize>::new());
    Server::start(move |asked| {
        let mut seen = lock(&seen);
        let number = seen.entry(asked.path.clone()).or_default();
        *number += 1;
        match tries.get(*number - 1) {
            Some((status, headers)) => Says(*status, (*headers).to_owned(), "{\"error\": \"not now\"}".to_owned()),
            None => Says::json(&json!({ "done": true })),
        }
    })
}

/// Four requests, each with an address of its own.
fn retried(server: &Server, retry: &str) -> Value {
    let text = format!(
        r#"
        [target]
        url = "{}"
        [[request]]
        name = "Ask"
        path = "/{{{{ vu }}}}/{{{{ iteration }}}}"
        retry = {{ {retry} }}
        [load]
        executor = "iterations"
        iterations = 4
        users = 4
        "#,
        server.url()
    );
    let ended = scenario(&text).run();
    let mut level = ended.level();
    level["samples"] = ended.samples().into();
    level
}

#[test]
fn retries_wait_as_long_as_they_are_told() {
    let _turn = among_others();
    let server = after(&[(429, "retry-after: 1\r\n")]);
    let level = retried(&server, "times = 2, backoff = \"10s\"");
    let all = &level["all"];
    assert_eq!((&all["ok"], &all["retries"], &all["retried"]), (&4.into(), &4.into(), &4.into()), "{level:#}");
    assert_eq!(server.asked().len(), 8);
    for sample in level["samples"].as_array().unwrap() {
        assert_eq!((&sample["retries"], &sample["told"]["retry_after"]), (&1.into(), &1_000_000.into()), "{sample:#}");
        let took = number(&sample["end"]) - number(&sample["sent"]);
        assert!((1e6..3e6).contains(&took), "the wait is part of the request's time: {sample:#}");
    }
}

#[test]
fn retries_back_off_and_end() {
    let _turn = among_others();
    // Twice 0.2 s, then 0.4 s.
    let server = after(&[(503, ""), (503, "")]);
    let level = retried(&server, "times = 3, backoff = \"200ms\"");
    assert_eq!((&level["all"]["ok"], &level["all"]["retries"]), (&4.into(), &8.into()), "{level:#}");
    let least = number(&level["all"]["metrics"]["response_time"]["min"]);
    assert!((600.0..2000.0).contains(&least), "{least} ms");
    // Not so often; not at all for another status; not when the wait would be too long.
    for (retry, tries) in [
        ("times = 1, backoff = \"1ms\"", 2),
        ("times = 9, backoff = \"1ms\", on = [500]", 1),
        ("times = 9, max_wait = \"1s\"", 1),
    ] {
        let server = if retry.contains("max_wait") {
            after(&[(503, "retry-after: 60\r\n"); 10])
        } else {
            after(&[(503, ""); 10])
        };
        let level = retried(&server, retry);
        assert_eq!(outcomes(&level["all"]), BTreeMap::from([("overloaded".to_owned(), 4)]), "{retry}: {level:#}");
        assert_eq!(server.asked().len(), 4 * tries, "{retry}");
        assert_eq!(level["all"]["retries"], 4 * (tries - 1), "{retry}: {level:#}");
    }
}

#[test]
fn a_rate_limit_is_told() {
    let _turn = among_others();
    let mock = Mock::start("--rate-limit 20/1s --service-time 1ms");
    let load =
        "[think]\nconstant = \"20ms\"\n[load]\nexecutor = \"users\"\nusers = 4\nspawn_rate = 100\nduration = \"3s\"\n";
    let ended = scenario(&(classify(&mock.url()) + load)).run().measured();
    let level = ended.level();
    assert_eq!(outcomes(&level["all"]), counts(&mock.stats()["classes"]), "{level:#}");
    let limit = &level["rate_limit"];
    assert_eq!((&limit["limit"], &limit["window_seconds"]), (&20.into(), &1.0.into()), "{limit:#}");
    assert_eq!(limit["refused"], level["all"]["errors"]["rate_limited"]["count"], "{level:#}");
    assert_eq!(limit["longest_retry_after_seconds"], 1.0, "{limit:#}");
    // Windows begin with a request: three or four of them fit.
    let ok = level["all"]["ok"].as_u64().unwrap();
    assert!((40..=80).contains(&ok) && ok.is_multiple_of(20), "{ok} let in");
    ended.prints("20/s are allowed: stay below 20/s");
}

const COLD: &str =
    "[think]\nconstant = \"100ms\"\n[load]\nexecutor = \"users\"\nusers = 2\nspawn_rate = 100\nduration = \"4s\"\n";

#[test]
fn a_model_that_loads() {
    let _turn = among_others();
    let mock = Mock::start("--cold-start 2s");
    let ended = scenario(&(classify(&mock.url()) + COLD)).run().measured();
    let level = ended.level();
    assert_eq!(outcomes(&level["all"]), counts(&mock.stats()["classes"]), "{level:#}");
    let samples = ended.samples();
    let first_ok = samples.iter().position(|sample| sample["outcome"] == "ok").unwrap();
    assert!(first_ok > 2, "{samples:#?}");
    for (index, sample) in samples.iter().enumerate() {
        let expected = if index < first_ok { "cold_start" } else { "ok" };
        assert_eq!(sample["outcome"], expected, "{index}: {sample:#}");
    }
    let told = number(&samples[0]["told"]["loading"]);
    assert!((1.5e6..2.5e6).contains(&told), "{:#}", samples[0]);
    let cold = &level["cold_starts"];
    assert_eq!(cold["requests"], level["all"]["errors"]["cold_start"]["count"], "{level:#}");
    let ready = number(&cold["ready_at"]) - number(&cold["first_at"]);
    assert!((1.9..3.0).contains(&ready), "{cold:#}");
}

#[test]
fn a_model_that_is_waited_for() {
    let _turn = among_others();
    let mock = Mock::start("--cold-start 2s");
    let text = classify(&mock.url()) + "options = { wait_for_model = true }\n" + COLD;
    let ended = scenario(&text).run().measured();
    let level = ended.level();
    assert_eq!(level["all"]["failed"], 0, "{level:#}");
    assert_eq!(level["all"]["ok"], mock.requests(), "{level:#}");
    let longest = number(&level["all"]["metrics"]["response_time"]["max"]);
    assert!((1900.0..3000.0).contains(&longest), "{longest} ms");
}
