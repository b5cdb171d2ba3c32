//! The inference tasks of Hugging Face: their addresses, bodies, and what their answers must be. The shapes are data,
//! taken from the package that Hugging Face's own clients are made of (`cargo xtask hf-tasks`).

mod check;
mod example;
mod leeway;
mod media;
mod parameters;
mod route;
mod schema;

pub use media::Media;

use plimsoll_model::scenario::HfRoute;
use schema::{SHAPES, Shape};
use serde_json::{Map, Value};
use std::fmt;

/// Where the tasks are described.
const LIST: &str = "https://huggingface.co/docs/inference-providers/tasks/index";

/// Names that people and libraries use, and what the API calls it.
const ALIASES: &[(&str, &str)] = &[
    ("sentiment-analysis", "text-classification"),
    ("ner", "token-classification"),
    ("named-entity-recognition", "token-classification"),
    ("embeddings", "feature-extraction"),
    ("embedding", "feature-extraction"),
    ("vqa", "visual-question-answering"),
    ("asr", "automatic-speech-recognition"),
    ("speech-to-text", "automatic-speech-recognition"),
    ("tts", "text-to-speech"),
    ("image-captioning", "image-to-text"),
    ("text2text-generation", "text-generation"),
    ("qa", "question-answering"),
];

/// A task. Cheap to copy: the shapes are read once.
#[derive(Clone, Copy)]
pub struct Task(&'static Shape);

impl Task {
    /// The task of this name.
    pub fn find(name: &str) -> Result<Self, String> {
        Self::all().find(|task| task.name() == name).ok_or_else(|| unknown(name))
    }

    /// Every task, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        SHAPES.iter().map(Self)
    }

    /// Its name, as the Hub writes it.
    pub fn name(self) -> &'static str {
        &self.0.name
    }

    /// The path of its address.
    pub fn path(self, route: HfRoute, model: Option<&str>) -> Result<String, String> {
        route::path(self.name(), route, model).map_err(|what| format!("{} {what}", self.name()))
    }

    /// The kind of address that a host has: Hugging Face's own are known. Another is a stand-in: with a model for the
    /// old inference API (`/models/{model}`), without one for a dedicated endpoint.
    pub fn guess_route(host: &str, model: Option<&str>) -> HfRoute {
        route::guess(host, model)
    }

    /// The body of a request.
    pub fn body(
        self,
        inputs: Value,
        parameters: Option<&Map<String, Value>>,
        options: Option<&Map<String, Value>>,
    ) -> Value {
        let mut body = Map::new();
        body.insert("inputs".to_owned(), inputs);
        match parameters {
            // Servers of embeddings want them beside the inputs.
            Some(parameters) if self.0.root => {
                for (name, value) in parameters.iter().filter(|(name, _)| *name != "inputs") {
                    body.insert(name.clone(), value.clone());
                }
            }
            Some(parameters) if !parameters.is_empty() => {
                body.insert("parameters".to_owned(), Value::Object(parameters.clone()));
            }
            _ => {}
        }
        if let Some(options) = options.filter(|options| !options.is_empty()) {
            body.insert("options".to_owned(), Value::Object(options.clone()));
        }
        Value::Object(body)
    }

    /// What is doubtful about the inputs: a wrong JSON type, a member that is missing. Lists of inputs are batches.
    pub fn check_inputs(self, inputs: &Value) -> Result<(), String> {
        let one = check::value(&self.0.inputs, inputs);
        match inputs {
            Value::Array(batch) if one.is_err() && !batch.is_empty() => {
                batch.iter().try_for_each(|inputs| check::value(&self.0.inputs, inputs))
            }
            _ => one,
        }
        .map_err(|wrong| format!("what {} is given {wrong}", self.name()))
    }

    /// What is doubtful about the parameters, as warnings: unknown ones, wrong types, what must be there and is not.
    pub fn check_parameters(self, parameters: &Map<String, Value>) -> Vec<String> {
        parameters::warnings(self.name(), &self.0.parameters, parameters)
    }

    /// Whether a 200 holds what the task answers.
    pub fn check_answer(self, content_type: Option<&str>, body: &[u8]) -> Result<(), String> {
        let checked = match self.answers_with() {
            Some(media) => media.check(self.0, content_type, body),
            None => check::bytes(&self.0.output, body),
        };
        checked.map_err(|wrong| self.explain(&wrong, body))
    }

    /// Inputs and parameters of a small, realistic request. Tasks that take a medium name a row of the data sources
    /// `images`, `audio` or `videos`.
    pub fn example_inputs(self) -> (Value, Option<Map<String, Value>>) {
        example::of(self.name())
    }

    /// Whether the inputs can be sent as raw bytes.
    pub fn takes_binary(self) -> bool {
        self.0.binary
    }

    /// The medium that it takes, if it takes one.
    pub fn takes(self) -> Option<Media> {
        match self.name() {
            "document-question-answering" | "visual-question-answering" => Some(Media::Image),
            name if name.starts_with("video-") => Some(Media::Video),
            name if name.starts_with("audio-") || name == "automatic-speech-recognition" => Some(Media::Audio),
            _ if self.0.medium => Some(Media::Image),
            _ => None,
        }
    }

    /// The medium that it answers with, if it is not JSON alone.
    pub fn answers_with(self) -> Option<Media> {
        self.0.answers_with
    }

    /// The value of the `Accept` header that servers want.
    pub fn accept(self) -> Option<&'static str> {
        // Without it they answer with JSON, or with a format of their choice.
        let picture = self.answers_with() == Some(Media::Image) && self.name() != "depth-estimation";
        picture.then_some("image/png")
    }

    /// A failed check, with what the answer itself says of it.
    fn explain(self, wrong: &str, body: &[u8]) -> String {
        let name = self.name();
        let error = serde_json::from_slice::<Value>(body).ok().and_then(|value| {
            value.get("error").map(|error| error.as_str().map_or_else(|| error.to_string(), str::to_owned))
        });
        if let Some(error) = error {
            return format!("the answer to {name} is an error: {}", short(&error));
        }
        let text = String::from_utf8_lossy(&body[..body.len().min(PEEK)]);
        if wrong.starts_with("is not JSON") {
            let hint = if text.contains("NaN") || text.contains("Infinity") {
                "; JSON has no NaN and no Infinity"
            } else {
                ""
            };
            return format!("the answer to {name} {wrong}{hint}; it begins with {:?}", short(&text));
        }
        format!("the answer to {name} {}{wrong}", if wrong.starts_with('`') { "is wrong: " } else { "" })
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({})", self.name())
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Task {}

/// Bytes of a wrong answer that are looked at to say what it is.
const PEEK: usize = 4096;

/// The first words of a text.
fn short(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn unknown(name: &str) -> String {
    let plain = name.trim().to_lowercase().replace(['_', ' '], "-");
    let mut text = format!("`{name}` is not a Hugging Face inference task");
    if matches!(plain.as_str(), "chat-completion" | "conversational" | "chat") {
        return text + "; a chat is `api = \"chat\"`";
    }
    let alias = ALIASES.iter().find(|(alias, _)| *alias == plain).map(|(_, task)| *task);
    if let Some(near) = alias.or_else(|| parameters::near(&plain, Task::all().map(Task::name))) {
        text += &format!("; did you mean `{near}`?");
    }
    text + &format!(" The tasks are listed at {LIST}")
}

#[cfg(test)]
mod tests;
