//! What a run of a scenario is asked to do, complete and printable.

use crate::scenario::{ArrivalProcess, ReplaySpec, Scenario, Think};
use crate::{Rate, Span};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that decides a run of a scenario. `--dry-run` prints it and `run.json` keeps it. It holds no secret: a
/// scenario names the environment variables that hold them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiPlan {
    /// The scenario, with what the command line changed in it. Its seed is set.
    pub scenario: Scenario,
    /// Its load, every default filled in.
    pub load: ApiLoad,
    /// Folder that the scenario's files are looked for in.
    pub base_dir: PathBuf,
    /// Where run directories are made.
    pub output_dir: PathBuf,
    /// Measuring threads.
    pub shards: u32,
}

/// A scenario's load, every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "executor")]
pub enum ApiLoad {
    /// Closed: a number of users that moves along stages, and then is taken away.
    Users {
        /// The stages, from zero users.
        stages: Vec<Stage>,
        /// Time over which the users are taken away at the end.
        ramp_down: Span,
        /// Kept out of the statistics.
        warmup: Span,
        /// What requests under way at the end may still take.
        graceful_stop: Span,
        /// What users do between iterations.
        think: Option<Think>,
    },
    /// Open: arrivals at a rate that moves along stages.
    Rate {
        /// How they are spaced.
        arrivals: Arrivals,
        /// The stages; the first starts from its own rate, each other one from that of the stage before.
        stages: Vec<Stage>,
        /// Iterations under way at a time.
        max_users: u32,
        /// Kept out of the statistics.
        warmup: Span,
        /// What requests under way at the end may still take.
        graceful_stop: Span,
    },
    /// So many iterations shared by so many users.
    Iterations {
        /// In all.
        iterations: u64,
        /// Users.
        users: u32,
        /// The longest it may take.
        duration: Option<Span>,
        /// Kept out of the statistics.
        warmup: Span,
        /// What requests under way at the end may still take.
        graceful_stop: Span,
        /// What users do between iterations.
        think: Option<Think>,
    },
    /// The arrivals of a trace.
    Replay {
        /// The trace.
        replay: ReplaySpec,
        /// Iterations under way at a time.
        max_users: u32,
        /// The longest it may take.
        duration: Option<Span>,
        /// Kept out of the statistics.
        warmup: Span,
        /// What requests under way at the end may still take.
        graceful_stop: Span,
    },
    /// Levels one after another, each a load of its own.
    Sweep {
        /// The levels: each is `Users` or `Rate`.
        levels: Vec<Self>,
        /// Rest between two.
        cool_down: Span,
    },
}

/// One stage: a straight line from where the stage before ended (from 0 at the start of users) to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// How long; zero for a jump.
    pub duration: Span,
    /// Users, or arrivals a second, at its end.
    pub to: f64,
}

/// How arrivals are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Arrivals {
    /// The process.
    pub process: ArrivalProcess,
    /// Shape of the gamma distribution of the gaps; 1 for Poisson.
    pub burstiness: f64,
}

impl ApiLoad {
    /// Time from the start whose requests are kept out of the statistics.
    pub fn warmup(&self) -> Span {
        match self {
            Self::Users { warmup, .. }
            | Self::Rate { warmup, .. }
            | Self::Iterations { warmup, .. }
            | Self::Replay { warmup, .. } => *warmup,
            Self::Sweep { .. } => Span::default(),
        }
    }

    /// The load as a few words, for tables: `50 users`, `10/s`, `1,000 iterations by 8 users`.
    pub fn label(&self) -> String {
        let top = |stages: &[Stage]| stages.iter().map(|stage| stage.to).fold(0.0, f64::max);
        match self {
            Self::Users { stages, .. } => format!("{} users", top(stages)),
            Self::Rate { stages, .. } => Rate((top(stages) * 100.0).round() / 100.0).to_string(),
            Self::Iterations { iterations, users, .. } => format!("{iterations} iterations by {users} users"),
            Self::Replay { replay, .. } => format!("replay of {}", replay.file),
            Self::Sweep { levels, .. } => format!("sweep of {} levels", levels.len()),
        }
    }
}
