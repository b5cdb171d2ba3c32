//! From a request to its answer: everything that can be worked out when it arrives, so that nothing but writing is left
//! when the answer is due.

use crate::answers::{self, Answer, Input, generates};
use crate::exchange::Reply;
use crate::faults::{Fault, FaultKind};
use crate::http::Head;
use crate::openai::{self, Generation};
use crate::outcome::Class;
use crate::random::{Random, hash};
use crate::request::{Body, Parameters, Shape, field};
use crate::routes::Route;
use crate::shared::Shared;
use crate::stream::{Protocol, Stream, Usage};
use crate::task::{self, Task};
use crate::timing::Latency;
use crate::words::tokens_of;
use serde_json::json;
use serde_json::value::RawValue;

/// What a request will get, and what it will be counted as.
#[derive(Debug)]
pub(crate) struct Plan {
    pub reply: Reply,
    pub class: Class,
    pub fault: Option<(usize, Fault)>,
    pub tokens: u32,
    pub prompt_tokens: u32,
    pub hold: Option<u64>,
    pub model: Box<str>,
    /// Decided on arrival: no server is needed to say so.
    pub refused: bool,
}

impl Plan {
    /// An error at once.
    pub(crate) fn refuse(status: u16, class: Class, content_type: &'static str, body: Vec<u8>) -> Self {
        let reply = Reply::Plain { status, content_type, body, service: 0 };
        let model = Box::default();
        Self { reply, class, fault: None, tokens: 0, prompt_tokens: 0, hold: None, model, refused: true }
    }
}

/// How the error bodies of a route look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    OpenAi,
    HuggingFace,
}

/// Plans the answer to an inference request.
pub(crate) fn plan(
    shared: &Shared,
    head: &Head<'_>,
    route: Route<'_>,
    bytes: &[u8],
    id: &str,
    random: &mut Random,
) -> Plan {
    let manner = match route {
        Route::Chat | Route::Completions | Route::Responses | Route::Embeddings => Manner::OpenAi,
        _ => Manner::HuggingFace,
    };
    let typed_json = head.content_type.is_some_and(|kind| kind.contains("json"));
    let is_json = typed_json || manner == Manner::OpenAi || bytes.trim_ascii_start().starts_with(b"{");
    let parsed = if is_json { Body::parse(bytes).map(Some) } else { Ok(None) };
    let body = match parsed {
        Ok(body) => body,
        Err(what) => return invalid(manner, 400, &format!("the body is not the JSON expected: {what}")),
    };
    let asked = Asked { shared, head, bytes, id, body: body.as_ref() };
    asked
        .plan(route, random)
        .unwrap_or_else(|what| invalid(manner, if manner == Manner::OpenAi { 400 } else { 422 }, &what))
}

fn invalid(manner: Manner, status: u16, what: &str) -> Plan {
    let value = match manner {
        Manner::OpenAi => {
            json!({"error": {"message": what, "type": "invalid_request_error", "param": null, "code": status}})
        }
        Manner::HuggingFace => json!({"error": what, "error_type": "validation"}),
    };
    Plan::refuse(status, Class::ClientError, "application/json", value.to_string().into_bytes())
}

struct Asked<'a> {
    shared: &'a Shared,
    head: &'a Head<'a>,
    bytes: &'a [u8],
    id: &'a str,
    body: Option<&'a Body<'a>>,
}

impl<'a> Asked<'a> {
    fn plan(&self, route: Route<'_>, random: &mut Random) -> Result<Plan, String> {
        let streams = self.body.is_some_and(|body| body.stream == Some(true));
        let model = match route {
            Route::Inference { model, .. } if !model.is_empty() => model,
            _ => self.body.and_then(|body| body.model.as_deref()).unwrap_or(&self.shared.config.model),
        };
        match route {
            Route::Chat => self.generate(Protocol::Chat, model, streams, random),
            Route::Completions => self.generate(Protocol::Completion, model, streams, random),
            Route::Responses => self.generate(Protocol::Responses, model, streams, random),
            Route::Generate => self.generate(Protocol::Tgi, model, false, random),
            Route::GenerateStream => self.generate(Protocol::Tgi, model, true, random),
            Route::Embeddings => {
                let answer = openai::embeddings(self.need_body()?, model, &self.shared.vectors)?;
                Ok(self.plain(answer, model, random))
            }
            Route::Embed => Ok(self.plain(openai::embed(self.need_body()?, &self.shared.vectors)?, model, random)),
            Route::Rerank => Ok(self.plain(openai::rerank(self.need_body()?, model)?, model, random)),
            Route::Inference { task, .. } => self.task(task, model, streams, random),
            Route::Own(_) => Err("not an inference request".to_owned()),
        }
    }

