//! The `[load]` table, checked against its executor, with its defaults.

use crate::overrides::executor_name;
use plimsoll_model::scenario::{
    ArrivalProcess, DEFAULT_SPAWN_RATE, Executor, LoadSpec, Problem, ReplaySpec, StageSpec, Think,
};
use plimsoll_model::{ApiLoad, Arrivals, Rate, Span, Stage};
use std::time::Duration;

/// More users than this are a mistake, or need more than one machine.
const MOST_USERS: u32 = 100_000;

const DEFAULT_MAX_USERS: u32 = 1_000;
const DEFAULT_GRACEFUL_STOP: Span = Span(Duration::from_secs(30));
const DEFAULT_COOL_DOWN: Span = Span(Duration::from_secs(2));

/// What a scenario's load is, every default filled in.
pub(crate) fn load(spec: &LoadSpec, think: Option<Think>) -> Result<ApiLoad, Problem> {
    check_keys(spec)?;
    check_think(think, spec)?;
    let warmup = spec.warmup.unwrap_or_default();
    let graceful_stop = spec.graceful_stop.unwrap_or(DEFAULT_GRACEFUL_STOP);
    match spec.executor {
        Executor::Users => {
            let stages = user_stages(spec)?;
            check_warmup(warmup, Some(total(&stages)))?;
            Ok(ApiLoad::Users { stages, ramp_down: spec.ramp_down.unwrap_or_default(), warmup, graceful_stop, think })
        }
        Executor::Rate => {
            let stages = rate_stages(spec)?;
            check_warmup(warmup, Some(total(&stages)))?;
            Ok(ApiLoad::Rate { arrivals: arrivals(spec)?, stages, max_users: max_users(spec)?, warmup, graceful_stop })
        }
        Executor::Iterations => {
            let iterations = needed(spec.iterations, "iterations", spec)?;
            if iterations == 0 {
                return Err(problem("iterations", "there must be at least one iteration"));
            }
            let users = in_range(needed(spec.users, "users", spec)?, "load.users")?;
            let duration = limit(spec)?;
            check_warmup(warmup, duration)?;
            Ok(ApiLoad::Iterations { iterations, users, duration, warmup, graceful_stop, think })
        }
        Executor::Replay => {
            let replay = needed(spec.replay.clone(), "replay", spec)?;
            check_replay(&replay)?;
            let duration = limit(spec)?;
            check_warmup(warmup, duration)?;
            Ok(ApiLoad::Replay { replay, max_users: max_users(spec)?, duration, warmup, graceful_stop })
        }
        Executor::Sweep => Ok(ApiLoad::Sweep {
            levels: levels(spec, warmup, graceful_stop, think)?,
            cool_down: spec.cool_down.unwrap_or(DEFAULT_COOL_DOWN),
        }),
    }
}

fn problem(key: &str, message: impl Into<String>) -> Problem {
    Problem::new(format!("load.{key}"), message)
}

/// The keys that an executor has beside `warmup` and `graceful_stop`, which all have.
fn keys(executor: Executor) -> &'static [&'static str] {
    match executor {
        Executor::Users => &["users", "spawn_rate", "duration", "stages", "ramp_down"],
        Executor::Rate => &["rate", "duration", "stages", "arrival", "burstiness", "max_users"],
        Executor::Iterations => &["iterations", "users", "duration"],
        Executor::Replay => &["replay", "max_users", "duration"],
        Executor::Sweep => {
            &["sweep_users", "sweep_rates", "duration", "cool_down", "arrival", "burstiness", "max_users"]
        }
    }
}

