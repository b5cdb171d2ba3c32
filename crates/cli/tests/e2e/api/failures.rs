//! Every kind of failure counted in its class, to the last one: the stand-in server knows what it did.

use super::support::{Mock, among_others, classify, counts, outcomes, scenario};
use crate::support::Ended;
use serde_json::Value;
use std::collections::BTreeMap;

/// Answers that go with both kinds of request. Where the server goes silent, a user waits for its limit: that is rare.
const ANY: &str = "--fault 500=1/100 --fault 502=1/101 --fault 503=1/102 --fault 504=1/103 --fault 400=1/104 \
    --fault 404=1/105 --fault 422=1/106 --fault 424=1/107 --fault 429=1/108 --fault 401=1/401 --fault 402=1/403 \
    --fault 403=1/405 --fault cut=1/300 --fault reset=1/301 --fault stall-body=1/2000 --fault hang=1/2001";
const PLAIN: &str = "--fault empty-body=1/109 --fault malformed-json=1/110 --fault empty-list=1/111 \
    --fault wrong-schema=1/112 --fault drip:1ms=1/400 --fault big:2MB=1/500 --fault big-chunked:2MB=1/501";
const STREAMED: &str = "--fault stream-error=1/109 --fault invalid-utf8=1/110 --fault no-done=1/111 --fault crlf=1/112 \
    --fault coalesce=1/113 --fault split=1/114";

/// PLIMSOLL_TEST_REQUESTS, or enough that every kind is there several times.
fn requests() -> u64 {
    std::env::var("PLIMSOLL_TEST_REQUESTS").map_or(20_000, |number| number.parse().unwrap())
}

/// Sends them all, and gives what the server says.
fn run(faults: &str, text: &str) -> (Ended, Value) {
    let mock = Mock::start(&format!("--service-time 1ms --ttft 1ms --itl 1ms --tokens 8 {ANY} {faults}"));
    let load = format!("[load]\nexecutor = \"iterations\"\niterations = {}\nusers = 32\n", requests());
    let text = text.replace("[[request]]", "timeout = \"3s\"\nmax_response_bytes = 1_000_000\n[[request]]") + &load;
    let ended = scenario(&text).args(["--url", &mock.url()]).timeout(600).run().measured();
    let stats = mock.stats();
    let level = ended.level();
    let all = &level["all"];
    assert_eq!((&all["count"], &all["cancelled"]), (&requests().into(), &0.into()), "{level:#}");
    assert_eq!(stats["requests"], requests(), "none is repeated unasked\n{stats:#}");
    for (class, error) in all["errors"].as_object().unwrap() {
        assert!(!error["example"].as_str().unwrap().is_empty(), "{class}: {error:#}");
    }
    assert_eq!(by_sample(&ended), outcomes(all), "the samples and the summary");
    (ended, stats)
}

/// What the samples say, each of them in the order of time.
fn by_sample(ended: &Ended) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for sample in ended.samples() {
        *counts.entry(sample["outcome"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        let at = |key: &str| sample[key].as_u64();
        let times: Vec<u64> = ["intended", "sent", "first_byte", "end"].into_iter().filter_map(at).collect();
        assert!(times.is_sorted(), "{sample:#}");
        assert_eq!(sample["error"].is_string(), sample["outcome"] != "ok", "{sample:#}");
    }
    counts
}

fn struck(stats: &Value, fault: &str) -> u64 {
    let count = stats["faults"][fault].as_u64().unwrap_or_else(|| panic!("no {fault}: {stats:#}"));
    assert!(count > 0, "{fault} never struck");
    count
}

#[test]
fn of_a_task() {
    let _turn = among_others();
    let (ended, stats) = run(PLAIN, &classify("http://127.0.0.1:1"));
    let mut expected = counts(&stats["classes"]);
    // The server sent what it should; that it is too much is the client's own rule, which it may leave for.
    let too_big = struck(&stats, "big") + struck(&stats, "big_chunked");
    let gone = expected.remove("client_gone").unwrap_or(0);
    assert!(gone <= too_big, "{gone} were left without a reason\n{stats:#}");
    *expected.get_mut("ok").unwrap() -= too_big - gone;
    *expected.entry("protocol".to_owned()).or_insert(0) += too_big;
    assert_eq!(outcomes(&ended.level()["all"]), expected, "{stats:#}");
}

#[test]
fn of_a_chat_that_streams() {
    let _turn = among_others();
    let chat = r#"
        name = "chat"
        [target]
        url = "http://127.0.0.1:1"
        [[request]]
        name = "Chat"
        api = "chat"
        model = "m"
        prompt = "Hello {{ iteration }}"
        "#;
    let (ended, stats) = run(STREAMED, chat);
    for fault in ["no_done", "crlf", "coalesce", "split"] {
        struck(&stats, fault);
    }
    assert_eq!(outcomes(&ended.level()["all"]), counts(&stats["classes"]), "{stats:#}");
}
