//! The command line as typed. What it means is decided in `plan`.

use crate::ab::args::AbArgs;
use crate::args_export::{ExportArgs, TelemetryArgs};
use crate::compare::args::{CompareArgs, HistoryArgs};
use crate::init::InitArgs;
use crate::live::LiveArgs;
use crate::oneliner::{ChatArgs, HttpArgs, TaskArgs};
use crate::report_args::ReportArgs;
use crate::skill::SkillTarget;
use clap::{Args, Parser, Subcommand, ValueEnum};
use plimsoll_mock::MockArgs;
use plimsoll_model::{ConcurrencyLimit, Rate, Secret, Span};
use std::path::PathBuf;
use std::time::Duration;

/// Load-tests and benchmarks what AI teams serve.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put load on a Gradio app, or on what a scenario file names, and measure what its users experience
    Run(Box<RunArgs>),
    /// Put load on a Hugging Face inference task
    Task(Box<OneLiner<TaskArgs>>),
    /// Put load on the chat of an OpenAI-compatible server
    Chat(Box<OneLiner<ChatArgs>>),
    /// Put load on any HTTP address
    Http(Box<OneLiner<HttpArgs>>),
    /// Find the load line: the highest load at which the thresholds of a scenario hold
    Capacity(Box<CapacityArgs>),
    /// Make report.html of a run again from its samples, also of one that was killed
    Report(PageArgs),
    /// Write the samples of a run as one flat table: CSV, JSON or Parquet
    Export(ExportArgs),
    /// Compare two variants of an app on this machine, run next to each other in pairs
    Ab(Box<AbArgs>),
    /// Compare runs that were made earlier
    Compare(CompareArgs),
    /// Find where figures changed over many runs
    History(HistoryArgs),
    /// Write a commented scenario to start from
    Init(InitArgs),
    /// Send one request of each name of a scenario and show it with its answer
    Check(CheckArgs),
    /// Print the JSON schema of scenario files
    ScenarioSchema,
    /// Run a stand-in inference server, for demonstrations, tests and calibration
    Mock(Box<MockArgs>),
    /// Look at this machine's limits; with --calibrate, measure how exact it is
    Doctor(DoctorArgs),
    /// List the built-in apps
    ListApps,
    /// Print what a result directory holds
    ResultSchema,
    /// Write a skill or rules file for AI coding tools into this folder
    InstallSkill {
        /// Which tools; all when none is named
        #[arg(value_enum)]
        targets: Vec<SkillTarget>,
    },
}

/// A command line that stands for a scenario.
#[derive(Debug, Args)]
#[command(next_line_help = false)]
pub(crate) struct OneLiner<T: Args> {
    #[command(flatten)]
    pub what: T,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Where the results go, and what is shown of them.
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputArgs {
    /// Folder in which a folder for this run is made
    #[arg(long, default_value = "benchmark_results", value_name = "DIR")]
    pub output_dir: PathBuf,

    /// Measuring threads; one carries some 50,000 requests a second
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub shards: u32,

    /// Show the result alone: no progress
    #[arg(long)]
    pub quiet: bool,

    /// Print summary.json instead of tables
    #[arg(long)]
    pub json: bool,

    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Leave no report.html (`report` makes it later)
    #[arg(long)]
    pub no_report: bool,

    /// End with 0 whatever the thresholds say
    #[arg(long)]
    pub exit_zero: bool,

    #[command(flatten)]
    pub live: LiveArgs,

    #[command(flatten)]
    pub reports: ReportArgs,

    #[command(flatten)]
    pub telemetry: TelemetryArgs,
}

impl OutputArgs {
    /// For what writes no results.
    pub(crate) fn nowhere() -> Self {
        Self {
            output_dir: PathBuf::new(),
            shards: 1,
            quiet: true,
            json: false,
            dry_run: false,
            no_report: true,
            exit_zero: false,
            telemetry: TelemetryArgs::default(),
            live: LiveArgs::default(),
            reports: ReportArgs::default(),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Directory of a run, or of an A/B experiment; more of them are shown behind the first
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,

    /// Write the report to this file, in place of report.html in the directory of the first run
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Print the data of the page as JSON; the page itself is only made with --output
    #[arg(long)]
    pub json: bool,

    /// Show the report in a browser
    #[arg(long)]
    pub open: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Scenario file
    pub scenario: PathBuf,

    /// In place of the scenario's address
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// Only requests of this name; may be repeated
    #[arg(long, value_name = "NAME")]
    pub request: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Also measure: the greatest rate, how late requests are sent, how exact time stamps are
    #[arg(long)]
    pub calibrate: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(next_line_help = false)]
pub(crate) struct CapacityArgs {
    /// Scenario file
    pub scenario: PathBuf,

    /// In place of the scenario's address
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// What is raised: arrivals a second, or users
    #[arg(long, value_enum, default_value_t = Raise::Rate)]
    pub by: Raise,

    /// First rate (a second) or number of users
    #[arg(long, default_value_t = 1.0, value_name = "N", value_parser = parse_positive)]
    pub start: f64,

    /// Highest rate or number of users to try
    #[arg(long, default_value_t = 10_000.0, value_name = "N", value_parser = parse_positive)]
    pub max: f64,

    /// How long each load is held; its first fifth is kept out of the figures
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = parse_duration)]
    pub window: Duration,

