//! What a live page costs the measurement: the same load without one, with one, and with readers of which one has stopped.

use super::app::free_port;
use super::machine::{Pins, facts, load_average, version_of};
use super::measure::{Meter, Usage};
use super::page::Page;
use super::server::{Answers, Mock};
use super::spread::{Spread, cell};
use super::tools::{INCONCLUSIVE, field, read_summary};
use crate::Result;
use crate::child::Interrupt;
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Readers of a page that is looked at; one more has stopped.
const READING: usize = 4;

#[derive(Args)]
pub(crate) struct LiveOptions {
    /// Arrivals a second
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Seconds of each run
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(4..))]
    seconds: u32,
    /// How often the whole is done
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Also write the result into docs/src/benchmarks.md
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    None,
    Unread,
    Read,
}

impl Way {
    const ALL: [Self; 3] = [Self::None, Self::Unread, Self::Read];

    fn name(self) -> &'static str {
        match self {
            Self::None => "no page",
            Self::Unread => "a page, nobody looks",
            Self::Read => "a page, 4 readers and one that stopped",
        }
    }
}

struct Measured {
    send_lag_p50: f64,
    send_lag_p99: f64,
    response_p99: f64,
    cpu_us_per_request: f64,
    /// Resident memory after a quarter of the time, and at the end.
    early_mib: Option<f64>,
    late_mib: Option<f64>,
    lost: f64,
    /// Ticks that a reader got.
    ticks: Option<f64>,
}

struct Setup<'a> {
    options: &'a LiveOptions,
    pins: Pins,
    interrupt: Interrupt,
    plimsoll: PathBuf,
}

pub(super) fn run(options: &LiveOptions) -> Result<()> {
    let page = Page::open(options.write, "live")?;
    let release = super::build(&["plimsoll"])?;
    let setup =
        Setup { options, pins: Pins::find(), interrupt: Interrupt::install()?, plimsoll: release.join("plimsoll") };
    let facts = setup.facts();
    let mut runs: BTreeMap<Way, Vec<Measured>> = BTreeMap::new();
    for repeat in 0..options.repeats {
        let mut order = Way::ALL;
        order.rotate_left(repeat as usize % Way::ALL.len());
        for way in order {
            let measured = setup.measure(way)?;
            eprintln!(
                "repeat {}/{}, {}: send lag p99 {:.3} ms, {:.1} µs CPU a request",
                repeat + 1,
                options.repeats,
                way.name(),
                measured.send_lag_p99,
                measured.cpu_us_per_request
            );
            runs.entry(way).or_default().push(measured);
        }
    }
    let text = markdown(&runs, &facts);
    println!("{text}");
    page.map_or(Ok(()), |page| page.write(&text))
}