    fn need_body(&self) -> Result<&'a Body<'a>, String> {
        self.body.ok_or_else(|| "a JSON body is missing".to_owned())
    }

    /// A Hugging Face task: the one of the path, else the model's, else what the body looks like, else the default.
    fn task(&self, task: Option<Task>, model: &str, streams: bool, random: &mut Random) -> Result<Plan, String> {
        if self.bytes.is_empty() {
            return Err("Input validation error: the body is empty".to_owned());
        }
        let parameters = self.parameters()?;
        let shape = match self.body {
            Some(body) => Shape::Json {
                inputs: body.inputs.map_or("", RawValue::get),
                messages: body.messages.is_some(),
                candidate_labels: parameters.candidate_labels.is_some(),
            },
            None => Shape::Binary { content_type: self.head.content_type.unwrap_or("") },
        };
        let looks = task::of_shape(&shape);
        let named = task.or_else(|| match (task::of_model(model, &self.shared.config.models), looks) {
            // One kind of model does both.
            (Some(Task::FeatureExtraction), Some(Task::SentenceSimilarity)) => looks,
            (named, _) => named,
        });
        let task = named.or(looks).unwrap_or(self.shared.config.task);
        if looks == Some(Task::ChatCompletion) {
            return self.generate(Protocol::Chat, model, streams, random);
        }
        if generates(task) && streams {
            return self.generate(Protocol::Tgi, model, true, random);
        }
        let (tokens, _) = self.tokens(&parameters, random);
        let input = self.body.map_or(Input::Bytes(self.bytes), Input::Json);
        let answer = answers::answer(task, &input, tokens, &self.shared.vectors)?;
        Ok(self.plain(answer, model, random))
    }

