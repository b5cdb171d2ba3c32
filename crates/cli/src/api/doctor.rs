//! `doctor`: this machine's limits, and with `--calibrate` how fast and how exact the generator is on it.

use super::level::{LevelResult, LoadSetup, run_level};
use super::prepare::Source;
use super::session::ephemeral_ports;
use super::sink::SinkOptions;
use crate::args::{DoctorArgs, OutputArgs};
use crate::console::Console;
use crate::exit::{CliError, Exit};
use plimsoll_engine::{Pacer, StopSignal, shard};
use plimsoll_lab::cache_dir;
use plimsoll_mock::{Latency, Mock, MockConfig, Tokens};
use plimsoll_model::{Clock, Metric};
use plimsoll_results::HostFacts;
use plimsoll_scenario::Overrides;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

const FILE: &str = "calibration.json";
/// Descriptors below which a load of some thousand users fails.
const FEW_FILES: u64 = 10_000;
/// Ports below which the same is true.
const FEW_PORTS: u64 = 20_000;
/// Timers later than this (99th percentile, in microseconds) make arrivals inexact.
const LATE_TIMER_US: f64 = 1_000.0;

/// One look at the machine.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    value: String,
    /// What to do, when this may spoil a run.
    advice: Option<String>,
}

/// How fast and how exact the generator is on this machine, against a server that knows the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calibration {
    /// Version of the program that measured.
    pub version: String,
    /// RFC 3339, UTC.
    pub at: String,
    /// The machine.
    pub host: HostFacts,
    /// Requests a second of one measuring thread, closed, 64 connections, a small answer; the server took a core too.
    pub most_rps: f64,
    /// CPU time of the measuring thread per request, in microseconds.
    pub cpu_us_per_request: f64,
    /// Send lag at 1,000 arrivals a second, in microseconds: median and 99th percentile.
    pub send_lag_us_at_1k: (f64, f64),
    /// The same at 10,000 a second.
    pub send_lag_us_at_10k: (f64, f64),
    /// Reported minus true time to first token over 100 streams, in microseconds: at the median and at the 99th
    /// percentile.
    pub ttft_error_us: (f64, f64),
    /// The same of the gaps between tokens.
    pub itl_error_us: (f64, f64),
}

impl Calibration {
    /// The last one of this machine, if there is one.
    pub(crate) fn last() -> Option<Self> {
        let bytes = std::fs::read(cache_dir().ok()?.join(FILE)).ok()?;
        let calibration: Self = serde_json::from_slice(&bytes).ok()?;
        (calibration.host == HostFacts::read()).then_some(calibration)
    }

    /// One line for reports.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "this machine was calibrated on {}: at most {:.0} requests/s a thread, send lag p99 {:.0} µs at 1,000/s, \
             time to first token {:+.0} µs at p99",
            self.at.split('T').next().unwrap_or_default(),
            self.most_rps,
            self.send_lag_us_at_1k.1,
            self.ttft_error_us.1
        )
    }

    fn keep(&self) -> Result<(), CliError> {
        let folder = cache_dir().map_err(CliError::internal)?;
        let text = serde_json::to_vec_pretty(self).map_err(CliError::internal)?;
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(folder.join(FILE), text))
            .map_err(|error| CliError::internal(format!("{}: {error}", folder.join(FILE).display())))
    }
}

/// Looks at the machine; measures if asked to.
pub(crate) fn run(args: &DoctorArgs, console: &Console) -> Result<Exit, CliError> {
    let findings = findings()?;
    let calibration = if args.calibrate {
        console.note("Calibrating against a stand-in server on this machine; this takes about 15 s …");
        let calibration = calibrate()?;
        calibration.keep()?;
        Some(calibration)
    } else {
        Calibration::last()
    };
    if args.json {
        let all = serde_json::json!({ "findings": findings, "calibration": calibration });
        console.json(&serde_json::to_string_pretty(&all).map_err(CliError::internal)?);
        return Ok(Exit::Ok);
    }
    for Finding { what, value, advice } in &findings {
        let mark = if advice.is_none() { "✓" } else { "!" };
        console.result(&format!("{mark} {what:<28} {value}"));
        if let Some(advice) = advice {
            console.result(&format!("    {advice}"));
        }
    }
    match &calibration {
        Some(calibration) => show(calibration, console),
        None => console.result("\nNot calibrated yet; plimsoll doctor --calibrate measures how exact this machine is."),
    }
    Ok(Exit::Ok)
}

