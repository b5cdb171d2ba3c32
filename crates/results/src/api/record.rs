//! One line of `samples.jsonl`.

use super::micros;
use crate::LatencyRecord;
use crate::record::is_default;
use plimsoll_model::{FailureClass, Outcome, Sample, TokenSource, Tokens, Told};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// One measured request. Times are whole microseconds; those of the first group since the run's start. What did not
/// happen has no key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ApiSampleRecord {
    /// Name under which requests are grouped.
    pub name: String,
    /// Virtual user, from 0.
    pub vu: u32,
    /// The user's iteration, from 0.
    pub iteration: u32,
    /// When the load profile meant it to start.
    pub intended: u64,
    /// When it was sent.
    pub sent: u64,
    /// When the head of the answer was there.
    #[serde(default)]
    pub first_byte: Option<u64>,
    /// When the answer was complete, or the failure known.
    pub end: u64,
    /// How long connections were being opened between the two.
    #[serde(default)]
    pub connect: u64,
    /// `ok` or the failure class.
    #[serde(deserialize_with = "read_outcome")]
    pub outcome: Outcome,
    /// The HTTP status that decided the outcome.
    #[serde(default)]
    pub status: Option<u16>,
    /// What went wrong; on failures only.
    #[serde(default)]
    pub error: Option<String>,
    /// Body bytes sent.
    #[serde(default)]
    pub bytes_sent: u64,
    /// Body bytes received.
    #[serde(default)]
    pub bytes_received: u64,
    /// The server's name for this request.
    #[serde(default)]
    pub id: Option<String>,
    /// Arrivals of the chunks with content, since the send.
    #[serde(default)]
    pub chunks: Vec<u64>,
    /// Tokens of each chunk, where the server counts them chunk by chunk.
    #[serde(default)]
    pub chunk_tokens: Vec<u32>,
    /// Tokens of the request.
    #[serde(default)]
    pub tokens: Option<TokenRecord>,
    /// Times it was sent again.
    #[serde(default)]
    pub retries: u32,
    /// Connections that had to be opened because the server had closed the idle one.
    #[serde(default)]
    pub reconnects: u32,
    /// Whether the server was cold.
    #[serde(default)]
    pub cold: bool,
    /// What the server told of its limits or of its loading.
    #[serde(default)]
    pub told: Option<ToldRecord>,
}

/// [`Tokens`] in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// Of the input; 0 when not known.
    pub input: u32,
    /// Of the output.
    pub output: u32,
    /// Of these, reasoning.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reasoning: u32,
    /// Of the input, those in the server's cache.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cached: u32,
    /// Who counted.
    pub source: TokenSource,
}

/// [`Told`] in a file; times in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldRecord {
    /// `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Requests allowed in a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// Requests left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// Time until the window is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<u64>,
    /// The server's guess how long the model still loads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading: Option<u64>,
}

/// The same as [`ApiSampleRecord`], borrowed: what is written and what is folded, so that a file says what the run
/// said.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) vu: u32,
    pub(crate) iteration: u32,
    pub(crate) intended: u64,
    pub(crate) sent: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_byte: Option<u64>,
    pub(crate) end: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) connect: u64,
    #[serde(serialize_with = "write_outcome")]
    pub(crate) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a str>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) bytes_sent: u64,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) bytes_received: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(skip_serializing_if = "no_items")]
    pub(crate) chunks: &'a [u64],
    #[serde(skip_serializing_if = "no_items")]
    pub(crate) chunk_tokens: &'a [u32],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<TokenRecord>,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) retries: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) reconnects: u32,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) cold: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) told: Option<ToldRecord>,
}

