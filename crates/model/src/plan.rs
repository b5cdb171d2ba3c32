//! What a run is asked to do, complete and printable.

use crate::{Secret, Threshold, Variable, variable};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Everything that decides a run. `--dry-run` prints it and `run.json` keeps it; secrets serialise as `***`.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// What is put under load.
    pub target: Target,
    /// Which endpoint, as `/name`; the app's first named one when absent.
    pub api_name: Option<String>,
    /// How much load, when.
    pub load: LoadProfile,
    /// Rounds of two users before the first tier, measured but kept out of the statistics.
    pub warmup_rounds: u32,
    /// How long a user keeps its session.
    pub session: SessionScope,
    /// Page loads, uploads and downloads beside the predictions.
    pub mixed_traffic: bool,
    /// Limit for one request, in seconds; `null` for the default of max(120, 5 × users).
    #[serde(serialize_with = "opt_seconds")]
    pub request_timeout: Option<Duration>,
    /// Seed of every random choice.
    pub seed: u64,
    /// Inputs to send, instead of made-up ones.
    pub sidecar: Option<PathBuf>,
    /// Folder with files for image, audio, video and file inputs; `null` for the built-in ones.
    pub sample_inputs: Option<PathBuf>,
    /// Credentials for an app with `launch(auth=…)`.
    pub auth: Option<Login>,
    /// Headers sent with every request.
    pub headers: Vec<(String, Secret)>,
    /// Cookies sent with every request.
    pub cookies: Vec<(String, Secret)>,
    /// Rules that the tiers must meet.
    pub thresholds: Vec<Threshold>,
    /// Where run directories are made.
    pub output_dir: PathBuf,
}

impl Plan {
    /// Every secret of the plan, for [`crate::Redactor`]. A URL's password counts.
    pub fn secrets(&self) -> Vec<Secret> {
        let mut secrets: Vec<Secret> =
            self.headers.iter().chain(&self.cookies).map(|(_, value)| value.clone()).collect();
        // `Authorization: Bearer abc`: a server may echo the token without the word before it.
        let words: Vec<Secret> =
            secrets.iter().flat_map(|value| value.expose().split_whitespace().skip(1).map(Secret::new)).collect();
        secrets.extend(words);
        if let Some(login) = &self.auth {
            secrets.push(login.password.clone());
        }
        if let Target::LocalApp(app) = &self.target {
            secrets
                .extend(app.env.iter().filter(|variable| variable.is_secret()).map(|variable| variable.value.clone()));
        }
        secrets
    }

    /// The limit for one request at this number of users: hf-perftest's rule unless one was given.
    pub fn request_timeout_for(&self, users: u32) -> Duration {
        self.request_timeout.unwrap_or_else(|| Duration::from_secs_f64((f64::from(users) * 5.0).max(120.0)))
    }
}

/// What is put under load.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Target {
    /// An app that we start.
    LocalApp(LocalApp),
    /// An app that already runs.
    Url {
        /// Its address, as the user gave it.
        url: String,
    },
}

/// An app that we start, and how.
#[derive(Debug, Clone, Serialize)]
pub struct LocalApp {
    /// Which app.
    pub source: AppSource,
    /// Which Gradio it runs with.
    pub gradio: GradioSpec,
    /// The Python to run it with; `null` for an environment of our own.
    pub python: Option<PathBuf>,
    /// First port to try.
    pub port: u16,
    /// Concurrency limit handed to the app.
    pub concurrency_limit: ConcurrencyLimit,
    /// `GRADIO_MAX_THREADS`.
    pub max_threads: u32,
    /// `GRADIO_NUM_WORKERS`, when more than 1.
    pub num_workers: u32,
    /// Whether nginx stands in front.
    pub nginx: bool,
    /// Leave the app running at the end.
    pub keep: bool,
    /// More variables for its environment.
    #[serde(serialize_with = "variable::serialize", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<Variable>,
}

/// Which app to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AppSource {
    /// One of ours, by name.
    Builtin(String),
    /// The user's own file.
    File(PathBuf),
}

/// Which Gradio an app runs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GradioSpec {
    /// The version that this release of Plimsoll was tested with.
    Pinned,
    /// A released version.
    Version(String),
    /// A wheel file.
    Wheel(PathBuf),
    /// A source tree (or any folder that pip can install).
    Source(PathBuf),
}

/// `GRADIO_CONCURRENCY_LIMIT`: how many calls of one function the app runs at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcurrencyLimit {
    /// At most this many.
    At(u32),
    /// No limit of its own.
    None,
}

/// How much load, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum LoadProfile {
    /// Closed: each tier is a number of users, one tier after another.
    Tiers {
        /// Users of each tier.
        tiers: Vec<u32>,
        /// What each user does in a tier.
        repeat: Repeat,
        /// How the users of a round start.
        arrival: Arrival,
    },
}

/// How long a tier goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// So many rounds; a round ends when its last user is done.
    Rounds(u32),
    /// Each user again and again without waiting for the others, for this long (seconds).
    #[serde(serialize_with = "seconds", deserialize_with = "from_seconds")]
    For(Duration),
}

/// How the users of a round start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// All together.
    Burst,
    /// Spread uniformly over half a second, drawn anew for each user and round.
    Wave,
}

/// How long a user keeps its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionScope {
    /// One session for a user's life in a tier, as a browser tab has.
    PerUser,
    /// A new one for every request, as hf-perftest has.
    PerRequest,
}

/// Credentials for `launch(auth=…)`.
#[derive(Debug, Clone, Serialize)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password.
    pub password: Secret,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn from_seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn opt_seconds<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => seconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}
