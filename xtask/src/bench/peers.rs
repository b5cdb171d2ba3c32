//! The command lines of the peers that measure language models, and where their figures are.

use super::tools::field;
use crate::Result;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What a tool says it measured, in milliseconds: median and 99th percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reported {
    pub(super) ttft: [f64; 2],
    pub(super) itl: [f64; 2],
}

/// Chat requests of 32 tokens for this long; `tokenizer` is a folder with a `tokenizer.json`.
pub(super) fn aiperf(command: &mut Command, url: &str, streams: u32, seconds: u32, tokens: u32, tokenizer: &Path) {
    // With either set it takes a folder's path for a name on the Hub.
    command.env_remove("HF_HUB_OFFLINE").env_remove("TRANSFORMERS_OFFLINE");
    command
        .args(["profile", "-m", "mock", "--url", url, "--endpoint-type", "chat", "--streaming", "--tokenizer"])
        .arg(tokenizer)
        .args(["--use-server-token-count", "--concurrency", &streams.to_string()])
        .args(["--benchmark-duration", &seconds.to_string(), "--isl", "32", "--isl-stddev", "0"])
        .args(["--osl", &tokens.to_string(), "--osl-stddev", "0", "--num-dataset-entries", "100"])
        .args(["--use-legacy-max-tokens", "--extra-inputs", "ignore_eos:true", "--no-gpu-telemetry"])
        .args(["--no-server-metrics", "--ui", "none", "--artifact-dir", "out", "--random-seed", "1"]);
}

/// Its `inter_token_latency` is a mean per request; the gaps themselves are `inter_chunk_latency`.
pub(super) fn of_aiperf(folder: &Path) -> Result<Reported> {
    let report = read(&folder.join("out/profile_export_aiperf.json"))?;
    reported(&report, "/time_to_first_token", "/inter_chunk_latency")
}

/// The same of guidellm, which wants its folder `out` to be there.
pub(super) fn guidellm(command: &mut Command, url: &str, streams: u32, seconds: u32, tokens: u32, tokenizer: &Path) {
    command
        .env("HF_HUB_OFFLINE", "1")
        .args(["run", "--backend", &format!("kind=openai_http,target={url},model=mock")])
        .args(["--profile", &format!("kind=concurrent,streams={streams}")])
        .args(["--constraint", &format!("kind=max_duration,seconds={seconds}")])
        .args(["--tokenizer", &format!("kind=huggingface_auto,model={}", tokenizer.display())])
        .args(["--data", &format!("kind=synthetic_text,prompt_tokens=32,output_tokens={tokens}")])
        .args(["--output", "kind=json,path=out/benchmarks.json", "--disable-console-interactive"]);
}

/// Its gaps are means per request: single ones are not kept.
pub(super) fn of_guidellm(folder: &Path) -> Result<Reported> {
    let report = read(&folder.join("out/benchmarks.json"))?;
    let metric = |name: &str| format!("/benchmarks/0/metrics/{name}/successful/percentiles");
    reported(&report, &metric("time_to_first_token_ms"), &metric("inter_token_latency_ms"))
}

fn reported(report: &Value, ttft: &str, itl: &str) -> Result<Reported> {
    let both = |at: &str| -> Result<[f64; 2]> {
        Ok([field(report, &format!("{at}/p50"))?, field(report, &format!("{at}/p99"))?])
    };
    Ok(Reported { ttft: both(ttft)?, itl: both(itl)? })
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("left no {} ({error})", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("left a {} that is not JSON ({error})", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        assert!(of_aiperf(folder.path()).is_err());
        let text = r#"{"time_to_first_token":{"p50":51,"p99":60},"inter_chunk_latency":{"p50":10,"p99":12.5}}"#;
        std::fs::write(out.join("profile_export_aiperf.json"), text).unwrap();
        let expected = Reported { ttft: [51.0, 60.0], itl: [10.0, 12.5] };
        assert_eq!(of_aiperf(folder.path()), Ok(expected));
        let text = r#"{"benchmarks":[{"metrics":{
            "time_to_first_token_ms":{"successful":{"percentiles":{"p50":51,"p99":60}}},
            "inter_token_latency_ms":{"successful":{"percentiles":{"p50":10,"p99":12.5}}}}}]}"#;
        std::fs::write(out.join("benchmarks.json"), text).unwrap();
        assert_eq!(of_guidellm(folder.path()), Ok(expected));
    }
}
