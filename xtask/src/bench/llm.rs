//! Streams of the stand-in inference server, which knows the truth: whether reported times are true, and what a token
//! costs the client.

use super::machine::{Pins, facts, load_average, tool, version_of};
use super::measure::{Meter, Usage};
use super::page::Page;
use super::peers::{self, Reported};
use super::server::{Answers, Mock, Truth};
use super::spread::{Spread, cell};
use super::tools::{INCONCLUSIVE, field, read_summary};
use super::truth::{self, Errors};
use crate::Result;
use crate::child::Interrupt;
use clap::Args;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The number of streams that the promises are made for, and the promises.
const GOAL_STREAMS: u32 = 1_000;
const TTFT_P99_ERROR_MS: f64 = 0.3;
const AT_ONCE_P50_MS: f64 = 2.0;
const AT_ONCE_P99_MS: f64 = 5.0;
const CPU_AGAINST_BARE: f64 = 1.4;
const PROMPT: &str = "Say something.";

#[derive(Args)]
pub(crate) struct LlmOptions {
    /// Numbers of concurrent streams
    #[arg(long, value_delimiter = ',', default_value = "1,32,256,1000", value_parser = clap::value_parser!(u32).range(1..))]
    streams: Vec<u32>,
    /// The same for aiperf and guidellm, which take longer
    #[arg(long, value_delimiter = ',', default_value = "32,256", value_parser = clap::value_parser!(u32).range(1..))]
    peer_streams: Vec<u32>,
    /// Seconds of each run, beside the second over which streams are opened
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// The same of each run of aiperf and guidellm
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    peer_seconds: u32,
    /// How often the whole is done
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// In how many of these aiperf and guidellm take part
    #[arg(long, default_value_t = 1)]
    peer_repeats: u32,
    /// Time to the first token of the stand-in
    #[arg(long, default_value = "50ms")]
    ttft: String,
    /// Time between two tokens of the stand-in
    #[arg(long, default_value = "10ms")]
    itl: String,
    /// Tokens of each answer
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..))]
    tokens: u32,
    /// aiperf; left out without it
    #[arg(long, value_name = "PATH", requires = "tokenizer")]
    aiperf: Option<PathBuf>,
    /// guidellm; left out without it
    #[arg(long, value_name = "PATH", requires = "tokenizer")]
    guidellm: Option<PathBuf>,
    /// Folder with a tokenizer.json for the two
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// Also write the result into docs/src/benchmarks.md
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tool {
    Bare,
    Plimsoll,
    Aiperf,
    Guidellm,
}

impl Tool {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Plimsoll => "plimsoll",
            Self::Aiperf => "aiperf",
            Self::Guidellm => "guidellm",
        }
    }
}

/// How streams begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Start {
    /// One after the other over a second; as the tool does it, where it cannot be told.
    Ramp,
    /// All in the same moment, on connections that are open.
    AtOnce,
}

/// One run. Times are in milliseconds, pairs are median and 99th percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    reported: Reported,
    /// The same as the server has them.
    server: Reported,
    /// How late the server was by its own schedule: beyond its strength where this is much.
    server_lag_p99: f64,
    errors: Option<Errors>,
    /// CPU seconds of the whole process per 1,000 tokens.
    cpu: f64,
    /// The same between the first request and the last answer.
    cpu_under_load: Option<f64>,
    /// CPU seconds under load, of one core.
    busy: Option<f64>,
    tokens_per_second: Option<f64>,
    peak_mib: f64,
    /// From its start until the first request was with the server, in seconds.
    start_seconds: Option<f64>,
}

type Runs = BTreeMap<(Start, u32, Tool), Vec<Measured>>;

struct Setup<'a> {
    options: &'a LlmOptions,
    answers: Answers,
    pins: Pins,
    interrupt: Interrupt,
    plimsoll: PathBuf,
    bare: PathBuf,
    peers: BTreeMap<Tool, PathBuf>,
    tokenizer: PathBuf,
}

