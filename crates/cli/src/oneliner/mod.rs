//! Command lines that stand for a scenario: `task`, `chat`, `http`.

mod load;
mod rows;

pub(crate) use load::LoadArgs;

use crate::exit::CliError;
use clap::{Args, ValueEnum};
use plimsoll_model::scenario::{
    ApiTarget, ArrivalProcess, AuthSpec, Check, DataSource, Executor, Generator, HfRoute, Length, LoadSpec, Objectives,
    OpenAiApi, RequestSpec, Scenario, StageSpec, Think,
};
use plimsoll_model::{Rate, Secret, Span};
use plimsoll_scenario::{is_secret_name, is_variable_name, threshold_specs};
use plimsoll_targets::api::hf_task::{Media, Task};
use rows::{Row, row_of};
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

/// See [`HfRoute`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Route {
    Router,
    Legacy,
    Pipeline,
    Endpoint,
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

/// Secrets are taken as they are and read later: clap would print a value that it cannot parse.
fn parse_secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests;
