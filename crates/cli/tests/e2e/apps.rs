//! Every built-in app with the pinned Gradio, the ways to put load on one, and what an app gets to see of it.

use crate::support::{
    App, Ended, Plimsoll, app_processes, files, fixture, get, json_lines, no_process_left, port, signal, text,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Two users, three rounds.
pub(crate) const SMALL: [&str; 6] = ["--tiers", "2", "--requests-per-user", "3", "--warmup", "1"];

/// Fails unless every request of this tier was answered, and this many were sent.
pub(crate) fn all_ok(ended: &Ended, users: u32, requests: usize) {
    let summary = ended.summary();
    let tier = tier(&summary, users);
    assert_eq!(tier["client_summary"]["success_rate"], 1.0, "{}", ended.output());
    assert_eq!(tier["client_summary"]["count"], requests, "{}", ended.output());
    assert_eq!((&tier["failed"], &tier["cancelled"]), (&0.into(), &0.into()), "{}", ended.output());
    let lines = ended.requests(users);
    assert_eq!(lines.len(), requests);
    assert!(lines.iter().all(|line| line["success"] == true && line["outcome"] == "ok"));
}

pub(crate) fn tier(summary: &Value, users: u32) -> &Value {
    summary["tiers"].as_array().unwrap().iter().find(|tier| tier["tier"] == users).unwrap()
}

pub(crate) fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {value}"))
}