pub(super) fn run(options: &LlmOptions) -> Result<()> {
    let page = Page::open(options.write, "llm")?;
    let release = super::build(&["plimsoll", "bare-client"])?;
    let mut peers = BTreeMap::new();
    for (which, given) in [(Tool::Aiperf, &options.aiperf), (Tool::Guidellm, &options.guidellm)] {
        peers.extend(tool(given.as_ref(), which.name())?.map(|path| (which, path)));
    }
    let tokenizer = options.tokenizer.clone().unwrap_or_default();
    if options.tokenizer.is_none() && !peers.is_empty() {
        eprintln!("aiperf and guidellm are left out: they need --tokenizer");
        peers.clear();
    }
    let setup = Setup {
        options,
        answers: Answers { ttft: options.ttft.clone(), itl: options.itl.clone(), tokens: options.tokens },
        pins: Pins::find(),
        interrupt: Interrupt::install()?,
        plimsoll: release.join("plimsoll"),
        bare: release.join("bare-client"),
        peers,
        tokenizer: std::path::absolute(tokenizer).unwrap_or_default(),
    };
    let facts = setup.facts();
    let runs = setup.all()?;
    let text = markdown(&runs, &facts);
    println!("{text}");
    page.map_or(Ok(()), |page| page.write(&text))
}