    /// Rest between two windows, after all requests of the one before are over
    #[arg(long, default_value = "2s", value_name = "TIME", value_parser = parse_duration)]
    pub cool_down: Duration,

    /// How close the answer must be, in percent
    #[arg(long, default_value_t = 2.0, value_name = "PERCENT", value_parser = parse_positive)]
    pub precision: f64,

    /// Rule that must hold, beside the scenario's; may be repeated
    #[arg(long, value_name = "RULE")]
    pub threshold: Vec<String>,

    /// Seed of every random choice
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Raise {
    Rate,
    Users,
}

/// What a warm-up is: rounds for a Gradio app, a time for a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warmup {
    Rounds(u32),
    Time(Duration),
}

#[derive(Debug, Args)]
#[command(next_line_help = false)]
pub(crate) struct RunArgs {
    /// Scenario file, in place of a Gradio app
    #[arg(value_name = "SCENARIO", conflicts_with_all = ["app", "tiers", "requests_per_user", "duration", "mode", "concurrency_limit", "max_threads", "mixed_traffic", "num_workers", "nginx", "port", "api_name", "gradio", "python", "sidecar", "sample_inputs", "auth", "header", "cookie", "session", "keep_app"])]
    pub scenario: Option<PathBuf>,

    /// Built-in app (see list-apps) or path of your own app file
    #[arg(long, value_name = "NAME|PATH", required_unless_present_any = ["url", "scenario"], conflicts_with = "url")]
    pub app: Option<String>,

    /// Address of an app that already runs, path included; with a scenario, in place of its address
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// Scenario: number of users
    #[arg(long, value_name = "N", requires = "scenario", value_parser = clap::value_parser!(u32).range(1..))]
    pub users: Option<u32>,

    /// Scenario: users started a second
    #[arg(long, value_name = "RATE", requires = "scenario")]
    pub spawn_rate: Option<Rate>,

    /// Scenario: how long the load lasts
    #[arg(long, value_name = "TIME", requires = "scenario")]
    pub run_time: Option<Span>,

    /// Scenario: iterations started a second
    #[arg(long, value_name = "RATE", requires = "scenario")]
    pub rate: Option<Rate>,

    /// Scenario: most iterations under way at a time, at a rate
    #[arg(long, value_name = "N", requires = "scenario", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_users: Option<u32>,

    /// Scenario: iterations in all
    #[arg(long, value_name = "N", requires = "scenario")]
    pub iterations: Option<u64>,

    /// Rule that must hold, for example 'p(95) < 800ms', 'tier 10: rate(failed) < 1%' or (scenario) 'NAME: rps > 5'; may
    /// be repeated
    #[arg(long, value_name = "RULE")]
    pub threshold: Vec<String>,

    /// The same, and the run ends as soon as it is broken; may be repeated
    #[arg(long, value_name = "RULE")]
    pub threshold_abort: Vec<String>,

    /// Numbers of simultaneous users, one tier after another
    #[arg(long, default_value = "1,10,100", value_name = "N,N,…", value_parser = parse_tiers)]
    pub tiers: Tiers,

    /// Rounds of each tier: every user sends one request per round
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub requests_per_user: u32,

