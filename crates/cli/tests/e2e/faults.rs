//! What goes wrong: the exit code, the sentence, the files that are there, and nothing left running.

use crate::support::{
    App, Ended, Plimsoll, Running, app_processes, can_mount, fixture, is_listening, json_lines, port, run_dir, signal,
};
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// An app that never answers.
const MUTE: &str = "import time\nprint('thinking', flush=True)\ntime.sleep(600)\n";

fn assert_partial(ended: &Ended, reason: &str) {
    let manifest = ended.manifest();
    assert_eq!(manifest["state"], "partial", "{manifest:#}");
    assert!(manifest["ended_at"].is_string(), "{manifest:#}");
    let why = manifest["partial_reason"].as_str().unwrap_or_default();
    assert!(why.contains(reason), "no {reason:?} in partial_reason: {why}");
}

/// `echo_text` with two users under load for a minute, its first samples written.
fn busy() -> Running {
    let mut run = Plimsoll::app("echo_text").args(["--tiers", "2", "--duration", "60s", "--warmup", "1"]).start();
    run.wait_for_samples(2);
    run
}

/// A server that gives every request this answer; its address.
fn serve(status: &'static str, content_type: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}");
            let _ = write!(stream, "{head}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    format!("http://{address}")
}

#[test]
fn an_app_that_does_not_start() {
    let ended = Plimsoll::app(fixture("broken_start.py"))
        .args(["--tiers", "1"])
        .run()
        .code(2)
        .says("no weights found in /nowhere/weights")
        .says("loading the model")
        .says("exit status 7")
        .says("broken_start.py ended before it was ready");
    assert_partial(&ended, "ended before it was ready");
    assert_eq!(ended.manifest()["target"], json!(null));
    assert!(!ended.run_dir().join("summary.json").exists());
    assert!(fs::read_to_string(ended.run_dir().join("app.log")).unwrap().contains("no weights found"));
    ended.left_no_process();
}

#[test]
fn an_app_that_dies_in_mid_run() {
    let run = busy();
    let apps = app_processes(run.port());
    assert!(!apps.is_empty());
    let killed = Instant::now();
    apps.iter().for_each(|pid| signal("KILL", &pid.to_string()));
    let ended = run.wait().code(3).says("the app ended in the middle of the run: killed by signal 9");
    assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
    ended.left_no_process();
    let ended = ended.says("the app's last lines").prints("PARTIAL: the app ended in the middle of the run");
    assert_partial(&ended, "the app ended in the middle of the run: killed by signal 9");
    let summary = ended.summary();
    assert_eq!(summary["state"], "partial");
    assert_eq!(summary["verdict"]["result"], "inconclusive");
    assert_eq!(summary["tiers"].as_array().unwrap().len(), 1);
    let ok = summary["tiers"][0]["client_summary"]["success_count"].as_u64().unwrap();
    let lines = ended.requests(2).iter().filter(|request| request["success"] == true).count();
    assert!(ok > 0 && usize::try_from(ok).unwrap() == lines, "{ok} ok in the summary, {lines} in the file");
    assert!(ended.events().iter().any(|event| event["kind"] == "stopped"));
}

#[test]
fn a_function_that_always_raises() {
    let ended = Plimsoll::app(fixture("raises.py"))
        .args(["--api-name", "/always", "--tiers", "2", "--requests-per-user", "3", "--warmup", "1"])
        .run()
        .code(3)
        .prints("app_error");
    let summary = ended.summary();
    let tier = &summary["tiers"][0];
    assert_eq!(tier["errors"]["app_error"]["count"], 6, "{tier:#}");
    assert_eq!(tier["errors"].as_object().unwrap().len(), 1, "{tier:#}");
    // As hf-perftest writes it.
    assert_eq!(tier["client_summary"], json!({"count": 0, "success_rate": 0}));
    assert_eq!((&tier["total_requests"], &tier["failed"]), (&json!(6), &json!(6)));
    assert_eq!((&summary["state"], &summary["verdict"]["result"]), (&json!("complete"), &json!("inconclusive")));
    assert_eq!(ended.manifest()["state"], "complete");
    let errors: Vec<String> =
        ended.requests(2).iter().map(|request| request["error"].as_str().unwrap().to_owned()).collect();
    assert_eq!(errors.iter().filter(|error| error.contains("this one is told to the client")).count(), 3, "{errors:?}");
    assert_eq!(errors.iter().filter(|error| error.contains("gives no reason")).count(), 3, "{errors:?}");
    ended.left_no_process();
}

#[test]
fn a_function_that_raises_every_other_time() {
    let ended = Plimsoll::app(fixture("raises.py"))
        .args(["--api-name", "/sometimes", "--tiers", "1", "--requests-per-user", "4", "--warmup", "0"])
        .run()
        .measured();
    let summary = ended.summary();
    let tier = &summary["tiers"][0];
    assert_eq!(tier["client_summary"]["success_rate"], 0.5);
    assert_eq!(tier["client_summary"]["success_count"], 2);
    assert_eq!(tier["errors"]["app_error"]["count"], 2);
    assert_eq!(tier["errors"]["app_error"]["example"], "every other time");
    let outcomes: Vec<_> = ended.requests(1).iter().map(|request| request["outcome"].clone()).collect();
    assert_eq!(outcomes, ["ok", "app_error", "ok", "app_error"]);
}

#[test]
fn a_full_queue() {
    let ended = Plimsoll::app(fixture("queue_full.py"))
        .args(["--tiers", "8", "--requests-per-user", "1", "--warmup", "0"])
        .run()
        .measured()
        .prints("queue_full");
    let summary = ended.summary();
    let tier = &summary["tiers"][0];
    let ok = tier["client_summary"]["success_count"].as_u64().unwrap();
    let full = tier["errors"]["queue_full"]["count"].as_u64().unwrap();
    assert!((2..=4).contains(&ok) && ok + full == 8, "{ok} ok, {full} refused\n{tier:#}");
    assert!(tier["errors"]["queue_full"]["example"].as_str().unwrap().contains("Queue is full"), "{tier:#}");
    for request in ended.requests(8).iter().filter(|request| request["success"] == false) {
        assert_eq!((&request["outcome"], &request["http_status"]), (&json!("queue_full"), &json!(503)), "{request:#}");
    }
}

#[test]
fn logging_in() {
    let app = App::start(fixture("login.py"), port(), &[]);
    let run = || Plimsoll::url(app.url()).args(["--tiers", "1", "--requests-per-user", "2", "--api-name", "/echo"]);
    let ended = run().run().code(2).says("--auth");
    assert_partial(&ended, "asks for a login");
    let ended = run().args(["--auth", "user:wrong battery"]).run().code(2).says("wrong user name or password");
    ended.hides("wrong battery");
    assert_partial(&ended, "wrong user name or password");
    let ended = run().args(["--auth", "user:correct horse"]).run().measured();
    ended.hides("correct horse");
    assert_eq!(ended.summary()["tiers"][0]["client_summary"]["success_count"], 2);
    let ended = run().env("PLIMSOLL_AUTH", "user:correct horse").run().measured();
    ended.hides("correct horse");
    assert_eq!(ended.summary()["tiers"][0]["client_summary"]["success_count"], 2);
}

#[test]
fn a_login_that_our_own_app_asks_for() {
    let ended = Plimsoll::app(fixture("login.py")).args(["--tiers", "1"]).run().code(2).says("--auth");
    assert_partial(&ended, "asks for a login");
    ended.left_no_process();
}

#[test]
fn a_wrong_api_name() {
    let app = App::start(fixture("two_endpoints.py"), port(), &[]);
    let run = || Plimsoll::url(app.url()).args(["--tiers", "1", "--requests-per-user", "1", "--warmup", "0"]);
    let ended = run().args(["--api-name", "/third"]).run().code(2).says("`/third`").says("/first, /second");
    assert_partial(&ended, "`/third`");
    for (given, taken) in [(Some("/second"), "/second"), (Some("second"), "/second"), (None, "/first")] {
        let call = given.iter().fold(run(), |call, name| call.args(["--api-name", name]));
        let ended = call.run().measured();
        assert_eq!(ended.manifest()["target"]["endpoint"], taken);
    }
}

#[test]
fn an_endpoint_without_a_queue() {
    let ended =
        Plimsoll::app(fixture("unqueued.py")).args(["--tiers", "2", "--requests-per-user", "3"]).run().measured();
    let requests = ended.requests(2);
    assert_eq!(requests.len(), 6);
    for request in &requests {
        assert_eq!(request["success"], true, "{request:#}");
        assert!(request["event_id"].is_null(), "{request:#}");
    }
}

#[test]
fn an_unreadable_sidecar() {
    let run = || Plimsoll::app("echo_text").args(["--tiers", "1"]);
    run().args(["--sidecar", "missing.json"]).run().code(2).says("missing.json").did_nothing();
    run().args(["--sidecar", "."]).run().code(2).says("--sidecar .").did_nothing();
    for (content, why) in [
        ("[\"cut of", "not valid JSON"),
        ("", "not valid JSON"),
        ("{\"prompts\": []}", "is not a list"),
        ("[]", "is empty"),
        ("[1, 2]", "begins with 1"),
        ("[\"a\", [\"b\"]]", "number 2"),
        ("[\"a\", null]", "number 2"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inputs.json");
        fs::write(&file, content).unwrap();
        run().arg("--sidecar").arg(&file).run().code(2).says("inputs.json").says(why).did_nothing();
        // One that lies beside the app and is found there.
        let app = folder.path().join("app.py");
        fs::write(&app, MUTE).unwrap();
        fs::rename(&file, folder.path().join("app.prompts.json")).unwrap();
        Plimsoll::app(&app).run().code(2).says("app.prompts.json").says(why).did_nothing();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inputs.json");
    fs::write(&file, b"[\"\xff\"]").unwrap();
    run().arg("--sidecar").arg(&file).run().code(2).says("inputs.json").did_nothing();
}

#[test]
fn a_taken_port() {
    let call = Plimsoll::app("echo_text").args(["--tiers", "1", "--requests-per-user", "1", "--warmup", "0"]);
    let taken = call.port();
    let listener = TcpListener::bind(("127.0.0.1", taken)).unwrap();
    let next = taken + 1;
    let ended = call.run().measured().prints(&format!("Port {taken} is taken; using {next}"));
    assert_eq!(ended.manifest()["target"]["url"], format!("http://127.0.0.1:{next}"));
    drop(listener);
    ended.left_no_process();
}

#[test]
fn an_output_folder_that_is_not_one() {
    for below in ["", "/below", "/far/below"] {
        let call = Plimsoll::app("echo_text").args(["--tiers", "1"]);
        let file = call.dir().join("file");
        fs::write(&file, "mine").unwrap();
        let ended = call.args(["--output-dir", &format!("file{below}")]).run().code(2).says("cannot write results to");
        let ended = ended.says("--output-dir");
        assert!(!ended.stdout.contains("Launching"), "{}", ended.output());
        assert_eq!(fs::read_to_string(ended.dir().join("file")).unwrap(), "mine");
    }
}

#[test]
fn a_full_disk() {
    if !can_mount() {
        return;
    }
    let call = Plimsoll::app("echo_text").with_mounts(
        "mkdir small && mount -t tmpfs -o size=256k tmpfs small || exit 99\n\
         \"$@\"; code=$?; cp -R small kept; exit $code",
    );
    let ended = call
        .args(["--tiers", "4", "--duration", "120s", "--output-dir", "small"])
        .timeout(200)
        .run()
        .code(1)
        .says("the disk is full");
    ended.left_no_process();
    let run = run_dir(&ended.dir().join("kept"));
    let lines = fs::read_to_string(run.join("tier_4/client_latencies.jsonl")).unwrap();
    let whole: Vec<_> = lines.lines().map(serde_json::from_str::<serde_json::Value>).filter(Result::is_ok).collect();
    assert!(whole.len() > 10, "{} requests kept", whole.len());
    // All but the one that did not fit.
    assert!(lines.lines().count() - whole.len() <= 1, "damaged lines in\n{lines}");
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(manifest["state"], "partial", "docs/src/results.md promises it\n{manifest:#}");
    assert!(manifest["partial_reason"].as_str().unwrap().contains("the disk is full"), "{manifest:#}");
}

#[test]
fn ctrl_c_in_a_tier() {
    let mut run = Plimsoll::app("echo_text").args(["--tiers", "1,2,3", "--duration", "3s", "--warmup", "1"]).start();
    run.wait_for_samples(2);
    let interrupted = Instant::now();
    run.signal("INT");
    let ended = run.wait().code(130).says("interrupted by SIGINT");
    assert!(interrupted.elapsed() < Duration::from_secs(10), "{:?}", interrupted.elapsed());
    ended.left_no_process();
    let ended = ended.prints("PARTIAL: interrupted by SIGINT");
    assert_partial(&ended, "interrupted by SIGINT");
    let summary = ended.summary();
    assert_eq!(summary["state"], "partial");
    let tiers = summary["tiers"].as_array().unwrap();
    assert_eq!(tiers.iter().map(|tier| &tier["tier"]).collect::<Vec<_>>(), [1, 2]);
    for (tier, users) in tiers.iter().zip([1, 2]) {
        let requests = ended.requests(users);
        let ok = requests.iter().filter(|request| request["success"] == true).count();
        assert!(ok > 0);
        assert_eq!(tier["client_summary"]["success_count"], ok);
        assert_eq!(tier["errors"], json!({}), "{tier:#}");
        assert!(tier["trace_match"]["matched"].as_u64().unwrap() > 0, "{tier:#}");
    }
    assert!(fs::read_to_string(ended.run_dir().join("summary_table.txt")).unwrap().contains("Client p50"));
}

#[test]
fn sigterm_while_requests_are_under_way() {
    let mut run = Plimsoll::app(fixture("slow.py"))
        .args(["--tiers", "3", "--requests-per-user", "1", "--warmup", "0"])
        .env("SLOW_SECONDS", "60")
        .start();
    run.wait_for("--- Tier: 3 ");
    sleep(Duration::from_secs(1));
    let interrupted = Instant::now();
    run.signal("TERM");
    let ended = run.wait().code(143).says("interrupted by SIGTERM");
    assert!(interrupted.elapsed() < Duration::from_secs(15), "{:?}", interrupted.elapsed());
    ended.left_no_process();
    assert_partial(&ended, "interrupted by SIGTERM");
    let tier = &ended.summary()["tiers"][0];
    assert_eq!((&tier["cancelled"], &tier["client_summary"]["count"]), (&json!(3), &json!(0)), "{tier:#}");
    assert_eq!(tier["errors"], json!({}), "{tier:#}");
}

#[test]
fn ctrl_c_while_the_app_starts() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("mute.py");
    fs::write(&app, MUTE).unwrap();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let mut run = Plimsoll::app(&app).start();
        run.wait_for("[app] thinking");
        run.signal(name);
        let ended = run.wait().code(code).says(&format!("interrupted by SIG{name}"));
        assert_partial(&ended, "before any load was sent");
        ended.left_no_process();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn our_own_sudden_death() {
    let run = busy();
    assert!(!app_processes(run.port()).is_empty());
    run.signal("KILL");
    let ended = run.wait();
    assert_eq!(ended.signal, Some(9), "{}", ended.output());
    ended.left_no_process();
    assert!(!json_lines(&ended.tier_dir(2).join("client_latencies.jsonl")).is_empty());
    assert_eq!(ended.manifest()["state"], "running");
}

#[test]
fn a_request_that_takes_too_long() {
    let ended = Plimsoll::app(fixture("slow.py"))
        .args(["--tiers", "2", "--requests-per-user", "1", "--warmup", "0", "--request-timeout", "1s"])
        .env("SLOW_SECONDS", "30")
        .run()
        .code(3)
        .prints("timeout");
    let tier = &ended.summary()["tiers"][0];
    assert_eq!(tier["errors"]["timeout"]["count"], 2, "{tier:#}");
    for request in ended.requests(2) {
        assert_eq!(request["outcome"], "timeout");
        let latency = request["latency_ms"].as_f64().unwrap();
        assert!((1000.0..2000.0).contains(&latency), "{request:#}");
    }
    ended.left_no_process();
}

#[test]
fn a_url_where_nobody_is() {
    let nobody = port();
    assert!(!is_listening(nobody));
    let ended = Plimsoll::url(format!("http://127.0.0.1:{nobody}")).timeout(30).run().code(2);
    let ended = ended.says("refused").says(&format!("127.0.0.1:{nobody}")).says("Is the app running");
    assert_partial(&ended, "refused");
    let unknown = Plimsoll::url("http://no-such-host.invalid").timeout(60).run().code(2);
    unknown.says("no-such-host.invalid");
    for wrong in ["localhost:7860", "ftp://127.0.0.1", "http://", ""] {
        Plimsoll::url(wrong).timeout(30).run().code(2).did_nothing();
    }
}

#[test]
fn a_url_that_is_no_gradio_app() {
    let page = "<!doctype html><title>Hello</title>";
    for (status, kind, body, says) in [
        ("404 Not Found", "text/html", page, "does not look like a Gradio app"),
        ("200 OK", "text/html", page, "not what a Gradio app answers"),
        ("200 OK", "application/json", "{\"name\": \"other\"}", "not what a Gradio app answers"),
        ("200 OK", "application/json", "[]", "not what a Gradio app answers"),
        ("500 Internal Server Error", "text/plain", "oops", "500"),
    ] {
        let ended = Plimsoll::url(serve(status, kind, body)).timeout(60).run().code(2).says(says);
        assert_partial(&ended, says);
    }
}

#[test]
fn a_url_whose_server_hangs_up() {
    let closes = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closes.local_addr().unwrap();
    std::thread::spawn(move || closes.incoming().for_each(drop));
    Plimsoll::url(format!("http://{address}")).timeout(30).run().code(2).says("Is the app running");
}

#[test]
fn a_url_whose_server_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    Plimsoll::url(format!("http://{address}")).timeout(70).run().code(2).says(&address.to_string());
}

#[test]
fn ctrl_c_while_a_server_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let run = Plimsoll::url(format!("http://{}", silent.local_addr().unwrap())).timeout(20).start();
    let _held = silent.accept().unwrap();
    sleep(Duration::from_millis(500));
    run.signal("INT");
    assert_partial(&run.wait().code(130), "interrupted by SIGINT");
}

#[test]
fn ctrl_c_in_the_warm_up() {
    let mut run = Plimsoll::app(fixture("slow.py")).args(["--tiers", "1"]).env("SLOW_SECONDS", "60").start();
    run.wait_for("Gradio 6");
    sleep(Duration::from_secs(1));
    let interrupted = Instant::now();
    run.signal("INT");
    let ended = run.wait().code(130).says("interrupted by SIGINT");
    assert!(interrupted.elapsed() < Duration::from_secs(15), "{:?}", interrupted.elapsed());
    ended.left_no_process();
    assert_partial(&ended, "interrupted by SIGINT");
    assert_eq!(ended.summary()["tiers"], json!([]));
}

#[test]
fn an_older_protocol() {
    let config = r#"{"version": "3.50.2", "protocol": "ws", "components": [], "dependencies": []}"#;
    let ended = Plimsoll::url(serve("200 OK", "application/json", config)).timeout(30).run().code(2);
    let ended = ended.says("Gradio 3.50.2").says("`ws`").says("sse_v3");
    assert_partial(&ended, "3.50.2");
    // 3.x before it named its protocol.
    let config = r#"{"version": "3.10.0", "components": [], "dependencies": []}"#;
    Plimsoll::url(serve("200 OK", "application/json", config)).timeout(30).run().code(2).says("Gradio 3.10.0");
}
