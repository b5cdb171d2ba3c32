//! Figures that go elsewhere while a run goes, metrics read from the target, and the table of samples afterwards.

use super::support::{Asked, Mock, Says, Server, among_others, classify, lock, number, scenario};
use crate::support::{Ended, Plimsoll, get, json, run_dir, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

const LOAD: &str = "[load]\nexecutor = \"users\"\nusers = 2\nduration = \"3s\"\nwarmup = \"1s\"\n";

/// One field of a message in Protocol Buffers.
#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Int(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message with their numbers; fails on what is no message.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return value;
            }
        }
        panic!("a number without an end");
    }
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Int(varint(&mut bytes)),
            1 => {
                let (fixed, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Fixed(u64::from_le_bytes(fixed.try_into().unwrap()))
            }
            2 => {
                let length = varint(&mut bytes) as usize;
                let (inner, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(inner)
            }
            other => panic!("wire type {other}"),
        };
        all.push((tag >> 3, field));
    }
    all
}

/// The messages in this field.
fn inner(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    let wanted = |(field, value)| match value {
        Field::Bytes(bytes) if field == number => Some(bytes),
        _ => None,
    };
    fields(bytes).into_iter().filter_map(wanted).collect()
}

fn string(bytes: &[u8], number: u64) -> String {
    inner(bytes, number).first().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()).unwrap_or_default()
}

fn fixed(bytes: &[u8], number: u64) -> u64 {
    let found = fields(bytes).into_iter().find_map(|(field, value)| match value {
        Field::Fixed(value) if field == number => Some(value),
        _ => None,
    });
    found.unwrap()
}

/// Labels and value of every series of a remote write request.
fn series(body: &[u8]) -> Vec<(BTreeMap<String, String>, f64)> {
    let plain = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let one = |series: &[u8]| {
        let labels: Vec<(String, String)> =
            inner(series, 1).iter().map(|label| (string(label, 1), string(label, 2))).collect();
        assert!(labels.is_sorted(), "{labels:?}");
        let sample = inner(series, 2)[0];
        assert!(
            fields(sample).iter().any(|(field, value)| matches!((field, value), (2, Field::Int(1_000_000_000_000..))))
        );
        (labels.into_iter().collect(), f64::from_bits(fixed(sample, 1)))
    };
    inner(&plain, 1).into_iter().map(one).collect()
}

fn labelled<'a>(labels: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    labels.get(name).map_or("", String::as_str)
}

/// Sum of the series of this name of the measured requests.
fn measured(series: &[(BTreeMap<String, String>, f64)], name: &str) -> f64 {
    let is = |labels: &BTreeMap<String, String>| {
        labelled(labels, "__name__") == name && labelled(labels, "loadtest_phase") == "measured"
    };
    series.iter().filter(|(labels, _)| is(labels)).map(|(_, value)| value).sum()
}

fn to(asked: &[Asked], path: &str) -> Vec<Asked> {
    asked.iter().filter(|asked| asked.path == path).cloned().collect()
}

