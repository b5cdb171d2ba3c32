//! Older Gradios: the same protocol in other places, and no traces.

use crate::apps::{SMALL, all_ok, number, samples_are, streams, tier};
use crate::support::{Ended, Plimsoll};

fn measured(version: &str, app: &str) -> Ended {
    let ended = Plimsoll::app(app).args(SMALL).args(["--gradio", version]).timeout(600).run().measured();
    all_ok(&ended, 2, 6);
    let (summary, target) = (ended.summary(), ended.manifest()["target"].clone());
    assert_eq!((&target["version"], &target["profiling"]), (&version.into(), &false.into()), "{target}");
    let tier = tier(&summary, 2);
    assert_eq!((&tier["phases"]["source"], &tier["trace_match"]["source"]), (&"stream".into(), &"stream".into()));
    assert_eq!((&tier["trace_match"]["matched"], &tier["server_summary"]), (&0.into(), &serde_json::json!({})));
    for line in ended.requests(2) {
        let phases = line["phases"].as_object().unwrap();
        assert_eq!(phases["source"], "stream");
        let sum: f64 = phases.values().filter_map(serde_json::Value::as_f64).sum();
        assert!((sum - number(&line, "latency_ms")).abs() <= 0.01, "{line}");
    }
    assert_eq!(ended.requests(2).iter().filter(|line| line["event_id"].is_string()).count(), 6);
    let ended = ended.says("WARNING: the app gives no server traces").prints("from the messages that the client saw");
    ended.left_no_process();
    ended
}

fn all_apps(version: &str) {
    measured(version, "echo_text");
    streams(&measured(version, "streaming_chat"), 2, 1);
    samples_are(&measured(version, "file_heavy"), 2, 3, "image");
    measured(version, "stateful_counter");
}

#[test]
fn gradio_5() {
    all_apps("5.50.0");
}

#[test]
fn gradio_4() {
    all_apps("4.44.1");
}