impl Setup<'_> {
    fn all(&self) -> Result<Runs> {
        let mut runs = Runs::new();
        for repeat in 0..self.options.repeats {
            let mut levels: Vec<u32> = [&self.options.streams[..], &self.options.peer_streams].concat();
            levels.sort_unstable();
            levels.dedup();
            for streams in levels {
                let mut order = self.of_level(streams, repeat);
                let turn = repeat as usize % order.len().max(1);
                order.rotate_left(turn);
                for (start, tool) in order {
                    let measured = self.measure(start, tool, streams)?;
                    eprintln!(
                        "repeat {}/{}, {streams} streams, {start:?}, {}: TTFT p99 {:.2} ms (server {:.2}), {:.3} CPU ms \
                         per token",
                        repeat + 1,
                        self.options.repeats,
                        tool.name(),
                        measured.reported.ttft[1],
                        measured.server.ttft[1],
                        measured.cpu
                    );
                    runs.entry((start, streams, tool)).or_default().push(measured);
                }
            }
        }
        Ok(runs)
    }

    fn of_level(&self, streams: u32, repeat: u32) -> Vec<(Start, Tool)> {
        let mut order = Vec::new();
        if self.options.streams.contains(&streams) {
            for start in [Start::Ramp, Start::AtOnce] {
                order.extend([(start, Tool::Bare), (start, Tool::Plimsoll)]);
            }
        }
        if self.options.peer_streams.contains(&streams) && repeat < self.options.peer_repeats {
            order.extend(self.peers.keys().map(|tool| (Start::Ramp, *tool)));
        }
        order
    }

    /// Runs the tool against a server of its own.
    fn measure(&self, start: Start, tool: Tool, streams: u32) -> Result<Measured> {
        self.interrupt.check()?;
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let folder = folder.path();
        let truth = (start == Start::Ramp).then(|| folder.join("truth.jsonl"));
        let mock = Mock::start(&self.plimsoll, &self.answers, truth, &self.pins, folder, &self.interrupt)?;
        let program = match tool {
            Tool::Bare => &self.bare,
            Tool::Plimsoll => &self.plimsoll,
            Tool::Aiperf | Tool::Guidellm => &self.peers[&tool],
        };
        let mut meter = Meter::new(tool.name(), &self.pins.client(program), folder)?;
        let out = folder.join("out");
        let accepted = self.prepare(&mut meter.command, (start, tool, streams), &mock.url(), folder)?;
        let (usage, output) = meter.run(accepted, &self.interrupt)?;
        let (stats, truth) = mock.stop()?;
        let reported = match tool {
            Tool::Bare => of_bare(&output),
            Tool::Plimsoll => of_plimsoll(&out),
            Tool::Aiperf => peers::of_aiperf(folder),
            Tool::Guidellm => peers::of_guidellm(folder),
        };
        let wrong = |what: String| format!("{} {what}. Its output:\n{output}", tool.name());
        let ours = truth.as_ref().filter(|_| tool == Tool::Plimsoll);
        let errors = ours.map(|truth| truth::errors(&out, truth)).transpose().map_err(wrong)?;
        measured(&stats, truth.as_ref(), &usage, reported.map_err(wrong)?, errors)
    }

    fn prepare(
        &self,
        command: &mut Command,
        (start, tool, streams): (Start, Tool, u32),
        url: &str,
        folder: &Path,
    ) -> Result<&'static [i32]> {
        let (options, tokens) = (self.options, self.options.tokens);
        // The second over which streams are opened comes before the steady time.
        let seconds = options.seconds + 1;
        match tool {
            Tool::Bare => {
                let ramp = if start == Start::Ramp { "1" } else { "0" };
                command.args(["sse", "--url", url, "--streams", &streams.to_string(), "--ramp", ramp]).args([
                    "--seconds",
                    &seconds.to_string(),
                    "--max-tokens",
                    &tokens.to_string(),
                    "--prompt",
                    PROMPT,
                ]);
            }
            Tool::Plimsoll => {
                let scenario = folder.join("scenario.toml");
                let text = scenario_of(url, start, streams, seconds, tokens);
                std::fs::write(&scenario, text).map_err(|error| format!("{}: {error}", scenario.display()))?;
                command.arg("run").arg(scenario).args(["--json", "--quiet", "--output-dir", "out"]);
                return Ok(&[0, INCONCLUSIVE]);
            }
            Tool::Aiperf => peers::aiperf(command, url, streams, options.peer_seconds, tokens, &self.tokenizer),
            Tool::Guidellm => {
                let out = folder.join("out");
                std::fs::create_dir(&out).map_err(|error| format!("{}: {error}", out.display()))?;
                peers::guidellm(command, url, streams, options.peer_seconds, tokens, &self.tokenizer);
            }
        }
        Ok(&[0])
    }

    fn facts(&self) -> Vec<(String, String)> {
        let mut facts = facts(self.pins.words());
        facts.push(("Load average before".to_owned(), load_average()));
        facts.push(("plimsoll".to_owned(), version_of(Command::new(&self.plimsoll).arg("--version"))));
        for (tool, path) in &self.peers {
            facts.push((tool.name().to_owned(), version_of(Command::new(path).arg("--version"))));
        }
        let Answers { ttft, itl, tokens } = &self.answers;
        facts.push((
            "Server".to_owned(),
            format!("plimsoll mock --ttft {ttft} --itl {itl} --tokens {tokens}, one thread, a fresh one for every run"),
        ));
        let options = self.options;
        let mut runs = format!("{} repeats of {} s", options.repeats, options.seconds);
        if !self.peers.is_empty() {
            let _ = write!(runs, "; aiperf and guidellm {} of {} s", options.peer_repeats, options.peer_seconds);
        }
        facts.push(("Runs".to_owned(), runs));
        facts
    }
}

fn scenario_of(url: &str, start: Start, streams: u32, seconds: u32, tokens: u32) -> String {
    let load = match start {
        Start::Ramp => format!("users = {streams}\nspawn_rate = {streams}\nduration = \"{seconds}s\"\n"),
        Start::AtOnce => format!(
            "stages = [{{ duration = \"0s\", users = {streams} }}, {{ duration = \"{seconds}s\", users = {streams} }}]\n"
        ),
    };
    format!(
        "[target]\nurl = \"{url}\"\n[[request]]\napi = \"chat\"\nmodel = \"mock\"\nprompt = \"{PROMPT}\"\n\
         max_tokens = {tokens}\n[load]\nexecutor = \"users\"\n{load}"
    )
}

