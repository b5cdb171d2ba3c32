//! The least that a client can do to load a Gradio app: one thread, one epoll loop, hand-written HTTP/1.1.
//!
//! It is the yardstick for the CPU that a load tester spends per request and for the latency it reports; it
//! measures the same burst rounds as `plimsoll run` and `hf-perftest run`. It understands text inputs only.
//! `bare-client sse` does the same for the streams of an OpenAI-compatible server.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod client;
mod http;
mod sse;
mod stats;

use client::{Group, Tally, Target};
use rustix::time::{ClockId, clock_gettime};
use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: bare-client --url http://HOST:PORT[/PATH] --fn-index N [--users 100] [--rounds 10] \
                     [--inputs 1] [--warmup-rounds 3] [--warmup-users 2]";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    let result = if args.next_if(|arg| arg == "sse").is_some() {
        sse::Options::parse(args).and_then(|options| sse::run(&options))
    } else {
        Options::parse(args).and_then(|options| run(&options))
    };
    match result {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("bare-client: {message}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug)]
struct Options {
    url: String,
    users: usize,
    rounds: usize,
    fn_index: u32,
    inputs: usize,
    warmup_rounds: usize,
    warmup_users: usize,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        // The warm-up is hf-perftest's: what an app has served before bears on how fast it answers.
        let (mut users, mut rounds, mut inputs, mut warmup_rounds, mut warmup_users) = (100, 10, 1, 3, 2);
        let (mut url, mut fn_index) = (None, None);
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
            match name.as_str() {
                "--url" => url = Some(value),
                "--fn-index" => fn_index = Some(number(&name, &value)?),
                "--users" => users = number(&name, &value)?,
                "--rounds" => rounds = number(&name, &value)?,
                "--inputs" => inputs = number(&name, &value)?,
                "--warmup-rounds" => warmup_rounds = number(&name, &value)?,
                "--warmup-users" => warmup_users = number(&name, &value)?,
                _ => return Err(format!("unknown option {name}\n{USAGE}")),
            }
        }
        if users == 0 || rounds == 0 {
            return Err("--users and --rounds must be at least 1".to_owned());
        }
        let url = url.ok_or_else(|| format!("--url is missing\n{USAGE}"))?;
        let fn_index = fn_index.ok_or_else(|| format!("--fn-index is missing\n{USAGE}"))?;
        Ok(Self { url, users, rounds, fn_index, inputs, warmup_rounds, warmup_users })
    }

    fn target(&self) -> Result<Target, String> {
        let rest = self.url.strip_prefix("http://").ok_or("--url must begin with http://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        let address = with_port
            .to_socket_addrs()
            .map_err(|error| format!("{with_port}: {error}"))?
            .next()
            .ok_or_else(|| format!("{with_port} has no address"))?;
        Ok(Target {
            address,
            authority: authority.to_owned(),
            base: path.trim_end_matches('/').to_owned(),
            fn_index: self.fn_index,
            inputs: self.inputs,
        })
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} needs a number, not {value:?}"))
}

fn run(options: &Options) -> Result<String, String> {
    let target = options.target()?;
    let failed = |error: std::io::Error| format!("{}: {error}", options.url);

    if options.warmup_rounds > 0 && options.warmup_users > 0 {
        let mut ignored = Tally::default();
        let mut group = Group::open(&target, "w", options.warmup_users).map_err(failed)?;
        for round in 0..options.warmup_rounds {
            group.round(round, &mut ignored).map_err(failed)?;
        }
    }

    let requests = options.users * options.rounds;
    let mut tally = Tally { latencies_ms: Vec::with_capacity(requests), ..Tally::default() };
    let mut group = Group::open(&target, "u", options.users).map_err(failed)?;
    let cpu_before = process_cpu();
    let started = Instant::now();
    for round in 0..options.rounds {
        group.round(round, &mut tally).map_err(failed)?;
    }
    let elapsed = started.elapsed();
    let cpu = process_cpu().saturating_sub(cpu_before);
    if let Some(reason) = &tally.first_failure {
        eprintln!("bare-client: {} of {requests} requests failed, the first because: {reason}", tally.failed);
    }
    Ok(report(options, &mut tally, elapsed, cpu))
}

fn report(options: &Options, tally: &mut Tally, elapsed: Duration, cpu: Duration) -> String {
    let requests = options.users * options.rounds;
    tally.latencies_ms.sort_by(f64::total_cmp);
    let percentile = |q| match stats::percentile(&tally.latencies_ms, q) {
        Some(value) => format!("{value:.4}"),
        None => "null".to_owned(),
    };
    #[expect(clippy::cast_precision_loss, reason = "numbers of requests")]
    let (ok, all) = (tally.latencies_ms.len() as f64, requests as f64);
    format!(
        "{{\"users\":{},\"rounds\":{},\"requests\":{requests},\"ok\":{},\"failed\":{},\"elapsed_s\":{:.6},\
         \"rps\":{:.3},\"cpu_ms_per_request\":{:.5},\"p50_ms\":{},\"p90_ms\":{},\"p99_ms\":{}}}",
        options.users,
        options.rounds,
        tally.latencies_ms.len(),
        tally.failed,
        elapsed.as_secs_f64(),
        ok / elapsed.as_secs_f64(),
        cpu.as_secs_f64() * 1000.0 / all,
        percentile(50.0),
        percentile(90.0),
        percentile(99.0),
    )
}

/// CPU time of this process so far, all threads, user and system.
fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_and_defaults() {
        let options = options("--url http://127.0.0.1:7860/sub/ --fn-index 2 --users 7").unwrap();
        assert_eq!((options.users, options.rounds, options.fn_index, options.warmup_users), (7, 10, 2, 2));
        let target = options.target().unwrap();
        assert_eq!((target.authority.as_str(), target.base.as_str()), ("127.0.0.1:7860", "/sub"));
        assert_eq!(target.address.port(), 7860);
    }

    #[test]
    fn wrong_options_are_refused() {
        assert!(options("--fn-index 2").is_err());
        assert!(options("--url http://127.0.0.1 --fn-index two").is_err());
        assert!(options("--url http://127.0.0.1 --fn-index 1 --users 0").is_err());
        assert!(options("--url https://127.0.0.1 --fn-index 1").unwrap().target().is_err());
        assert!(options("--url http://127.0.0.1 --fn-index 1 --what 3").is_err());
    }
}
