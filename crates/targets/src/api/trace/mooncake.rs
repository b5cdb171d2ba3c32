//! Mooncake's JSONL, also as other tools extend it.

use super::{MOST_TOKENS, Recorded, Recording, nanoseconds};
use plimsoll_model::TraceRequest;
use serde::Deserialize;

/// Tokens of the block that a hash names.
const BLOCK: u32 = 512;

#[derive(Deserialize)]
struct Line {
    /// Milliseconds.
    timestamp: f64,
    input_length: u32,
    #[serde(default)]
    output_length: Option<u32>,
    #[serde(default)]
    hash_ids: Vec<u64>,
    /// AIPerf's.
    #[serde(default)]
    session_id: Option<Box<str>>,
}

pub(super) fn read(text: &str) -> Result<Recording, String> {
    let mut recording = Recording::default();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        let line: Line = serde_json::from_str(line).map_err(|error| {
            let text = error.to_string();
            let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
            format!("has a line {number} that is not as it should be: {what} at column {}", error.column())
        })?;
        let at = nanoseconds(line.timestamp / 1e3)
            .ok_or_else(|| format!("has a line {number} whose time is not a number of milliseconds"))?;
        if line.input_length.max(line.output_length.unwrap_or(0)) > MOST_TOKENS {
            return Err(format!("has a line {number} with more than {MOST_TOKENS} tokens"));
        }
        let request = TraceRequest {
            input_tokens: Some(line.input_length),
            output_tokens: line.output_length,
            block_tokens: if line.hash_ids.is_empty() { 0 } else { BLOCK },
            blocks: line.hash_ids,
            session: line.session_id,
            ..TraceRequest::default()
        };
        recording.requests.push(Recorded { at, request });
    }
    Ok(recording)
}
