//! Commented scenarios to begin with.

use crate::tasks::{self, ExampleInputs, Feed};
use crate::write::{assigned_json, inline_json};
use serde_json::Value;

/// The kinds of templates beside the names of tasks.
pub const KINDS: [&str; 7] = ["chat", "completions", "embeddings", "responses", "rerank", "http", "journey"];

/// A commented scenario of this kind: one of [`KINDS`], or a task's name. `inputs` are those of a task's request; ours
/// when absent. Nothing for an unknown kind.
pub fn template(kind: &str, inputs: Option<ExampleInputs>) -> Option<String> {
    let (about, target, data, request, goals) = match kind {
        "chat" => ("Chat completions of an OpenAI-compatible server.", local(), PROMPTS, CHAT, STREAM_GOALS),
        "completions" => ("Completions of an OpenAI-compatible server.", local(), PROMPTS, COMPLETIONS, STREAM_GOALS),
        "responses" => ("The Responses API of an OpenAI-compatible server.", local(), PROMPTS, RESPONSES, STREAM_GOALS),
        "embeddings" => ("Embeddings of an OpenAI-compatible server.", local(), TEXTS, EMBEDDINGS, GOALS),
        "rerank" => ("Reranking with text-embeddings-inference.", local(), QUERIES, RERANK, GOALS),
        "http" => ("Any HTTP API.", local(), TEXTS, HTTP, GOALS),
        "journey" => {
            ("A user's way through an application: several requests in order.", local(), TEXTS, JOURNEY, GOALS)
        }
        task => {
            let (data, request) = task_parts(task, inputs)?;
            let about = format!("The Hugging Face task {task}.");
            return Some(
                [head(&about, task), router(), data, request, THINK.into(), LOAD.into(), GOALS.into()].join("\n"),
            );
        }
    };
    Some([&head(about, kind), &target, data, request, THINK, LOAD, goals].join("\n"))
}

fn head(about: &str, name: &str) -> String {
    format!(
        "# {about}\n\
         # Lines behind a # are alternatives: take the # away to use them.\n\n\
         name = \"{name}\"\n\
         # seed = 1  # the same seed gives the same requests; drawn when absent\n"
    )
}

fn local() -> String {
    target("http://127.0.0.1:8000", "# auth = { bearer_env = \"API_KEY\" }")
}

fn router() -> String {
    target("https://router.huggingface.co", "auth = { bearer_env = \"HF_TOKEN\" }")
}

fn target(url: &str, auth: &str) -> String {
    format!(
        "[target]\n\
         url = \"{url}\"  # the address, with a base path if there is one\n\
         {auth}  # the variable that holds the token, never the token itself\n\
         # auth = {{ header = \"x-api-key\", value_env = \"API_KEY\" }}  # for servers with a header of their own\n\
         # headers = {{ \"X-Team\" = \"search\" }}  # headers of every request; no secrets\n\
         # timeout = \"60s\"  # limit for one request\n"
    )
}

fn task_parts(task: &str, given: Option<ExampleInputs>) -> Option<(String, String)> {
    let (feed, model) = tasks::task(task)?;
    let own = || tasks::inputs(task, feed);
    let mut request = format!("[[request]]\ntask = \"{task}\"\nmodel = \"{model}\"\n");
    let data = match feed {
        Feed::Image | Feed::Audio | Feed::Video => {
            let (name, data) = match feed {
                Feed::Audio => ("audio", AUDIO),
                Feed::Video => ("videos", VIDEOS),
                _ => ("images", IMAGES),
            };
            request += &format!("binary = \"{name}\"  # the body of each request is a file of [data.{name}]\n");
            data.to_owned()
        }
        Feed::ImageInJson | Feed::ImageAndQuestion => {
            // Given inputs may hold an image themselves; a source makes different ones.
            let given = given.filter(|given| given.inputs.to_string().contains("{{ images."));
            let example = given.unwrap_or_else(own);
            request += &members(&example.inputs, &example);
            IMAGES.to_owned()
        }
        Feed::Object => {
            let example = given.unwrap_or_else(own);
            request += &members(&example.inputs, &example);
            "# [data.questions]  # rows for the texts below: \"{{ questions.question }}\"\n\
             # file = \"questions.jsonl\"\n"
                .to_owned()
        }
        Feed::Text => {
            let example = given.unwrap_or_else(own);
            request += &members(&"{{ texts }}".into(), &example);
            format!(
                "[data.texts]\n\
                 list = [  # one of them is drawn for each request\n    {},\n]\n\
                 # file = \"texts.txt\"  # or a file: .txt (a text each line), .jsonl, .json, .csv\n\
                 # order = \"sequential\"  # in order, in place of at random\n",
                inline_json(&example.inputs)
            )
        }
    };
    if task == "text-generation" {
        request += "# stream = true  # the answer in pieces; measures the time to the first token\n";
    }
    request += TASK_OPTIONS;
    Some((data, request))
}

