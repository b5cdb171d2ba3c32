//! Command lines that stand for a scenario: `task`, `chat`, `http`.

use crate::exit::CliError;
use clap::{Args, ValueEnum};
use plimsoll_model::scenario::{
    ApiTarget, ArrivalProcess, AuthSpec, Check, DataSource, Executor, Generator, HfRoute, Length, LoadSpec, Objectives,
    OpenAiApi, RequestSpec, Scenario, StageSpec, Think,
};
use plimsoll_model::{Rate, Secret, Span};
use plimsoll_scenario::{is_secret_name, is_variable_name, threshold_spec};
use plimsoll_targets::api::hf_task::{Media, Task};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

const ROUTER: &str = "https://router.huggingface.co";
const HF_TOKEN: &str = "HF_TOKEN";
const DEFAULT_USERS: u32 = 10;
const DEFAULT_RUN_TIME: Span = Span(Duration::from_secs(10));
const DEFAULT_INPUT_TOKENS: u32 = 200;
const DEFAULT_OUTPUT_TOKENS: u32 = 100;
/// Different images or sounds: making them takes time before the start.
const MADE_UP_FILES: u32 = 20;

/// A command line that stands for a scenario.
pub(crate) trait AsScenario: Args {
    /// The scenario. Nothing is drawn in it: the same command line gives the same.
    fn scenario(&self) -> Result<Scenario, CliError>;

    /// Where the scenario is written to, if it is.
    fn save(&self) -> Option<&Path>;
}

#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// Name of the task, as the Hub writes it: text-classification, summarization, feature-extraction …
    pub task: String,

    /// Model, as the Hub names it; not needed for a dedicated endpoint
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// Address
    #[arg(long, value_name = "URL", default_value = ROUTER)]
    pub url: String,

    /// Kind of address (default: guessed from it)
    #[arg(long, value_enum)]
    pub route: Option<Route>,

    /// A text, a JSON object, a file (a text each line, .jsonl, .json, .csv), or a folder of images or recordings; may
    /// be repeated for texts (default: an example)
    #[arg(long, value_name = "TEXT|FILE")]
    pub inputs: Vec<String>,

    /// Parameter of the task; the value is JSON, or a text; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = parse_param)]
    pub param: Vec<(String, Value)>,

    /// Ask the server to wait until the model is loaded
    #[arg(long)]
    pub wait_for_model: bool,

    /// Ask the server for a fresh answer, not one that it has kept
    #[arg(long)]
    pub no_cache: bool,

    /// Let a generated text stream, to measure the time to its first token
    #[arg(long)]
    pub stream: bool,

    #[command(flatten)]
    pub load: LoadArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ChatArgs {
    /// Address of an OpenAI-compatible server
    #[arg(long, value_name = "URL")]
    pub url: String,

    /// Model
    #[arg(long, value_name = "MODEL")]
    pub model: String,

    /// What the user says; may be repeated, and one of them is drawn for each request
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["prompts", "input_tokens", "turns"])]
    pub prompt: Vec<String>,

    /// File with prompts (one each line, .jsonl, .json, .csv) or with conversations (ShareGPT's form)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input_tokens", "turns"])]
    pub prompts: Option<PathBuf>,

    /// Make up prompts of about so many tokens (default: 200)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub input_tokens: Option<u32>,

    /// Most tokens of an answer (default with made-up prompts: 100)
    #[arg(long, visible_alias = "max-tokens", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub output_tokens: Option<u32>,

    /// Make up conversations in which the user speaks so many times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub turns: Option<u32>,

    /// System prompt
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,

    /// Ask for answers in one piece
    #[arg(long)]
    pub no_stream: bool,

    /// Ask for exactly as many tokens as may be, where the server can do that (vLLM, SGLang)
    #[arg(long)]
    pub ignore_eos: bool,

    /// Further member of the request's body; the value is JSON, or a text; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = parse_param)]
    pub param: Vec<(String, Value)>,

    #[command(flatten)]
    pub load: LoadArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HttpArgs {
    /// Address, with path and query
    pub url: String,

    /// HTTP method (default: GET without a body, POST with one)
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub method: Option<String>,

    /// Body as JSON
    #[arg(long, value_name = "JSON", value_parser = parse_json, conflicts_with = "body")]
    pub json_body: Option<Value>,

    /// Body as text
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,

    /// Status that is right; several with commas (default: any 2xx)
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(200..600))]
    pub expect_status: Vec<u16>,

    /// Text that the answer must hold
    #[arg(long, value_name = "TEXT")]
    pub contains: Option<String>,

    #[command(flatten)]
    pub load: LoadArgs,
}