#[test]
fn figures_reach_their_receivers_whole() {
    let _turn = among_others();
    let mock = Mock::start("--service-time 20ms");
    let receiver = Server::start(|_| Says::status(200, ""));
    let address = receiver.url();
    let write = address.replace("http://", "http://me:hunter2@") + "/write";
    let call = scenario(&(classify(&mock.url()) + LOAD))
        .args(["--prometheus", "0", "--scrape", "auto", "--scrape-interval", "200ms"])
        .args(["--scrape-metric", "vllm:e2e_request_latency_seconds"])
        .args(["--prometheus-remote-write", &write, "--otlp", &address])
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=t0p%20secret");
    let mut run = call.start();
    run.wait_for("/metrics\n");
    let port =
        run.stdout().split_once("scrape http://127.0.0.1:").unwrap().1.split_once('/').unwrap().0.parse().unwrap();
    run.wait_until("requests in its page", |_| {
        get(port, "/metrics").is_some_and(|(status, page)| status == 200 && page.contains("loadtest_requests_total{"))
    });
    let page = get(port, "/metrics").unwrap().1;
    assert!(page.contains("# TYPE http_client_request_duration_seconds histogram\n"), "{page}");
    assert!(page.contains("loadtest_request_name=\"Classify\"") && page.contains(",le=\"+Inf\"} "), "{page}");
    let ended = run.wait().measured();
    let all = &ended.level()["all"];
    let (ok, mean) = (number(&all["ok"]), number(&all["metrics"]["response_time"]["mean"]));

    let asked = receiver.asked();
    let writes = to(&asked, "/write");
    let last = writes.last().unwrap();
    assert_eq!(last.headers["authorization"], "Basic bWU6aHVudGVyMg==");
    assert_eq!(
        (&*last.headers["content-encoding"], &*last.headers["x-prometheus-remote-write-version"]),
        ("snappy", "0.1.0")
    );
    let written = series(&last.bytes);
    assert_eq!(measured(&written, "loadtest_requests_total"), ok);
    assert_eq!(measured(&written, "http_client_request_duration_seconds_count"), ok);
    let sum = measured(&written, "loadtest_response_duration_seconds_sum");
    assert!((sum / ok * 1e3 - mean).abs() < 0.01, "{sum} of {ok}, and {mean} ms");
    assert!(written.iter().all(|(labels, _)| labelled(labels, "job") == "plimsoll"));

    let otlp = to(&asked, "/v1/metrics");
    let last = otlp.last().unwrap();
    assert_eq!((&*last.headers["x-key"], &*last.headers["content-type"]), ("t0p secret", "application/x-protobuf"));
    let metrics = inner(inner(inner(&last.bytes, 1)[0], 2)[0], 2);
    let duration = metrics.iter().find(|metric| string(metric, 1) == "http.client.request.duration").unwrap();
    assert_eq!(string(duration, 3), "s");
    let counts = inner(inner(duration, 10)[0], 1).into_iter().map(|point| fixed(point, 4)).sum::<u64>();
    let warmup = number(&ended.level()["warmup"]["requests"]);
    assert_eq!(counts as f64, number(&all["count"]) + warmup);

    let server = ended.summary()["server_metrics"].clone();
    let of = |name: &str| server.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert!(number(&of("vllm:num_requests_running")["max"]) >= 1.0, "{server:#}");
    let took = of("vllm:e2e_request_latency_seconds");
    assert!((0.015..0.2).contains(&number(&took["mean"])) && took["kind"] == "histogram", "{took:#}");
    assert!(ended.stdout.contains("Server's own metrics"), "{}", ended.stdout);
    let lines = fs::read_to_string(ended.run_dir().join("server_metrics.jsonl")).unwrap();
    assert!(lines.lines().count() > 20, "{lines}");
    ended.hides("hunter2");
    ended.hides("t0p");
}

#[test]
fn a_receiver_that_fails_costs_a_warning_and_not_the_run() {
    let _turn = among_others();
    let mock = Mock::start("--service-time 10ms");
    let tries = Arc::new(Mutex::new(0));
    let counted = tries.clone();
    let receiver = Server::start(move |_| {
        *lock(&counted) += 1;
        Says::status(400, "out of order: hunter2")
    });
    let write = receiver.url().replace("http://", "http://me:hunter2@") + "/write";
    let page = receiver.url() + "/nothing";
    let ended = scenario(&(classify(&mock.url()) + "[load]\nexecutor = \"iterations\"\niterations = 40\nusers = 2\n"))
        .args(["--prometheus-remote-write", &write, "--otlp", "http://127.0.0.1:9", "--scrape", &page])
        .run()
        .measured();
    assert_eq!(ended.level()["all"]["ok"], 40);
    for flag in ["--prometheus-remote-write: ", "--otlp: ", "--scrape "] {
        assert!(ended.stderr.contains(&format!("WARNING: {flag}")), "{flag}\n{}", ended.output());
    }
    assert!(ended.stderr.matches("--scrape ").count() == 1 && *lock(&tries) > 1, "{}", ended.output());
    ended.hides("hunter2");
}

#[test]
fn wrong_addresses_are_refused_before_any_load() {
    let _turn = among_others();
    let mock = Mock::start("");
    let taken = Server::start(|_| Says::status(200, ""));
    let taken = taken.url().replace("http://", "");
    for (args, says) in [
        (["--prometheus", &*taken], "cannot listen at"),
        (["--prometheus", "metrics"], "9464"),
        (["--prometheus-remote-write", "me:hunter2@host"], "must begin with http://"),
        (["--otlp", "localhost:4318"], "must begin with http://"),
        (["--scrape", "/metrics"], "--scrape"),
        (["--scrape-interval", "1s"], "--scrape"),
        (["--prometheus-names", "k6"], "--prometheus"),
        (["--trackio", "a/b"], "PROJECT"),
    ] {
        let ended = scenario(&(classify(&mock.url()) + LOAD)).args(args).run().code(2).says(says);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
        assert!(!ended.dir().join("benchmark_results").exists());
    }
    assert_eq!(mock.requests(), 0);
}

