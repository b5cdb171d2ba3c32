//! A failed request, in its class, with a text for people.

use crate::failure::class_of;
use plimsoll_model::FailureClass;
use plimsoll_wire::WireError;
use serde_json::Value;

/// Why a request failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub class: FailureClass,
    pub status: Option<u16>,
    pub text: String,
}

impl Failure {
    pub(super) fn new(class: FailureClass, text: impl Into<String>) -> Self {
        Self { class, status: None, text: text.into() }
    }

    /// An HTTP status other than 200, with what the body says.
    pub(super) fn of_status(what: &str, status: u16, body: &[u8]) -> Self {
        let detail = detail_of(body);
        let class = match status {
            503 if detail.contains("Queue is full") => FailureClass::QueueFull,
            429 if detail.to_ascii_lowercase().contains("quota") => FailureClass::Quota,
            _ => FailureClass::of_status(status),
        };
        let text = match status {
            300..=399 => format!("{what}: the server redirects (HTTP {status}); give the address it redirects to"),
            _ if detail.is_empty() => format!("{what}: HTTP {status}"),
            _ => format!("{what}: HTTP {status}: {detail}"),
        };
        Self { class, status: Some(status), text }
    }

    /// An event that ended with `success: false`. The server tells its reason only for `gr.Error`, or with
    /// `show_error=True`.
    pub(super) fn of_event(error: Option<&Value>) -> Self {
        match error.and_then(Value::as_str) {
            Some(text) if text.contains("GPU quota") || text.contains("ZeroGPU quota") => {
                Self::new(FailureClass::Quota, text)
            }
            Some(text) => Self::new(FailureClass::AppError, text),
            None => Self::new(
                FailureClass::AppError,
                "the app's function failed (the app gives no reason; see its log, or launch it with show_error=True)",
            ),
        }
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::new(class_of(&error), error.to_string())
    }
}

/// The `detail` of FastAPI's error bodies, else the first words of the body.
fn detail_of(body: &[u8]) -> String {
    const LONGEST: usize = 300;
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(map)) => match map.get("detail").or_else(|| map.get("error")) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => Value::Object(map).to_string(),
        },
        _ => String::from_utf8_lossy(&body[..body.len().min(4 * LONGEST)]).trim().to_owned(),
    };
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_fall_into_their_classes() {
        let full = br#"{"detail":"Queue is full. Max size is 3 and size is 3."}"#;
        for (status, body, class) in [
            (503, &full[..], FailureClass::QueueFull),
            (503, br#"{"detail":"Queue is stopped."}"#, FailureClass::Overloaded),
            (401, b"{}", FailureClass::Auth),
            (429, b"", FailureClass::RateLimited),
            (429, b"You exceeded your quota", FailureClass::Quota),
            (422, br#"{"detail":[{"is_valid":false}]}"#, FailureClass::ClientError),
            (500, b"Internal Server Error", FailureClass::ServerError),
            (502, b"<html>", FailureClass::ServerError),
            (307, b"", FailureClass::Protocol),
        ] {
            assert_eq!(Failure::of_status("join", status, body).class, class, "{status}");
        }
        assert!(Failure::of_status("join", 503, full).text.contains("Max size is 3"));
    }
}
