//! One message of the event stream.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A message, borrowed from the bytes it came in. Names that we do not know are [`Kind::Other`].
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(rename = "msg")]
    pub kind: Kind,
    #[serde(borrow, default)]
    pub event_id: Option<Cow<'a, str>>,
    #[serde(default)]
    pub success: Option<bool>,
    #[serde(borrow, default)]
    pub output: Option<&'a RawValue>,
    #[serde(default)]
    pub message: Option<Value>,
    #[serde(default)]
    pub session_not_found: bool,
    #[serde(default)]
    pub used_cache: Option<Value>,
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Estimation,
    ProcessStarts,
    Progress,
    Log,
    ProcessGenerating,
    ProcessStreaming,
    ProcessCompleted,
    Heartbeat,
    CloseStream,
    UnexpectedError,
    #[serde(other)]
    Other,
}

/// The `output` of a finished event.
#[derive(Debug, Deserialize)]
pub(super) struct Output<'a> {
    #[serde(default)]
    pub error: Option<Value>,
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_known_and_unknown_messages() {
        let done: Message<'_> = serde_json::from_str(
            r#"{"msg":"process_completed","event_id":"e1","output":{"data":["hé\n"],"duration":0.1},"success":true,"title":null,"new":{"x":[1]}}"#,
        )
        .unwrap();
        assert_eq!(
            (done.kind, done.event_id.as_deref(), done.success),
            (Kind::ProcessCompleted, Some("e1"), Some(true))
        );
        let output: Output<'_> = serde_json::from_str(done.output.unwrap().get()).unwrap();
        assert_eq!(output.data.unwrap().get(), r#"["hé\n"]"#);
        let new: Message<'_> = serde_json::from_str(r#"{"msg":"never_seen","event_id":null}"#).unwrap();
        assert_eq!(new.kind, Kind::Other);
    }
}