/// `export` of the only run of `ended`.
fn export(ended: &Ended, args: &[&str]) -> Ended {
    let run = ended.run_dir();
    Plimsoll::new().arg("export").arg(run).args(args).run()
}

#[test]
fn a_table_of_all_levels() {
    let _turn = among_others();
    let mock = Mock::start("--service-time 10ms");
    let load = "[load]\nexecutor = \"sweep\"\nsweep_users = [1, 2]\nduration = \"2s\"\nwarmup = \"500ms\"\ncool_down = \"100ms\"\n";
    let ended = scenario(&(classify(&mock.url()) + load)).run().measured();
    let json_text = export(&ended, &["--format", "json"]).code(0).stdout;
    let rows: Vec<Value> = serde_json::from_str(&json_text).unwrap();
    for level in ended.summary()["levels"].as_array().unwrap() {
        let of = |row: &&Value| row["stage"] == level["label"] && row["warmup"] == false;
        let mut times: Vec<f64> = rows
            .iter()
            .filter(of)
            .filter(|row| row["success"] == true)
            .map(|row| number(&row["response_ms"]))
            .collect();
        times.sort_by(f64::total_cmp);
        assert_eq!(times.len() as u64, level["all"]["ok"].as_u64().unwrap());
        let p95 = times[(times.len() as f64 * 0.95).ceil() as usize - 1];
        let told = number(&level["all"]["metrics"]["response_time"]["p95"]);
        assert!((p95 / told - 1.0).abs() < 0.001, "{p95} and {told}");
    }
    let csv = export(&ended, &["--format", "csv", "--output", "-"]).code(0).stdout;
    assert_eq!(csv.lines().count(), rows.len() + 1);
    let lines = export(&ended, &["--format", "jsonl", "-o", "out.jsonl"]).code(0);
    assert_eq!(text(&lines.dir().join("out.jsonl")).lines().count(), rows.len());
    assert!(!lines.dir().join("out.jsonl.part").exists());
    if !cfg!(feature = "parquet") {
        export(&ended, &["--format", "parquet", "-o", "x.parquet"]).code(2).says("--features parquet").did_nothing();
    }
    Plimsoll::new().args(["export", ".", "--format", "csv"]).run().code(2).says("there are no samples in it");
    export(&ended, &["--format", "csv", "-o", "no/where.csv"]).code(2).says("no/where.csv");

    // As a killed run leaves it.
    let manifest = ended.run_dir().join("run.json");
    let mut killed = json(&manifest);
    killed["state"] = "running".into();
    fs::write(&manifest, killed.to_string()).unwrap();
    fs::remove_file(ended.run_dir().join("summary.json")).unwrap();
    let samples = ended.run_dir().join("level_2/samples.jsonl");
    let whole = text(&samples);
    fs::write(&samples, &whole[..whole.len() - 10]).unwrap();
    let part = export(&ended, &["--format", "csv"]).code(0).says("the run is partial").says("1 lines cut off");
    assert_eq!(part.stdout.lines().count(), rows.len());
    assert!(run_dir(&ended.dir().join("benchmark_results")).is_dir());
}

#[test]
fn trackio_gets_the_seconds_and_the_summary() {
    let _turn = among_others();
    let mock = Mock::start("--service-time 10ms");
    let call = scenario(&(classify(&mock.url()) + LOAD)).timeout(600);
    let board = call.dir().join("board");
    let ended = call.args(["--trackio", "loads"]).env("TRACKIO_DIR", &board).run().measured();
    let ended = ended.prints("Logged to the Trackio project loads; show it with: ");
    let code = "import json, sqlite3, sys\n\
                rows = sqlite3.connect(sys.argv[1]).execute('select run_name, metrics from metrics order by id')\n\
                print(json.dumps([[name, json.loads(metrics)] for name, metrics in rows]))";
    let read = Command::new("python3").args(["-c", code]).arg(board.join("loads.db")).output().unwrap();
    let rows: Vec<(String, Value)> = serde_json::from_slice(&read.stdout).unwrap();
    assert!(rows.len() > 2, "{rows:?}");
    let (name, last) = rows.last().unwrap();
    assert_eq!(name.as_str(), ended.run_dir().file_name().unwrap());
    let p95 = &ended.level()["all"]["metrics"]["response_time"]["p95"];
    assert_eq!(&last["summary/response_p95_ms"], p95, "{last:#}");
    assert!(rows.iter().any(|(_, row)| row["rps"].as_f64().is_some_and(|rps| rps > 0.0)), "{rows:#?}");
}
