//! From a scenario to everything that a run of it needs; every mistake in it is found here, before any load.

use super::tokens::TokenCounter;
use crate::args::OutputArgs;
use crate::exit::CliError;
use plimsoll_model::scenario::{DEFAULT_TIMEOUT, Problem, Scenario};
use plimsoll_model::{ApiLoad, ApiPlan, Clock, Redactor, Threshold, TraceRequest};
use plimsoll_results::ci::{PlacedRule, RulePlace};
use plimsoll_scenario::{Overrides, ScenarioError};
use plimsoll_targets::api::{ApiPlanned, trace};
use plimsoll_wire::{Client, Connector, CookieJar, HeaderMap};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long a target may take to accept a connection before any load.
const REACH: Duration = Duration::from_secs(15);

/// A scenario, and the text that its mistakes are shown in.
pub(crate) struct Source {
    pub scenario: Scenario,
    /// Text and name of the file; of a command line the file that it stands for.
    text: String,
    file_name: String,
    base_dir: PathBuf,
    /// The file, if there is one.
    path: Option<PathBuf>,
}

impl Source {
    /// Reads a scenario file.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let mut scenario = plimsoll_scenario::read(path).map_err(|error| shown(&error))?;
        // It was read a moment ago; without its text mistakes are told without their place.
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        scenario.name = scenario.name.or(stem);
        let base_dir = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self {
            scenario,
            text,
            file_name: path.display().to_string(),
            base_dir: base_dir.to_owned(),
            path: Some(path.to_owned()),
        })
    }

    /// A scenario that a command line stands for.
    pub(crate) fn of_command_line(scenario: Scenario) -> Self {
        let text = plimsoll_scenario::to_toml(&scenario);
        let file_name = "the command line's scenario".to_owned();
        Self { scenario, text, file_name, base_dir: PathBuf::from("."), path: None }
    }

    /// The scenario as a file.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The rules of the file with their lines.
    fn placed_rules(&self) -> Vec<PlacedRule> {
        let Some(path) = &self.path else { return Vec::new() };
        let file = in_workspace(path);
        let rules = &self.scenario.thresholds;
        let lines = plimsoll_scenario::threshold_lines(&self.text, rules.len());
        let placed = rules.iter().zip(lines).map(|(spec, line)| {
            let place = RulePlace { file: file.clone(), line: line? };
            Some(PlacedRule { rule: spec.rule.trim().to_owned(), request: spec.request.clone(), place })
        });
        placed.flatten().collect()
    }

    fn explain(&self, problem: Problem) -> CliError {
        shown(&ScenarioError::of_problem(&self.text, &self.file_name, problem))
    }

    /// Decides everything that the scenario and the command line leave open.
    pub(crate) fn plan(&self, overrides: &Overrides, output: &OutputArgs) -> Result<ApiPlan, CliError> {
        let (scenario, load) =
            plimsoll_scenario::resolve(&self.scenario, overrides).map_err(|problem| self.explain(problem))?;
        Ok(ApiPlan {
            scenario,
            load,
            base_dir: self.base_dir.clone(),
            output_dir: output.output_dir.clone(),
            shards: output.shards,
        })
    }

    /// Makes a plan ready: reads its payloads, compiles its templates, takes its secrets from the environment.
    pub(crate) fn prepare(&self, plan: ApiPlan) -> Result<Prepared, CliError> {
        let environment = |name: &str| std::env::var(name).ok();
        let planned = ApiPlanned::compile(&plan.scenario, &plan.base_dir, environment)
            .map_err(|problem| self.explain(problem))?;
        let trace = match &plan.load {
            ApiLoad::Replay { replay, .. } => trace::read(replay, &plan.base_dir)
                .map_err(|problem| self.explain(problem))?
                .into_iter()
                .map(Arc::new)
                .collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        let missing = trace.iter().filter_map(|row| row.request.as_deref()).find(|name| !planned.has(name));
        if let Some(name) = missing {
            let message =
                format!("the trace asks for `{name}`, and the scenario has no request or journey of that name");
            return Err(self.explain(Problem::new("load.replay.file", message)));
        }
        let thresholds = plimsoll_scenario::thresholds(&plan.scenario).map_err(|problem| self.explain(problem))?;
        let target = &plan.scenario.target;
        let tokenizer = target.tokenizer.as_ref().map(|file| TokenCounter::load(&plan.base_dir.join(file)));
        let counter =
            tokenizer.transpose().map_err(|message| self.explain(Problem::new("target.tokenizer", message)))?;
        Ok(Prepared {
            redactor: Redactor::new(planned.secrets()),
            planned: Arc::new(planned),
            trace: trace.into(),
            thresholds,
            placed: self.placed_rules(),
            counter: counter.map(Arc::new),
            timeout: target.timeout.unwrap_or(DEFAULT_TIMEOUT).0,
            seed: plan.scenario.seed.unwrap_or_default(),
            plan,
        })
    }
}

/// Everything that a run needs.
pub(crate) struct Prepared {
    pub plan: ApiPlan,
    pub planned: Arc<ApiPlanned>,
    pub redactor: Redactor,
    pub trace: Arc<[Arc<TraceRequest>]>,
    pub thresholds: Vec<Threshold>,
    /// Those of them that stand in a file.
    pub placed: Vec<PlacedRule>,
    pub counter: Option<Arc<TokenCounter>>,
    pub timeout: Duration,
    pub seed: u64,
}

impl Prepared {
    /// Opens a connection and closes it again, so that a wrong address is one sentence and not a run of failures.
    pub(crate) async fn reach(&self, clock: Clock) -> Result<(), CliError> {
        let connect = async {
            let connector = Connector::with_trust(self.planned.origin().clone(), clock, self.planned.trust()).await?;
            Client::new(Rc::new(connector), HeaderMap::new(), CookieJar::default()).open().await
        };
        match tokio::time::timeout(REACH, connect).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(CliError::usage(self.redactor.clean(&error.to_string()))),
            Err(_) => Err(CliError::usage(format!(
                "{} does not accept a connection within {} s",
                self.planned.origin(),
                REACH.as_secs()
            ))),
        }
    }
}

/// A path as GitHub knows it: from the root of the repository, which may lie above the folder that we run in.
fn in_workspace(path: &Path) -> String {
    let whole = std::path::absolute(path).ok();
    let root = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
    let inside = whole.as_deref().zip(root.as_deref()).and_then(|(whole, root)| whole.strip_prefix(root).ok());
    inside.unwrap_or(path).display().to_string()
}

fn shown(error: &ScenarioError) -> CliError {
    CliError::usage(error.render(std::io::stderr().is_terminal()))
}
