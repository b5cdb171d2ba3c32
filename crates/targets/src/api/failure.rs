//! A failed request, in its class, with a text for people.

use crate::failure::class_of;
use plimsoll_model::{FailureClass, Redactor};
use plimsoll_wire::{HeaderMap, Origin, WireError};
use serde_json::Value;
use std::time::Duration;

/// Most characters of what a server says.
const LONGEST: usize = 300;

/// Why a request failed.
#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    pub class: FailureClass,
    pub text: String,
    /// The server's guess how long its model still loads.
    pub loading: Option<Duration>,
}

impl Failure {
    pub(super) fn new(class: FailureClass, text: impl Into<String>) -> Self {
        Self { class, text: text.into(), loading: None }
    }

    pub(super) fn protocol(text: impl Into<String>) -> Self {
        Self::new(FailureClass::Protocol, text)
    }

    /// An answer that came and is not what it must be.
    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self::new(FailureClass::InvalidResponse, text)
    }

    /// A request that cannot be made as the scenario says.
    pub(super) fn unmade(text: impl Into<String>) -> Self {
        Self::new(FailureClass::ClientError, text)
    }

    /// A status that is not a success, with what headers and body say about it.
    pub(super) fn of_status(origin: &Origin, status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        if (300..400).contains(&status) {
            return Self::protocol(format!("HTTP {status}: the server redirects{}", redirect_of(origin, headers)));
        }
        let said = Said::of(body, headers);
        let text = match said.text.is_empty() {
            true => format!("HTTP {status}"),
            false => format!("HTTP {status}: {}", said.text),
        };
        let class = match status {
            502 | 503 if said.loads() || (said.unexplained && is_endpoint(origin)) => FailureClass::ColdStart,
            429 if said.overloaded() => FailureClass::Overloaded,
            429 if said.has("quota") => FailureClass::Quota,
            503 if said.has("queue is full") => FailureClass::QueueFull,
            _ => FailureClass::of_status(status),
        };
        Self { class, text, loading: said.loading }
    }

    /// An error that came inside an answer whose status said that all is well.
    pub(super) fn of_error(error: &str) -> Self {
        let said = Said::of_text(error);
        let class = if said.overloaded() { FailureClass::Overloaded } else { FailureClass::AppError };
        let text = if said.text.is_empty() { "the server reports an error without a reason" } else { &said.text };
        Self::new(class, text)
    }

    /// The text as results keep it.
    pub(super) fn told(&self, redactor: &Redactor) -> Box<str> {
        shorten(&redactor.clean(&self.text)).into()
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::new(class_of(&error), error.to_string())
    }
}

/// What an error's body says.
struct Said {
    text: String,
    kind: Option<String>,
    loading: Option<Duration>,
    /// Nothing for a program to read: no body, or a page.
    unexplained: bool,
}

impl Said {
    fn of(body: &[u8], headers: &HeaderMap) -> Self {
        let mut said = Self::of_text(&String::from_utf8_lossy(body));
        let header = headers.get("x-error-message").and_then(|value| value.to_str().ok());
        if let Some(header) = header.filter(|_| said.unexplained) {
            said.text = header.to_owned();
        }
        said
    }

    fn of_text(text: &str) -> Self {
        let text = text.trim();
        if let Ok(value) = serde_json::from_str::<Value>(text)
            && !matches!(value, Value::Number(_))
        {
            return Self::of_json(&value);
        }
        let page = text.starts_with('<');
        let said = if page { title_of(text) } else { text };
        Self { text: said.to_owned(), kind: None, loading: None, unexplained: page || text.is_empty() }
    }

    /// The shapes of Hugging Face (`error` a text), OpenAI (`error` an object), FastAPI (`detail`) and others.
    fn of_json(value: &Value) -> Self {
        let inner =
            ["error", "detail", "errors"].iter().find_map(|key| value.get(key).filter(|inner| !inner.is_null()));
        let inner = inner.unwrap_or(value);
        let text = match (inner, inner.get("message").or_else(|| value.get("message"))) {
            (Value::String(text), _) | (_, Some(Value::String(text))) => text.clone(),
            _ => inner.to_string(),
        };
        let kind = value.get("error_type").or_else(|| inner.get("type")).and_then(Value::as_str).map(str::to_owned);
        let loading = value.get("estimated_time").and_then(Value::as_f64);
        let loading = loading.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Self { text, kind, loading, unexplained: false }
    }

    fn has(&self, words: &str) -> bool {
        self.text.to_ascii_lowercase().contains(words)
    }

    /// Whether a model is being loaded or an endpoint started.
    fn loads(&self) -> bool {
        const SIGNS: [&str; 9] = [
            "currently loading",
            "loading model",
            "is loading",
            "still loading",
            "initializ",
            "initialis",
            "scaled to zero",
            "scaling up",
            "starting up",
        ];
        self.loading.is_some() || SIGNS.iter().any(|sign| self.has(sign))
    }

    fn overloaded(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.starts_with("overloaded")) || self.has("is overloaded")
    }
}

fn title_of(page: &str) -> &str {
    let rest = page.split_once("<title>").map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split_once("</title>")).map_or("an HTML page", |(title, _)| title.trim())
}

/// A dedicated Inference Endpoint: while it starts, its proxy answers 502 or 503 with a page or nothing.
fn is_endpoint(origin: &Origin) -> bool {
    origin.host().ends_with(".endpoints.huggingface.cloud")
}