fn of_bare(output: &str) -> Result<Reported> {
    let line = output.lines().find(|line| line.starts_with('{')).ok_or("printed no result")?;
    let value: Value = serde_json::from_str(line).map_err(|error| format!("gave no JSON ({error})"))?;
    let failed = field(&value, "/failed")?;
    if failed > 0.0 {
        return Err(format!("had {failed} failed streams"));
    }
    let of = |metric: &str| -> Result<[f64; 2]> {
        Ok([field(&value, &format!("/{metric}_p50_ms"))?, field(&value, &format!("/{metric}_p99_ms"))?])
    };
    Ok(Reported { ttft: of("ttft")?, itl: of("itl")? })
}

fn of_plimsoll(output: &Path) -> Result<Reported> {
    let summary = read_summary(output)?;
    let all = |pointer: &str| field(&summary, &format!("/levels/0/all/{pointer}"));
    let failed = all("failed")?;
    if failed > 0.0 {
        return Err(format!("had {failed} failed requests"));
    }
    let of = |metric: &str| -> Result<[f64; 2]> {
        Ok([all(&format!("metrics/{metric}/p50"))?, all(&format!("metrics/{metric}/p99"))?])
    };
    Ok(Reported { ttft: of("ttft")?, itl: of("itl")? })
}

fn measured(
    stats: &Value,
    truth: Option<&Truth>,
    usage: &Usage,
    reported: Reported,
    errors: Option<Errors>,
) -> Result<Measured> {
    let of = |pointer: &str| field(stats, pointer).map_err(|what| format!("the stand-in {what}"));
    let both = |name: &str| -> Result<[f64; 2]> {
        Ok([of(&format!("/{name}/p50"))? / 1e3, of(&format!("/{name}/p99"))? / 1e3])
    };
    let tokens = of("/tokens")?;
    let seconds = |from: u64, to: u64| std::time::Duration::from_nanos(to.saturating_sub(from)).as_secs_f64();
    let load_seconds = truth.map(|truth| seconds(truth.first_ns, truth.last_ns));
    let load = truth.and_then(|truth| usage.cpu_between(truth.first_ns, truth.last_ns));
    Ok(Measured {
        reported,
        server: Reported { ttft: both("ttft_us")?, itl: both("itl_us")? },
        server_lag_p99: of("/token_lag_us/p99")? / 1e3,
        errors,
        cpu: usage.cpu_seconds * 1e3 / tokens,
        cpu_under_load: load.map(|cpu| cpu * 1e3 / tokens),
        busy: load.zip(load_seconds).map(|(cpu, seconds)| cpu / seconds),
        tokens_per_second: load_seconds.map(|seconds| tokens / seconds),
        peak_mib: usage.peak_mib,
        start_seconds: truth.map(|truth| seconds(usage.spawned_ns, truth.first_ns)),
    })
}

fn markdown(runs: &Runs, facts: &[(String, String)]) -> String {
    let mut text = String::from("Figures are medians over the repeats; in brackets the least and the greatest.\n\n");
    for (name, value) in facts {
        let _ = writeln!(text, "- {name}: {value}");
    }
    text += &truth_table(runs);
    text += &at_once_table(runs);
    text += &cost_table(runs);
    let goals = goals(runs);
    if !goals.is_empty() {
        let _ = write!(text, "\n### Promises at {GOAL_STREAMS} streams\n\n{goals}");
    }
    text
}

fn spread(runs: &[Measured], get: impl Fn(&Measured) -> f64) -> Spread {
    Spread::of(runs.iter().map(get))
}

fn median(runs: &[Measured], get: impl Fn(&Measured) -> Option<f64>, digits: usize) -> String {
    let spread = Spread::of_some(runs.iter().map(get));
    spread.map_or_else(|| "–".to_owned(), |spread| format!("{:.digits$}", spread.median))
}

