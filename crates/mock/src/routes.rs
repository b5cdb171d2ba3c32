//! What a path means.

use crate::task::Task;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `…/v1/chat/completions`
    Chat,
    /// `…/v1/completions`
    Completions,
    /// `…/v1/responses`
    Responses,
    /// `…/v1/embeddings`
    Embeddings,
    /// `…/rerank`
    Rerank,
    /// TEI's `/embed`
    Embed,
    /// TGI's `/generate`
    Generate,
    /// TGI's `/generate_stream`
    GenerateStream,
    /// A Hugging Face inference task: of a model, of a task, or neither (`/`).
    Inference { model: &'a str, task: Option<Task> },
    /// Everything about the server itself.
    Own(Own),
}

/// Pages of the server itself: answered at once, never counted as inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    Models,
    Health,
    Info,
    Metrics,
    Stats,
    Reset,
    NotFound,
    WrongMethod,
}

/// The route of a request.
pub(crate) fn route<'a>(method: &str, path: &'a str) -> Route<'a> {
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    let read = matches!(method, "GET" | "HEAD");
    let own = |page: Own| Route::Own(if read { page } else { Own::WrongMethod });
    match path {
        "/health" | "/ping" | "/v1/health" => return own(Own::Health),
        "/metrics" => return own(Own::Metrics),
        "/info" => return own(Own::Info),
        "/mock/stats" => return own(Own::Stats),
        "/mock/reset" => return Route::Own(if method == "POST" { Own::Reset } else { Own::WrongMethod }),
        "/" | "" if read => return Route::Own(Own::Info),
        _ if path.ends_with("/v1/models") => return own(Own::Models),
        _ => {}
    }
    let Some(found) = inference(path) else { return Route::Own(Own::NotFound) };
    if method == "POST" { found } else { Route::Own(Own::WrongMethod) }
}

/// Endings first: routers and endpoints put their own paths in front.
fn inference(path: &str) -> Option<Route<'_>> {
    for (ending, route) in [
        ("/v1/chat/completions", Route::Chat),
        ("/v1/completions", Route::Completions),
        ("/v1/responses", Route::Responses),
        ("/v1/embeddings", Route::Embeddings),
        ("/rerank", Route::Rerank),
        ("/embed", Route::Embed),
        ("/generate", Route::Generate),
        ("/generate_stream", Route::GenerateStream),
    ] {
        if path.ends_with(ending) {
            return Some(route);
        }
    }
    match path {
        "/" | "" => return Some(Route::Inference { model: "", task: None }),
        "/predict" => return Some(Route::Inference { model: "", task: Some(Task::TextClassification) }),
        _ => {}
    }
    let path = path.strip_prefix("/hf-inference").unwrap_or(path);
    if let Some(rest) = path.strip_prefix("/pipeline/") {
        let (task, model) = rest.split_once('/').unwrap_or((rest, ""));
        return Some(Route::Inference { model, task: Some(Task::from_name(task)?) });
    }
    let rest = path.strip_prefix("/models/").filter(|rest| !rest.is_empty())?;
    match rest.split_once("/pipeline/") {
        Some((model, task)) => Some(Route::Inference { model, task: Some(Task::from_name(task)?) }),
        None => Some(Route::Inference { model: rest, task: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let post = |path| route("POST", path);
        assert_eq!(post("/v1/chat/completions"), Route::Chat);
        assert_eq!(post("/hf-inference/models/a/b/v1/chat/completions"), Route::Chat);
        assert_eq!(post("/together/v1/completions/"), Route::Completions);
        assert_eq!(post("/models/a/b"), Route::Inference { model: "a/b", task: None });
        assert_eq!(post("/hf-inference/models/gpt2"), Route::Inference { model: "gpt2", task: None });
        let task = Some(Task::FeatureExtraction);
        assert_eq!(post("/models/a/b/pipeline/feature-extraction"), Route::Inference { model: "a/b", task });
        assert_eq!(post("/pipeline/feature-extraction/a/b"), Route::Inference { model: "a/b", task });
        assert_eq!(post("/pipeline/nonsense/a/b"), Route::Own(Own::NotFound));
        assert_eq!(post("/"), Route::Inference { model: "", task: None });
        assert_eq!(post("/models/"), Route::Own(Own::NotFound));
        assert_eq!(route("GET", "/v1/models"), Route::Own(Own::Models));
        assert_eq!(route("GET", "/v1/chat/completions"), Route::Own(Own::WrongMethod));
        assert_eq!(route("POST", "/health"), Route::Own(Own::WrongMethod));
        assert_eq!(route("GET", "/"), Route::Own(Own::Info));
        assert_eq!(route("DELETE", "/mock/reset"), Route::Own(Own::WrongMethod));
    }
}