fn show(calibration: &Calibration, console: &Console) {
    console.result(&format!("\nCalibration of {} (plimsoll {})", calibration.at, calibration.version));
    let pair = |(p50, p99): (f64, f64)| format!("p50 {p50:+.0} µs, p99 {p99:+.0} µs");
    for (what, value) in [
        ("greatest rate", format!("{:.0} requests/s on one measuring thread", calibration.most_rps)),
        ("CPU per request", format!("{:.1} µs of the measuring thread", calibration.cpu_us_per_request)),
        ("send lag at 1,000/s", pair(calibration.send_lag_us_at_1k)),
        ("send lag at 10,000/s", pair(calibration.send_lag_us_at_10k)),
        ("error of TTFT, 100 streams", pair(calibration.ttft_error_us)),
        ("error of ITL, 100 streams", pair(calibration.itl_error_us)),
    ] {
        console.result(&format!("  {what:<28} {value}"));
    }
}

fn findings() -> Result<Vec<Finding>, CliError> {
    let files = shard::raise_descriptor_limit();
    let ports = ephemeral_ports();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (p50, p99) = timer_lag()?;
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let load = read("/proc/loadavg").split(' ').next().and_then(|load| load.parse::<f64>().ok());
    let mut findings = vec![
        Finding {
            what: "open files",
            value: files.to_string(),
            advice: (files < FEW_FILES).then(|| {
                "each user needs one; raise the hard limit (ulimit -Hn, limits.conf, LimitNOFILE=)".to_owned()
            }),
        },
        Finding {
            what: "cores",
            value: cores.to_string(),
            advice: (cores < 2)
                .then(|| "a target on this machine takes its CPU time from the load generator".to_owned()),
        },
        Finding {
            what: "timer lag",
            value: format!("p50 {p50:.0} µs, p99 {p99:.0} µs"),
            advice: (p99 > LATE_TIMER_US)
                .then(|| "arrivals will be late: the machine is busy, or its timers are coarse".to_owned()),
        },
    ];
    if let Some(ports) = ports {
        findings.push(Finding {
            what: "ports to one address",
            value: ports.to_string(),
            advice: (ports < FEW_PORTS)
                .then(|| "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\" gives more".to_owned()),
        });
    }
    if let Some(load) = load {
        findings.push(Finding {
            what: "load average",
            value: format!("{load:.2}"),
            advice: (load > cores as f64 * 0.5)
                .then(|| "other programs are busy on this machine; figures will be noisy".to_owned()),
        });
    }
    let clock = read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    if !clock.trim().is_empty() {
        findings.push(Finding {
            what: "clock source",
            value: clock.trim().to_owned(),
            advice: (!matches!(clock.trim(), "tsc" | "arch_sys_counter" | "kvm-clock" | "hyperv_clocksource_tsc_page"))
                .then(|| "reading this clock is slow; each time stamp costs a system call".to_owned()),
        });
    }
    Ok(findings)
}

/// How late the pacer wakes, in microseconds: median and 99th percentile of 500 waits of a millisecond.
fn timer_lag() -> Result<(f64, f64), CliError> {
    let thread = shard::spawn(|| async {
        let clock = Clock::start();
        let mut pacer = Pacer::new(clock, 1000.0)?;
        let mut lags = Vec::with_capacity(500);
        for step in 1..=500u32 {
            let due = Duration::from_millis(1) * step;
            pacer.until(due).await;
            lags.push((clock.now() - due).as_secs_f64() * 1e6);
        }
        Ok::<_, std::io::Error>(lags)
    })
    .map_err(CliError::internal)?;
    let mut lags =
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(CliError::internal)?;
    let lag = plimsoll_stats::Distribution::of(&mut lags).ok_or_else(|| CliError::internal("no timer"))?;
    Ok((lag.p50, lag.p99))
}