fn members(inputs: &Value, example: &ExampleInputs) -> String {
    let mut out = format!("inputs = {}\n", assigned_json(inputs));
    match &example.parameters {
        Some(parameters) if !parameters.is_empty() => {
            out += &format!("parameters = {}\n", inline_json(&Value::Object(parameters.clone())));
        }
        _ => out += "# parameters = {}  # what the task and the model take\n",
    }
    out
}

const IMAGES: &str = r#"[data.images]
generator = "images"  # images made up
size = [256, 256]  # width and height in pixels
rows = 20  # different ones
# folder = "images"  # or your own, in place of the three above
"#;

const AUDIO: &str = r#"[data.audio]
generator = "audio"  # sounds made up
seconds = 2  # length of each
rows = 20  # different ones
# folder = "recordings"  # or your own, in place of the three above
"#;

const VIDEOS: &str = r#"[data.videos]
folder = "videos"  # a folder of your own: none are made up
"#;

const TASK_OPTIONS: &str = r#"# route = "endpoint"  # router, legacy, pipeline or endpoint; guessed from the address when absent
# options = { wait_for_model = true, use_cache = false }  # known to the legacy API
# timeout = "90s"  # limit for this request
# retry = { times = 2 }  # send it again after 429 and 503
# check = { min_bytes = 20 }  # beside the check of the task's own form
"#;

const PROMPTS: &str = r#"[data.prompts]
generator = "prompts"  # texts made up
input_tokens = { mean = 200 }  # or { min = 50, max = 400 }, or { mean = 200, stddev = 50 }
output_tokens = { mean = 100 }  # each row's max_tokens
# shared_prefix_tokens = 100  # tokens at the start that prompts share, for prefix caches
# list = ["Name three harbours.", "What is a lighthouse?"]  # or your own, in place of the four above
# file = "prompts.jsonl"  # or a file: .txt (a prompt each line), .jsonl, .json, .csv
"#;

const CHAT: &str = r#"[[request]]
api = "chat"
model = "my-model"
prompt = "{{ prompts.text }}"  # "{{ prompts }}" for a list or a text file
max_tokens = "{{ prompts.max_tokens }}"  # or a number
# system = "Answer in one sentence."
# stream = false  # the answer in one piece; there is no time to the first token then
# parameters = { temperature = 0.7, ignore_eos = true }  # further members of the body
# turns = ["Hello.", "Tell me more."]  # in place of prompt: a conversation, each turn a request
# turn_think = "2s"  # think time between two turns
# check = { min_tokens = 1 }
"#;

const COMPLETIONS: &str = r#"[[request]]
api = "completions"
model = "my-model"
prompt = "{{ prompts.text }}"  # "{{ prompts }}" for a list or a text file
max_tokens = "{{ prompts.max_tokens }}"  # or a number
# stream = false  # the answer in one piece; there is no time to the first token then
# parameters = { temperature = 0.7, ignore_eos = true }  # further members of the body
# check = { min_tokens = 1 }
"#;

const RESPONSES: &str = r#"[[request]]
api = "responses"
model = "my-model"
prompt = "{{ prompts.text }}"  # "{{ prompts }}" for a list or a text file
max_tokens = "{{ prompts.max_tokens }}"  # or a number
# system = "Answer in one sentence."
# stream = false  # the answer in one piece; there is no time to the first token then
# parameters = { temperature = 0.7 }  # further members of the body
# check = { min_tokens = 1 }
"#;

const TEXTS: &str = r#"[data.texts]
list = [  # one of them is drawn for each request
    "The delivery was quick and everything works.",
    "It broke on the second day.",
]
# file = "texts.txt"  # or a file: .txt (a text each line), .jsonl, .json, .csv
# order = "sequential"  # in order, in place of at random
"#;