fn check_keys(spec: &LoadSpec) -> Result<(), Problem> {
    let given = [
        ("users", spec.users.is_some()),
        ("spawn_rate", spec.spawn_rate.is_some()),
        ("duration", spec.duration.is_some()),
        ("stages", !spec.stages.is_empty()),
        ("rate", spec.rate.is_some()),
        ("arrival", spec.arrival.is_some()),
        ("burstiness", spec.burstiness.is_some()),
        ("max_users", spec.max_users.is_some()),
        ("iterations", spec.iterations.is_some()),
        ("replay", spec.replay.is_some()),
        ("sweep_users", !spec.sweep_users.is_empty()),
        ("sweep_rates", !spec.sweep_rates.is_empty()),
        ("cool_down", spec.cool_down.is_some()),
        ("ramp_down", spec.ramp_down.is_some()),
    ];
    let allowed = keys(spec.executor);
    let Some((key, _)) = given.iter().find(|(key, given)| *given && !allowed.contains(key)) else { return Ok(()) };
    let all = [Executor::Users, Executor::Rate, Executor::Iterations, Executor::Replay, Executor::Sweep];
    let owners: Vec<String> = all
        .into_iter()
        .filter(|executor| keys(*executor).contains(key))
        .map(|executor| format!("\"{}\"", executor_name(executor)))
        .collect();
    let name = executor_name(spec.executor);
    let message = format!(
        "executor = \"{name}\" has no `{key}`\n\
         `{key}` belongs to {}; the keys of \"{name}\" are {}, warmup, graceful_stop",
        owners.join(", "),
        allowed.join(", ")
    );
    Err(problem(key, message))
}

fn needed<T>(value: Option<T>, key: &str, spec: &LoadSpec) -> Result<T, Problem> {
    let example = match key {
        "users" => "users = 10",
        "rate" => "rate = 5",
        "iterations" => "iterations = 1000",
        "replay" => "replay = { file = \"trace.csv\" }",
        _ => "duration = \"1m\"",
    };
    let name = executor_name(spec.executor);
    value.ok_or_else(|| {
        problem(
            key,
            format!("executor = \"{name}\" needs `{key}`\nwrite for example {example}{}", or_stages(key, spec)),
        )
    })
}

fn or_stages(key: &str, spec: &LoadSpec) -> &'static str {
    match (spec.executor, key) {
        (Executor::Users, "users") => ", or stages = [{ duration = \"30s\", users = 10 }]",
        (Executor::Rate, "rate") => ", or stages = [{ duration = \"30s\", rate = 5 }]",
        _ => "",
    }
}

fn in_range(users: u32, at: &str) -> Result<u32, Problem> {
    match users {
        0 => Err(Problem::new(at, "there must be at least one user")),
        1..=MOST_USERS => Ok(users),
        _ => Err(Problem::new(at, format!("{users} users are more than one machine can be ({MOST_USERS})"))),
    }
}

fn max_users(spec: &LoadSpec) -> Result<u32, Problem> {
    in_range(spec.max_users.unwrap_or(DEFAULT_MAX_USERS), "load.max_users")
}

/// A duration that must be given.
fn duration(spec: &LoadSpec) -> Result<Span, Problem> {
    needed(spec.duration, "duration", spec).and_then(not_zero)
}

/// A duration that is only a limit.
fn limit(spec: &LoadSpec) -> Result<Option<Span>, Problem> {
    spec.duration.map(not_zero).transpose()
}

fn not_zero(span: Span) -> Result<Span, Problem> {
    if span.0.is_zero() { Err(problem("duration", "the load must last longer than no time")) } else { Ok(span) }
}

fn positive_rate(rate: Rate, at: &str) -> Result<f64, Problem> {
    if rate.0 > 0.0 { Ok(rate.0) } else { Err(Problem::new(at, "a rate must be above zero")) }
}

fn total(stages: &[Stage]) -> Span {
    Span(stages.iter().map(|stage| stage.duration.0).sum())
}

fn check_warmup(warmup: Span, duration: Option<Span>) -> Result<(), Problem> {
    match duration {
        Some(duration) if warmup >= duration => {
            let message = format!(
                "the warm-up ({warmup}) must be shorter than the load ({duration}): nothing would be left to measure"
            );
            Err(problem("warmup", message))
        }
        _ => Ok(()),
    }
}