/// How much load, and what else all of these commands have.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Virtual users, each waiting for its answer before it goes on (default: 10)
    #[arg(long, value_name = "N", conflicts_with_all = ["rate", "stage"])]
    pub users: Option<u32>,

    /// Users started a second (default: all within a second)
    #[arg(long, value_name = "RATE", conflicts_with_all = ["rate", "stage", "iterations"])]
    pub spawn_rate: Option<Rate>,

    /// How long (default: 10s); with --iterations, the longest that it may take
    #[arg(long, value_name = "TIME", conflicts_with = "stage")]
    pub run_time: Option<Span>,

    /// In place of users: requests started a second (or 600/m), whether or not earlier ones have ended
    #[arg(long, value_name = "RATE", conflicts_with_all = ["iterations", "stage"])]
    pub rate: Option<Rate>,

    /// With --rate: how arrivals are spaced (default: poisson, as unrelated users make them)
    #[arg(long, value_enum)]
    pub arrival: Option<Spacing>,

    /// With --arrival gamma: 1 is Poisson, less is burstier
    #[arg(long, value_name = "SHAPE")]
    pub burstiness: Option<f64>,

    /// With --rate: most requests under way at a time (default: 1000)
    #[arg(long, value_name = "N")]
    pub max_users: Option<u32>,

    /// So many requests in all, as fast as the users can
    #[arg(long, value_name = "N", conflicts_with = "stage")]
    pub iterations: Option<u64>,

    /// Move in a straight line to a number of users (30s:50) or to a rate (30s:5/s); may be repeated
    #[arg(long, value_name = "TIME:LEVEL", value_parser = parse_stage)]
    pub stage: Vec<StageSpec>,

    /// Time from the start that is kept out of the statistics
    #[arg(long, value_name = "TIME")]
    pub warmup: Option<Span>,

    /// What a user waits after an answer: a time, or one drawn between two
    #[arg(long, value_name = "1s|1s..3s", value_parser = parse_think, conflicts_with = "pacing")]
    pub think: Option<Think>,

    /// Let each user start a request every so long, however long the last one took
    #[arg(long, value_name = "TIME")]
    pub pacing: Option<Span>,

    /// Rule that the run must meet: 'p(95) < 800ms', 'rate(failed) < 1%'; may be repeated
    #[arg(long, value_name = "RULE")]
    pub threshold: Vec<String>,

    /// Limit for one request (default: 60s)
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<Span>,

    /// Environment variable that holds the token (default: HF_TOKEN for Hugging Face's hosts, if it is set)
    #[arg(long, value_name = "NAME", value_parser = parse_secret)]
    pub token_env: Option<Secret>,

    /// Header of every request; may be repeated
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = parse_secret)]
    pub header: Vec<Secret>,

    /// Seed of every random choice
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Write the scenario that this command line stands for into a file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// See [`HfRoute`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Route {
    Router,
    Legacy,
    Pipeline,
    Endpoint,
}

/// See [`ArrivalProcess`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Spacing {
    Constant,
    Poisson,
    Gamma,
}

impl AsScenario for TaskArgs {
    fn scenario(&self) -> Result<Scenario, CliError> {
        let task = Task::find(&self.task).map_err(CliError::usage)?;
        let mut options = Map::new();
        if self.wait_for_model {
            options.insert("wait_for_model".to_owned(), true.into());
        }
        if self.no_cache {
            options.insert("use_cache".to_owned(), false.into());
        }
        let mut request = RequestSpec {
            task: Some(task.name().to_owned()),
            model: self.model.clone(),
            route: self.route.map(|route| match route {
                Route::Router => HfRoute::Router,
                Route::Legacy => HfRoute::Legacy,
                Route::Pipeline => HfRoute::Pipeline,
                Route::Endpoint => HfRoute::Endpoint,
            }),
            parameters: members(&self.param),
            options: (!options.is_empty()).then_some(options),
            stream: self.stream.then_some(true),
            ..RequestSpec::default()
        };
        let data = self.feed(task, &mut request)?;
        self.load.scenario(task.name(), &self.url, data, request)
    }

    fn save(&self) -> Option<&Path> {
        self.load.save.as_deref()
    }
}

