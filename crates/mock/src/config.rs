//! Everything the stand-in server can be told. Each field has a default; a TOML file names those that differ.

use crate::error::MockError;
use crate::faults::Fault;
use crate::task::Task;
use crate::timing::{Latency, Tokens, from_text, parse_duration};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What the server is and does. Times are text with a unit (`"50ms"`) or numbers of seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MockConfig {
    /// Address to listen on; port 0 takes a free one. Default 127.0.0.1:8099.
    pub listen: SocketAddr,
    /// Event loops, each on its own thread. One serves some 100,000 writes a second. Default 1.
    pub threads: usize,
    /// Seed of every random choice. Default 0.
    pub seed: u64,

    /// Model named in `/v1/models` and in answers to requests that name none. Default `plimsoll/mock`.
    pub model: String,
    /// Task of requests whose model, path and body do not tell it. Default `text-generation`.
    pub task: Task,
    /// Task of every model whose name contains the key (ignoring case); asked before the built-in list.
    pub models: BTreeMap<String, Task>,
    /// Numbers in an embedding. Default 384.
    pub dimension: usize,

    /// From the start of service to the first token. Default 50 ms.
    pub ttft: Latency,
    /// From one streamed chunk to the next. Default 10 ms.
    pub itl: Latency,
    /// Service time of everything that generates no tokens. Default 20 ms.
    pub service_time: Latency,
    /// Tokens of an answer. Default 64.
    pub tokens: Tokens,
    /// Tokens in each streamed chunk. Default 1.
    pub tokens_per_chunk: u32,
    /// How many of the tokens, from the first, are reasoning (chat only). Default 0.
    pub reasoning_tokens: u32,
    /// Name of the field that carries reasoning. Default `reasoning_content`.
    pub reasoning_field: String,
    /// Answer chat requests that offer `tools` with a call of the first one. Default false.
    pub tool_calls: bool,
    /// Send the chat's role chunk when service starts, and not together with the first token. Default false.
    pub early_role: bool,
    /// Keep a stream's response head back until its first token. Default false.
    pub late_head: bool,
    /// Add TGI's `x-queue-time`, `x-inference-time` and `x-total-time` (milliseconds) to plain answers. Default true.
    pub timing_headers: bool,

    /// Requests that one replica serves at the same time; `None` is no limit. Default none.
    pub servers: Option<u32>,
    /// Requests that may wait for a server, first come first served; `None` is no limit. Default none.
    pub queue: Option<u32>,
    /// What a request gets that finds the queue full. Default 503.
    pub overflow: Overflow,
    /// How long loading from nothing takes; the server then starts without a replica. Default 0, which is warm.
    #[serde(deserialize_with = "time")]
    pub cold_start: Duration,
    /// Without work for so long, the last replica goes. Default never.
    #[serde(deserialize_with = "some_time")]
    pub scale_to_zero: Option<Duration>,
    /// Replicas at the start, or after a cold start. Default 1.
    pub min_replicas: u32,
    /// Replicas at most; they come when requests wait. More than `min_replicas` needs `servers`. Default 1.
    pub max_replicas: u32,
    /// From the need for a replica until it serves. Default 0.
    #[serde(deserialize_with = "time")]
    pub scale_lag: Duration,
    /// How long fewer replicas must have been enough before one goes. Default 60 s.
    #[serde(deserialize_with = "time")]
    pub scale_down_after: Duration,

    /// Requests allowed to each bearer token. Default no limit.
    pub rate_limit: Option<RateLimit>,
    /// Bearer tokens that are let in; with none, everyone is.
    pub tokens_allowed: Vec<String>,
    /// Bearer tokens that are known but get a 403.
    pub tokens_forbidden: Vec<String>,
    /// Requests of each bearer token until its credits are used up (402). Default no limit.
    pub quota: Option<u64>,

    /// Faults to inject.
    pub faults: Vec<Fault>,
    /// Time from the first inference request until the server stops doing anything. Default never.
    #[serde(deserialize_with = "some_time")]
    pub stall_at: Option<Duration>,
    /// How long that lasts. Default 2 s.
    #[serde(deserialize_with = "time")]
    pub stall_for: Duration,

    /// File for one JSON line per request (see `truth`). Default none.
    pub truth_file: Option<PathBuf>,
    /// Bytes of records that may wait for the disk; what does not fit is counted as lost. Default 64 MB.
    pub truth_memory: usize,
    /// Bytes of a request body that are accepted. Default 64 MB.
    pub max_body: usize,
}

impl Default for MockConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8099)),
            threads: 1,
            seed: 0,
            model: "plimsoll/mock".to_owned(),
            task: Task::TextGeneration,
            models: BTreeMap::new(),
            dimension: 384,
            ttft: Latency::millis(50),
            itl: Latency::millis(10),
            service_time: Latency::millis(20),
            tokens: Tokens::Fixed(64),
            tokens_per_chunk: 1,
            reasoning_tokens: 0,
            reasoning_field: "reasoning_content".to_owned(),
            tool_calls: false,
            early_role: false,
            late_head: false,
            timing_headers: true,
            servers: None,
            queue: None,
            overflow: Overflow::Unavailable,
            cold_start: Duration::ZERO,
            scale_to_zero: None,
            min_replicas: 1,
            max_replicas: 1,
            scale_lag: Duration::ZERO,
            scale_down_after: Duration::from_secs(60),
            rate_limit: None,
            tokens_allowed: Vec::new(),
            tokens_forbidden: Vec::new(),
            quota: None,
            faults: Vec::new(),
            stall_at: None,
            stall_for: Duration::from_secs(2),
            truth_file: None,
            truth_memory: 64 << 20,
            max_body: 64 << 20,
        }
    }
}