/// Fails unless the tier has one file from each round and each begins as a file of its kind must.
pub(crate) fn samples_are(ended: &Ended, users: u32, rounds: u32, kind: &str) {
    let samples = files(&ended.tier_dir(users).join("samples"));
    assert_eq!(samples.len(), rounds as usize, "{samples:?}");
    for path in &samples {
        let head = fs::read(path).unwrap();
        let head = &head[..head.len().min(12)];
        let found = match (head, path.extension().unwrap().to_str().unwrap()) {
            ([b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'], "webp") => "image",
            ([0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..], "png") => "image",
            ([b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E'], "wav") => "audio",
            ([_, _, _, _, b'f', b't', b'y', b'p', ..], "mp4") => "video",
            _ => "unknown",
        };
        assert_eq!(found, kind, "{}: {head:?}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        let ours = (0..rounds).any(|round| name.starts_with(&format!("round_{round}_user_")));
        assert!(ours && name.contains("_output_0."), "{name}");
    }
}

/// Fails unless each line has a time to the first output and at least so many gaps after it.
pub(crate) fn streams(ended: &Ended, users: u32, gaps: usize) {
    for line in ended.requests(users) {
        let times = line["chunk_gaps_ms"].as_array().unwrap();
        assert!(times.len() >= gaps, "{line}");
        let ttft = number(&line, "ttft_ms");
        // Equal where the server sent everything at once: older Gradios look for messages every 50 ms.
        assert!(ttft > 0.0 && ttft <= number(&line, "latency_ms"), "{line}");
        let rest: f64 = times.iter().map(|gap| gap.as_f64().unwrap()).sum();
        assert!(ttft + rest <= number(&line, "latency_ms") + 0.01, "{line}");
    }
    let summary = ended.summary();
    let tier = tier(&summary, users);
    // Not the median gap: those older Gradios may hand over so many chunks at once that it is nought.
    assert!(number(&tier["ttft"], "p50") > 0.0 && number(&tier["chunk_gaps"], "mean") > 0.0, "{tier}");
}

/// Uploads a file and gets one back.
fn gives_its_file_back(app: &str, kind: &str) {
    let ended = Plimsoll::app(app).args(SMALL).run().measured();
    all_ok(&ended, 2, 6);
    for line in ended.requests(2) {
        let upload = number(&line, "upload_ms");
        assert!(upload > 0.0 && upload < number(&line, "latency_ms"), "{line}");
        assert_eq!(number(&line["phases"], "upload_ms"), upload);
        assert!(line["bytes_sent"].as_u64().unwrap() > 1000, "{line}");
    }
    samples_are(&ended, 2, 3, kind);
    ended.left_no_process();
}

#[test]
fn image_to_image() {
    gives_its_file_back("image_to_image", "image");
}

#[test]
fn image_to_image_async() {
    gives_its_file_back("image_to_image_async", "image");
}

#[test]
fn audio_to_audio() {
    gives_its_file_back("audio_to_audio", "audio");
}

#[test]
fn video_to_video() {
    gives_its_file_back("video_to_video", "video");
}

#[test]
fn file_heavy() {
    let ended = Plimsoll::app("file_heavy").args(SMALL).run().measured();
    all_ok(&ended, 2, 6);
    assert!(ended.requests(2).iter().all(|line| line["upload_ms"].is_null()));
    samples_are(&ended, 2, 3, "image");
    ended.left_no_process();
}

#[test]
fn streaming_chat() {
    let ended = Plimsoll::app("streaming_chat").args(SMALL).run().measured();
    all_ok(&ended, 2, 6);
    streams(&ended, 2, 4);
    // The app waits 5 ms before each output.
    let summary = ended.summary();
    let gap = number(&tier(&summary, 2)["chunk_gaps"], "p50");
    assert!((3.0..50.0).contains(&gap), "{gap}");
    ended.left_no_process();
}

#[test]
fn stateful_counter() {
    let ended = Plimsoll::app("stateful_counter").args(SMALL).run().measured();
    all_ok(&ended, 2, 6);
    ended.left_no_process();
}

/// `provider.py`, which stands in for an inference provider.
struct Provider {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Provider {
    fn start() -> Self {
        let (port, folder) = (port(), tempfile::tempdir().unwrap());
        let child = Command::new("python3")
            .args([&fixture("provider.py"), &port.to_string()])
            .arg(folder.path().join("log"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let provider = Self { child, port, folder };
        let start = Instant::now();
        while !crate::support::is_listening(port) {
            assert!(start.elapsed() < Duration::from_secs(20), "the provider did not start");
            sleep(Duration::from_millis(50));
        }
        provider
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn calls(&self) -> Vec<Value> {
        json_lines(&self.folder.path().join("log"))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The prompts that come with an app.
fn prompts(app: &str) -> BTreeSet<String> {
    let path = format!("{}/../../apps/{app}.prompts.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&text(Path::new(&path))).unwrap()
}

#[test]
fn llm_chat_streams_from_a_provider() {
    let provider = Provider::start();
    let ended =
        Plimsoll::app("llm_chat").args(SMALL).env("PLIMSOLL_INFERENCE_BASE_URL", provider.url()).run().measured();
    all_ok(&ended, 2, 6);
    streams(&ended, 2, 5);
    let (calls, prompts) = (provider.calls(), prompts("llm_chat"));
    // Two users of one warm-up round too.
    assert_eq!(calls.len(), 8);
    for call in calls {
        assert_eq!((&call["path"], &call["body"]["stream"]), (&"/v1/chat/completions".into(), &true.into()), "{call}");
        assert!(call["auth"].is_null(), "no token was given");
        assert!(prompts.contains(call["body"]["messages"][0]["content"].as_str().unwrap()), "{call}");
    }
    ended.left_no_process();
}

#[test]
fn text_to_image_asks_a_provider() {
    let provider = Provider::start();
    let ended =
        Plimsoll::app("text_to_image").args(SMALL).env("PLIMSOLL_INFERENCE_BASE_URL", provider.url()).run().measured();
    all_ok(&ended, 2, 6);
    samples_are(&ended, 2, 3, "image");
    let (calls, prompts) = (provider.calls(), prompts("text_to_image"));
    assert_eq!(calls.len(), 8);
    assert!(calls.iter().all(|call| prompts.contains(call["body"]["inputs"].as_str().unwrap())), "{calls:?}");
    ended.left_no_process();
}

#[test]
fn without_a_token_the_apps_of_providers_say_what_to_set() {
    for app in ["llm_chat", "text_to_image"] {
        let ended = Plimsoll::app(app).args(SMALL).env_remove("PLIMSOLL_INFERENCE_BASE_URL").run().code(2).says(
            "set HF_TOKEN (or log in with `hf auth login`), or set PLIMSOLL_INFERENCE_BASE_URL to the address of",
        );
        assert!(!ended.run_dir().join("summary.json").exists());
        assert_eq!(ended.manifest()["state"], "partial");
        ended.left_no_process();
    }
}

/// The phases of a line, without the source.
fn phases(line: &Value) -> BTreeMap<String, f64> {
    let phases = line["phases"].as_object().unwrap();
    phases.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}

#[test]
fn each_of_a_thousand_requests_shows_where_its_time_went() {
    let ended = Plimsoll::app("echo_text").args(["--tiers", "100", "--requests-per-user", "10"]).run().measured();
    all_ok(&ended, 100, 1000);
    let summary = ended.summary();
    let tier = tier(&summary, 100);
    assert_eq!((&tier["trace_match"]["matched"], &tier["trace_match"]["unmatched"]), (&1000.into(), &0.into()));
    assert_eq!(tier["phases"]["source"], "trace");

    let traces = json_lines(&ended.tier_dir(100).join("traces.jsonl"));
    assert_eq!(traces.len(), 1000);
    let traces: BTreeMap<&str, &Value> = traces.iter().map(|it| (it["event_id"].as_str().unwrap(), it)).collect();
    assert_eq!(traces.len(), 1000, "an event twice");
    let lines = ended.requests(100);
    let mut others = Vec::new();
    for line in &lines {
        let phases = phases(line);
        assert_eq!(line["phases"]["source"], "trace");
        assert!(line["phases"].get("clocks_disagree").is_none(), "{line}");
        let sum: f64 = phases.values().sum();
        assert!((sum - number(line, "latency_ms")).abs() <= 0.01, "{sum} in {line}");
        for (name, phase) in &phases {
            assert!(name == "other_ms" || *phase >= -0.5, "{name} in {line}");
        }
        others.push(phases["other_ms"]);
        let trace = traces[line["event_id"].as_str().unwrap()];
        for (ours, theirs) in [
            ("queue_wait_ms", "queue_wait_ms"),
            ("preprocess_ms", "preprocess_ms"),
            ("function_ms", "fn_call_ms"),
            ("postprocess_ms", "postprocess_ms"),
            ("streaming_diff_ms", "streaming_diff_ms"),
        ] {
            assert!((phases[ours] - number(trace, theirs)).abs() < 1e-5, "{ours}: {line} and {trace}");
        }
    }
    others.sort_by(f64::total_cmp);
    assert!(others[0] > -5.0 && others[500].abs() < 1.0 && others[990] < 20.0, "other: {others:?}");
    assert!(number(&tier["phases"]["other"], "share").abs() < 0.02, "{tier}");

    // A burst: the users of a round start together, and no round before the one before has ended.
    let rounds = rounds(&lines);
    assert_eq!(rounds.len(), 10);
    for pair in rounds.windows(2) {
        assert!(pair[0].last_end < pair[1].first_start);
    }
    for round in rounds {
        assert!(round.last_start - round.first_start < 5.0, "{round:?}");
    }
    ended.left_no_process();
}

/// When the users of a round were meant to start, and when the last of them ended.
#[derive(Debug)]
struct Round {
    first_start: f64,
    last_start: f64,
    last_end: f64,
}

fn rounds(lines: &[Value]) -> Vec<Round> {
    let mut rounds: BTreeMap<u64, Round> = BTreeMap::new();
    for line in lines {
        let (sent, lag) = (number(line, "sent_ms"), number(line, "send_lag_ms"));
        let (start, end) = (sent - lag, sent + number(line, "latency_ms"));
        let round = rounds.entry(line["request_id"].as_u64().unwrap());
        let round = round.or_insert(Round { first_start: start, last_start: start, last_end: end });
        round.first_start = round.first_start.min(start);
        round.last_start = round.last_start.max(start);
        round.last_end = round.last_end.max(end);
    }
    rounds.into_values().collect()
}

#[test]
fn a_wave_spreads_the_starts_over_half_a_second() {
    let ended = Plimsoll::app("echo_text")
        .args(["--tiers", "40", "--requests-per-user", "3", "--mode", "wave"])
        .run()
        .measured();
    all_ok(&ended, 40, 120);
    assert_eq!(tier(&ended.summary(), 40)["mode"], "wave");
    let lines = ended.requests(40);
    for round in rounds(&lines) {
        let span = round.last_start - round.first_start;
        assert!(span > 300.0 && span <= 500.0, "{round:?}");
    }
    // Drawn for each user and round anew.
    let order = |round: u64| {
        let mut users: Vec<(f64, u64)> = lines
            .iter()
            .filter(|line| line["request_id"] == round)
            .map(|line| (number(line, "sent_ms"), line["user_id"].as_u64().unwrap()))
            .collect();
        users.sort_by(|a, b| a.0.total_cmp(&b.0));
        users.into_iter().map(|(_, user)| user).collect::<Vec<_>>()
    };
    assert_ne!(order(0), order(1));
    assert_ne!(order(1), order(2));
    ended.left_no_process();
}

#[test]
fn with_a_duration_users_do_not_wait_for_each_other() {
    let ended = Plimsoll::app("echo_text").args(["--tiers", "4", "--duration", "3s"]).run().measured();
    let (summary, lines) = (ended.summary(), ended.requests(4));
    let tier = tier(&summary, 4);
    assert!(tier["requests_per_user"].is_null(), "{tier}");
    assert_eq!((number(tier, "duration_seconds"), &tier["total_requests"]), (3.0, &lines.len().into()));
    assert!((3.0..5.0).contains(&number(tier, "elapsed_seconds")), "{tier}");
    all_ok(&ended, 4, lines.len());

    let mut users: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for line in &lines {
        users.entry(line["user_id"].as_u64().unwrap()).or_default().push(line);
    }
    assert_eq!(users.len(), 4);
    let end = |line: &Value| number(line, "sent_ms") + number(line, "latency_ms");
    let started = lines.iter().map(|line| number(line, "sent_ms")).fold(f64::MAX, f64::min);
    for requests in users.values() {
        for (index, line) in requests.iter().enumerate() {
            assert_eq!(line["request_id"], index, "{requests:?}");
        }
        for pair in requests.windows(2) {
            let pause = number(pair[1], "sent_ms") - end(pair[0]);
            assert!((-0.01..100.0).contains(&pause), "{pause} ms between {} and {}", pair[0], pair[1]);
        }
        assert!(requests.iter().all(|line| number(line, "sent_ms") < started + 3_000.0), "sent after the end");
    }
    // Somebody was a request ahead while another was still waiting.
    let ahead = lines.iter().any(|line| {
        let next = line["request_id"].as_u64().unwrap() + 1;
        lines.iter().any(|other| other["request_id"] == next && number(other, "sent_ms") < end(line))
    });
    assert!(ahead, "the users waited for each other");
    ended.left_no_process();
}

#[test]
fn mixed_traffic_loads_pages_and_moves_files() {
    let ended =
        Plimsoll::app("echo_text").args(["--tiers", "2", "--duration", "4s", "--mixed-traffic"]).run().measured();
    assert_eq!(number(&tier(&ended.summary(), 2)["client_summary"], "success_rate"), 1.0);
    background_is_whole(&ended, 2);
    let lines = json_lines(&ended.tier_dir(2).join("background_page_loads.jsonl"));
    let pages: BTreeSet<&str> = lines.iter().map(|line| line["endpoint"].as_str().unwrap()).collect();
    assert!(pages.len() >= 4 && pages.iter().all(|page| page.starts_with('/')), "{pages:?}");
    ended.left_no_process();
}

/// Fails unless all three kinds of background traffic went well and their summaries are those of their lines.
pub(crate) fn background_is_whole(ended: &Ended, users: u32) {
    let summary = ended.summary();
    let background = &tier(&summary, users)["background_traffic"];
    for (kind, own_key) in
        [("page_loads", "endpoint"), ("uploads", "file_size_bytes"), ("downloads", "response_size_bytes")]
    {
        let lines = json_lines(&ended.tier_dir(users).join(format!("background_{kind}.jsonl")));
        let summary = &background[kind];
        assert!(lines.len() >= 3, "{kind}: {lines:?}");
        assert_eq!(summary["success_rate"], 1.0, "{kind}: {summary}");
        assert_eq!((&summary["count"], &summary["success_count"]), (&lines.len().into(), &lines.len().into()));
        let mean = lines.iter().map(|line| number(line, "latency_ms")).sum::<f64>() / lines.len() as f64;
        assert!((number(summary, "mean") - mean).abs() < 1e-6 * mean, "{kind}: {summary}");
        for figure in ["p50", "p90", "p99"] {
            assert!(number(summary, figure) > 0.0, "{kind}: {summary}");
        }
        for line in lines {
            assert_eq!(line["success"], true);
            let own = &line[own_key];
            assert!(
                own.as_str().is_some_and(|it| it.starts_with('/')) || own.as_u64().is_some_and(|it| it > 500),
                "{line}"
            );
        }
    }
}

#[test]
fn json_is_all_there_is_on_standard_output() {
    let ended = Plimsoll::app("echo_text").args(SMALL).arg("--json").run().measured();
    let printed: Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout));
    assert_eq!(printed, ended.summary());
    assert!(ended.stderr.contains("Server ready at"), "{}", ended.stderr);
    all_ok(&ended, 2, 6);
    ended.left_no_process();
}

/// Kills an app that a failed test would leave behind.
struct Kept(u16);

impl Drop for Kept {
    fn drop(&mut self) {
        for pid in app_processes(self.0) {
            signal("KILL", &pid.to_string());
        }
    }
}

#[test]
fn an_app_that_is_kept_answers_until_it_is_killed() {
    let call = Plimsoll::app("echo_text").args(SMALL).arg("--keep-app");
    let _kept = Kept(call.port());
    let ended = call.run().measured();
    all_ok(&ended, 2, 6);
    let hint = ended.stdout.lines().find(|line| line.starts_with("The app still runs at ")).unwrap();
    let (url, pid) = hint.rsplit_once("; end it with: kill ").unwrap();
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    let (status, config) = get(port, "/config").expect("the app answers");
    assert_eq!((status, config.contains("\"protocol\"")), (200, true));
    // It must not die of its output having nowhere to go.
    sleep(Duration::from_secs(1));
    assert!(get(port, "/").is_some_and(|(status, _)| status == 200));
    signal("TERM", pid);
    no_process_left(ended.port);
}

/// Three users, four rounds.
const LOAD: [&str; 4] = ["--tiers", "3", "--requests-per-user", "4"];

/// `recorder.py`, running.
struct Recorder {
    app: App,
    folder: TempDir,
}

impl Recorder {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("record");
        let app = App::start(fixture("recorder.py"), port(), &[("PLIMSOLL_TEST_RECORD", record.to_str().unwrap())]);
        Self { app, folder }
    }

    fn run(&self) -> Plimsoll {
        Plimsoll::url(self.app.url())
    }

    /// What it wrote down since the last time.
    fn take(&self) -> Vec<Value> {
        let path = self.folder.path().join("record");
        let lines = if path.exists() { json_lines(&path) } else { Vec::new() };
        fs::write(path, "").unwrap();
        lines
    }
}

/// The counts that each session saw.
fn sessions(lines: &[Value]) -> BTreeMap<&str, Vec<u64>> {
    let mut sessions: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for line in lines {
        let session = line["session"].as_str().unwrap_or_else(|| panic!("no session in {line}"));
        sessions.entry(session).or_default().push(line["count"].as_u64().unwrap());
    }
    sessions
}

#[test]
fn a_user_keeps_its_session_unless_told_otherwise() {
    let recorder = Recorder::start();
    let ended = recorder.run().args(LOAD).args(["--warmup", "0"]).run().measured();
    all_ok(&ended, 3, 12);
    let lines = recorder.take();
    let users = sessions(&lines);
    assert_eq!(users.len(), 3, "{lines:?}");
    assert!(users.values().all(|counts| counts == &[1, 2, 3, 4]), "{users:?}");
    assert!(ended.summary()["warmup"].is_null());
    // No two requests are equal, and each says whose it is.
    let texts: BTreeSet<&str> = lines.iter().map(|line| line["text"].as_str().unwrap()).collect();
    let expected: Vec<String> =
        (0..3).flat_map(|user| (0..4).map(move |number| format!("hello from user {user} req {number}"))).collect();
    assert_eq!(texts, expected.iter().map(String::as_str).collect());
    assert!(lines.iter().all(|line| line["number"] == 7), "the default of the page: {lines:?}");

    let ended = recorder.run().args(LOAD).args(["--warmup", "0", "--session", "per-request"]).run().measured();
    all_ok(&ended, 3, 12);
    let lines = recorder.take();
    let requests = sessions(&lines);
    assert_eq!(requests.len(), 12, "{lines:?}");
    assert!(requests.values().all(|counts| counts == &[1]), "{requests:?}");
    assert!(users.keys().all(|session| !requests.contains_key(session)));
}

#[test]
fn warm_up_and_tiers_have_users_of_their_own() {
    let recorder = Recorder::start();
    let ended = recorder.run().args(["--tiers", "2,3", "--requests-per-user", "4"]).run().measured();
    all_ok(&ended, 2, 8);
    all_ok(&ended, 3, 12);
    // Two users who send three rounds, and are in no figure.
    let warmup = &ended.summary()["warmup"];
    assert_eq!((&warmup["requests"], &warmup["ok"]), (&6.into(), &6.into()));
    let lines = recorder.take();
    assert_eq!(lines.len(), 6 + 8 + 12);
    // Whoever went on with another's session would go on with its state.
    let mut counts: Vec<u64> = sessions(&lines).values().map(|counts| counts.len() as u64).collect();
    counts.sort_unstable();
    assert_eq!(counts, [3, 3, 4, 4, 4, 4, 4], "requests of each session");
}

#[test]
fn a_sidecar_says_what_is_sent() {
    let recorder = Recorder::start();
    let sidecar = recorder.folder.path().join("inputs.json");
    let run = |content: &str| {
        fs::write(&sidecar, content).unwrap();
        let ended = recorder.run().args(LOAD).arg("--sidecar").arg(&sidecar).run().measured();
        all_ok(&ended, 3, 12);
        recorder.take()
    };
    // Strings are the first text; the rest of the inputs is as ever.
    let texts = ["eins", "zwei – „drei“", "q\"uo\\te\n\u{1F30A}"];
    let lines = run(&serde_json::to_string(&texts).unwrap());
    assert!(lines.iter().all(|line| texts.contains(&line["text"].as_str().unwrap())), "{lines:?}");
    assert!(lines.iter().map(|line| line["text"].as_str().unwrap()).collect::<BTreeSet<_>>().len() > 1, "{lines:?}");
    assert!(lines.iter().all(|line| line["number"] == 7), "{lines:?}");
    // Lists are all inputs, the session's state among them.
    let lines = run(r#"[["a", 1, null], ["b", 2.5, null]]"#);
    let rows = [(Value::from("a"), Value::from(1)), (Value::from("b"), Value::from(2.5))];
    assert!(lines.iter().all(|line| rows.contains(&(line["text"].clone(), line["number"].clone()))), "{lines:?}");
    assert!(rows.iter().all(|row| lines.iter().any(|line| line["text"] == row.0)), "{lines:?}");
}

#[test]
fn headers_and_cookies_reach_the_app() {
    let recorder = Recorder::start();
    let secrets = ["--header", "X-Test: one two", "--cookie", "flavour=oat", "--cookie", "size=7"];
    let seen = |line: &Value| {
        assert_eq!(line["header"], "one two");
        assert_eq!((&line["cookies"]["flavour"], &line["cookies"]["size"]), (&"oat".into(), &"7".into()), "{line}");
    };
    all_ok(&recorder.run().args(LOAD).args(secrets).run().measured(), 3, 12);
    let lines = recorder.take();
    assert_eq!(lines.len(), 18);
    lines.iter().for_each(seen);

    // The same without the queue, by the endpoint's name, with or without the slash.
    for name in ["/plain", "plain"] {
        let ended = recorder.run().args(LOAD).args(secrets).args(["--api-name", name]).run().measured();
        all_ok(&ended, 3, 12);
        assert_eq!(ended.manifest()["target"]["endpoint"], "/plain");
        let lines = recorder.take();
        assert_eq!(lines.len(), 18);
        lines.iter().for_each(seen);
        for line in ended.requests(3) {
            // One round trip, and nothing to tell apart in it.
            let phases = phases(&line);
            assert!(line.get("event_id").is_none() && !phases.contains_key("queue_wait_ms"), "{line}");
            assert!((phases.values().sum::<f64>() - number(&line, "latency_ms")).abs() <= 0.01, "{line}");
        }
    }
}

#[test]
fn an_app_below_a_path_is_found_there() {
    // Uploads, mixed traffic and downloads must keep to the path as well.
    let mounted = App::start(fixture("mounted.py"), port(), &[]);
    let with_path = |url: String| {
        let ended = Plimsoll::url(&url).args(["--tiers", "2", "--duration", "3s", "--mixed-traffic"]).run().measured();
        assert_eq!(ended.manifest()["target"]["url"].as_str().unwrap(), url.trim_end_matches('/'));
        ended
    };
    for url in [format!("{}/sub", mounted.url()), format!("{}/sub/", mounted.url())] {
        let ended = with_path(url);
        let requests = ended.requests(2);
        all_ok(&ended, 2, requests.len());
        assert!(requests.iter().all(|line| number(line, "upload_ms") > 0.0));
        background_is_whole(&ended, 2);
        assert!(!files(&ended.tier_dir(2).join("samples")).is_empty());
    }

    // Gradio's own setting answers with and without the path.
    let folder = tempfile::tempdir().unwrap();
    let record: PathBuf = folder.path().join("record");
    let app = App::start(
        fixture("recorder.py"),
        port(),
        &[("PLIMSOLL_TEST_RECORD", record.to_str().unwrap()), ("GRADIO_ROOT_PATH", "/below")],
    );
    for path in ["", "/below"] {
        let ended = Plimsoll::url(format!("{}{path}", app.url())).args(SMALL).run().measured();
        all_ok(&ended, 2, 6);
    }
}

#[test]
fn what_is_no_gradio_app_is_not_taken_for_one() {
    // A site whose /config is JSON with a version, as Gradio's is; the Gradio app is below /sub.
    let site = App::start(fixture("mounted.py"), port(), &[]);
    let ended = Plimsoll::url(site.url()).args(SMALL).run().code(2);
    assert!(!ended.stderr.contains("runs Gradio 1.0"), "{}", ended.stderr);
}
