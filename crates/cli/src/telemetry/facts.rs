//! What a scenario says of its requests, in OpenTelemetry's words.

use plimsoll_model::scenario::{OpenAiApi, RequestSpec, Scenario};
use plimsoll_telemetry::RequestFacts;
use std::collections::BTreeMap;

/// The facts of each named request.
pub(crate) fn request_facts(scenario: &Scenario) -> BTreeMap<String, RequestFacts> {
    let specs = scenario.requests.iter().chain(scenario.journeys.iter().flat_map(|journey| &journey.steps));
    specs.map(|spec| (name(spec), facts(spec))).collect()
}

fn facts(spec: &RequestSpec) -> RequestFacts {
    let method = spec.method.clone().unwrap_or_else(|| {
        let sends = spec.json.is_some() || spec.body.is_some() || !spec.form.is_empty();
        let posts = spec.api.is_some() || spec.task.is_some() || sends;
        if posts { "POST" } else { "GET" }.to_owned()
    });
    let operation = match (spec.api, spec.task.as_deref()) {
        (Some(OpenAiApi::Chat | OpenAiApi::Responses), _) => Some("chat"),
        (Some(OpenAiApi::Completions), _) | (_, Some("text-generation")) => Some("text_completion"),
        (Some(OpenAiApi::Embeddings), _) | (_, Some("feature-extraction")) => Some("embeddings"),
        _ => None,
    };
    let provider = match (spec.api, spec.task.is_some()) {
        (Some(_), _) => Some("openai"),
        (None, true) => Some("hugging_face"),
        _ => None,
    };
    // A template is no name.
    let model = spec.model.clone().filter(|model| !model.contains("{{"));
    RequestFacts { method: Some(method), operation, provider: operation.and(provider), model }
}

/// As results have it.
fn name(spec: &RequestSpec) -> String {
    if let Some(name) = &spec.name {
        return name.clone();
    }
    match (&spec.task, spec.api) {
        (Some(task), _) => task.clone(),
        (None, Some(OpenAiApi::Chat)) => "chat".to_owned(),
        (None, Some(OpenAiApi::Completions)) => "completions".to_owned(),
        (None, Some(OpenAiApi::Embeddings)) => "embeddings".to_owned(),
        (None, Some(OpenAiApi::Responses)) => "responses".to_owned(),
        (None, Some(OpenAiApi::Rerank)) => "rerank".to_owned(),
        (None, None) => {
            let method = facts(spec).method.unwrap_or_default();
            format!("{method} {}", spec.path.as_deref().unwrap_or("/"))
        }
    }
}
