//! What the command line may change in a scenario.

use plimsoll_model::scenario::{Executor, LoadSpec, Problem, Scenario, ThresholdSpec};
use plimsoll_model::{Rate, Scope, Span, split_scope};

/// Values given on the command line, which go before the file's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--url`
    pub url: Option<String>,
    /// `--users`: in place of the file's `users` or `stages`.
    pub users: Option<u32>,
    /// `--spawn-rate`
    pub spawn_rate: Option<Rate>,
    /// `--run-time`: the file's `duration`.
    pub run_time: Option<Span>,
    /// `--rate`: in place of the file's `rate` or `stages`.
    pub rate: Option<Rate>,
    /// `--iterations`
    pub iterations: Option<u64>,
    /// `--warmup`
    pub warmup: Option<Span>,
    /// `--seed`
    pub seed: Option<u64>,
    /// `--threshold`: `RULE`, `NAME: RULE` or `level N: …`, beside the file's.
    pub thresholds: Vec<String>,
    /// `--threshold-abort`: the same, and the run ends when one is broken.
    pub aborting: Vec<String>,
    /// `--max-users`
    pub max_users: Option<u32>,
    /// `--request-timeout`: of all requests that have none of their own.
    pub timeout: Option<Span>,
}

impl Overrides {
    /// Puts the values into the scenario.
    pub(crate) fn apply(&self, scenario: &mut Scenario) -> Result<(), Problem> {
        let load = &mut scenario.load;
        self.check_executor(load.executor)?;
        if self.users.is_some() || self.rate.is_some() {
            replace_stages(load);
        } else if self.run_time.is_some() && !load.stages.is_empty() {
            let level = if load.executor == Executor::Rate { "--rate" } else { "--users" };
            let message = format!(
                "--run-time: the stages of this load say how long it is\n\
                 give {level} too, to have one level in place of the stages"
            );
            return Err(Problem::new("load.stages", message));
        }
        set(&mut load.users, self.users);
        set(&mut load.spawn_rate, self.spawn_rate);
        set(&mut load.duration, self.run_time);
        set(&mut load.rate, self.rate);
        set(&mut load.iterations, self.iterations);
        set(&mut load.warmup, self.warmup);
        set(&mut load.max_users, self.max_users);
        set(&mut scenario.seed, self.seed);
        set(&mut scenario.target.timeout, self.timeout);
        if let Some(url) = &self.url {
            scenario.target.url.clone_from(url);
        }
        scenario.thresholds.extend(threshold_specs(&self.thresholds, &self.aborting));
        Ok(())
    }

    /// An option that the scenario's load has no use for, with the one to use instead.
    fn check_executor(&self, executor: Executor) -> Result<(), Problem> {
        use Executor::{Iterations, Rate, Replay, Sweep, Users};
        let wrong = match executor {
            Users => [
                (self.rate.is_some(), "--rate", "--users"),
                (self.iterations.is_some(), "--iterations", "--run-time"),
                (self.max_users.is_some(), "--max-users", "--users"),
                (false, "", ""),
            ],
            Rate => [
                (self.users.is_some(), "--users", "--rate, or --max-users for the most iterations under way at a time"),
                (self.spawn_rate.is_some(), "--spawn-rate", "--rate"),
                (self.iterations.is_some(), "--iterations", "--run-time"),
                (false, "", ""),
            ],
            Iterations => [
                (self.rate.is_some(), "--rate", "--users and --iterations"),
                (self.spawn_rate.is_some(), "--spawn-rate", "--users: all of them start at once"),
                (self.max_users.is_some(), "--max-users", "--users"),
                (false, "", ""),
            ],
            Replay => [
                (self.users.is_some(), "--users", "--max-users for the most iterations under way at a time"),
                (self.rate.is_some(), "--rate", "`speed` of `replay` in the file"),
                (self.spawn_rate.is_some(), "--spawn-rate", "`speed` of `replay` in the file"),
                (self.iterations.is_some(), "--iterations", "`limit` of `replay` in the file"),
            ],
            Sweep => [
                (self.users.is_some(), "--users", "`sweep_users` in the file"),
                (self.rate.is_some(), "--rate", "`sweep_rates` in the file"),
                (self.spawn_rate.is_some(), "--spawn-rate", "`sweep_users` in the file: a level's users start at once"),
                (self.iterations.is_some(), "--iterations", "--run-time, the time of each level"),
            ],
        };
        match wrong.iter().find(|(given, ..)| *given) {
            Some((_, flag, instead)) => {
                let name = executor_name(executor);
                let message = format!("{flag} does not fit a load with executor = \"{name}\"\nuse {instead}");
                Err(Problem::new("load.executor", message))
            }
            None => Ok(()),
        }
    }

    /// A problem with a value that the command line gave names its option: the file does not hold that value.
    /// `in_file` is the number of thresholds that the file has.
    pub(crate) fn name_flag(&self, problem: Problem, in_file: usize) -> Problem {
        let of_threshold = |at: &str| at.strip_prefix("threshold.")?.split('.').next()?.parse::<usize>().ok();
        let flag = match problem.at.as_str() {
            "target.url" if self.url.is_some() => "--url",
            "load.users" if self.users.is_some() => "--users",
            "load.spawn_rate" if self.spawn_rate.is_some() => "--spawn-rate",
            "load.duration" if self.run_time.is_some() => "--run-time",
            "load.rate" if self.rate.is_some() => "--rate",
            "load.iterations" if self.iterations.is_some() => "--iterations",
            "load.warmup" if self.warmup.is_some() => "--warmup",
            "seed" if self.seed.is_some() => "--seed",
            "load.max_users" if self.max_users.is_some() => "--max-users",
            "target.timeout" if self.timeout.is_some() => "--request-timeout",
            at => match of_threshold(at) {
                Some(index) if index >= in_file + self.thresholds.len() => "--threshold-abort",
                Some(index) if index >= in_file => "--threshold",
                _ => return problem,
            },
        };
        Problem { at: String::new(), message: format!("{flag}: {}", problem.message), ..problem }
    }
}

fn set<T: Copy>(place: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *place = value;
    }
}

/// One level as long as the stages were.
fn replace_stages(load: &mut LoadSpec) {
    if !load.stages.is_empty() {
        let total = load.stages.iter().map(|stage| stage.duration.0).sum();
        load.duration = Some(Span(total));
        load.stages.clear();
    }
}

/// Thresholds as the command line has them: `RULE`, `NAME: RULE`, `level N: …`. A name may hold colons itself.
pub fn threshold_specs<'a>(rules: &'a [String], aborting: &'a [String]) -> impl Iterator<Item = ThresholdSpec> + 'a {
    let spec = |text: &str, abort| {
        let (scope, request, rule) = split_scope(text);
        let (level, request) = match scope {
            Some(Scope::Level(level)) => (Some(level), request.map(str::to_owned)),
            // There are no tiers here: the error says what there is.
            Some(tier) => (None, Some(tier.to_string())),
            None => (None, request.map(str::to_owned)),
        };
        ThresholdSpec { rule: rule.trim().to_owned(), request, level, abort }
    };
    rules.iter().map(move |text| spec(text, false)).chain(aborting.iter().map(move |text| spec(text, true)))
}

/// The executor's word in files.
pub(crate) fn executor_name(executor: Executor) -> &'static str {
    match executor {
        Executor::Users => "users",
        Executor::Rate => "rate",
        Executor::Iterations => "iterations",
        Executor::Replay => "replay",
        Executor::Sweep => "sweep",
    }
}