/// Where a redirect leads: named only if it is on the target itself, for another address may hold what is not for us.
fn redirect_of(origin: &Origin, headers: &HeaderMap) -> String {
    let Some(location) = headers.get("location").and_then(|value| value.to_str().ok()) else { return String::new() };
    if !location.starts_with("//") && !location.contains(':') {
        return format!(" to {}", path_only(location));
    }
    match Origin::parse(location) {
        Ok(to) if to.host() == origin.host() => format!(" to {to}"),
        _ => " to another host".to_owned(),
    }
}

fn path_only(location: &str) -> &str {
    location.split(['?', '#']).next().unwrap_or_default()
}

/// One line of at most so many characters, without control characters.
fn shorten(text: &str) -> String {
    let mut short: String = String::new();
    for (index, word) in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).enumerate()
    {
        if index > 0 {
            short.push(' ');
        }
        short.push_str(word);
        if short.len() > 4 * LONGEST {
            break;
        }
    }
    match short.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &short[..end]),
        None => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Secret;

    fn class_of(host: &str, status: u16, body: &str) -> FailureClass {
        let origin = Origin::parse(host).unwrap();
        Failure::of_status(&origin, status, &HeaderMap::new(), body.as_bytes()).class
    }

    #[test]
    fn statuses_and_bodies_fall_into_their_classes() {
        use FailureClass::*;
        let host = "https://router.huggingface.co";
        for (status, body, class) in [
            (401, r#"{"error":"Invalid credentials in Authorization header"}"#, Auth),
            (403, "<html>", Auth),
            (402, r#"{"error":"You have exceeded your monthly included credits"}"#, Quota),
            (429, r#"{"error":"Model is overloaded","error_type":"overloaded"}"#, Overloaded),
            (429, "", RateLimited),
            (429, r#"{"error":{"message":"Rate limit reached","type":"requests"}}"#, RateLimited),
            (429, r#"{"error":{"message":"You exceeded your current quota"}}"#, Quota),
            (503, r#"{"error":"Model X is currently loading","estimated_time":20.0}"#, ColdStart),
            (503, r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#, ColdStart),
            (503, r#"{"error":"Service Temporarily Unavailable"}"#, Overloaded),
            (503, "", Overloaded),
            (502, "<html><title>Bad Gateway</title>", ServerError),
            (422, r#"{"error":"Input validation error","error_type":"validation"}"#, ClientError),
            (424, r#"{"error":"Request failed during generation: x","error_type":"generation"}"#, ServerError),
            (404, r#"{"detail":"Not Found"}"#, ClientError),
            (500, "Internal", ServerError),
            (504, "", ServerError),
            (307, "", Protocol),
        ] {
            assert_eq!(class_of(host, status, body), class, "{status} {body}");
        }
        let endpoint = "https://x.eu-west-1.aws.endpoints.huggingface.cloud";
        assert_eq!(class_of(endpoint, 503, ""), ColdStart);
        assert_eq!(class_of(endpoint, 502, "<html><body>Bad Gateway"), ColdStart);
        assert_eq!(class_of(endpoint, 503, r#"{"error":"busy"}"#), Overloaded);
    }

    #[test]
    fn texts_are_the_servers_own_words() {
        let origin = Origin::parse("http://h:1").unwrap();
        let none = HeaderMap::new();
        let text = |body: &str| Failure::of_status(&origin, 500, &none, body.as_bytes()).text;
        assert_eq!(text(r#"{"error":{"message":"no such model","code":1}}"#), "HTTP 500: no such model");
        assert_eq!(text(r#"{"object":"error","message":"old vLLM"}"#), "HTTP 500: old vLLM");
        assert_eq!(text(r#"{"detail":[{"loc":["x"]}]}"#), r#"HTTP 500: [{"loc":["x"]}]"#);
        assert_eq!(text("<html><head><title>502 Bad</title>"), "HTTP 500: 502 Bad");
        assert_eq!(text(""), "HTTP 500");
        let loading = br#"{"error":"loading model","estimated_time":20.5}"#;
        let loading = Failure::of_status(&origin, 503, &none, loading).loading;
        assert_eq!(loading, Some(Duration::from_millis(20_500)));
        assert_eq!(Failure::of_error(r#"{"message":"CUDA","type":"x"}"#).text, "CUDA");
        assert_eq!(Failure::of_error(r#"{"error":"full","error_type":"overloaded"}"#).class, FailureClass::Overloaded);
    }

    #[test]
    fn kept_texts_are_short_plain_and_without_secrets() {
        let redactor = Redactor::new(&[Secret::new("hf_secret")]);
        let failure = Failure::protocol(format!("a\u{1b}[31m b\r\n\thf_secret {}", "ä".repeat(400)));
        let told = failure.told(&redactor);
        assert!(told.starts_with("a [31m b *** ä"), "{told}");
        assert_eq!(told.chars().count(), LONGEST + 1);
    }

    #[test]
    fn redirects_name_only_the_target_itself() {
        let origin = Origin::parse("https://h").unwrap();
        let to = |location: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("location", plimsoll_wire::HeaderValue::from_static(location));
            Failure::of_status(&origin, 302, &headers, b"").text
        };
        assert!(to("/login?token=1").ends_with(" to /login"));
        assert!(to("https://h/x?y").ends_with(" to https://h/x"));
        for other in ["https://evil/x", "//evil/x", "https://u:p@h/"] {
            assert!(to(other).ends_with(" to another host"), "{other}");
        }
    }
}