impl TaskArgs {
    /// Says in the request what it sends, and gives the source that this comes from.
    fn feed(&self, task: Task, request: &mut RequestSpec) -> Result<Option<(String, DataSource)>, CliError> {
        let (example, parameters) = task.example_inputs();
        let folder_of = match task.takes() {
            Some(Media::Audio) => "audio",
            Some(Media::Video) => "videos",
            _ => "images",
        };
        let texts = match self.inputs.as_slice() {
            [] => {
                if request.parameters.is_none() && task.takes().is_none_or(|_| !task.takes_binary()) {
                    request.parameters = parameters;
                }
                match task.takes() {
                    None => {
                        request.inputs = Some(example);
                        return Ok(None);
                    }
                    Some(Media::Video) => {
                        return Err(CliError::usage("--inputs: videos are not made up; name a folder of them"));
                    }
                    Some(media) => {
                        send_file(task, folder_of, example, request);
                        let generator = if media == Media::Audio { Generator::Audio } else { Generator::Images };
                        let source =
                            DataSource { generator: Some(generator), rows: Some(MADE_UP_FILES), ..no_source() };
                        return Ok(Some((folder_of.to_owned(), source)));
                    }
                }
            }
            [path] if Path::new(path).is_dir() => {
                if task.takes().is_none() {
                    return Err(CliError::usage(format!("--inputs {path}: {} takes no files", task.name())));
                }
                send_file(task, folder_of, example, request);
                let source = DataSource { folder: Some(self.load.path(Path::new(path))?), ..no_source() };
                return Ok(Some((folder_of.to_owned(), source)));
            }
            [path] if Path::new(path).is_file() => {
                if task.takes().is_some() && example.is_string() {
                    let message = "name the folder of your files; all that are in it are used";
                    return Err(CliError::usage(format!("--inputs {path}: {message}")));
                }
                let row = row_of(Path::new(path), &["inputs", "input", "text", "prompt", "sentence", "question"])?;
                request.inputs = Some(row.template("inputs").into());
                let source = DataSource { file: Some(self.load.path(Path::new(path))?), ..no_source() };
                return Ok(Some(("inputs".to_owned(), source)));
            }
            texts => texts,
        };
        if let Some(path) = texts.iter().find(|text| texts.len() > 1 && Path::new(text).is_file()) {
            return Err(CliError::usage(format!("--inputs {path}: give one file alone, or texts")));
        }
        let list: Vec<Value> = texts.iter().map(|text| json_or_text(text)).collect();
        if let [one] = list.as_slice() {
            request.inputs = Some(one.clone());
            return Ok(None);
        }
        request.inputs = Some("{{ inputs }}".into());
        Ok(Some(("inputs".to_owned(), DataSource { list: Some(list), ..no_source() })))
    }
}

/// A file as the body itself where the task can take it so, else in the JSON that its example has.
fn send_file(task: Task, source: &str, example: Value, request: &mut RequestSpec) {
    if task.takes_binary() && request.parameters.is_none() && request.options.is_none() {
        request.binary = Some(source.to_owned());
    } else {
        request.inputs = Some(example);
    }
}

impl AsScenario for ChatArgs {
    fn scenario(&self) -> Result<Scenario, CliError> {
        let mut parameters = members(&self.param).unwrap_or_default();
        if self.ignore_eos {
            parameters.insert("ignore_eos".to_owned(), true.into());
        }
        let mut request = RequestSpec {
            api: Some(OpenAiApi::Chat),
            model: Some(self.model.clone()),
            system: self.system.clone(),
            max_tokens: self.output_tokens.map(Value::from),
            stream: self.no_stream.then_some(false),
            parameters: (!parameters.is_empty()).then_some(parameters),
            ..RequestSpec::default()
        };
        let source = match (self.prompt.as_slice(), &self.prompts) {
            ([prompt], _) => {
                request.prompt = Some(prompt.clone());
                None
            }
            ([], Some(file)) => {
                let row = row_of(file, &["turns", "prompt", "text", "input", "question", "instruction", "content"])?;
                let template = row.template("prompts");
                if row == Row::Member("turns".to_owned()) {
                    request.turns = Some(template.into());
                } else {
                    request.prompt = Some(template);
                }
                Some(DataSource { file: Some(self.load.path(file)?), ..no_source() })
            }
            ([], None) => Some(self.made_up(&mut request)),
            (prompts, _) => {
                request.prompt = Some("{{ prompts }}".to_owned());
                Some(DataSource {
                    list: Some(prompts.iter().map(|prompt| prompt.as_str().into()).collect()),
                    ..no_source()
                })
            }
        };
        let data = source.map(|source| ("prompts".to_owned(), source));
        self.load.scenario("chat", &self.url, data, request)
    }