    /// Instead of rounds: let each user of a tier go on by itself for this long (30s, 2m, 1h)
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "requests_per_user")]
    pub duration: Option<Duration>,

    /// How the users of a round start: all together, or spread over half a second
    #[arg(long, value_enum, default_value_t = Mode::Burst)]
    pub mode: Mode,

    /// Concurrency limit handed to the app
    #[arg(long, default_value = "1", value_name = "N|none", value_parser = parse_limit, conflicts_with = "url")]
    pub concurrency_limit: ConcurrencyLimit,

    /// Threads of the app (GRADIO_MAX_THREADS)
    #[arg(long, default_value_t = 40, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "url")]
    pub max_threads: u32,

    /// Page loads, uploads and downloads beside the predictions
    #[arg(long)]
    pub mixed_traffic: bool,

    /// Gradio worker processes for static files (GRADIO_NUM_WORKERS)
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256), conflicts_with = "url")]
    pub num_workers: u32,

    /// Put nginx in front of the app and its workers (with --num-workers above 1)
    #[arg(long, conflicts_with = "url")]
    pub nginx: bool,

    /// First port to try for the app
    #[arg(long, default_value_t = 7860, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "url")]
    pub port: u16,

    /// Endpoint to call, as /name (default: the first one the app names)
    #[arg(long, value_name = "NAME")]
    pub api_name: Option<String>,

    /// Gradio to run the app with: a version, a wheel or a source tree (default: the one this release was tested with)
    #[arg(long, value_name = "SPEC", conflicts_with = "url")]
    pub gradio: Option<String>,

    /// Python to run the app with, instead of an environment made for it
    #[arg(long, value_name = "PATH", conflicts_with_all = ["url", "gradio"])]
    pub python: Option<PathBuf>,

    /// JSON file with inputs to send (default: APP.prompts.json beside the app, where there is one)
    #[arg(long, value_name = "FILE")]
    pub sidecar: Option<PathBuf>,

    /// Folder with image/, audio/, video/ … files to upload (default: ./sample-inputs, else built-in ones)
    #[arg(long, value_name = "DIR")]
    pub sample_inputs: Option<PathBuf>,

    /// Login of an app launched with auth=
    #[arg(long, value_name = "USER:PASS", env = "PLIMSOLL_AUTH", hide_env_values = true, value_parser = parse_secret)]
    pub auth: Option<Secret>,

    /// Header of every request; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = parse_secret)]
    pub header: Vec<Secret>,

    /// Cookie of every request; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_secret)]
    pub cookie: Vec<Secret>,

    /// How long a user keeps its Gradio session
    #[arg(long, value_enum, default_value_t = Session::PerUser)]
    pub session: Session,

    /// Kept out of the statistics: rounds of two users before the first tier (default: 3), or the first so many
    /// seconds of a scenario (10s)
    #[arg(long, value_name = "N|TIME", value_parser = parse_warmup)]
    pub warmup: Option<Warmup>,

    /// Limit for one request (default: 5 s per user of the tier, at least 120 s)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub request_timeout: Option<Duration>,

    /// Seed of every random choice (default: drawn, and kept in run.json)
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Leave the app running at the end
    #[arg(long, conflicts_with = "url")]
    pub keep_app: bool,

    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Burst,
    Wave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Session {
    PerUser,
    PerRequest,
}

/// Users of each tier. A type of its own: clap reads a bare `Vec` as a repeated flag.
#[derive(Debug, Clone)]
pub(crate) struct Tiers(pub Vec<u32>);

/// More users than this need more than one machine's ports.
const MOST_USERS: u32 = 25_000;

pub(crate) fn parse_tiers(text: &str) -> Result<Tiers, String> {
    let one = |part: &str| match part.trim().parse::<u32>() {
        Ok(0) => Err("a tier has at least one user".to_owned()),
        Ok(users) if users > MOST_USERS => {
            Err(format!("{users} users are more than one machine can be ({MOST_USERS})"))
        }
        Ok(users) => Ok(users),
        Err(_) => Err(format!("`{}` is not a number of users; write for example 1,10,100", part.trim())),
    };
    text.split(',').map(one).collect::<Result<_, _>>().map(Tiers)
}

pub(crate) fn parse_limit(text: &str) -> Result<ConcurrencyLimit, String> {
    match text {
        "none" => Ok(ConcurrencyLimit::None),
        _ => match text.parse() {
            Ok(limit) if limit > 0 => Ok(ConcurrencyLimit::At(limit)),
            _ => Err("give a number from 1, or `none` for no limit".to_owned()),
        },
    }
}

/// As [`Span`], and longer than nothing.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let span: Span = text.parse()?;
    if span.0.is_zero() { Err("this time must be longer than nothing".to_owned()) } else { Ok(span.0) }
}

pub(crate) fn parse_warmup(text: &str) -> Result<Warmup, String> {
    match text.parse::<u32>() {
        Ok(rounds) => Ok(Warmup::Rounds(rounds)),
        Err(_) => text.parse::<Span>().map(|time| Warmup::Time(time.0)),
    }
}

fn parse_positive(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|n| n.is_finite() && *n > 0.0)
        .ok_or_else(|| format!("`{text}` is not a number above 0"))
}

/// Secrets are taken as they are and read later: clap would print a value that it cannot parse.
pub(crate) fn parse_secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers() {
        assert_eq!(parse_tiers("1, 10,100").unwrap().0, [1, 10, 100]);
        for text in ["", "0", "1,,2", "1,x", "-1", "99999999999", "30000"] {
            assert!(parse_tiers(text).is_err(), "{text}");
        }
    }
}