const EMBEDDINGS: &str = r#"[[request]]
api = "embeddings"
model = "my-model"
inputs = "{{ texts }}"  # one text, or a list: ["{{ texts }}", "{{ pick('texts') }}"]
# check = { dimension = 384, norm = 1.0 }  # length of each vector, and its norm
# timeout = "30s"  # limit for this request
"#;

const QUERIES: &str = r#"[data.queries]
list = ["When does the ship leave?", "Who keeps the light?"]  # one of them is drawn for each request
# file = "queries.txt"  # or a file: .txt (a text each line), .jsonl, .json, .csv

[data.texts]
list = [
    "The ship leaves at noon.",
    "The keeper lights the lamp at dusk.",
    "Harbours are closed in winter.",
]
"#;

const RERANK: &str = r#"[[request]]
api = "rerank"
prompt = "{{ queries }}"  # the query
inputs = "{{ sample('texts', 2) }}"  # the texts to be ranked
# timeout = "30s"  # limit for this request
"#;

const HTTP: &str = r#"[[request]]
name = "Search"
path = "/search?q={{ random_int(1, 1000) }}"  # below the target's address
# method = "GET"  # GET without a body and POST with one when absent
# weight = 3  # drawn so often, against the weights of the other requests
# headers = { "Accept" = "application/json" }
# check = { status = [200], contains = "results" }  # any 2xx is right when absent

[[request]]
name = "Classify"
path = "/classify"
json = { text = "{{ texts }}" }
# body = "{{ texts }}"  # or a body as text
# form = { text = "{{ texts }}" }  # or a form
# check.json = [{ at = "/label", type = "string" }]  # conditions on values of the answer
# retry = { times = 2, on = [429, 503] }
"#;

const JOURNEY: &str = r#"[[journey]]
name = "Order"
# weight = 3  # drawn so often, against the weights of the other journeys and requests
# step_think = "1s"  # wait so long between two steps

[[journey.step]]
name = "Open basket"
path = "/baskets"
json = { note = "{{ texts }}" }
extract = { basket = { json = "/id" } }  # or { header = "location" }, or { regex = 'id=(\w+)' }
check = { status = [200, 201] }

[[journey.step]]
name = "Pay"
path = "/baskets/{{ basket }}/payment"  # what an earlier step extracted
json = { amount = "{{ random_int(1, 99) }}" }
# timeout = "10s"  # limit for this request
"#;

const THINK: &str = r#"[think]
between = ["1s", "3s"]  # what a user waits between two iterations, drawn anew each time
# constant = "1s"  # or always the same
# pacing = "5s"  # or: start an iteration each so long, however long the last one took
"#;

const LOAD: &str = r#"[load]
executor = "users"  # each user waits for its answer, thinks, and goes on
users = 10
spawn_rate = 2  # users started a second
duration = "1m"  # the ramp included
warmup = "10s"  # shown, but kept out of the statistics
# stages = [{ duration = "30s", users = 20 }, { duration = "1m", users = 5 }]  # in place of the three above warmup

# [load]  # open: iterations start at a rate, whatever the target does; take [think] away
# executor = "rate"
# rate = 5  # a second; or "300/m"
# duration = "1m"
# arrival = "constant"  # poisson when absent

# [load]  # so many iterations in all, as fast as they go
# executor = "iterations"
# iterations = 100
# users = 4

# [load]  # one level after another, to see where the target saturates
# executor = "sweep"
# sweep_users = [1, 2, 4, 8, 16]
# duration = "30s"  # of each level
"#;

/// Rules for answers that stream.
const STREAM_GOALS: &str = r#"[objectives]  # what one request must meet to count as good
ttft = "500ms"
tpot = "50ms"

[[threshold]]  # rules that the run must meet
rule = "rate(failed) < 1%"

[[threshold]]
rule = "ttft p(95) < 500ms"
# abort = true  # stop the run as soon as the rule is broken
"#;

const GOALS: &str = r#"[[threshold]]  # rules that the run must meet
rule = "rate(failed) < 1%"

[[threshold]]
rule = "p(95) < 2s"
# abort = true  # stop the run as soon as the rule is broken
"#;
