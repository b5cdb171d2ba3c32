//! From the command line to two plans, and in what they differ.

use super::args::AbArgs;
use crate::args::{Mode, Session, Warmup};
use crate::exit::CliError;
use crate::plan;
use plimsoll_model::{
    AppSource, Arrival, ConcurrencyLimit, GradioSpec, LoadProfile, LocalApp, Plan, Repeat, Secret, SessionScope,
    Target, Variable,
};
use plimsoll_wire::Origin;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One side.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    /// `base` or `branch`.
    pub name: &'static str,
    /// What it is, in words.
    pub label: String,
    pub plan: Plan,
}

/// Both sides, and in what they differ, one phrase each.
#[derive(Debug)]
pub(super) struct Arms {
    pub base: Arm,
    pub branch: Arm,
    pub differences: Vec<String>,
}

/// A thing in which arms can differ: what it is, and its value on each side as it is shown.
struct Difference {
    what: String,
    base: String,
    branch: String,
}

/// What the flags of one side say.
struct Side<'a> {
    name: &'static str,
    app: Option<&'a String>,
    url: Option<&'a String>,
    gradio: Option<&'a str>,
    env: &'a [Secret],
    limit: Option<ConcurrencyLimit>,
}

pub(super) fn resolve(args: &AbArgs) -> Result<Arms, CliError> {
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let base = plan_of(
        args,
        &Side {
            name: "base",
            app: args.base_app.as_ref().or(args.app.as_ref()),
            url: args.base_url.as_ref(),
            gradio: args.base.as_deref(),
            env: &args.base_env,
            limit: args.base_concurrency_limit,
        },
        seed,
    )?;
    let branch = plan_of(
        args,
        &Side {
            name: "branch",
            app: args.branch_app.as_ref().or(args.app.as_ref()),
            url: args.branch_url.as_ref(),
            gradio: args.branch.as_deref(),
            env: &args.branch_env,
            limit: args.branch_concurrency_limit,
        },
        seed,
    )?;
    let differences = differences(&base, &branch);
    let words: Vec<String> =
        differences.iter().map(|it| format!("{}: {} and {}", it.what, it.base, it.branch)).collect();
    if words.len() > 1 && !args.allow_many {
        return Err(CliError::usage(format!(
            "the arms differ in {} things, so nobody could tell which of them makes a difference:\n  {}\nLet them differ \
             in one, or say --allow-many",
            words.len(),
            words.join("\n  ")
        )));
    }
    let label = |plan: &Plan, value: fn(&Difference) -> &String| {
        let also = differences.iter().filter(|it| !matches!(it.what.as_str(), "app" | "address"));
        also.fold(subject(plan), |label, it| format!("{label}, {} {}", it.what, value(it)))
    };
    let (base_label, branch_label) = (label(&base, |it| &it.base), label(&branch, |it| &it.branch));
    Ok(Arms {
        base: Arm { name: "base", label: base_label, plan: base },
        branch: Arm { name: "branch", label: branch_label, plan: branch },
        differences: words,
    })
}

fn plan_of(args: &AbArgs, side: &Side<'_>, seed: u64) -> Result<Plan, CliError> {
    let target = match (side.app, side.url) {
        (_, Some(url)) => Target::Url { url: Origin::parse(url).map_err(CliError::usage)?.to_string() },
        (Some(app), None) => Target::LocalApp(LocalApp {
            source: plan::app_source(app)?,
            gradio: plan::gradio_spec(if side.name == "base" { "--base" } else { "--branch" }, side.gradio)?,
            python: args.python.as_deref().map(plan::python).transpose()?,
            port: args.port,
            concurrency_limit: side.limit.unwrap_or(args.concurrency_limit),
            max_threads: args.max_threads,
            num_workers: 1,
            nginx: false,
            keep: false,
            env: variables(side)?,
        }),
        (None, None) => {
            return Err(CliError::usage("give --app, or --base-app and --branch-app, or --base-url and --branch-url"));
        }
    };
    let warmup_rounds = match args.warmup {
        None => plan::WARMUP_ROUNDS,
        Some(Warmup::Rounds(rounds)) => rounds,
        Some(Warmup::Time(_)) => return Err(CliError::usage("--warmup: give a number of rounds, for example 3")),
    };
    let arrival = match args.mode {
        Mode::Burst => Arrival::Burst,
        Mode::Wave => Arrival::Wave,
    };
    let repeat = args.duration.map_or(Repeat::Rounds(args.requests_per_user), Repeat::For);
    let pairs = |texts: &[Secret], separator, flag, form| {
        texts.iter().map(|text| plan::pair(text, separator, flag, form)).collect::<Result<_, _>>()
    };
    Ok(Plan {
        sidecar: plan::sidecar(args.sidecar.as_deref(), &target)?,
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
        seed,
        sample_inputs: plan::sample_inputs(args.sample_inputs.as_deref())?,
        auth: args.auth.as_ref().map(plan::login).transpose()?,
        headers: pairs(&args.header, ':', "--header", "'NAME: VALUE'")?,
        cookies: pairs(&args.cookie, '=', "--cookie", "NAME=VALUE")?,
        output_dir: args.output_dir.clone(),
        thresholds: Vec::new(),
    })
}

