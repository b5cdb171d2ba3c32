//! `ab` as typed.

use crate::args::{Mode, Session, Tiers, Warmup, parse_duration, parse_limit, parse_secret, parse_tiers, parse_warmup};
use crate::compare::args::parse_share;
use crate::report_args::ComparisonReportArgs;
use clap::{Args, ValueEnum};
use plimsoll_model::{ConcurrencyLimit, Secret, Span};
use std::path::PathBuf;
use std::time::Duration;

/// The two arms are alike but for what the flags with --base- and --branch- say.
#[derive(Debug, Args)]
#[command(next_line_help = false)]
pub(crate) struct AbArgs {
    /// Built-in app (see list-apps) or path of your own app file, for both arms
    #[arg(long, value_name = "NAME|PATH", conflicts_with_all = ["base_app", "branch_app"])]
    pub app: Option<String>,

    /// App of the base
    #[arg(long, value_name = "NAME|PATH", requires = "branch_app")]
    pub base_app: Option<String>,

    /// App of the branch
    #[arg(long, value_name = "NAME|PATH", requires = "base_app")]
    pub branch_app: Option<String>,

    /// Address of a base that already runs; it is not paused while the other arm is measured
    #[arg(long, value_name = "URL", requires = "branch_url", conflicts_with_all = ["app", "base_app"])]
    pub base_url: Option<String>,

    /// Address of a branch that already runs
    #[arg(long, value_name = "URL", requires = "base_url")]
    pub branch_url: Option<String>,

    /// Gradio of the base: a version, a wheel or a source tree
    #[arg(long, value_name = "SPEC", conflicts_with_all = ["base_url", "python"])]
    pub base: Option<String>,

    /// Gradio of the branch
    #[arg(long, value_name = "SPEC", conflicts_with_all = ["base_url", "python"])]
    pub branch: Option<String>,

    /// Environment variable of the base's app; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_secret, conflicts_with = "base_url")]
    pub base_env: Vec<Secret>,

    /// Environment variable of the branch's app; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_secret, conflicts_with = "base_url")]
    pub branch_env: Vec<Secret>,

    /// Concurrency limit handed to the base's app
    #[arg(long, value_name = "N|none", value_parser = parse_limit, conflicts_with = "base_url")]
    pub base_concurrency_limit: Option<ConcurrencyLimit>,

    /// Concurrency limit handed to the branch's app
    #[arg(long, value_name = "N|none", value_parser = parse_limit, conflicts_with = "base_url")]
    pub branch_concurrency_limit: Option<ConcurrencyLimit>,

    /// The arms may differ in more than one thing
    #[arg(long)]
    pub allow_many: bool,

    /// Pairs of runs; with --target-mde, the fewest
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub pairs: u32,

    /// Go on until an effect of this size would be seen, whatever the effect is
    #[arg(long, value_name = "PERCENT", value_parser = parse_share)]
    pub target_mde: Option<f64>,

    /// Most pairs, with --target-mde
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_pairs: u32,

    /// Smaller effects do not matter
    #[arg(long, default_value = "5%", value_name = "PERCENT", value_parser = parse_share)]
    pub threshold: f64,

    /// When the servers are started anew
    #[arg(long, value_enum, default_value_t = Restart::Pair)]
    pub restart: Restart,

    /// Rest before each run
    #[arg(long, default_value = "1s", value_name = "TIME")]
    pub pause: Span,

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

    /// Concurrency limit handed to the apps
    #[arg(long, default_value = "1", value_name = "N|none", value_parser = parse_limit, conflicts_with = "base_url")]
    pub concurrency_limit: ConcurrencyLimit,

    /// Threads of each app (GRADIO_MAX_THREADS)
    #[arg(long, default_value_t = 40, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "base_url")]
    pub max_threads: u32,

    /// Page loads, uploads and downloads beside the predictions
    #[arg(long)]
    pub mixed_traffic: bool,

    /// First port to try for the apps
    #[arg(long, default_value_t = 7860, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "base_url")]
    pub port: u16,

    /// Endpoint to call, as /name (default: the first one the app names)
    #[arg(long, value_name = "NAME")]
    pub api_name: Option<String>,

    /// Python to run the apps with, instead of environments made for them
    #[arg(long, value_name = "PATH", conflicts_with = "base_url")]
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

    /// Rounds of two users before the first tier of each run, kept out of the statistics (default: 3)
    #[arg(long, value_name = "N", value_parser = parse_warmup)]
    pub warmup: Option<Warmup>,

    /// Limit for one request (default: 5 s per user of the tier, at least 120 s)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub request_timeout: Option<Duration>,

    /// Seed of the order of the arms and of every input (default: drawn, and kept in ab.json)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=u64::from(u32::MAX)))]
    pub seed: Option<u64>,

    /// Folder in which a folder for this experiment is made
    #[arg(long, default_value = "benchmark_results", value_name = "DIR")]
    pub output_dir: PathBuf,

    /// Show the result alone: no progress
    #[arg(long)]
    pub quiet: bool,

    /// Print comparison.json instead of the table
    #[arg(long)]
    pub json: bool,

    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// End with 0 whatever comes out
    #[arg(long)]
    pub exit_zero: bool,

    #[command(flatten)]
    pub reports: ComparisonReportArgs,
}

/// When the servers are started anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Restart {
    /// For every pair: what a process drew at its start (hash seed, memory layout) then varies as it does in life
    Pair,
    /// Never: both run from the first pair to the last
    Never,
}
