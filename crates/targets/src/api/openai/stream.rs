//! Reads the event stream of a generating server: OpenAI's, vLLM's, SGLang's, llama.cpp's, TGI's and what else calls
//! itself compatible.

use super::Dialect;
use super::message::{Chunk, ResponseEvent};
use super::reading::{Reading, error_of, tokens_of_details, tokens_of_usage};
use crate::api::failure::Failure;
use plimsoll_model::{Timeline, TokenSource, Tokens};
use plimsoll_wire::{Event, Splitter};
use std::time::Duration;

/// Follows one answer. Fed with the bytes as they come, cut anywhere.
pub(crate) struct StreamReader {
    dialect: Dialect,
    splitter: Splitter,
    state: State,
}

struct State {
    reading: Reading,
    keep_text: bool,
    /// A reason to finish came.
    finished: bool,
    /// `[DONE]`, or the event that ends a stream of the Responses API.
    done: bool,
    /// Output tokens that the server had counted up to the last chunk with content.
    counted: u32,
    /// Chunks with content that came without a count.
    uncounted: bool,
    failure: Option<Failure>,
}

impl StreamReader {
    /// A reader that lets so many bytes wait for the end of their event, and keeps the text if it is wanted.
    pub(crate) fn new(dialect: Dialect, most_pending: usize, keep_text: bool) -> Self {
        let state = State {
            reading: Reading::default(),
            keep_text,
            finished: false,
            done: false,
            counted: 0,
            uncounted: false,
            failure: None,
        };
        Self { dialect, splitter: Splitter::with_limit(most_pending), state }
    }

    /// This reader, keeping all that is said so that its tokens can be counted.
    pub(crate) fn counting(mut self) -> Self {
        self.state.reading.spoken = Some(String::new());
        self
    }

    /// Takes bytes that came at this time.
    pub(crate) fn push(&mut self, at: Duration, bytes: &[u8], timeline: &mut Timeline) -> Result<(), Failure> {
        let (dialect, state) = (self.dialect, &mut self.state);
        let bounded = self.splitter.push(bytes, |event| {
            if state.failure.is_none() && !state.done {
                state.failure = state.take(dialect, &event, at, timeline).err();
            }
        });
        match state.failure.take() {
            Some(failure) => Err(failure),
            None if !bounded => Err(Failure::protocol("an event of the stream has no end")),
            None => Ok(()),
        }
    }

    /// Whether the server said that this is all.
    pub(crate) fn is_done(&self) -> bool {
        self.state.done
    }

    /// What was read, at the end of the stream.
    pub(crate) fn finish(self, timeline: &mut Timeline) -> Result<Reading, Failure> {
        let State { mut reading, finished, done, uncounted, .. } = self.state;
        if uncounted || timeline.chunk_tokens.len() != timeline.chunks.len() {
            timeline.chunk_tokens.clear();
        }
        if !finished && !done {
            return Err(Failure::invalid("the stream ended without a reason to finish and without [DONE]"));
        }
        if reading.tokens.is_none() && !timeline.chunks.is_empty() {
            let output = u32::try_from(timeline.chunks.len()).unwrap_or(u32::MAX);
            reading.tokens = Some(Tokens { input: 0, output, reasoning: 0, cached: 0, source: TokenSource::Chunks });
        }
        Ok(reading)
    }
}

impl State {
    fn take(
        &mut self,
        dialect: Dialect,
        event: &Event<'_>,
        at: Duration,
        timeline: &mut Timeline,
    ) -> Result<(), Failure> {
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let Ok(data) = std::str::from_utf8(data) else {
            return Err(Failure::protocol("an event of the stream is not valid UTF-8"));
        };
        if event.name == b"error" {
            return Err(Failure::of_error(data));
        }
        if data.is_empty() {
            return Ok(());
        }
        let unreadable = |error| Failure::protocol(format!("an event of the stream cannot be read: {error}"));
        let said = if dialect == Dialect::Responses {
            let event: ResponseEvent<'_> = serde_json::from_str(data).map_err(unreadable)?;
            self.response_event(&event, data)?
        } else {
            let chunk: Chunk<'_> = serde_json::from_str(data).map_err(unreadable)?;
            if error_of(chunk.error).is_some() {
                return Err(Failure::of_error(data));
            }
            self.chunk(&chunk, timeline)
        };
        if said {
            self.reading.said = true;
            timeline.chunks.push(at);
        }
        Ok(())
    }