fn calibrate() -> Result<Calibration, CliError> {
    let server = |config: MockConfig| Mock::start(config).map_err(CliError::internal);
    let plain = server(MockConfig::on_free_port())?;
    let health = |load: &str| {
        measure(&format!(
            "[target]\nurl = \"http://{}\"\n[[request]]\npath = \"/health\"\n[load]\n{load}\n",
            plain.address()
        ))
    };
    let closed = health("executor = \"users\"\nusers = 64\nspawn_rate = 1000\nduration = \"3s\"\nwarmup = \"500ms\"")?;
    let requests = (closed.fold.ok() + closed.fold.failed()).max(1) as f64;
    let seconds = closed.elapsed.as_secs_f64();
    let busy: f64 = closed.health.iter().map(|health| health.shard_busy).sum();
    let lag = |rate: u32| -> Result<(f64, f64), CliError> {
        let open = health(&format!(
            "executor = \"rate\"\nrate = {rate}\narrival = \"constant\"\nduration = \"2s\"\nmax_users = 500"
        ))?;
        let lag = open.health.first().map(|health| health.send_lag).unwrap_or_default();
        Ok((lag.p50_ms * 1e3, lag.p99_ms * 1e3))
    };
    let (send_lag_us_at_1k, send_lag_us_at_10k) = (lag(1_000)?, lag(10_000)?);
    drop(plain);

    let mut config = MockConfig::on_free_port();
    (config.ttft, config.itl, config.tokens) = (Latency::millis(50), Latency::millis(10), Tokens::Fixed(64));
    let streams = server(config)?;
    let streamed = measure(&format!(
        "[target]\nurl = \"http://{}\"\n[[request]]\napi = \"chat\"\nmodel = \"mock\"\nprompt = \"Hello\"\n\
         [load]\nexecutor = \"users\"\nusers = 100\nspawn_rate = 100\nduration = \"5s\"\n",
        streams.address()
    ))?;
    let truth = streams.stop();
    let error = |metric, truth: &plimsoll_mock::Quantiles| {
        let ours = |q| streamed.fold.quantile(None, metric, q).unwrap_or(f64::NAN) * 1e3;
        (ours(0.5) - truth.p50, ours(0.99) - truth.p99)
    };
    Ok(Calibration {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        host: HostFacts::read(),
        most_rps: requests / seconds,
        cpu_us_per_request: busy * seconds * 1e6 / requests,
        send_lag_us_at_1k,
        send_lag_us_at_10k,
        ttft_error_us: error(Metric::Ttft, &truth.ttft_us),
        itl_error_us: error(Metric::Itl, &truth.itl_us),
    })
}

/// Runs a scenario and keeps nothing but its figures.
fn measure(scenario: &str) -> Result<LevelResult, CliError> {
    let scenario = plimsoll_scenario::parse(scenario, "calibration").map_err(CliError::internal)?;
    let source = Source::of_command_line(scenario);
    let prepared = source.prepare(source.plan(&Overrides::default(), &OutputArgs::nowhere())?)?;
    let (events, _) = tokio::sync::mpsc::unbounded_channel();
    let setup = LoadSetup {
        planned: prepared.planned.clone(),
        redactor: prepared.redactor.clone(),
        clock: Clock::start(),
        stop: StopSignal::default(),
        events,
        shards: 1,
        seed: 1,
        timeout: prepared.timeout,
        trace: Arc::clone(&prepared.trace),
        counter: None,
        taps: crate::tap::Taps::default(),
    };
    let options = SinkOptions {
        dir: None,
        warmup: prepared.plan.load.warmup().0,
        objectives: prepared.plan.scenario.objectives,
        aborting: Vec::new(),
    };
    run_level(&setup, &prepared.plan.load, options)
}