    fn save(&self) -> Option<&Path> {
        self.load.save.as_deref()
    }
}

impl ChatArgs {
    /// Prompts, or conversations, from a generator.
    fn made_up(&self, request: &mut RequestSpec) -> DataSource {
        let output = self.output_tokens.unwrap_or(DEFAULT_OUTPUT_TOKENS);
        let input_tokens = Some(length(self.input_tokens.unwrap_or(DEFAULT_INPUT_TOKENS)));
        match self.turns {
            Some(turns) => {
                request.turns = Some("{{ prompts.turns }}".into());
                request.max_tokens = Some(output.into());
                let generator = Some(Generator::Conversations);
                DataSource { generator, input_tokens, turns: Some(length(turns)), ..no_source() }
            }
            None => {
                request.prompt = Some("{{ prompts.text }}".to_owned());
                request.max_tokens = Some("{{ prompts.max_tokens }}".into());
                let generator = Some(Generator::Prompts);
                DataSource { generator, input_tokens, output_tokens: Some(length(output)), ..no_source() }
            }
        }
    }
}

impl AsScenario for HttpArgs {
    fn scenario(&self) -> Result<Scenario, CliError> {
        let (origin, path) = split_url(&self.url)?;
        let check = Check { status: self.expect_status.clone(), contains: self.contains.clone(), ..Check::default() };
        let request = RequestSpec {
            method: self.method.clone(),
            path: Some(path),
            json: self.json_body.clone(),
            body: self.body.clone(),
            check: (check != Check::default()).then_some(check),
            ..RequestSpec::default()
        };
        self.load.scenario("http", &origin, None, request)
    }

    fn save(&self) -> Option<&Path> {
        self.load.save.as_deref()
    }
}

impl LoadArgs {
    fn scenario(
        &self,
        name: &str,
        url: &str,
        data: Option<(String, DataSource)>,
        request: RequestSpec,
    ) -> Result<Scenario, CliError> {
        Ok(Scenario {
            name: Some(name.to_owned()),
            seed: self.seed,
            target: ApiTarget {
                tokenizer: None,
                url: url.to_owned(),
                auth: self.auth(url)?,
                headers: self.headers()?,
                timeout: self.timeout,
                max_response_bytes: None,
                ca_file: None,
                insecure: false,
                new_connections: false,
            },
            data: data.into_iter().collect(),
            requests: vec![request],
            journeys: Vec::new(),
            think: self.think.or(self.pacing.map(|pacing| Think {
                constant: None,
                between: None,
                pacing: Some(pacing),
            })),
            load: self.load()?,
            objectives: Objectives::default(),
            thresholds: self.threshold.iter().map(|rule| threshold_spec(rule)).collect(),
        })
    }

