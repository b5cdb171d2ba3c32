//! Input that is wrong, and servers that are.

use super::support::{Mock, Program, among_others, classify, outcomes, scenario, wait_for_samples};
use crate::support::{Ended, fixture, is_listening, port, text};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

const FEW: &str = "[load]\nexecutor = \"iterations\"\niterations = 4\nusers = 2\n";

fn only(ended: &Ended, class: &str, count: u64) {
    let level = ended.level();
    assert_eq!(outcomes(&level["all"]), BTreeMap::from([(class.to_owned(), count)]), "{level:#}");
}

fn one_error(ended: &Ended) {
    let errors = ended.stderr.lines().filter(|line| line.starts_with("error:")).count();
    assert_eq!(errors, 1, "{}", ended.output());
}

fn made_no_results(ended: &Ended) {
    assert!(!ended.dir().join("benchmark_results").exists(), "{}", ended.output());
}

#[test]
fn a_port_where_nobody_is() {
    let _turn = among_others();
    let nobody = port();
    assert!(!is_listening(nobody));
    let start = Instant::now();
    let url = format!("http://127.0.0.1:{nobody}");
    let ended = scenario(&(classify(&url) + FEW)).run().code(2).says(&format!("127.0.0.1:{nobody}"));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    one_error(&ended);
}

#[test]
fn mistakes_in_a_scenario_are_shown_where_they_are() {
    let _turn = among_others();
    let good = classify("http://127.0.0.1:1") + "[data.rows]\nlist = [\"a\"]\n" + FEW;
    let file = |name: &str| format!("[data.rows]\nfile = \"{name}\"");
    for (old, new, says) in [
        ("model = \"dist", "modell = \"dist", &["modell", "`model`"][..]),
        ("users = 2", "users = \"two\"", &["whole number", "two"]),
        ("users = 2", "users = 0", &["users"]),
        (
            "\"text-classification\"",
            "\"text-clasification\"",
            &["text-clasification", "did you mean `text-classification`"],
        ),
        ("inputs = \"It does what it says.\"", "inputs = \"{{ nobody }}\"", &["nobody"]),
        ("inputs = \"It does what it says.\"", "inputs = \"{{ rows\"", &["inputs"]),
        ("name = \"classify\"", "name = \"classify", &["string"]),
        ("executor = \"iterations\"", "executor = \"iteration\"", &["iteration"]),
        ("[data.rows]\nlist = [\"a\"]", &file("missing.jsonl"), &["missing.jsonl"]),
        ("[data.rows]\nlist = [\"a\"]", &file("empty.txt"), &["empty.txt"]),
        ("[data.rows]\nlist = [\"a\"]", &file("broken.jsonl"), &["broken.jsonl", "line 2"]),
        ("[data.rows]", "[[threshold]]\nrule = \"p(95) << 3\"\n[data.rows]", &["p(95) << 3"]),
        (
            "[data.rows]",
            "[[threshold]]\nrule = \"p(95) < 3s\"\nrequest = \"Nobody\"\n[data.rows]",
            &["Nobody", "Classify"],
        ),
    ] {
        assert!(good.contains(old), "{old}");
        let wrong = good.replacen(old, new, 1);
        let call = scenario(&wrong);
        fs::write(call.dir().join("empty.txt"), "").unwrap();
        fs::write(call.dir().join("broken.jsonl"), "{\"a\": 1}\n{\"a\": \n").unwrap();
        let ended = says.iter().fold(call.timeout(20).run().code(2), |ended, word| ended.says(word));
        made_no_results(&ended);
        // The line that changed is the one that is shown: the last of several.
        let first = wrong.split(new).next().unwrap().matches('\n').count() + 1;
        let last = first + new.matches('\n').count();
        let shown = (first..=last).any(|line| ended.stderr.contains(&format!("scenario.toml:{line}:")));
        assert!(shown, "not at lines {first} to {last}\n{}", ended.output());
        one_error(&ended);
    }
    let missing = scenario(&good).args(["--threshold", "Nobody: p(95) < 3s"]).run().code(2).says("Nobody");
    made_no_results(&missing);
    let nothing = crate::support::Plimsoll::new().args(["run", "missing.toml"]).run().code(2).says("missing.toml");
    nothing.did_nothing();
}

#[test]
fn a_certificate_that_nobody_signed() {
    let _turn = among_others();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let mut server = Program::start(Command::new("python3").arg(fixture("tls.py")).args([&certificate, &key]));
    let port: u16 = server.wait_for("port", |printed| printed.split_once('\n')?.0.parse().ok());
    let with = |trust: &str| {
        let text =
            classify(&format!("https://localhost:{port}")).replace("[[request]]", &format!("{trust}\n[[request]]"));
        let call = scenario(&(text + FEW)).timeout(30);
        fs::copy(&certificate, call.dir().join("ca.pem")).unwrap();
        call.run()
    };
    let ended = with("").code(2).says("certificate");
    one_error(&ended);
    only(&with("insecure = true").measured(), "ok", 4);
    only(&with("ca_file = \"ca.pem\"").measured(), "ok", 4);
    with("ca_file = \"scenario.toml\"").code(2).says("scenario.toml");
}

#[test]
fn an_answer_that_never_ends() {
    let _turn = among_others();
    for fault in ["stall-body", "hang", "drip:300ms"] {
        let mock = Mock::start(&format!("--fault {fault}=1"));
        let text = classify(&mock.url()).replace("[[request]]", "timeout = \"500ms\"\n[[request]]");
        let ended = scenario(&(text + FEW)).run().code(3);
        only(&ended, "timeout", 4);
        for sample in ended.samples() {
            let took = super::support::number(&sample["end"]) - super::support::number(&sample["sent"]);
            assert!((500e3..1500e3).contains(&took), "{fault}: {sample:#}");
        }
    }
}

#[test]
fn an_answer_that_is_too_large() {
    let _turn = among_others();
    for fault in ["big", "big-chunked"] {
        let mock = Mock::start(&format!("--fault {fault}:100MB=1"));
        let run = scenario(&(classify(&mock.url()) + FEW)).start();
        // A process that has ended and is not waited for has no memory.
        let memory = || -> Option<u64> {
            let status = text(format!("/proc/{}/status", run.pid()).as_ref());
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
        };
        let mut most = 0;
        let deadline = Instant::now() + Duration::from_secs(60);
        while let Some(kilobytes) = memory().filter(|_| Instant::now() < deadline) {
            most = kilobytes;
            std::thread::sleep(Duration::from_millis(5));
        }
        let ended = run.wait().code(3).prints("max_response_bytes");
        only(&ended, "protocol", 4);
        // Two users, 64 MiB each.
        assert!((1_000..300_000).contains(&most), "{fault}: {most} kB");
    }
}

#[test]
fn a_server_that_dies() {
    let _turn = among_others();
    let mock = Mock::start("");
    let load = "[load]\nexecutor = \"users\"\nusers = 4\nspawn_rate = 100\nduration = \"2m\"\n";
    let mut run = scenario(&(classify(&mock.url()) + load)).timeout(60).start();
    wait_for_samples(&mut run);
    mock.kill();
    let ended = run.wait().code(3).says("the target no longer answers");
    let (summary, level) = (ended.summary(), ended.level());
    assert_eq!(summary["state"], "partial", "{summary:#}");
    let found = outcomes(&level["all"]);
    assert!(found["ok"] > 0 && found["connect"] >= 10, "{found:?}");
    assert_eq!(found.values().sum::<u64>(), ended.samples().len() as u64, "{found:?}");
}