fn user_stages(spec: &LoadSpec) -> Result<Vec<Stage>, Problem> {
    if !spec.stages.is_empty() {
        let key = [("users", spec.users.is_some()), ("spawn_rate", spec.spawn_rate.is_some())];
        return stages(spec, &key, |index, stage| match (stage.users, stage.rate) {
            (_, Some(_)) => {
                let message =
                    "executor = \"users\" has stages of users, not of rates\nwrite `users`, or use executor = \"rate\"";
                Err(problem(&format!("stages.{index}.rate"), message))
            }
            (None, _) => {
                Err(problem(&format!("stages.{index}"), "the stage needs `users`: how many there are at its end"))
            }
            (Some(users), _) if users > MOST_USERS => {
                in_range(users, &format!("load.stages.{index}.users")).map(f64::from)
            }
            (Some(users), _) => Ok(f64::from(users)),
        });
    }
    /// Seconds.
    const TOGETHER: f64 = 0.01;
    let users = in_range(needed(spec.users, "users", spec)?, "load.users")?;
    let spawn_rate = positive_rate(spec.spawn_rate.unwrap_or(DEFAULT_SPAWN_RATE), "load.spawn_rate")?;
    let duration = duration(spec)?;
    let to = f64::from(users);
    // Users who all start within a moment are meant to start together, on connections that are open already.
    let ramp_seconds = Some(to / spawn_rate).filter(|seconds| *seconds >= TOGETHER).unwrap_or_default();
    let Some(ramp) = Duration::try_from_secs_f64(ramp_seconds).ok().filter(|ramp| *ramp <= duration.0) else {
        let enough = (to / duration.0.as_secs_f64()).ceil();
        let message = format!(
            "{users} users at {} take {ramp_seconds:.0}s to start, but the load lasts {duration}\n\
             set spawn_rate (--spawn-rate) to {enough} or more, or make the load longer",
            Rate(spawn_rate)
        );
        return Err(problem("users", message));
    };
    let level = duration.0 - ramp;
    let mut stages = vec![Stage { duration: Span(ramp), to }];
    if !level.is_zero() {
        stages.push(Stage { duration: Span(level), to });
    }
    Ok(stages)
}

fn rate_stages(spec: &LoadSpec) -> Result<Vec<Stage>, Problem> {
    if !spec.stages.is_empty() {
        return stages(spec, &[("rate", spec.rate.is_some())], |index, stage| match (stage.rate, stage.users) {
            (_, Some(_)) => {
                let message =
                    "executor = \"rate\" has stages of rates, not of users\nwrite `rate`, or use executor = \"users\"";
                Err(problem(&format!("stages.{index}.users"), message))
            }
            (None, _) => {
                Err(problem(&format!("stages.{index}"), "the stage needs `rate`: the arrival rate at its end"))
            }
            (Some(rate), _) => Ok(rate.0),
        });
    }
    let to = positive_rate(needed(spec.rate, "rate", spec)?, "load.rate")?;
    Ok(vec![Stage { duration: duration(spec)?, to }])
}

/// The stages as they are written. `level` gives a stage's height; `others` are keys that stages stand in place of.
fn stages(
    spec: &LoadSpec,
    others: &[(&str, bool)],
    level: impl Fn(usize, &StageSpec) -> Result<f64, Problem>,
) -> Result<Vec<Stage>, Problem> {
    let duration = [("duration", spec.duration.is_some())];
    if let Some((key, _)) = others.iter().chain(&duration).find(|(_, given)| *given) {
        return Err(problem(key, format!("`{key}` and `stages` cannot stand together: the stages say it")));
    }
    let stages = spec
        .stages
        .iter()
        .enumerate()
        .map(|(index, stage)| Ok(Stage { duration: stage.duration, to: level(index, stage)? }))
        .collect::<Result<Vec<_>, Problem>>()?;
    if total(&stages).0.is_zero() {
        return Err(problem("stages", "the stages must last longer than no time"));
    }
    if stages.iter().all(|stage| stage.to == 0.0) {
        return Err(problem("stages", "all stages end at zero: there would be no load"));
    }
    Ok(stages)
}

fn arrivals(spec: &LoadSpec) -> Result<Arrivals, Problem> {
    let process = spec.arrival.unwrap_or_default();
    let burstiness = match (process, spec.burstiness) {
        (ArrivalProcess::Gamma, None) => {
            let message = "arrival = \"gamma\" needs `burstiness`\n1 is Poisson, less is burstier: for example 0.25";
            return Err(problem("arrival", message));
        }
        (ArrivalProcess::Gamma, Some(shape)) if shape > 0.0 && shape.is_finite() => shape,
        (ArrivalProcess::Gamma, Some(_)) => return Err(problem("burstiness", "it must be above zero; 1 is Poisson")),
        (_, Some(_)) => return Err(problem("burstiness", "it belongs to arrival = \"gamma\"")),
        (_, None) => 1.0,
    };
    Ok(Arrivals { process, burstiness })
}