fn truth_table(runs: &Runs) -> String {
    let mut text = String::from(
        "\n### Truth\n\nStreams are opened over a second. What the client reports, what the server knows, and the \
         difference, in milliseconds. *One by one* is Plimsoll's error over single requests (the time to the first token) \
         or single gaps (without sign), matched by the server's name for the request.\n\n\
         | streams | time | tool | p50 | server | difference | p99 | server | difference | one by one p50 | one by one p99 |\n\
         |---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for ((_, streams, tool), measured) in runs.iter().filter(|((start, ..), _)| *start == Start::Ramp) {
        for (name, get) in [("TTFT", (|one| one.ttft) as fn(&Reported) -> [f64; 2]), ("ITL", |one| one.itl)] {
            let _ = write!(text, "| {streams} | {name} | {} |", tool.name());
            for which in [0, 1] {
                let _ = write!(
                    text,
                    " {:.3} | {:.3} | {:.3} |",
                    spread(measured, |run| get(&run.reported)[which]).median,
                    spread(measured, |run| get(&run.server)[which]).median,
                    spread(measured, |run| get(&run.reported)[which] - get(&run.server)[which]),
                );
            }
            let error = |of: fn(&Errors) -> f64| {
                cell(Spread::of_some(measured.iter().map(|run| run.errors.as_ref().map(of))), 3)
            };
            let (p50, p99) = if name == "TTFT" {
                (error(|errors| errors.ttft_p50), error(|errors| errors.ttft_p99))
            } else {
                (error(|errors| errors.itl_p50), error(|errors| errors.itl_p99))
            };
            let _ = writeln!(text, " {p50} | {p99} |");
        }
    }
    text
}

fn at_once_table(runs: &Runs) -> String {
    let mut text = String::from(
        "\n### All at once\n\nAll streams begin in the same moment, on connections that are open. Time to the first token in \
         milliseconds.\n\n| streams | tool | p50 | server p50 | p99 | server p99 |\n|---:|---|---:|---:|---:|---:|\n",
    );
    for ((_, streams, tool), measured) in runs.iter().filter(|((start, ..), _)| *start == Start::AtOnce) {
        let _ = writeln!(
            text,
            "| {streams} | {} | {:.2} | {:.2} | {:.2} | {:.2} |",
            tool.name(),
            spread(measured, |run| run.reported.ttft[0]),
            spread(measured, |run| run.server.ttft[0]).median,
            spread(measured, |run| run.reported.ttft[1]),
            spread(measured, |run| run.server.ttft[1]).median,
        );
    }
    text
}

fn cost_table(runs: &Runs) -> String {
    let mut text = String::from(
        "\n### Cost\n\nCPU of the whole client, all its processes, per 1,000 tokens that the server sent; *under load* is \
         that between the first request and the last answer. Start is the time until the first request reached the server. \
         *Server late* is how late the server's tokens were by its own schedule, at p99: where it is long, the server had no \
         more to give.\n\n\
         | streams | tool | CPU s/1,000 tokens | against bare | under load | core % under load | tokens/s | peak MiB | start s \
         | server late ms |\n|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for ((start, streams, tool), measured) in runs.iter().filter(|((start, ..), _)| *start == Start::Ramp) {
        let _ = writeln!(
            text,
            "| {streams} | {} | {:.4} | {} | {} | {} | {} | {:.0} | {} | {:.2} |",
            tool.name(),
            spread(measured, |run| run.cpu),
            cell(cpu_ratio(runs, *start, *streams, *tool), 2),
            cell(Spread::of_some(measured.iter().map(|run| run.cpu_under_load)), 4),
            cell(Spread::of_some(measured.iter().map(|run| run.busy.map(|busy| busy * 100.0))), 0),
            median(measured, |run| run.tokens_per_second, 0),
            spread(measured, |run| run.peak_mib).median,
            median(measured, |run| run.start_seconds, 3),
            spread(measured, |run| run.server_lag_p99).median,
        );
    }
    text
}

/// A tool's CPU per token over the bare client's, each pair from the same repeat.
fn cpu_ratio(runs: &Runs, start: Start, streams: u32, tool: Tool) -> Option<Spread> {
    let bare = runs.get(&(start, streams, Tool::Bare))?;
    let ours = runs.get(&(start, streams, tool))?;
    Some(Spread::of(ours.iter().zip(bare).map(|(ours, bare)| ours.cpu / bare.cpu)))
}