impl Setup<'_> {
    fn measure(&self, way: Way) -> Result<Measured> {
        self.interrupt.check()?;
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let folder = folder.path();
        let answers = Answers { ttft: "0ms".to_owned(), itl: "0ms".to_owned(), tokens: 1 };
        let mock = Mock::start(&self.plimsoll, &answers, None, &self.pins, folder, &self.interrupt)?;
        let mut meter = Meter::new(way.name(), &self.pins.client(&self.plimsoll), folder)?;
        let (rate, seconds) = (self.options.rate.to_string(), format!("{}s", self.options.seconds));
        meter
            .command
            .args(["http", &mock.url(), "--rate", &rate, "--run-time", &seconds, "--warmup", "1s"])
            .args(["--max-users", "5000", "--json", "--quiet", "--output-dir"])
            .arg(folder.join("out"));
        let port = free_port()?;
        if way != Way::None {
            meter.command.args(["--web", &port.to_string()]);
        }
        let ended = Arc::new(AtomicBool::new(false));
        let readers: Vec<JoinHandle<u64>> = match way {
            Way::Read => (0..=READING).map(|number| reader(port, number == READING, ended.clone())).collect(),
            _ => Vec::new(),
        };
        let result = meter.run(&[0, INCONCLUSIVE], &self.interrupt);
        ended.store(true, Ordering::Relaxed);
        let ticks: Vec<u64> = readers.into_iter().map(|reader| reader.join().unwrap_or(0)).collect();
        let (usage, _) = result?;
        let summary = read_summary(&folder.join("out"))?;
        let of = |pointer: &str| field(&summary, &format!("/levels/0{pointer}"));
        let requests = of("/iterations")?;
        let (early_mib, late_mib) = memory(&usage, self.options.seconds);
        Ok(Measured {
            send_lag_p50: of("/health/0/send_lag/p50_ms")?,
            send_lag_p99: of("/health/0/send_lag/p99_ms")?,
            response_p99: of("/all/metrics/response_time/p99")?,
            cpu_us_per_request: usage.cpu_seconds * 1e6 / requests.max(1.0),
            early_mib,
            late_mib,
            lost: of("/health/0/lost_samples")?,
            #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
            ticks: ticks.first().map(|ticks| *ticks as f64),
        })
    }

    fn facts(&self) -> Vec<(String, String)> {
        let mut facts = facts(self.pins.words());
        facts.push(("Load average before".to_owned(), load_average()));
        // Threads step back relative to what they begin with, so a real-time priority would put them all on one level.
        let niceness = rustix::process::getpriority_process(None).unwrap_or_default();
        facts.push(("Niceness of all that was started".to_owned(), niceness.to_string()));
        facts.push(("plimsoll".to_owned(), version_of(Command::new(&self.plimsoll).arg("--version"))));
        let LiveOptions { rate, seconds, repeats, .. } = self.options;
        let runs = format!("{repeats} repeats of {seconds} s at {rate}/s (Poisson), a fresh server for every run");
        facts.push(("Runs".to_owned(), runs));
        facts
    }
}

/// Resident memory after a quarter of the load, and before its end.
fn memory(usage: &Usage, seconds: u32) -> (Option<f64>, Option<f64>) {
    // Ten looks a second.
    let at = |second: u32| usage.memory_mib.get(second as usize * 10).copied();
    (at(seconds / 4), at(seconds - 1))
}

/// Reads a page's event stream to its end, or a few bytes of it and then nothing more; the ticks that it saw.
fn reader(port: u16, stops: bool, ended: Arc<AtomicBool>) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut ticks = 0;
        while !ended.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
            // Not there yet.
            let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
            let asked = write!(stream, "GET /api/events HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n");
            let mut part = vec![0; 64 * 1024];
            let mut last = Vec::new();
            while let (Ok(()), Ok(length @ 1..)) = (&asked, stream.read(&mut part)) {
                last.extend_from_slice(&part[..length]);
                let mark = b"event: tick\n";
                ticks += last.windows(mark.len()).filter(|bytes| bytes == mark).count() as u64;
                // A mark may be cut in two.
                last.drain(..last.len().saturating_sub(mark.len() - 1));
                while stops && !ended.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
        ticks
    })
}

fn markdown(runs: &BTreeMap<Way, Vec<Measured>>, facts: &[(String, String)]) -> String {
    let mut text = String::from(
        "Figures are medians over the repeats; in brackets the least and the greatest. Times are in milliseconds; CPU is that \
         of the whole client. Memory is resident, after a quarter of the time and in the last second.\n\n",
    );
    for (name, value) in facts {
        let _ = writeln!(text, "- {name}: {value}");
    }
    text += "\n| | send lag p50 | send lag p99 | response p99 | CPU µs/request | MiB early | MiB late | samples lost | ticks \
             a reader saw |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n";
    for (way, measured) in runs {
        let of = |get: fn(&Measured) -> f64| Spread::of(measured.iter().map(get));
        let some = |get: fn(&Measured) -> Option<f64>, digits| cell(Spread::of_some(measured.iter().map(get)), digits);
        let _ = writeln!(
            text,
            "| {} | {:.3} | {:.3} | {:.3} | {:.1} | {} | {} | {:.0} | {} |",
            way.name(),
            of(|run| run.send_lag_p50),
            of(|run| run.send_lag_p99),
            of(|run| run.response_p99),
            of(|run| run.cpu_us_per_request),
            some(|run| run.early_mib, 1),
            some(|run| run.late_mib, 1),
            of(|run| run.lost),
            some(|run| run.ticks, 0),
        );
    }
    text
}
