//! Whatever a run directory holds, reading it ends with a page or with an error that can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_results::page::PageData;
use plimsoll_results::{ApiSeries, refold};
use std::fs;

const FILES: [&str; 7] = [
    "run.json",
    "summary.json",
    "events.jsonl",
    "samples.jsonl",
    "series.json",
    "tier_2/client_latencies.jsonl",
    "tier_2/traces.jsonl",
];

// The input holds the files one after another, each up to a zero byte.
fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    fs::create_dir(dir.join("tier_2")).expect("a folder");
    for (name, content) in FILES.iter().zip(bytes.split(|byte| *byte == 0)) {
        // An empty one is left out, so that runs without it are tried too.
        if !content.is_empty() {
            fs::write(dir.join(name), content).expect("a file");
        }
    }
    match refold(dir) {
        Ok(run) => drop(serde_json::to_string(&PageData::of_run(&run)).expect("it can be written")),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let _ = ApiSeries::read(dir);
});