    fn load(&self) -> Result<LoadSpec, CliError> {
        let by_rate = self.rate.is_some() || self.stage.first().is_some_and(|stage| stage.rate.is_some());
        if self.stage.iter().any(|stage| stage.rate.is_some() != by_rate) {
            return Err(CliError::usage("--stage: the stages are all of users (30s:50) or all of rates (30s:5/s)"));
        }
        for (flag, given) in [
            ("--arrival", self.arrival.is_some()),
            ("--burstiness", self.burstiness.is_some()),
            ("--max-users", self.max_users.is_some()),
        ] {
            if given && !by_rate {
                return Err(CliError::usage(format!("{flag}: it belongs to --rate, or to stages of rates (30s:5/s)")));
            }
        }
        let executor = match (by_rate, self.iterations) {
            (true, _) => Executor::Rate,
            (_, Some(_)) => Executor::Iterations,
            _ => Executor::Users,
        };
        let staged = !self.stage.is_empty();
        let users = match executor {
            // More users than iterations would have nothing to do.
            Executor::Iterations => {
                let most = self.iterations.map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX));
                Some(self.users.unwrap_or(DEFAULT_USERS.min(most.max(1))))
            }
            Executor::Users if !staged => Some(self.users.unwrap_or(DEFAULT_USERS)),
            _ => None,
        };
        let duration = match executor {
            Executor::Iterations => self.run_time,
            _ if staged => None,
            _ => Some(self.run_time.unwrap_or(DEFAULT_RUN_TIME)),
        };
        let spawn_rate = match (executor, users, duration) {
            (Executor::Users, Some(users), Some(duration)) if self.spawn_rate.is_none() => {
                // All at once would be a burst of connections that no such number of users makes.
                let seconds = (duration.0.as_secs_f64() / 10.0).min(1.0);
                (seconds > 0.0).then(|| Rate(f64::from(users) / seconds))
            }
            _ => self.spawn_rate,
        };
        Ok(LoadSpec {
            executor,
            users,
            spawn_rate,
            duration,
            stages: self.stage.clone(),
            rate: self.rate,
            arrival: self.arrival.map(|arrival| match arrival {
                Spacing::Constant => ArrivalProcess::Constant,
                Spacing::Poisson => ArrivalProcess::Poisson,
                Spacing::Gamma => ArrivalProcess::Gamma,
            }),
            burstiness: self.burstiness,
            max_users: self.max_users,
            iterations: self.iterations,
            replay: None,
            sweep_users: Vec::new(),
            sweep_rates: Vec::new(),
            cool_down: None,
            warmup: self.warmup,
            ramp_down: None,
            graceful_stop: None,
        })
    }

    fn auth(&self, url: &str) -> Result<Option<AuthSpec>, CliError> {
        let name = match &self.token_env {
            Some(name) if is_variable_name(name.expose()) => name.expose().to_owned(),
            // Not repeated: it may be the token itself.
            Some(_) => {
                let message = "--token-env: this is not the name of an environment variable; \
                               give the name of the variable that holds the token, for example HF_TOKEN";
                return Err(CliError::usage(message));
            }
            None if is_hugging_face(url) && std::env::var_os(HF_TOKEN).is_some_and(|token| !token.is_empty()) => {
                HF_TOKEN.to_owned()
            }
            None => return Ok(None),
        };
        Ok(Some(AuthSpec { bearer_env: Some(name), header: None, query: None, value_env: None }))
    }

    fn headers(&self) -> Result<BTreeMap<String, String>, CliError> {
        let mut headers = BTreeMap::new();
        for text in &self.header {
            let Some((name, value)) = text.expose().split_once(':') else {
                return Err(CliError::usage("--header: write it as 'NAME: VALUE'"));
            };
            let name = name.trim();
            if is_secret_name(name) {
                return Err(CliError::usage(format!(
                    "--header {name}: this is a secret, and results keep what the command line says; for a token, put \
                     it into an environment variable and name that with --token-env; for another header, write a \
                     scenario file with auth = {{ header = \"{name}\", value_env = \"MY_SECRET\" }}"
                )));
            }
            headers.insert(name.to_owned(), value.trim().to_owned());
        }
        Ok(headers)
    }

    /// A file's path as the scenario names it. A scenario's paths begin at its folder, so one that is saved elsewhere
    /// needs a whole path.
    fn path(&self, path: &Path) -> Result<String, CliError> {
        let elsewhere = self
            .save
            .as_deref()
            .and_then(Path::parent)
            .is_some_and(|folder| !folder.as_os_str().is_empty() && folder != Path::new("."));
        let path = if elsewhere { std::path::absolute(path).map_err(CliError::internal)? } else { path.to_owned() };
        path.to_str().map(str::to_owned).ok_or_else(|| CliError::usage(format!("{}: not UTF-8", path.display())))
    }
}

/// Hosts that tokens of Hugging Face belong to.
fn is_hugging_face(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default().to_lowercase();
    let of = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    !authority.contains('@') && (of("huggingface.co") || of("huggingface.cloud"))
}

/// Origin, and path with query.
fn split_url(url: &str) -> Result<(String, String), CliError> {
    let (scheme, rest) = url
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
        .ok_or_else(|| CliError::usage("the address must begin with http:// or https://"))?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let secret = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| is_secret_name(name));
    if let Some((name, _)) = secret {
        return Err(CliError::usage(format!(
            "`{name}` in the address is a secret, and results keep what the command line says; write a scenario file \
             with auth = {{ query = \"{name}\", value_env = \"MY_SECRET\" }}"
        )));
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok((format!("{scheme}://{host}"), format!("{slash}{path}")))
}

/// What a row of a file is.
#[derive(Debug, PartialEq, Eq)]
enum Row {
    /// A text, or what is sent whole.
    Whole,
    /// An object, of which this member is meant.
    Member(String),
}

