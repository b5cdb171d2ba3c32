//! A real nginx in front of the app and its workers.

use crate::apps::{background_is_whole, number, tier};
use crate::support::{Plimsoll, is_listening, text};
use std::fs;
use std::path::Path;
use std::process::Command;

fn nginx_is_here() -> bool {
    ["nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/sbin/nginx", "/opt/homebrew/bin/nginx"]
        .iter()
        .any(|program| Command::new(program).arg("-v").output().is_ok())
}

/// The processes that name this folder, as nginx does on its command line.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let lines = fs::read_dir("/proc").unwrap().flatten().map(|entry| text(&entry.path().join("cmdline")));
    lines.filter(|line| line.contains(&folder)).collect()
}

#[test]
fn files_go_through_nginx_to_the_workers() {
    if !nginx_is_here() {
        println!("skipped: nginx is not installed");
        return;
    }
    let call = Plimsoll::app("image_to_image").args(["--num-workers", "2", "--nginx", "--mixed-traffic"]);
    let first = call.port();
    let ended = call.args(["--tiers", "2", "--duration", "4s"]).run().measured();
    let summary = ended.summary();
    let tier = tier(&summary, 2);
    assert_eq!(number(&tier["client_summary"], "success_rate"), 1.0);
    assert_eq!((&tier["trace_match"]["unmatched"], &tier["phases"]["source"]), (&0.into(), &"trace".into()));
    let requests = ended.requests(2);
    assert!(requests.len() >= 4 && requests.iter().all(|line| number(line, "upload_ms") > 0.0), "{requests:?}");
    background_is_whole(&ended, 2);

    // The load went to nginx, and nginx sends files to two workers.
    let url = ended.manifest()["target"]["url"].as_str().unwrap().to_owned();
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    assert!(!(first..first + 20).contains(&port), "{url}");
    let folder = ended.run_dir().join("nginx");
    let configuration = text(&folder.join("nginx.conf"));
    assert_eq!(configuration.matches("        server 127.0.0.1:").count(), 3, "{configuration}");
    assert!(configuration.contains(&format!("listen 127.0.0.1:{port};")), "{configuration}");
    let log = text(&ended.run_dir().join("nginx.log"));
    assert_eq!(log, "", "nginx complained");

    assert!(!is_listening(port), "nginx still listens");
    let left = processes_of(&folder);
    assert!(left.is_empty(), "{left:?}");
    ended.left_no_process();
}

#[test]
fn nginx_needs_workers() {
    if !nginx_is_here() {
        println!("skipped: nginx is not installed");
        return;
    }
    let call = Plimsoll::app("echo_text").args(["--nginx", "--tiers", "1", "--requests-per-user", "2"]);
    let ended = call.run().measured().says("--nginx does nothing without --num-workers above 1");
    assert!(!ended.run_dir().join("nginx").exists());
    ended.left_no_process();
}