fn goals(runs: &Runs) -> String {
    let mut text = String::new();
    let of = |start, tool| runs.get(&(start, GOAL_STREAMS, tool));
    if let Some(measured) = of(Start::Ramp, Tool::Plimsoll) {
        let error = spread(measured, |run| run.reported.ttft[1] - run.server.ttft[1]);
        let _ = writeln!(
            text,
            "- TTFT p99 within {TTFT_P99_ERROR_MS} ms of the server's: {error:.3} ms, **{}**",
            super::verdict(error.median.abs() < TTFT_P99_ERROR_MS)
        );
    }
    if let (Some(ours), Some(bare)) = (of(Start::AtOnce, Tool::Plimsoll), of(Start::AtOnce, Tool::Bare)) {
        for (which, name, limit) in [(0, "p50", AT_ONCE_P50_MS), (1, "p99", AT_ONCE_P99_MS)] {
            let pairs = ours.iter().zip(bare);
            let apart = Spread::of(pairs.map(|(ours, bare)| ours.reported.ttft[which] - bare.reported.ttft[which]));
            let _ = writeln!(
                text,
                "- All at once, TTFT {name} within {limit} ms of bare's: {apart:.2} ms, **{}**",
                super::verdict(apart.median <= limit)
            );
        }
    }
    if let Some(ratio) = cpu_ratio(runs, Start::Ramp, GOAL_STREAMS, Tool::Plimsoll) {
        let _ = writeln!(
            text,
            "- CPU per token at most {CPU_AGAINST_BARE} × bare's: {ratio:.2} ×, **{}**",
            super::verdict(ratio.median <= CPU_AGAINST_BARE)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ttft_p99: f64, cpu: f64) -> Measured {
        Measured {
            reported: Reported { ttft: [50.1, ttft_p99], itl: [10.0, 10.5] },
            server: Reported { ttft: [50.0, 51.0], itl: [10.0, 10.2] },
            server_lag_p99: 0.1,
            errors: None,
            cpu,
            cpu_under_load: None,
            busy: Some(0.5),
            tokens_per_second: Some(1e4),
            peak_mib: 20.0,
            start_seconds: None,
        }
    }

    #[test]
    fn promises_are_judged_at_their_number_of_streams() {
        let runs = |streams| {
            Runs::from([
                ((Start::Ramp, streams, Tool::Bare), vec![run(51.1, 0.01)]),
                ((Start::Ramp, streams, Tool::Plimsoll), vec![run(51.2, 0.013)]),
                ((Start::AtOnce, streams, Tool::Bare), vec![run(60.0, 0.01)]),
                ((Start::AtOnce, streams, Tool::Plimsoll), vec![run(66.0, 0.01)]),
            ])
        };
        let text = markdown(&runs(GOAL_STREAMS), &[]);
        assert!(text.contains("of the server's: 0.200 (0.200–0.200) ms, **holds**"), "{text}");
        assert!(text.contains("TTFT p99 within 5 ms of bare's: 6.00 (6.00–6.00) ms, **does not hold**"), "{text}");
        assert!(text.contains("bare's: 1.30 (1.30–1.30) ×, **holds**"), "{text}");
        assert!(text.contains("| 1000 | TTFT | plimsoll | 50.100 | 50.000 | 0.100 (0.100–0.100) |"), "{text}");
        assert!(!markdown(&runs(32), &[]).contains("holds"));
    }

    #[test]
    fn the_bare_clients_line() {
        let line = |failed: u32| {
            format!(
                "{{\"failed\":{failed},\"ttft_p50_ms\":50.1,\"ttft_p99_ms\":51,\"itl_p50_ms\":10,\"itl_p99_ms\":10.5}}"
            )
        };
        assert_eq!(of_bare(&line(0)), Ok(Reported { ttft: [50.1, 51.0], itl: [10.0, 10.5] }));
        assert!(of_bare(&line(2)).is_err() && of_bare("").is_err());
    }
}
