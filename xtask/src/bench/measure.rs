//! What a program costs: CPU, memory, and when it had used how much of them.
//!
//! The system tells the resources of children only as a sum over all that have been waited for. So a helper, this program
//! once more, starts the measured program as its only child, waits for it, and writes down what it took.

use crate::Result;
use crate::child::{Interrupt, Running};
use clap::Args;
use nix::sys::resource::{Usage as Rusage, UsageWho, getrusage};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Far above what any of them needs: only a tool that hangs comes here.
const RUN_LIMIT: Duration = Duration::from_secs(600);
/// How often the measured program is looked at: seldom enough to cost it nothing.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Args)]
pub(crate) struct MeasureOptions {
    /// File for what it took
    #[arg(long)]
    report: PathBuf,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// What a program took, its own children included.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Usage {
    /// When it was started, by the monotonic clock.
    pub(super) spawned_ns: u64,
    /// From its start to its end.
    pub(super) wall_seconds: f64,
    /// User and system, all of it.
    pub(super) cpu_seconds: f64,
    /// Most resident memory, of several processes the sum, in MiB.
    pub(super) peak_mib: f64,
    /// Moments of the monotonic clock, and the CPU seconds used by then.
    looks: Vec<(u64, f64)>,
    /// Resident memory in MiB, at one look after the other.
    pub(super) memory_mib: Vec<f64>,
}

impl Usage {
    /// CPU seconds between two moments of the monotonic clock, as well as the looks tell.
    pub(super) fn cpu_between(&self, from: u64, to: u64) -> Option<f64> {
        Some(self.cpu_at(to)? - self.cpu_at(from)?)
    }

    fn cpu_at(&self, moment: u64) -> Option<f64> {
        let after = self.looks.iter().position(|(at, _)| *at >= moment)?;
        let (t1, c1) = self.looks[after];
        let (t0, c0) = after.checked_sub(1).map_or((self.spawned_ns, 0.0), |before| self.looks[before]);
        #[expect(clippy::cast_precision_loss, reason = "a run's nanoseconds")]
        let part = if t1 > t0 { moment.saturating_sub(t0) as f64 / (t1 - t0) as f64 } else { 1.0 };
        Some(c0 + (c1 - c0) * part)
    }

    fn of(report: &Value) -> Option<Self> {
        let looks = report["looks"].as_array()?.iter().map(|look| Some((look[0].as_u64()?, look[1].as_f64()?)));
        Some(Self {
            spawned_ns: report["spawned_ns"].as_u64()?,
            wall_seconds: report["wall_seconds"].as_f64()?,
            cpu_seconds: report["cpu_seconds"].as_f64()?,
            peak_mib: report["peak_mib"].as_f64()?,
            looks: looks.collect::<Option<_>>()?,
            memory_mib: report["memory_mib"].as_array()?.iter().filter_map(Value::as_f64).collect(),
        })
    }
}

/// A program to be measured. Give its command further arguments before it is run.
pub(super) struct Meter {
    name: String,
    pub(super) command: Command,
    report: PathBuf,
    log: PathBuf,
}

impl Meter {
    /// For a run of its own in `folder`; `program` is what [`super::machine::Pins`] makes of it.
    pub(super) fn new(name: &str, program: &[OsString], folder: &Path) -> Result<Self> {
        let us = std::env::current_exe().map_err(|error| format!("the program itself: {error}"))?;
        let report = folder.join("usage.json");
        let mut command = Command::new(us);
        command.args(["bench", "measure", "--report"]).arg(&report).arg("--").args(program).current_dir(folder);
        Ok(Self { name: name.to_owned(), command, report, log: folder.join("tool.log") })
    }

    /// Runs it to its end: what it took, and what it printed.
    pub(super) fn run(mut self, accepted: &[i32], interrupt: &Interrupt) -> Result<(Usage, String)> {
        let mut running = Running::start(&self.name, &mut self.command, &self.log)?;
        let status = running.wait(interrupt, RUN_LIMIT)?;
        if !status.code().is_some_and(|code| accepted.contains(&code)) {
            return Err(running.failure(&format!("failed ({status})")));
        }
        let usage = std::fs::read(&self.report)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .and_then(|report| Usage::of(&report))
            .ok_or_else(|| running.failure("was not measured"))?;
        Ok((usage, running.output()))
    }
}