/// The variables of a side by name, each once. What is wrong is said without the value.
fn variables(side: &Side<'_>) -> Result<Vec<Variable>, CliError> {
    let mut all = BTreeMap::new();
    for text in side.env {
        let (name, value) = text
            .expose()
            .split_once('=')
            .filter(|(name, value)| !name.is_empty() && !name.contains('\0') && !value.contains('\0'))
            .ok_or_else(|| CliError::usage(format!("--{}-env: write it as NAME=VALUE", side.name)))?;
        if all.insert(name.to_owned(), Secret::new(value)).is_some() {
            return Err(CliError::usage(format!("--{}-env: {name} is given twice", side.name)));
        }
    }
    Ok(all.into_iter().map(|(name, value)| Variable { name, value }).collect())
}

/// What an arm puts under load, in a word.
fn subject(plan: &Plan) -> String {
    match &plan.target {
        Target::Url { url } => url.clone(),
        Target::LocalApp(LocalApp { source: AppSource::Builtin(name), .. }) => name.clone(),
        Target::LocalApp(LocalApp { source: AppSource::File(path), .. }) => path.display().to_string(),
    }
}

fn differences(base: &Plan, branch: &Plan) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut look = |what: &str, base: String, branch: String, same: bool| {
        if !same {
            found.push(Difference { what: what.to_owned(), base, branch });
        }
    };
    let (left, right) = match (&base.target, &branch.target) {
        (Target::LocalApp(left), Target::LocalApp(right)) => (left, right),
        _ => {
            let (left, right) = (subject(base), subject(branch));
            look("address", left.clone(), right.clone(), left == right);
            return found;
        }
    };
    look("app", subject(base), subject(branch), left.source == right.source);
    look("gradio", gradio(&left.gradio), gradio(&right.gradio), gradio(&left.gradio) == gradio(&right.gradio));
    look(
        "concurrency limit",
        limit(left.concurrency_limit),
        limit(right.concurrency_limit),
        left.concurrency_limit == right.concurrency_limit,
    );
    if base.sidecar != branch.sidecar && left.source == right.source {
        let show = |path: &Option<PathBuf>| path.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
        look("inputs", show(&base.sidecar), show(&branch.sidecar), false);
    }
    let names: std::collections::BTreeSet<&String> =
        left.env.iter().chain(&right.env).map(|variable| &variable.name).collect();
    for name in names {
        let of = |app: &LocalApp| app.env.iter().find(|variable| variable.name == *name).cloned();
        let (left, right) = (of(left), of(right));
        let show = |variable: &Option<Variable>| variable.as_ref().map_or("unset", Variable::shown).to_owned();
        look(name, show(&left), show(&right), left == right);
    }
    found
}

fn gradio(spec: &GradioSpec) -> String {
    match spec {
        GradioSpec::Pinned => plimsoll_lab::PINNED_GRADIO.to_owned(),
        GradioSpec::Version(version) => version.clone(),
        GradioSpec::Wheel(path) | GradioSpec::Source(path) => path.display().to_string(),
    }
}

fn limit(limit: ConcurrencyLimit) -> String {
    match limit {
        ConcurrencyLimit::At(limit) => limit.to_string(),
        ConcurrencyLimit::None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: AbArgs,
    }

    fn arms(line: &str) -> Result<Arms, String> {
        let words = ["ab", "--seed", "1"].into_iter().chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        resolve(&line.args).map_err(|error| error.message)
    }

    #[test]
    fn one_thing_differs() {
        let gradio = arms("--app echo_text --base gradio==6.30.0 --branch 6.31.0").unwrap();
        assert_eq!(gradio.differences, ["gradio: 6.30.0 and 6.31.0"]);
        assert_eq!(
            (gradio.base.label.as_str(), gradio.branch.label.as_str()),
            ("echo_text, gradio 6.30.0", "echo_text, gradio 6.31.0")
        );
        let env = arms("--app echo_text --branch-env A=2").unwrap();
        assert_eq!(env.differences, ["A: unset and 2"]);
        let limit = arms("--app echo_text --branch-concurrency-limit none").unwrap();
        assert_eq!(limit.differences, ["concurrency limit: 1 and none"]);
        let apps = arms("--base-app echo_text --branch-app chatbot").map(|arms| arms.differences);
        assert!(apps.as_ref().is_ok_and(|it| it.len() == 1) || apps.as_ref().is_err_and(|it| it.contains("chatbot")));
        let secret = arms("--app echo_text --base-env API_KEY=aaaa --branch-env API_KEY=bbbb").unwrap();
        assert_eq!(secret.differences, ["API_KEY: *** and ***"]);
        assert!(!format!("{secret:?}").contains("aaaa"));
    }

    #[test]
    fn nothing_may_differ_and_many_must_be_meant() {
        assert!(arms("--app echo_text --branch 6.31.0").unwrap().differences.is_empty(), "it is the pinned one");
        let two = "--app echo_text --branch-env A=1 --branch-concurrency-limit 2";
        let error = arms(two).unwrap_err();
        assert!(
            error.contains("2 things") && error.contains("A: unset and 1") && error.contains("--allow-many"),
            "{error}"
        );
        assert_eq!(arms(&format!("{two} --allow-many")).unwrap().differences.len(), 2);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (line, wanted) in [
            ("", "give --app"),
            ("--app echo_text --base-app echo_text --branch-app echo_text", "cannot be used with"),
            ("--base-url http://a", "--branch-url"),
            ("--base-url http://a --branch-url http://b --base-env A=1", "cannot be used with"),
            ("--app echo_text --base-env A", "--base-env: write it as NAME=VALUE"),
            ("--app echo_text --base-env A=1 --base-env A=2", "A is given twice"),
            ("--app echo_text --branch main", "--branch main: give a version"),
            ("--app echo_text --warmup 3s", "number of rounds"),
        ] {
            let error = arms(line).unwrap_err();
            assert!(error.contains(wanted), "{line}: {error}");
        }
    }
}
