//! From the command line to a [`Plan`]: everything decided, everything checked that can be checked before load.

use crate::args::{Mode, RunArgs, Session, Warmup};
use crate::exit::CliError;
use plimsoll_model::{
    AppSource, Arrival, GradioSpec, LoadProfile, LocalApp, Login, Plan, Repeat, Secret, SessionScope, Target, Threshold,
};
use plimsoll_results::not_for_tiers;
use plimsoll_scenario::{Problem, ScenarioError, rule_problem};
use plimsoll_wire::{HeaderName, HeaderValue, Origin};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Rounds before the first tier, where nothing else is said.
pub(crate) const WARMUP_ROUNDS: u32 = 3;

/// Decides what a command line means.
pub(crate) fn resolve(args: &RunArgs) -> Result<Plan, CliError> {
    let target = match (&args.app, &args.url) {
        (_, Some(url)) => Target::Url { url: Origin::parse(url).map_err(CliError::usage)?.to_string() },
        (Some(app), None) => Target::LocalApp(LocalApp {
            source: app_source(app)?,
            gradio: gradio_spec("--gradio", args.gradio.as_deref())?,
            python: args.python.as_deref().map(python).transpose()?,
            port: args.port,
            concurrency_limit: args.concurrency_limit,
            max_threads: args.max_threads,
            num_workers: args.num_workers,
            nginx: args.nginx,
            keep: args.keep_app,
            env: Vec::new(),
        }),
        (None, None) => return Err(CliError::usage("give --app or --url")),
    };
    let warmup_rounds = match args.warmup {
        None => WARMUP_ROUNDS,
        Some(Warmup::Rounds(rounds)) => rounds,
        Some(Warmup::Time(_)) => {
            return Err(CliError::usage("--warmup: for a Gradio app give a number of rounds, for example 3"));
        }
    };
    let repeat = args.duration.map_or(Repeat::Rounds(args.requests_per_user), Repeat::For);
    let arrival = match args.mode {
        Mode::Burst => Arrival::Burst,
        Mode::Wave => Arrival::Wave,
    };
    Ok(Plan {
        sidecar: sidecar(args.sidecar.as_deref(), &target)?,
        target,
        api_name: args.api_name.clone(),
        load: LoadProfile::Tiers { tiers: args.tiers.0.clone(), repeat, arrival },
        warmup_rounds,
        session: match args.session {
            Session::PerUser => SessionScope::PerUser,
            Session::PerRequest => SessionScope::PerRequest,
        },
        mixed_traffic: args.mixed_traffic,
        request_timeout: args.request_timeout,
        // Within 32 bits: every JSON reader can hold it.
        seed: args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
        sample_inputs: sample_inputs(args.sample_inputs.as_deref())?,
        auth: args.auth.as_ref().map(login).transpose()?,
        headers: args
            .header
            .iter()
            .map(|text| pair(text, ':', "--header", "'NAME: VALUE'"))
            .collect::<Result<_, _>>()?,
        cookies: args.cookie.iter().map(|text| pair(text, '=', "--cookie", "NAME=VALUE")).collect::<Result<_, _>>()?,
        thresholds: thresholds(args)?,
        output_dir: args.output.output_dir.clone(),
    })
}

/// The rules; each must be about something that these tiers have.
fn thresholds(args: &RunArgs) -> Result<Vec<Threshold>, CliError> {
    let flags = [("--threshold", &args.threshold, false), ("--threshold-abort", &args.threshold_abort, true)];
    let rules = flags.iter().flat_map(|(flag, rules, abort)| rules.iter().map(move |rule| (*flag, rule, *abort)));
    rules.map(|(flag, rule, abort)| threshold(flag, rule, abort, &args.tiers.0)).collect()
}

fn threshold(flag: &str, text: &str, abort: bool, tiers: &[u32]) -> Result<Threshold, CliError> {
    let shown = |problem: Problem| {
        let problem = Problem { message: format!("{flag}: {}", problem.message), ..problem };
        CliError::usage(ScenarioError::of_problem("", "", problem).render(std::io::stderr().is_terminal()))
    };
    let threshold = Threshold::parse_scoped(text).map_err(|error| shown(rule_problem(&error)))?;
    match not_for_tiers(&threshold, tiers) {
        Some(why) => Err(shown(Problem::new("", why).quoting(text, 0..text.len()))),
        None => Ok(Threshold { abort, ..threshold }),
    }
}