impl Row {
    fn template(&self, source: &str) -> String {
        match self {
            Self::Whole => format!("{{{{ {source} }}}}"),
            Self::Member(name) => format!("{{{{ {source}.{name} }}}}"),
        }
    }
}

/// What the rows of a file are, by its first one. `names` are the members that can be meant, the likeliest first.
fn row_of(path: &Path, names: &[&str]) -> Result<Row, CliError> {
    let wrong = |what: String| CliError::usage(format!("{}: {what}", path.display()));
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if !matches!(extension.as_str(), "json" | "jsonl" | "ndjson" | "csv") {
        return Ok(Row::Whole);
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let mut keys: Vec<String> = match extension.as_str() {
        "csv" => text
            .lines()
            .next()
            .unwrap_or_default()
            .split(',')
            .map(|key| key.trim_matches(['"', ' ']).to_owned())
            .collect(),
        _ => {
            // Both forms begin with the first row, apart from the list's bracket.
            let first = text.strip_prefix('[').filter(|_| extension == "json").unwrap_or(text);
            match serde_json::Deserializer::from_str(first).into_iter::<Value>().next() {
                Some(Ok(Value::Object(row))) => row.into_iter().map(|(key, _)| key).collect(),
                Some(Ok(_)) => return Ok(Row::Whole),
                // What is wrong with the file is said when it is read.
                Some(Err(_)) | None => return Ok(Row::Whole),
            }
        }
    };
    // These become `turns` when the file is read.
    if keys.iter().any(|key| matches!(key.as_str(), "conversations" | "messages")) {
        keys.push("turns".to_owned());
    }
    match names.iter().find(|name| keys.iter().any(|key| key == *name)) {
        Some(name) => Ok(Row::Member((*name).to_owned())),
        None => Err(wrong(format!(
            "its rows have {}, and none of {}; write a scenario file to say which is meant",
            keys.join(", "),
            names.join(", ")
        ))),
    }
}

fn members(params: &[(String, Value)]) -> Option<Map<String, Value>> {
    (!params.is_empty()).then(|| params.iter().cloned().collect())
}

fn no_source() -> DataSource {
    DataSource {
        list: None,
        file: None,
        folder: None,
        generator: None,
        input_tokens: None,
        output_tokens: None,
        shared_prefix_tokens: None,
        shared_prefixes: None,
        turns: None,
        size: None,
        seconds: None,
        rows: None,
        order: None,
    }
}

fn length(mean: u32) -> Length {
    Length { mean: Some(f64::from(mean)), stddev: None, min: None, max: None }
}

/// Objects and lists are meant as JSON; anything else is a text.
fn json_or_text(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
        _ => json!(text),
    }
}

fn parse_param(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), serde_json::from_str(value).unwrap_or_else(|_| json!(value))))
        }
        _ => Err("write it as KEY=VALUE, for example top_k=3 or candidate_labels='[\"a\", \"b\"]'".to_owned()),
    }
}

fn parse_json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("this is not JSON: {error}; for a text use --body"))
}

fn parse_stage(text: &str) -> Result<StageSpec, String> {
    let (time, level) = text.split_once(':').ok_or("write it as TIME:LEVEL, for example 30s:50 or 30s:5/s")?;
    let duration = time.parse()?;
    if level.contains('/') {
        return Ok(StageSpec { duration, users: None, rate: Some(level.parse()?) });
    }
    let users = level.trim().parse().map_err(|_| format!("`{level}` is not a number of users; a rate is 5/s"))?;
    Ok(StageSpec { duration, users: Some(users), rate: None })
}

fn parse_think(text: &str) -> Result<Think, String> {
    let think = Think { constant: None, between: None, pacing: None };
    match text.split_once("..") {
        Some((min, max)) => Ok(Think { between: Some([min.parse()?, max.parse()?]), ..think }),
        None => Ok(Think { constant: Some(text.parse()?), ..think }),
    }
}