impl<'a> Line<'a> {
    /// The line of a sample. `chunks` is room for the times of its chunks.
    pub(crate) fn of(sample: &'a Sample, chunks: &'a mut Vec<u64>) -> Self {
        let (steps, sent) = (&sample.timeline, micros(sample.sent));
        chunks.clear();
        chunks.extend(steps.chunks.iter().map(|chunk| micros(*chunk).saturating_sub(sent)));
        Self {
            name: &sample.name,
            vu: sample.vu,
            iteration: sample.iteration,
            intended: micros(sample.intended),
            sent,
            first_byte: steps.first_byte.map(micros),
            end: micros(sample.end),
            connect: micros(steps.connect),
            outcome: sample.outcome,
            status: sample.status,
            error: sample.error.as_deref().filter(|_| !sample.outcome.is_ok()),
            bytes_sent: sample.bytes_sent,
            bytes_received: sample.bytes_received,
            id: sample.event_id.as_deref(),
            chunks,
            chunk_tokens: &steps.chunk_tokens,
            tokens: sample.tokens.map(TokenRecord::from),
            retries: sample.retries,
            reconnects: steps.reconnects,
            cold: sample.cold,
            told: sample.told.as_deref().map(ToldRecord::from),
        }
    }
}

impl ApiSampleRecord {
    /// The record of a sample.
    pub fn new(sample: &Sample) -> Self {
        let mut chunks = Vec::new();
        let line = Line::of(sample, &mut chunks);
        Self {
            name: line.name.to_owned(),
            vu: line.vu,
            iteration: line.iteration,
            intended: line.intended,
            sent: line.sent,
            first_byte: line.first_byte,
            end: line.end,
            connect: line.connect,
            outcome: line.outcome,
            status: line.status,
            error: line.error.map(str::to_owned),
            bytes_sent: line.bytes_sent,
            bytes_received: line.bytes_received,
            id: line.id.map(str::to_owned),
            chunk_tokens: line.chunk_tokens.to_vec(),
            tokens: line.tokens,
            retries: line.retries,
            reconnects: line.reconnects,
            cold: line.cold,
            told: line.told,
            chunks,
        }
    }

    /// Whether the request was given up because the run was stopped: it is in no statistic and no rate.
    pub fn is_cancelled(&self) -> bool {
        self.outcome == Outcome::Failed(FailureClass::Cancelled)
    }

    pub(crate) fn line(&self) -> Line<'_> {
        Line {
            name: &self.name,
            vu: self.vu,
            iteration: self.iteration,
            intended: self.intended,
            sent: self.sent,
            first_byte: self.first_byte,
            end: self.end,
            connect: self.connect,
            outcome: self.outcome,
            status: self.status,
            error: self.error.as_deref(),
            bytes_sent: self.bytes_sent,
            bytes_received: self.bytes_received,
            id: self.id.as_deref(),
            chunks: &self.chunks,
            chunk_tokens: &self.chunk_tokens,
            tokens: self.tokens,
            retries: self.retries,
            reconnects: self.reconnects,
            cold: self.cold,
            told: self.told,
        }
    }
}

/// A prediction of a Gradio app in the form of API runs, whose fold then tells of it as well.
impl From<&LatencyRecord> for ApiSampleRecord {
    fn from(record: &LatencyRecord) -> Self {
        // A damaged file's negative or absurd number becomes 0 or the most.
        let micros = |ms: f64| (ms * 1e3).round() as u64;
        let sent = micros(record.sent_ms);
        let mut chunks: Vec<f64> = record.ttft_ms.into_iter().collect();
        for gap in &record.chunk_gaps_ms {
            chunks.extend(chunks.last().map(|last| last + gap));
        }
        let class = FailureClass::parse(&record.outcome);
        Self {
            name: record.name.clone(),
            vu: record.user_id,
            iteration: record.request_id,
            intended: micros(record.sent_ms - record.send_lag_ms),
            sent,
            first_byte: None,
            end: micros(record.sent_ms + record.latency_ms),
            connect: micros(record.connect_ms),
            outcome: if record.success {
                Outcome::Ok
            } else {
                Outcome::Failed(class.unwrap_or(FailureClass::AppError))
            },
            status: record.http_status,
            error: record.error.clone(),
            bytes_sent: record.bytes_sent,
            bytes_received: record.bytes_received,
            id: record.event_id.clone(),
            chunks: chunks.into_iter().map(micros).collect(),
            chunk_tokens: Vec::new(),
            tokens: None,
            retries: 0,
            reconnects: record.reconnects,
            cold: false,
            told: None,
        }
    }
}

