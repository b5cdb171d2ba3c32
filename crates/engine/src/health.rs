//! The generator watches itself: what it costs, how late it is, whether its figures can be trusted.

use crate::{Recorder, Tally};
use plimsoll_model::{Health, LagSummary, Limit};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::{Duration, Instant};

/// Send lag beyond which the generator is blamed: 5 ms, or a tenth of the median latency where that is less. One
/// hundredth of the median is always allowed: a burst of 100 users takes some milliseconds to leave through one
/// network stack, which says nothing about latencies of a second, each measured from its own send.
const MOST_LAG_MS: f64 = 5.0;
const MOST_LAG_SHARE: f64 = 0.1;
const LEAST_LAG_SHARE: f64 = 0.01;
/// Less than this is never blamed: no timer of a busy machine is finer, and the lag stands in every report.
const LEAST_LAG_MS: f64 = 0.5;
/// Share of a core beyond which the measuring thread is blamed.
const MOST_BUSY: f64 = 0.8;

/// Measures from its start to its end. Start it on the measuring thread.
pub struct HealthProbe {
    started: Instant,
    thread_cpu: Duration,
    process_cpu: Duration,
    machine: Option<MachineTime>,
}

impl HealthProbe {
    /// Starts to measure.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            thread_cpu: cpu(ClockId::ThreadCPUTime),
            process_cpu: cpu(ClockId::ProcessCPUTime),
            machine: MachineTime::now(),
        }
    }

    /// The figures since the start.
    pub fn finish(&self, tally: &Tally, lag: LagSummary, p50_ms: Option<f64>) -> Health {
        let elapsed = self.started.elapsed().as_secs_f64().max(1e-9);
        let process = cpu(ClockId::ProcessCPUTime).saturating_sub(self.process_cpu);
        let mut health = Health {
            send_lag: lag,
            shard_busy: cpu(ClockId::ThreadCPUTime).saturating_sub(self.thread_cpu).as_secs_f64() / elapsed,
            cpu_ms_per_request: process.as_secs_f64() * 1e3 / (tally.requests.max(1) as f64),
            steal: self.machine.and_then(|before| before.steal_until(MachineTime::now()?)),
            open_files: tally.open_files.max(open_files()),
            open_files_limit: open_files_limit(),
            lost_samples: tally.lost,
            reconnects: tally.reconnects,
            limits_passed: Vec::new(),
        };
        health.limits_passed = limits_passed(&health, p50_ms);
        health
    }
}

fn limits_passed(health: &Health, p50_ms: Option<f64>) -> Vec<Limit> {
    let mut passed = Vec::new();
    let mut add = |name: &str, message: String| passed.push(Limit { name: name.to_owned(), message });
    let lag = health.send_lag.p99_ms;
    let most = p50_ms.map_or(MOST_LAG_MS, |p50| {
        (MOST_LAG_SHARE * p50).min(MOST_LAG_MS).max(LEAST_LAG_SHARE * p50).max(LEAST_LAG_MS)
    });
    if lag > most {
        add(
            "send_lag",
            format!("requests were sent up to {lag:.1} ms late (p99); {most:.1} ms is the most at this latency"),
        );
    }
    if health.shard_busy > MOST_BUSY {
        let busy = 100.0 * health.shard_busy;
        add(
            "shard_busy",
            format!(
                "the measuring thread was {busy:.0} % busy; beyond {:.0} % it delays what it measures",
                100.0 * MOST_BUSY
            ),
        );
    }
    if health.lost_samples > 0 {
        let lost = health.lost_samples;
        add("lost_samples", format!("{lost} samples could not be written in time and are missing"));
    }
    passed
}

fn cpu(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Descriptors that are open now; 0 where the system does not tell.
pub(crate) fn open_files() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}

/// How many descriptors may be open.
pub(crate) fn open_files_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Jiffies of the whole machine since boot (`proc_stat(5)`).
#[derive(Debug, Clone, Copy)]
struct MachineTime {
    total: u64,
    steal: u64,
}

impl MachineTime {
    fn now() -> Option<Self> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let fields: Vec<u64> =
            text.lines().next()?.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal; guest time is part of user time.
        Some(Self { total: fields.iter().take(8).sum(), steal: *fields.get(7)? })
    }

    fn steal_until(self, later: Self) -> Option<f64> {
        let total = later.total.checked_sub(self.total).filter(|total| *total > 0)?;
        Some(later.steal.saturating_sub(self.steal) as f64 / total as f64)
    }
}

/// Watches a tier once a second until dropped: progress for those who look, batches to the writer.
pub(crate) struct Ticker(tokio::task::JoinHandle<()>);

impl Ticker {
    pub(crate) fn start(recorder: std::rc::Rc<Recorder>, events: crate::EventSink) -> Self {
        Self(tokio::task::spawn_local(async move {
            let mut every = tokio::time::interval(Duration::from_secs(1));
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            every.tick().await;
            loop {
                every.tick().await;
                recorder.flush();
                let (ok, failed, p50_ms) = recorder.progress();
                // Nobody listens any more: nothing to tell.
                let _ = events.send(crate::RunEvent::Progress { ok, failed, p50_ms });
            }
        }))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        let with = |p99_ms, shard_busy, lost_samples, p50| {
            let send_lag = LagSummary { p99_ms, ..LagSummary::default() };
            let health = Health { send_lag, shard_busy, lost_samples, ..Health::default() };
            limits_passed(&health, Some(p50)).into_iter().map(|limit| limit.name).collect::<Vec<_>>()
        };
        assert!(with(0.5, 0.3, 0, 6.0).is_empty());
        assert_eq!(with(0.7, 0.3, 0, 6.0), ["send_lag"], "more than a tenth of the median");
        assert_eq!(with(5.1, 0.9, 3, 400.0), ["send_lag", "shard_busy", "lost_samples"]);
        assert!(with(8.6, 0.1, 0, 1500.0).is_empty(), "less than a hundredth of the median");
    }

    #[test]
    fn cpu_time_is_counted() {
        let probe = HealthProbe::start();
        while cpu(ClockId::ThreadCPUTime) - probe.thread_cpu < Duration::from_millis(10) {}
        let health = probe.finish(&Tally { requests: 2, ..Tally::default() }, LagSummary::default(), None);
        assert!(health.shard_busy > 0.0 && health.cpu_ms_per_request >= 5.0, "{health:?}");
    }
}