fn check_replay(replay: &ReplaySpec) -> Result<(), Problem> {
    let wrong = |key: &str, message: &str| Err(problem(&format!("replay.{key}"), message));
    match replay {
        ReplaySpec { file, .. } if file.is_empty() => wrong("file", "name the trace's file"),
        ReplaySpec { speed: Some(speed), .. } if !(*speed > 0.0 && speed.is_finite()) => {
            wrong("speed", "it must be above zero; 2 is twice as fast")
        }
        ReplaySpec { end: Some(end), start, .. } if *end <= start.unwrap_or_default() => {
            wrong("end", "it must come after `start`")
        }
        ReplaySpec { limit: Some(0), .. } => wrong("limit", "there must be at least one request"),
        ReplaySpec { max_input_tokens: Some(0), .. } => wrong("max_input_tokens", "it must be above zero"),
        ReplaySpec { max_output_tokens: Some(0), .. } => wrong("max_output_tokens", "it must be above zero"),
        _ => Ok(()),
    }
}

fn levels(spec: &LoadSpec, warmup: Span, graceful_stop: Span, think: Option<Think>) -> Result<Vec<ApiLoad>, Problem> {
    let by_users = match (spec.sweep_users.is_empty(), spec.sweep_rates.is_empty()) {
        (false, true) => true,
        (true, false) => false,
        (true, true) => {
            let message = "executor = \"sweep\" needs its levels\n\
                           write for example sweep_users = [1, 2, 4, 8], or sweep_rates = [1, 5, 10]";
            return Err(Problem::new("load", message));
        }
        (false, false) => {
            let message = "a sweep is over `sweep_users` or over `sweep_rates`, not over both";
            return Err(problem("sweep_rates", message));
        }
    };
    let duration = duration(spec)?;
    check_warmup(warmup, Some(duration))?;
    if !by_users {
        let (arrivals, max_users) = (arrivals(spec)?, max_users(spec)?);
        let level = |(index, rate): (usize, &Rate)| {
            let to = positive_rate(*rate, &format!("load.sweep_rates.{index}"))?;
            Ok(ApiLoad::Rate { arrivals, stages: vec![Stage { duration, to }], max_users, warmup, graceful_stop })
        };
        return spec.sweep_rates.iter().enumerate().map(level).collect();
    }
    let of_rates = [
        ("arrival", spec.arrival.is_some()),
        ("burstiness", spec.burstiness.is_some()),
        ("max_users", spec.max_users.is_some()),
    ];
    if let Some((key, _)) = of_rates.iter().find(|(_, given)| *given) {
        return Err(problem(key, format!("`{key}` belongs to a sweep over `sweep_rates`")));
    }
    let level = |(index, users): (usize, &u32)| {
        let to = f64::from(in_range(*users, &format!("load.sweep_users.{index}"))?);
        // A level is all there from its start: what is looked for is how the target does at this level.
        let stages = vec![Stage { duration: Span::default(), to }, Stage { duration, to }];
        Ok(ApiLoad::Users { stages, ramp_down: Span::default(), warmup, graceful_stop, think })
    };
    spec.sweep_users.iter().enumerate().map(level).collect()
}

fn check_think(think: Option<Think>, spec: &LoadSpec) -> Result<(), Problem> {
    let Some(think) = think else { return Ok(()) };
    let open = matches!(spec.executor, Executor::Rate | Executor::Replay) || !spec.sweep_rates.is_empty();
    if open {
        let name = executor_name(spec.executor);
        let message = format!(
            "with executor = \"{name}\" nobody thinks: iterations start when the load says so\n\
             take `think` away, or use executor = \"users\""
        );
        return Err(Problem::new("think", message));
    }
    match think {
        Think { constant: Some(_), between: None, pacing: None } => Ok(()),
        Think { constant: None, between: Some([min, max]), pacing: None } if min <= max => Ok(()),
        Think { constant: None, between: Some([min, max]), pacing: None } => {
            Err(Problem::new("think.between", format!("the shorter time comes first: [\"{max}\", \"{min}\"]")))
        }
        Think { constant: None, between: None, pacing: Some(pacing) } if pacing.0.is_zero() => {
            Err(Problem::new("think.pacing", "it must be longer than no time"))
        }
        Think { constant: None, between: None, pacing: Some(_) } => Ok(()),
        _ => Err(Problem::new("think", "give exactly one of `constant`, `between` and `pacing`")),
    }
}