impl MockConfig {
    /// The defaults on a free port of the loopback interface: what a test wants.
    pub fn on_free_port() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Self::default() }
    }

    /// Reads a TOML file's text.
    pub fn from_toml(text: &str) -> Result<Self, MockError> {
        let config: Self = toml::from_str(text).map_err(|error| MockError::Config(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Says what contradicts itself.
    pub fn check(&self) -> Result<(), MockError> {
        let wrong = |what: &str| Err(MockError::Config(what.to_owned()));
        if !(1..=256).contains(&self.threads) {
            return wrong("threads: between 1 and 256");
        }
        if !(1..=65_536).contains(&self.dimension) {
            return wrong("dimension: between 1 and 65536");
        }
        if !(1..=10_000).contains(&self.tokens_per_chunk) {
            return wrong("tokens_per_chunk: between 1 and 10000");
        }
        if self.servers == Some(0) {
            return wrong("servers: at least 1");
        }
        if self.min_replicas == 0 || self.max_replicas < self.min_replicas || self.max_replicas > 10_000 {
            return wrong("replicas: 1 ≤ min_replicas ≤ max_replicas ≤ 10000");
        }
        if self.max_replicas > self.min_replicas && self.servers.is_none() {
            return wrong("max_replicas: more replicas come when requests wait, so `servers` must be given");
        }
        if self.rate_limit.is_some_and(|limit| limit.requests == 0 || limit.window.is_zero()) {
            return wrong("rate_limit: at least one request in a time above zero");
        }
        let field = &self.reasoning_field;
        if field.is_empty() || !field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return wrong("reasoning_field: letters, digits and _ only");
        }
        self.faults.iter().try_for_each(|fault| fault.check().map_err(MockError::Config))
    }
}

/// The answer to a request that finds the queue full. As text `503` or `429`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// 503 with TGI's body.
    Unavailable,
    /// 429 with TGI's body, as TGI itself answers.
    TooMany,
}

impl<'de> Deserialize<'de> for Overflow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "503 or 429", str::parse)
    }
}

impl FromStr for Overflow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "503" => Ok(Self::Unavailable),
            "429" => Ok(Self::TooMany),
            _ => Err(format!("`{text}` is neither 503 nor 429")),
        }
    }
}

/// How many requests a bearer token may send. As text `100/1m` (fixed windows, the first of which starts with the
/// token's first request) or `bucket(100/1m)` (a bucket of 100 that refills steadily).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in one window, or in a full bucket.
    pub requests: u64,
    /// The window, or the time in which an empty bucket fills.
    pub window: Duration,
    /// A token bucket instead of fixed windows.
    pub bucket: bool,
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate limit; write for example 100/1m or bucket(100/1m)");
        let inner = text.trim().strip_prefix("bucket(").map(|rest| rest.strip_suffix(')').ok_or_else(wrong));
        let bucket = inner.is_some();
        let inner = inner.transpose()?.unwrap_or(text.trim());
        let (requests, window) = inner.split_once('/').ok_or_else(wrong)?;
        let requests = requests.trim().parse().map_err(|_| wrong())?;
        let window = match window.trim() {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3_600),
            window => parse_duration(window)?,
        };
        if requests == 0 || window.is_zero() { Err(wrong()) } else { Ok(Self { requests, window, bucket }) }
    }
}

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer, "a rate limit such as \"100/1m\"", str::parse)
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    from_text(deserializer, "a time such as \"20s\"", parse_duration)
}

fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    from_text(deserializer, "a time such as \"20s\"", |text| parse_duration(text).map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::FaultKind;

    #[test]
    fn a_file() {
        let config = MockConfig::from_toml(
            r#"
            listen = "127.0.0.1:0"
            ttft = "lognormal(80ms, 0.3)"
            itl = 0.01
            tokens = "request"
            servers = 4
            queue = 16
            overflow = 429
            cold_start = "20s"
            rate_limit = "bucket(100/1m)"
            [models]
            "acme/judge" = "text-classification"
            [[faults]]
            kind = "status"
            status = 503
            probability = 0.01
            [[faults]]
            kind = "drip"
            interval = "5ms"
            every = 10
            "#,
        )
        .unwrap();
        assert_eq!(config.itl, Latency::millis(10));
        assert_eq!(config.overflow, Overflow::TooMany);
        assert_eq!(config.cold_start, Duration::from_secs(20));
        assert!(config.rate_limit.unwrap().bucket);
        assert_eq!(config.models["acme/judge"], Task::TextClassification);
        assert_eq!(config.faults[1].kind, FaultKind::Drip);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("speed = 1", "unknown field"),
            ("threads = 0", "threads"),
            ("max_replicas = 3", "servers"),
            ("ttft = \"soon\"", "soon"),
            ("rate_limit = \"0/1m\"", "0/1m"),
            ("[[faults]]\nkind = \"cut\"", "probability"),
            ("[[faults]]\nkind = \"cut\"\nstatus = 500\nevery = 1", "status"),
            ("[[faults]]\nkind = \"status\"\nevery = 1", "status"),
        ] {
            let error = MockConfig::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
