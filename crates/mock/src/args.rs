//! The server's flags. A flag wins over the file given with `--config`, which wins over the defaults.

use crate::config::{MockConfig, Overflow, RateLimit};
use crate::faults::Fault;
use crate::task::Task;
use crate::timing::{Latency, Tokens, parse_duration};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What `plimsoll mock` is told on the command line.
#[derive(Debug, Clone, Default, Args)]
pub struct MockArgs {
    /// Address to listen on; port 0 takes a free one (default: 127.0.0.1:8099)
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,

    /// TOML file with settings; flags win over it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Event loops, each on a thread of its own (default: 1)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,

    /// Seed of every random choice (default: 0)
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Model named in /v1/models and where a request names none (default: plimsoll/mock)
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,

    /// Task of requests that do not tell theirs (default: text-generation)
    #[arg(long, value_name = "TASK")]
    pub task: Option<Task>,

    /// Time to the first token: 50ms, uniform(10ms,20ms), normal(…), lognormal(50ms,0.3), exponential(50ms) (default: 50ms)
    #[arg(long, value_name = "LATENCY")]
    pub ttft: Option<Latency>,

    /// Time from one streamed chunk to the next, written likewise (default: 10ms)
    #[arg(long, value_name = "LATENCY")]
    pub itl: Option<Latency>,

    /// Service time of what generates no tokens, written likewise (default: 20ms)
    #[arg(long, value_name = "LATENCY")]
    pub service_time: Option<Latency>,

    /// Tokens of an answer: 64, request (what the request allows), uniform(16,128), lognormal(64,0.5) (default: 64)
    #[arg(long = "tokens", value_name = "N")]
    pub tokens: Option<Tokens>,

    /// Tokens in each streamed chunk (default: 1)
    #[arg(long, value_name = "N")]
    pub tokens_per_chunk: Option<u32>,

    /// How many of the tokens are reasoning (default: 0)
    #[arg(long, value_name = "N")]
    pub reasoning_tokens: Option<u32>,

    /// Answer requests that offer tools with a call of the first one
    #[arg(long)]
    pub tool_calls: bool,

    /// Numbers in an embedding (default: 384)
    #[arg(long, value_name = "N")]
    pub dimension: Option<usize>,

    /// Requests that a replica serves at the same time (default: no limit)
    #[arg(long, value_name = "N")]
    pub servers: Option<u32>,

    /// Requests that may wait for a server (default: no limit)
    #[arg(long, value_name = "N")]
    pub queue: Option<u32>,

    /// Status for requests that find the queue full: 503 or 429 (default: 503)
    #[arg(long, value_name = "STATUS")]
    pub overflow: Option<Overflow>,

    /// Start without a replica, and take so long to load one when the first request comes
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub cold_start: Option<Duration>,

    /// Without work for so long, let the last replica go
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub scale_to_zero: Option<Duration>,

    /// Replicas, or from how many to how many: 2 or 1..4 (with --servers; default: 1)
    #[arg(long, value_name = "N|MIN..MAX", value_parser = parse_replicas)]
    pub replicas: Option<(u32, u32)>,

    /// From the need for another replica until it serves (default: 0)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub scale_lag: Option<Duration>,

    /// Requests allowed to each bearer token: 100/1m, or bucket(100/1m) for a token bucket
    #[arg(long, value_name = "N/TIME")]
    pub rate_limit: Option<RateLimit>,

    /// Bearer token that is let in; may be repeated (default: everyone is)
    #[arg(long = "token", value_name = "NAME")]
    pub tokens_allowed: Vec<String>,

    /// Bearer token that gets a 403; may be repeated
    #[arg(long = "forbid-token", value_name = "NAME")]
    pub tokens_forbidden: Vec<String>,

    /// Requests of each bearer token until its credits are used up (402)
    #[arg(long, value_name = "N")]
    pub quota: Option<u64>,

    /// Fault and how often, as share or as one in N; may be repeated: 503=0.01, cut=1/100, big:10MB=0.1, drip:20ms=0.5.
    /// Kinds: a status, empty-body, malformed-json, empty-list, wrong-schema, stream-error, invalid-utf8, drip, cut,
    /// reset, stall-body, big, big-chunked, no-done, crlf, coalesce, split, hang
    #[arg(long = "fault", visible_alias = "error-rate", value_name = "KIND=RATE")]
    pub faults: Vec<Fault>,