/// A file of that name, else a built-in app (with or without `.py`).
pub(crate) fn app_source(app: &str) -> Result<AppSource, CliError> {
    let path = Path::new(app);
    if path.is_file() {
        return Ok(AppSource::File(path.to_owned()));
    }
    let name = app.strip_suffix(".py").unwrap_or(app);
    if plimsoll_lab::names().contains(&name) {
        return Ok(AppSource::Builtin(name.to_owned()));
    }
    if path.is_dir() {
        return Err(CliError::usage(format!(
            "--app {app}: this is a folder; name the app's file, for example {app}/app.py"
        )));
    }
    let near = plimsoll_lab::names()
        .iter()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| format!("; did you mean `{known}`?"))
        .unwrap_or_default();
    let known = plimsoll_lab::names().join(", ");
    Err(CliError::usage(format!(
        "--app {app}: there is no such file and no built-in app of this name{near}\nbuilt-in apps: {known}"
    )))
}

pub(crate) fn gradio_spec(flag: &str, spec: Option<&str>) -> Result<GradioSpec, CliError> {
    let Some(spec) = spec else { return Ok(GradioSpec::Pinned) };
    let path = Path::new(spec);
    if path.is_dir() {
        return absolute(path).map(GradioSpec::Source);
    }
    if spec.ends_with(".whl") {
        return if path.is_file() {
            absolute(path).map(GradioSpec::Wheel)
        } else {
            Err(CliError::usage(format!("{flag} {spec}: there is no such wheel")))
        };
    }
    let version = spec.strip_prefix("gradio==").unwrap_or(spec);
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'));
    if is_version {
        Ok(GradioSpec::Version(version.to_owned()))
    } else {
        Err(CliError::usage(format!(
            "{flag} {spec}: give a version (6.31.0), a wheel (gradio-….whl) or the folder of a source tree"
        )))
    }
}

pub(crate) fn python(path: &Path) -> Result<PathBuf, CliError> {
    if path.is_file() {
        return absolute(path);
    }
    let hint = if path.join("bin/python").is_file() { "; did you mean bin/python in it?" } else { "" };
    Err(CliError::usage(format!("--python {}: there is no such file{hint}", path.display())))
}

pub(crate) fn sidecar(given: Option<&Path>, target: &Target) -> Result<Option<PathBuf>, CliError> {
    if let Some(path) = given {
        return if path.is_file() {
            Ok(Some(path.to_owned()))
        } else {
            Err(CliError::usage(format!("--sidecar {}: there is no such file", path.display())))
        };
    }
    let Target::LocalApp(LocalApp { source: AppSource::File(app), .. }) = target else { return Ok(None) };
    let beside = app.with_extension("prompts.json");
    Ok(beside.is_file().then_some(beside))
}

/// The folder named, else `sample-inputs` where the user stands (hf-perftest's place), else the built-in files.
pub(crate) fn sample_inputs(given: Option<&Path>) -> Result<Option<PathBuf>, CliError> {
    match given {
        Some(path) if path.is_dir() => absolute(path).map(Some),
        Some(path) => Err(CliError::usage(format!("--sample-inputs {}: there is no such folder", path.display()))),
        None => Some(Path::new("sample-inputs")).filter(|path| path.is_dir()).map(absolute).transpose(),
    }
}

// The errors about secrets say what is wrong and never what was given.

pub(crate) fn login(text: &Secret) -> Result<Login, CliError> {
    match text.expose().split_once(':') {
        Some((user, password)) if !user.is_empty() => {
            Ok(Login { user: user.to_owned(), password: Secret::new(password) })
        }
        _ => Err(CliError::usage("--auth: write it as USER:PASS")),
    }
}

pub(crate) fn pair(text: &Secret, separator: char, flag: &str, form: &str) -> Result<(String, Secret), CliError> {
    let (name, value) = text
        .expose()
        .split_once(separator)
        .map(|(name, value)| (name.trim(), value.trim()))
        .ok_or_else(|| CliError::usage(format!("{flag}: write it as {form}")))?;
    if HeaderName::try_from(name).is_err() || HeaderValue::from_str(value).is_err() {
        return Err(CliError::usage(format!("{flag}: it holds characters that HTTP does not allow")));
    }
    Ok((name.to_owned(), Secret::new(value)))
}

fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(CliError::internal)
}