    /// Takes a chunk; whether it says something.
    fn chunk(&mut self, chunk: &Chunk<'_>, timeline: &mut Timeline) -> bool {
        let mut said = false;
        for choice in chunk.choices.iter().flatten() {
            // Of several answers (`n`), the first is kept.
            let keep = self.keep_text && choice.index.unwrap_or_default() == 0;
            if let Some(delta) = &choice.delta {
                let text = !delta.content.is_empty() || !delta.refusal.is_empty();
                let thought = !delta.reasoning_content.is_empty() || !delta.reasoning.is_empty();
                let calls = delta.tool_calls.0 || delta.function_call.is_some();
                self.reading.called |= calls;
                said |= text || thought || calls || delta.audio.is_some();
                if keep {
                    self.reading.text.push_str(&delta.content.0);
                }
                if let Some(spoken) = &mut self.reading.spoken {
                    spoken.extend([&*delta.reasoning_content.0, &*delta.reasoning.0, &*delta.content.0]);
                }
            }
            if let Some(text) = &choice.text {
                said |= !text.is_empty();
                if keep {
                    self.reading.text.push_str(&text.0);
                }
                self.reading.spoken.as_mut().into_iter().for_each(|spoken| spoken.push_str(&text.0));
            }
            if let Some(reason) = choice.finish_reason.as_ref().filter(|reason| !reason.is_empty()) {
                self.finished = true;
                self.reading.finish(&reason.0);
            }
        }
        if let Some(token) = chunk.token.as_ref().filter(|token| !token.special) {
            said |= !token.text.is_empty();
            if self.keep_text {
                self.reading.text.push_str(&token.text.0);
            }
            self.reading.spoken.as_mut().into_iter().for_each(|spoken| spoken.push_str(&token.text.0));
        }
        self.finished |= chunk.generated_text.is_some() || chunk.details.is_some();
        if let Some(tokens) = chunk.details.as_ref().and_then(tokens_of_details) {
            self.reading.tokens = Some(tokens);
        }
        match chunk.usage.as_ref().and_then(tokens_of_usage) {
            Some(tokens) => {
                self.reading.tokens = Some(tokens);
                if said {
                    timeline.chunk_tokens.push(tokens.output.saturating_sub(self.counted));
                    self.counted = tokens.output;
                }
            }
            None => self.uncounted |= said,
        }
        said
    }

    /// Takes an event of the Responses API; whether it says something.
    fn response_event(&mut self, event: &ResponseEvent<'_>, data: &str) -> Result<bool, Failure> {
        let kind: &str = &event.kind.0;
        match kind {
            "error" | "response.failed" => {
                let error = event.response.as_ref().and_then(|response| error_of(response.error));
                return Err(Failure::of_error(error.or(error_of(event.error)).unwrap_or(data)));
            }
            "response.completed" | "response.incomplete" => {
                self.finished = true;
                self.done = true;
                self.reading.finish(kind.trim_start_matches("response."));
                let usage = event.response.as_ref().and_then(|response| response.usage.as_ref());
                self.reading.tokens = usage.and_then(tokens_of_usage);
                return Ok(false);
            }
            _ if error_of(event.error).is_some() => return Err(Failure::of_error(data)),
            _ => {}
        }
        // Texts, refusals, reasoning, summaries of it, arguments of calls: each has a kind of its own.
        if !kind.ends_with(".delta") || event.delta.is_empty() {
            return Ok(false);
        }
        self.reading.called |= kind.ends_with("_call_arguments.delta");
        if self.keep_text && kind == "response.output_text.delta" {
            self.reading.text.push_str(&event.delta.0);
        }
        self.reading.spoken.as_mut().into_iter().for_each(|spoken| spoken.push_str(&event.delta.0));
        self.uncounted = true;
        Ok(true)
    }
}

/// Feeds a stream reader with bytes that are cut after these lengths, again and again: for fuzzing. The text that was
/// read and the number of chunks with content, if the stream is whole.
pub fn read_cut(bytes: &[u8], lengths: &[u8], dialect: Dialect) -> Option<(String, usize)> {
    let mut reader = StreamReader::new(dialect, 1 << 20, true);
    let mut timeline = Timeline::default();
    let mut rest = bytes;
    let mut lengths = lengths.iter().cycle().map(|length| usize::from(*length).max(1));
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(lengths.next().unwrap_or(rest.len()).min(rest.len()));
        reader.push(Duration::ZERO, piece, &mut timeline).ok()?;
        rest = after;
    }
    let reading = reader.finish(&mut timeline).ok()?;
    Some((reading.text, timeline.chunks.len()))
}