    fn parameters(&self) -> Result<Parameters<'a>, String> {
        self.body.map_or_else(|| Ok(Parameters::default()), Body::parameters)
    }

    /// How many tokens the answer has, and why it ends there.
    fn tokens(&self, parameters: &Parameters<'_>, random: &mut Random) -> (u32, &'static str) {
        let body = self.body;
        let limit = parameters
            .max_new_tokens
            .or(body.and_then(|body| body.max_completion_tokens.or(body.max_tokens).or(body.max_output_tokens)));
        let mut tokens = self.shared.config.tokens.draw(limit, random);
        if let Some(least) = body.and_then(|body| body.min_tokens) {
            tokens = tokens.max(least.min(limit.unwrap_or(least)));
        }
        if let Some(limit) = limit
            && body.is_some_and(|body| body.ignore_eos == Some(true))
        {
            tokens = crate::timing::Tokens::Requested.draw(Some(limit), random);
        }
        (tokens, if limit == Some(tokens) { "length" } else { "stop" })
    }

    fn generate(&self, protocol: Protocol, model: &str, streams: bool, random: &mut Random) -> Result<Plan, String> {
        let config = &self.shared.config;
        let body = self.need_body()?;
        let (needed, name) = match protocol {
            Protocol::Chat => (body.messages.or(body.inputs), "messages"),
            Protocol::Completion => (body.prompt, "prompt"),
            Protocol::Responses => (body.input, "input"),
            Protocol::Tgi => (body.inputs, "inputs"),
        };
        let prompt = needed.ok_or_else(|| format!("missing field `{name}`"))?.get();
        let parameters = self.parameters()?;
        let (tokens, finish) = self.tokens(&parameters, random);
        let tool =
            (config.tool_calls && protocol == Protocol::Chat).then_some(body.tools).flatten().and_then(first_tool);
        let reasons = protocol == Protocol::Chat && tool.is_none();
        let generation = Generation {
            id: self.id,
            model,
            seed: hash(prompt.as_bytes()),
            tokens,
            reasoning_tokens: if reasons { config.reasoning_tokens.min(tokens) } else { 0 },
            reasoning_field: &config.reasoning_field,
            prompt_tokens: tokens_of(body.prompt_bytes()),
            finish,
            tool,
        };
        if !streams {
            let answer = match protocol {
                Protocol::Chat => generation.chat(),
                Protocol::Completion => generation.completion(),
                Protocol::Responses => generation.response(),
                Protocol::Tgi => generation.generate(parameters.details == Some(true)),
            };
            return Ok(self.plain(answer, model, random));
        }
        let fault = self.shared.next_fault(true);
        let options = body.stream_options.unwrap_or_default();
        let always = options.continuous_usage_stats == Some(true);
        let usage = Usage { at_end: options.include_usage == Some(true), always };
        let kind = fault.map(|(_, fault)| fault.kind);
        let prompt_tokens = generation.prompt_tokens;
        let stream = Stream::new(protocol, generation, usage, config.tokens_per_chunk, kind);
        Ok(self.with_fault(Reply::Stream(Box::new(stream)), fault, model, 0, prompt_tokens))
    }

    fn plain(&self, answer: Answer, model: &str, random: &mut Random) -> Plan {
        let config = &self.shared.config;
        let fault = self.shared.next_fault(false);
        let service = if answer.tokens > 0 {
            let gaps = u64::from(answer.tokens.div_ceil(config.tokens_per_chunk) - 1);
            config.ttft.draw(random).saturating_add(sum(config.itl, gaps, random))
        } else {
            config.service_time.draw(random)
        };
        let (tokens, prompt_tokens) = (answer.tokens, answer.prompt_tokens);
        let mut content_type = answer.content_type;
        let mut body = answer.body;
        let mut wrong = |text: &[u8]| {
            content_type = "application/json";
            body = text.to_vec();
        };
        match fault.map(|(_, fault)| fault.kind) {
            Some(FaultKind::EmptyBody) => wrong(b""),
            Some(FaultKind::MalformedJson) => wrong(br#"{"generated_text": "it breaks o"#),
            Some(FaultKind::EmptyList) => wrong(b"[]"),
            Some(FaultKind::WrongSchema) => wrong(br#"{"unexpected": true}"#),
            _ => {}
        }
        let reply = Reply::Plain { status: 200, content_type, body, service };
        self.with_fault(reply, fault, model, tokens, prompt_tokens)
    }

    fn with_fault(
        &self,
        reply: Reply,
        fault: Option<(usize, Fault)>,
        model: &str,
        tokens: u32,
        prompt_tokens: u32,
    ) -> Plan {
        if let Some((index, fault)) = fault
            && fault.kind == FaultKind::Status
        {
            let status = fault.status.unwrap_or(500);
            let (content_type, body) = status_body(status);
            let refusal = Plan::refuse(status, fault.class(), content_type, body.into());
            return Plan { fault: Some((index, fault)), ..refusal };
        }
        let class = fault.map_or(Class::Ok, |(_, fault)| fault.class());
        let waits = self.body.and_then(|body| body.options?.wait_for_model) == Some(true) || self.head.wait_for_model;
        let seconds = |seconds: u64| seconds.saturating_mul(1_000_000_000).min(u64::MAX >> 2);
        let hold = self.head.scale_up_timeout.map(seconds).or(waits.then_some(u64::MAX >> 2));
        Plan { reply, class, fault, tokens, prompt_tokens, hold, model: model.into(), refused: false }
    }
}

/// `count` gaps together.
fn sum(gap: Latency, count: u64, random: &mut Random) -> u64 {
    match gap {
        Latency::Constant(_) => gap.draw(random).saturating_mul(count),
        _ => (0..count).fold(0u64, |sum, _| sum.saturating_add(gap.draw(random))),
    }
}

fn first_tool(tools: &RawValue) -> Option<String> {
    let tools: Vec<&RawValue> = serde_json::from_str(tools.get()).ok()?;
    let first: serde_json::Value = serde_json::from_str(tools.first()?.get()).ok()?;
    // The Responses API and older servers have the name one level higher.
    first["function"]["name"].as_str().map(str::to_owned).or_else(|| field(tools.first().copied(), "name"))
}

/// The body that goes with an injected status.
pub(crate) fn status_body(status: u16) -> (&'static str, &'static str) {
    let body = match status {
        400 => r#"{"error":"Bad request: injected by plimsoll mock"}"#,
        401 => r#"{"error":"Invalid credentials in Authorization header"}"#,
        402 => r#"{"error":"You have exceeded your monthly included credits for Inference Providers."}"#,
        403 => {
            r#"{"error":"This authentication method does not have sufficient permissions to call Inference Providers on behalf of user plimsoll"}"#
        }
        404 => r#"{"error":"Model not found"}"#,
        422 => r#"{"error":"Input validation error: injected by plimsoll mock","error_type":"validation"}"#,
        424 => r#"{"error":"Request failed during generation: injected by plimsoll mock","error_type":"generation"}"#,
        429 => r#"{"error":"Too Many Requests: you have reached your rate limit."}"#,
        502 => {
            return (
                "text/html",
                "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
            );
        }
        503 => OVERLOADED,
        504 => r#"{"error":"Model too busy, unable to get response in less than 120 second(s)"}"#,
        _ if status < 500 => r#"{"error":"Client error: injected by plimsoll mock"}"#,
        _ => r#"{"error":"Internal Server Error: injected by plimsoll mock"}"#,
    };
    ("application/json", body)
}

/// What TGI says when its queue is full.
pub(crate) const OVERLOADED: &str = r#"{"error":"Model is overloaded","error_type":"overloaded"}"#;
