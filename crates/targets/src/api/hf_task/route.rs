//! Which address a task has.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plimsoll_model::scenario::HfRoute;

/// What a path holds as it is; the slash parts a model's owner and name.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// The kind of address, by the host and by whether a model is named. Hosts that are not Hugging Face's stand in for
/// one of its services: with a model they are taken for the old inference API, which needs nothing but the model in
/// its path; without one for a dedicated endpoint, which serves one model at its root.
pub(super) fn guess(host: &str, model: Option<&str>) -> HfRoute {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match host.as_str() {
        "router.huggingface.co" => HfRoute::Router,
        "api-inference.huggingface.co" => HfRoute::Legacy,
        _ if host.ends_with(".endpoints.huggingface.cloud") || model.is_none() => HfRoute::Endpoint,
        _ => HfRoute::Legacy,
    }
}

pub(super) fn path(task: &str, route: HfRoute, model: Option<&str>) -> Result<String, String> {
    if route == HfRoute::Endpoint {
        return Ok("/".to_owned());
    }
    let model = model.map(|model| model.trim_matches('/')).filter(|model| !model.is_empty()).ok_or_else(|| {
        "needs a `model`, such as \"org/name\" (or `route = \"endpoint\"`, where the address serves one model alone)"
            .to_owned()
    })?;
    if model.split('/').any(|part| part.is_empty() || part.chars().all(|letter| letter == '.')) {
        return Err(format!("`{model}` is not the name of a model; write \"org/name\""));
    }
    let model = utf8_percent_encode(model, PATH);
    Ok(match route {
        // These models answer other tasks by default: the router wants to be told.
        HfRoute::Router if matches!(task, "feature-extraction" | "sentence-similarity") => {
            format!("/hf-inference/models/{model}/pipeline/{task}")
        }
        HfRoute::Router => format!("/hf-inference/models/{model}"),
        HfRoute::Legacy => format!("/models/{model}"),
        HfRoute::Pipeline | HfRoute::Endpoint => format!("/pipeline/{task}/{model}"),
    })
}