/// Secrets are taken as they are and read later: clap would print a value that it cannot parse.
fn parse_secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use plimsoll_scenario::{Overrides, parse, resolve, to_toml};
    use plimsoll_targets::api::ApiPlanned;

    #[derive(Debug, Parser)]
    enum Line {
        Task(Box<TaskArgs>),
        Chat(Box<ChatArgs>),
        Http(Box<HttpArgs>),
    }

    fn line(words: &[&str]) -> Result<Scenario, String> {
        let words = ["plimsoll"].iter().chain(words);
        match Line::try_parse_from(words).map_err(|error| error.to_string())? {
            Line::Task(args) => args.scenario(),
            Line::Chat(args) => args.scenario(),
            Line::Http(args) => args.scenario(),
        }
        .map_err(|error| error.message)
    }

    /// The scenario of a command line, after it went all the way to requests and back through a file.
    fn right(words: &[&str]) -> Scenario {
        let scenario = line(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        let text = to_toml(&scenario);
        let again = parse(&text, "saved.toml").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, scenario, "{text}");
        let (mut resolved, _) =
            resolve(&scenario, &Overrides::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
        // Making more takes long in a build for tests.
        resolved.data.values_mut().filter(|source| source.generator.is_some()).for_each(|source| source.rows = Some(1));
        let planned = ApiPlanned::compile(&resolved, Path::new("."), |_| Some("secret".to_owned()));
        planned.map(drop).unwrap_or_else(|error| panic!("{error}\n{text}"));
        scenario
    }

    fn wrong(words: &[&str], says: &str) {
        let error = line(words).expect_err(says);
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("hf_secret"), "{error}");
    }

    #[test]
    fn every_task_has_an_example() {
        for task in Task::all().filter(|task| task.takes() != Some(Media::Video)) {
            right(&["task", task.name(), "--model", "org/model"]);
            right(&["task", task.name(), "--model", "org/model", "--wait-for-model", "--param", "top_k=3"]);
        }
        wrong(&["task", "video-classification", "--model", "m"], "name a folder");
        wrong(&["task", "text-clasification"], "did you mean `text-classification`?");
    }

    #[test]
    fn tasks_take_texts_json_files_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let of = |task: &str, inputs: &[&str]| {
            let words: Vec<&str> = inputs.iter().flat_map(|text| ["--inputs", text]).collect();
            right(&[&["task", task, "--url", "http://127.0.0.1:1"], &words[..]].concat())
        };
        let one = of("text-classification", &["a {curious} text"]);
        assert_eq!(one.requests[0].inputs, Some(json!("a {curious} text")));
        let two = of("summarization", &["one", "two"]);
        assert_eq!(two.data["inputs"].list, Some(vec![json!("one"), json!("two")]));
        let object = of("question-answering", &[r#"{"question": "Who?", "context": "Ada."}"#]);
        assert_eq!(object.requests[0].inputs, Some(json!({"question": "Who?", "context": "Ada."})));
        let lines = file("lines.txt", "one\ntwo\n");
        assert_eq!(of("summarization", &[&lines]).requests[0].inputs, Some(json!("{{ inputs }}")));
        let rows = file("rows.jsonl", "{\"id\": 1, \"text\": \"one\"}\n{\"id\": 2, \"text\": \"two\"}\n");
        assert_eq!(of("summarization", &[&rows]).requests[0].inputs, Some(json!("{{ inputs.text }}")));
        wrong(&["task", "summarization", "--inputs", &lines, "--inputs", "x"], "one file alone");
        let other = file("other.csv", "a,b\n1,2\n");
        wrong(&["task", "summarization", "--inputs", &other], "its rows have a, b");
        file("a.png", "\u{89}PNG");
        let pictures = tempfile::tempdir().unwrap();
        std::fs::write(pictures.path().join("a.png"), b"\x89PNG\r\n\x1a\n").unwrap();
        let pictures = pictures.path().to_str().unwrap();
        let folder = of("image-classification", &[pictures]);
        assert_eq!(folder.requests[0].binary.as_deref(), Some("images"));
        wrong(&["task", "summarization", "--inputs", pictures], "takes no files");
    }

    #[test]
    fn chats() {
        let url = ["chat", "--url", "http://127.0.0.1:1", "--model", "m"];
        let with = |more: &[&str]| right(&[&url, more].concat());
        let made_up = with(&["--input-tokens", "50", "--output-tokens", "20", "--ignore-eos"]);
        assert_eq!(made_up.data["prompts"].input_tokens.and_then(|length| length.mean), Some(50.0));
        assert_eq!(made_up.requests[0].max_tokens, Some(json!("{{ prompts.max_tokens }}")));
        let one = with(&["--prompt", "Hello", "--max-tokens", "9", "--no-stream"]);
        assert_eq!((one.requests[0].prompt.as_deref(), one.requests[0].stream), (Some("Hello"), Some(false)));
        assert_eq!(one.requests[0].max_tokens, Some(json!(9)));
        with(&["--prompt", "Hello", "--prompt", "Bye", "--system", "Be brief"]);
        assert!(with(&["--turns", "3"]).requests[0].turns.is_some());
        wrong(&[&url[..], &["--prompt", "x", "--turns", "3"]].concat(), "cannot be used with");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("share.json");
        std::fs::write(&path, r#"[{"id": "a", "conversations": [{"from": "human", "value": "Hello"}]}]"#).unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(with(&["--prompts", path]).requests[0].turns, Some(json!("{{ prompts.turns }}")));
    }

    #[test]
    fn http() {
        let bare = right(&["http", "http://127.0.0.1:1/a/b?c=d#e"]);
        assert_eq!(bare.target.url, "http://127.0.0.1:1");
        assert_eq!(bare.requests[0].path.as_deref(), Some("/a/b?c=d"));
        assert_eq!((bare.load.users, bare.load.duration), (Some(10), Some(DEFAULT_RUN_TIME)));
        assert_eq!(right(&["http", "https://x?a=1"]).requests[0].path.as_deref(), Some("/?a=1"));
        let body = ["-X", "put", "-H", "Accept: a/b", "--json-body", r#"{"a": 1.0}"#];
        let expected = ["--expect-status", "200,201", "--contains", "ok"];
        let post = right(&[&["http", "https://x/y"][..], &body, &expected].concat());
        assert_eq!(post.requests[0].check.as_ref().map(|check| check.status.as_slice()), Some(&[200, 201][..]));
        wrong(&["http", "localhost/x"], "must begin with http");
        wrong(&["http", "http://x", "--json-body", "{a}"], "this is not JSON");
    }

    #[test]
    fn loads() {
        let with = |more: &[&str]| right(&[&["http", "http://x"], more].concat()).load;
        assert_eq!(with(&["--rate", "600/m", "--arrival", "constant"]).executor, Executor::Rate);
        let some = with(&["--iterations", "3", "--threshold", "GET /: p95 < 1s"]);
        assert_eq!((some.executor, some.users, some.duration), (Executor::Iterations, Some(3), None));
        let users = with(&["--users", "50", "--run-time", "1m", "--warmup", "5s", "--think", "1s..3s", "--seed", "4"]);
        assert_eq!((users.users, users.spawn_rate), (Some(50), Some(Rate(50.0))));
        with(&["--users", "5", "--run-time", "500ms"]);
        with(&["--users", "5", "--spawn-rate", "5", "--pacing", "3s"]);
        assert_eq!(with(&["--stage", "30s:50", "--stage", "1m:0"]).executor, Executor::Users);
        assert_eq!(with(&["--stage", "30s:5/s"]).executor, Executor::Rate);
        with(&["--rate", "5", "--arrival", "gamma", "--burstiness", "0.3", "--max-users", "7"]);
        wrong(&["http", "http://x", "--stage", "30s:5", "--stage", "3s:5/s"], "all of users");
        wrong(&["http", "http://x", "--rate", "5", "--users", "5"], "cannot be used with");
        wrong(&["http", "http://x", "--arrival", "constant"], "belongs to --rate");
    }

    #[test]
    fn secrets_are_refused() {
        wrong(&["http", "http://x", "-H", "Authorization: Bearer hf_secret"], "--token-env");
        wrong(&["http", "http://x", "-H", "x-api-key: hf_secret"], "value_env");
        wrong(&["http", "http://x?api_key=hf_secret"], "query = \"api_key\"");
        wrong(&["http", "http://x", "--token-env", "hf_secret_of_a_certain_length"], "not the name");
        let auth = right(&["http", "http://x", "--token-env", "MY_TOKEN"]).target.auth;
        assert_eq!(auth.and_then(|auth| auth.bearer_env).as_deref(), Some("MY_TOKEN"));
    }

    #[test]
    fn hosts_of_hugging_face() {
        for url in [ROUTER, "https://huggingface.co/api", "https://a.eu.aws.endpoints.huggingface.cloud:443/x"] {
            assert!(is_hugging_face(url), "{url}");
        }
        for url in [
            "http://router.huggingface.co",
            "https://huggingface.co.evil.example",
            "https://nothuggingface.co",
            "https://huggingface.co@evil.example",
            "https://evil.example/huggingface.co",
        ] {
            assert!(!is_hugging_face(url), "{url}");
        }
    }
}