impl Serialize for ApiSampleRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.line().serialize(serializer)
    }
}

impl From<Tokens> for TokenRecord {
    fn from(tokens: Tokens) -> Self {
        let Tokens { input, output, reasoning, cached, source } = tokens;
        Self { input, output, reasoning, cached, source }
    }
}

impl From<&Told> for ToldRecord {
    fn from(told: &Told) -> Self {
        Self {
            retry_after: told.retry_after.map(micros),
            limit: told.limit.map(|(limit, _)| limit),
            window: told.limit.and_then(|(_, window)| window).map(micros),
            remaining: told.remaining,
            reset: told.reset.map(micros),
            loading: told.loading.map(micros),
        }
    }
}

fn no_items<T>(items: &[T]) -> bool {
    items.is_empty()
}

fn write_outcome<S: Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(outcome.as_str())
}

fn read_outcome<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Outcome, D::Error> {
    let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    if word == Outcome::Ok.as_str() {
        return Ok(Outcome::Ok);
    }
    FailureClass::parse(&word)
        .map(Outcome::Failed)
        .ok_or_else(|| D::Error::custom(format!("`{word}` is neither `ok` nor a failure class")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testdata::{failed, plain, streamed};
    use std::time::Duration;

    fn text(sample: &Sample) -> String {
        serde_json::to_string(&ApiSampleRecord::new(sample)).unwrap()
    }

    #[test]
    fn absent_things_have_no_key() {
        assert_eq!(
            text(&plain("chat", 1_000, 64)),
            concat!(
                r#"{"name":"chat","vu":0,"iteration":0,"intended":1000000,"sent":1000500,"first_byte":1010500,"#,
                r#""end":1064500,"outcome":"ok","status":200,"bytes_sent":100,"bytes_received":2000}"#
            )
        );
    }

    #[test]
    fn a_full_line_comes_back_as_it_was() {
        let mut sample = streamed("a \"name\"\n", 2_000, &[40, 50, 60], 3);
        sample.timeline.chunk_tokens = vec![1, 1, 1];
        sample.timeline.connect = Duration::from_micros(321);
        sample.timeline.reconnects = 1;
        (sample.retries, sample.cold, sample.event_id) = (2, true, Some("req-1".into()));
        sample.told = Some(Box::new(Told {
            retry_after: Some(Duration::from_secs(3)),
            limit: Some((100, Some(Duration::from_secs(60)))),
            remaining: Some(4),
            reset: Some(Duration::from_millis(1500)),
            loading: Some(Duration::from_secs(20)),
        }));
        let line = text(&sample);
        assert!(
            line.ends_with(concat!(
                r#""chunks":[40000,50000,60000],"chunk_tokens":[1,1,1],"#,
                r#""tokens":{"input":10,"output":3,"source":"server"},"retries":2,"reconnects":1,"cold":true,"#,
                r#""told":{"retry_after":3000000,"limit":100,"window":60000000,"remaining":4,"reset":1500000,"#,
                r#""loading":20000000}}"#
            )),
            "{line}"
        );
        for sample in [sample, failed("x", 5_000, FailureClass::Timeout, "no answer\u{1b}")] {
            let again: ApiSampleRecord = serde_json::from_str(&text(&sample)).unwrap();
            assert_eq!(again, ApiSampleRecord::new(&sample));
        }
    }

    #[test]
    fn unknown_outcomes_are_refused() {
        let line = text(&plain("chat", 0, 1)).replace("\"ok\"", "\"fine\"");
        let error = serde_json::from_str::<ApiSampleRecord>(&line).unwrap_err().to_string();
        assert!(error.contains("`fine` is neither"), "{error}");
    }
}
