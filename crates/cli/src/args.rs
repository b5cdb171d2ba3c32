//! The command line as typed. What it means is decided in `plan`.

use crate::skill::SkillTarget;
use clap::{Args, Parser, Subcommand, ValueEnum};
use plimsoll_model::{ConcurrencyLimit, Secret};
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
    /// Put load on a Gradio app and measure what its users experience
    Run(Box<RunArgs>),
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

#[derive(Debug, Args)]
#[command(next_line_help = false)]
pub(crate) struct RunArgs {
    /// Built-in app (see list-apps) or path of your own app file
    #[arg(long, value_name = "NAME|PATH", required_unless_present = "url", conflicts_with = "url")]
    pub app: Option<String>,

    /// Address of an app that already runs, path included
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

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

    /// Folder in which a folder for this run is made
    #[arg(long, default_value = "benchmark_results", value_name = "DIR")]
    pub output_dir: PathBuf,

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

    /// Rounds of two users before the first tier, kept out of the statistics
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub warmup: u32,

    /// Limit for one request (default: 5 s per user of the tier, at least 120 s)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub request_timeout: Option<Duration>,

    /// Seed of every random choice (default: drawn, and kept in run.json)
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Leave the app running at the end
    #[arg(long, conflicts_with = "url")]
    pub keep_app: bool,

    /// Show the result alone: no progress, no lines of the app
    #[arg(long)]
    pub quiet: bool,

    /// Print summary.json instead of tables
    #[arg(long)]
    pub json: bool,

    /// Print what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
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

fn parse_tiers(text: &str) -> Result<Tiers, String> {
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

fn parse_limit(text: &str) -> Result<ConcurrencyLimit, String> {
    match text {
        "none" => Ok(ConcurrencyLimit::None),
        _ => match text.parse() {
            Ok(limit) if limit > 0 => Ok(ConcurrencyLimit::At(limit)),
            _ => Err("give a number from 1, or `none` for no limit".to_owned()),
        },
    }
}

/// `500ms`, `30s`, `1.5m`, `1h 30m`; a bare number is seconds.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time; write for example 500ms, 30s, 2m or 1h");
    let duration = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?,
        Err(_) => {
            let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
            Duration::try_from(span).map_err(|_| wrong())?
        }
    };
    // A year is longer than any test, and far from where clocks overflow.
    if duration.is_zero() || duration > Duration::from_secs(366 * 86_400) { Err(wrong()) } else { Ok(duration) }
}

/// Secrets are taken as they are and read later: clap would print a value that it cannot parse.
fn parse_secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [("30s", 30_000), ("500ms", 500), ("1.5m", 90_000), ("2", 2_000), ("1h 30m", 5_400_000)] {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["", "0", "-3s", "soon", "1e30", "nan"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tiers() {
        assert_eq!(parse_tiers("1, 10,100").unwrap().0, [1, 10, 100]);
        for text in ["", "0", "1,,2", "1,x", "-1", "99999999999", "30000"] {
            assert!(parse_tiers(text).is_err(), "{text}");
        }
    }
}