    /// Time from the first request until the server stops doing anything for a while
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub stall_at: Option<Duration>,

    /// How long that lasts (default: 2s)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub stall_for: Option<Duration>,

    /// File for one JSON line per request, with the times of its writes
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
}

impl MockArgs {
    /// The configuration these flags ask for; reads the file of `--config`.
    pub fn config(&self) -> Result<MockConfig, String> {
        let mut config = match &self.config {
            None => MockConfig::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
                MockConfig::from_toml(&text).map_err(|error| format!("{}: {error}", path.display()))?
            }
        };
        macro_rules! take {
            ($($field:ident),*) => { $(if let Some(value) = self.$field.clone() { config.$field = value; })* };
        }
        macro_rules! take_some {
            ($($from:ident => $to:ident),*) => { $(if self.$from.is_some() { config.$to = self.$from.clone(); })* };
        }
        take!(listen, threads, seed, model, task, ttft, itl, service_time, tokens, tokens_per_chunk, reasoning_tokens);
        take!(dimension, overflow, cold_start, scale_lag, stall_for);
        take_some!(servers => servers, queue => queue, scale_to_zero => scale_to_zero, rate_limit => rate_limit);
        take_some!(quota => quota, stall_at => stall_at, truth => truth_file);
        if let Some((min, max)) = self.replicas {
            (config.min_replicas, config.max_replicas) = (min, max);
        }
        config.tool_calls |= self.tool_calls;
        // Lists replace the file's, as single values do.
        if !self.tokens_allowed.is_empty() {
            config.tokens_allowed.clone_from(&self.tokens_allowed);
        }
        if !self.tokens_forbidden.is_empty() {
            config.tokens_forbidden.clone_from(&self.tokens_forbidden);
        }
        if !self.faults.is_empty() {
            config.faults.clone_from(&self.faults);
        }
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }
}

fn parse_replicas(text: &str) -> Result<(u32, u32), String> {
    let number = |text: &str| text.trim().parse().map_err(|_| format!("`{text}` is not a number of replicas"));
    match text.split_once("..") {
        Some((min, max)) => Ok((number(min)?, number(max)?)),
        None => number(text).map(|count| (count, count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: MockArgs,
    }

    fn config(line: &str) -> Result<MockConfig, String> {
        let line = std::iter::once("mock").chain(line.split_whitespace());
        Cli::try_parse_from(line).map_err(|error| error.to_string())?.args.config()
    }

    #[test]
    fn flags() {
        let config = config(
            "--listen 127.0.0.1:0 --ttft 80ms --itl lognormal(10ms,0.2) --tokens request --servers 4 --queue 8 \
             --replicas 1..3 --scale-lag 5s --rate-limit 100/1m --token a --token b --fault 503=0.01 --error-rate cut=1/10 \
             --stall-at 5s --stall-for 2s --truth t.jsonl --seed 7 --task fill-mask --cold-start 20s",
        )
        .unwrap();
        assert_eq!(config.ttft, Latency::millis(80));
        assert_eq!((config.min_replicas, config.max_replicas), (1, 3));
        assert_eq!((config.tokens_allowed.len(), config.faults.len()), (2, 2));
        assert_eq!(config.stall_at, Some(Duration::from_secs(5)));
        assert_eq!(config.task, Task::FillMask);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for line in [
            "--ttft soon",
            "--replicas 1..3",
            "--fault 503",
            "--overflow 500",
            "--config no-such-file.toml",
            "--threads 0",
        ] {
            assert!(config(line).is_err(), "{line}");
        }
    }

    #[test]
    fn flags_win_over_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"ttft = \"1s\"\nitl = \"2s\"\n").unwrap();
        let config = config(&format!("--config {} --ttft 5ms", file.path().display())).unwrap();
        assert_eq!((config.ttft, config.itl), (Latency::millis(5), Latency::millis(2_000)));
    }
}