/// The helper: runs the program and writes down what it took. Its own exit code is the program's.
pub(crate) fn run(options: &MeasureOptions) -> Result<std::process::ExitCode> {
    let (program, args) = options.command.split_first().ok_or("no program to measure")?;
    let spawned_ns = now();
    let mut child =
        Command::new(program).args(args).spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let ended = Arc::new(AtomicBool::new(false));
    let looking = {
        let (id, ended) = (child.id(), Arc::clone(&ended));
        std::thread::spawn(move || look_until(id, &ended))
    };
    let status = child.wait().map_err(|error| format!("{}: {error}", program.display()))?;
    let wall_seconds = seconds(now() - spawned_ns);
    ended.store(true, Ordering::Relaxed);
    looking.thread().unpark();
    let (mut looks, memory_mib) = looking.join().map_err(|_| "looking at the program failed".to_owned())?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| format!("getrusage: {error}"))?;
    let cpu_seconds = cpu(&usage);
    looks.push((now(), cpu_seconds));
    #[expect(clippy::cast_precision_loss, reason = "a number of kibibytes")]
    let most = usage.max_rss() as f64 / 1024.0;
    let peak_mib = memory_mib.iter().copied().fold(most, f64::max);
    let report = json!({
        "spawned_ns": spawned_ns, "wall_seconds": wall_seconds, "cpu_seconds": cpu_seconds, "peak_mib": peak_mib,
        "looks": looks, "memory_mib": memory_mib,
    });
    std::fs::write(&options.report, report.to_string())
        .map_err(|error| format!("{}: {error}", options.report.display()))?;
    Ok(code_of(status))
}

fn code_of(status: ExitStatus) -> std::process::ExitCode {
    // Ended by a signal: no code of its own.
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX).into()
}

fn cpu(usage: &Rusage) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a run's microseconds")]
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    micros(usage.user_time()) + micros(usage.system_time())
}

/// Nanoseconds of the monotonic clock.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

/// Looks at a process and all below it until told to end: CPU and memory over time.
fn look_until(id: u32, ended: &AtomicBool) -> (Vec<(u64, f64)>, Vec<f64>) {
    let (mut looks, mut all_memory) = (Vec::new(), Vec::new());
    while !ended.load(Ordering::Relaxed) {
        let (mut cpu, mut memory) = (0.0, 0.0);
        add_process(id, &mut cpu, &mut memory);
        if cpu > 0.0 {
            looks.push((now(), cpu));
        }
        all_memory.push(memory);
        std::thread::park_timeout(LOOK);
    }
    (looks, all_memory)
}

fn add_process(id: u32, cpu: &mut f64, memory: &mut f64) {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else { return };
    let Some((ticks, pages)) = of_stat(&stat) else { return };
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let (ticks, pages) = (ticks as f64, pages as f64);
    #[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
    let page = rustix::param::page_size() as f64;
    *cpu += ticks / ticks_per_second();
    *memory += pages * page / f64::from(1 << 20);
    let Ok(threads) = std::fs::read_dir(format!("/proc/{id}/task")) else { return };
    for thread in threads.flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        children.split_whitespace().filter_map(|child| child.parse().ok()).for_each(|child| {
            add_process(child, cpu, memory);
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "100")]
fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

/// Clock ticks of a process and its ended children, and its resident pages.
fn of_stat(stat: &str) -> Option<(u64, u64)> {
    // The name may hold anything, also spaces and parentheses.
    let fields: Vec<u64> =
        stat.rsplit_once(") ")?.1.split(' ').skip(1).map(|field| field.trim().parse().unwrap_or_default()).collect();
    Some((fields.get(10..14)?.iter().sum(), *fields.get(20)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_between_two_moments() {
        let usage = Usage { spawned_ns: 100, looks: vec![(200, 1.0), (400, 5.0)], ..Usage::default() };
        assert_eq!(usage.cpu_between(150, 300), Some(2.5));
        assert_eq!(usage.cpu_between(100, 400), Some(5.0));
        assert_eq!(usage.cpu_between(100, 401), None);
    }

    #[test]
    fn a_stat_line() {
        let line = "42 (a) b (c) S 1 42 42 0 -1 4194304 9 0 0 0 7 5 3 2 20 0 4 0 99 1000000 321 18446744073709551615 1";
        assert_eq!(of_stat(line), Some((17, 321)));
        assert_eq!(of_stat("42 (a"), None);
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert!(of_stat(&own).unwrap().1 > 100);
    }
}
