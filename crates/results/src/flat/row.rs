//! One sample.

use super::column::COLUMNS;

/// One sample. Times of day are in seconds since the run's start, everything else that is a time in milliseconds. What
/// did not happen, or is not known, is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlatRow {
    /// The load in words: a tier's users, a level's label.
    pub stage: String,
    /// Which tier or level, from 1.
    pub stage_number: u32,
    /// Users of a tier.
    pub users: Option<u32>,
    /// Name under which requests are grouped.
    pub name: String,
    /// Virtual user, from 0.
    pub user: u32,
    /// The user's iteration, from 0.
    pub iteration: u32,
    /// Whether it was warm-up, which no figure covers.
    pub warmup: bool,
    /// When it was meant to start.
    pub intended_s: Option<f64>,
    /// When it was sent.
    pub sent_s: Option<f64>,
    /// When the answer was complete.
    pub end_s: Option<f64>,
    /// From the intended start to the end.
    pub response_ms: Option<f64>,
    /// From the send to the end.
    pub latency_ms: Option<f64>,
    /// From the intended start to the send.
    pub send_lag_ms: Option<f64>,
    /// Opening connections.
    pub connect_ms: Option<f64>,
    /// From the send to the head of the answer.
    pub first_byte_ms: Option<f64>,
    /// From the send to the first chunk with content.
    pub ttft_ms: Option<f64>,
    /// From the send to the last chunk with content.
    pub last_chunk_ms: Option<f64>,
    /// Mean gap between chunks.
    pub gap_mean_ms: Option<f64>,
    /// Longest gap between chunks.
    pub gap_max_ms: Option<f64>,
    /// (Last chunk − first chunk) / (output tokens − 1).
    pub tpot_ms: Option<f64>,
    /// Chunks with content.
    pub chunks: u32,
    /// `ok` or the failure class.
    pub outcome: String,
    /// Whether it succeeded.
    pub success: bool,
    /// HTTP status that decided the outcome.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// Body bytes sent and received.
    pub bytes_sent: Option<u64>,
    /// See `bytes_sent`.
    pub bytes_received: Option<u64>,
    /// Tokens of the input.
    pub input_tokens: Option<u32>,
    /// Tokens of the output.
    pub output_tokens: Option<u32>,
    /// Of these, reasoning.
    pub reasoning_tokens: Option<u32>,
    /// Of the input, those in the server's cache.
    pub cached_tokens: Option<u32>,
    /// Who counted tokens.
    pub token_source: Option<&'static str>,
    /// Times it was sent again.
    pub retries: u32,
    /// Connections opened anew.
    pub reconnects: u32,
    /// Whether the server was cold.
    pub cold: bool,
    /// Whether a Gradio app answered from its cache.
    pub cached: bool,
    /// Gradio: uploading input files.
    pub upload_ms: Option<f64>,
    /// Gradio: round trip of the join.
    pub join_ms: Option<f64>,
    /// Gradio: waiting in the queue, as the client saw it.
    pub queue_wait_ms: Option<f64>,
    /// Gradio: from the start of processing to the result, as the client saw it.
    pub run_ms: Option<f64>,
    /// The server's name for the request.
    pub id: Option<String>,
}

/// The value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// None.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(&'a str),
}

trait IntoCell {
    fn cell(&self) -> Cell<'_>;
}

macro_rules! whole_number {
    ($($kind:ty),*) => { $(impl IntoCell for $kind {
        fn cell(&self) -> Cell<'_> { i64::try_from(*self).map_or(Cell::Null, Cell::Int) }
    })* };
}
whole_number!(u16, u32, u64);

impl IntoCell for f64 {
    fn cell(&self) -> Cell<'_> {
        if self.is_finite() { Cell::Float(*self) } else { Cell::Null }
    }
}

impl IntoCell for bool {
    fn cell(&self) -> Cell<'_> {
        Cell::Bool(*self)
    }
}

impl IntoCell for String {
    fn cell(&self) -> Cell<'_> {
        Cell::Text(self)
    }
}

impl IntoCell for &'static str {
    fn cell(&self) -> Cell<'_> {
        Cell::Text(self)
    }
}

impl<T: IntoCell> IntoCell for Option<T> {
    fn cell(&self) -> Cell<'_> {
        self.as_ref().map_or(Cell::Null, T::cell)
    }
}

impl FlatRow {
    /// Its values, in the order of [`COLUMNS`].
    pub fn cells(&self) -> [Cell<'_>; COLUMNS.len()] {
        [
            self.stage.cell(),
            self.stage_number.cell(),
            self.users.cell(),
            self.name.cell(),
            self.user.cell(),
            self.iteration.cell(),
            self.warmup.cell(),
            self.intended_s.cell(),
            self.sent_s.cell(),
            self.end_s.cell(),
            self.response_ms.cell(),
            self.latency_ms.cell(),
            self.send_lag_ms.cell(),
            self.connect_ms.cell(),
            self.first_byte_ms.cell(),
            self.ttft_ms.cell(),
            self.last_chunk_ms.cell(),
            self.gap_mean_ms.cell(),
            self.gap_max_ms.cell(),
            self.tpot_ms.cell(),
            self.chunks.cell(),
            self.outcome.cell(),
            self.success.cell(),
            self.status.cell(),
            self.error.cell(),
            self.bytes_sent.cell(),
            self.bytes_received.cell(),
            self.input_tokens.cell(),
            self.output_tokens.cell(),
            self.reasoning_tokens.cell(),
            self.cached_tokens.cell(),
            self.token_source.cell(),
            self.retries.cell(),
            self.reconnects.cell(),
            self.cold.cell(),
            self.cached.cell(),
            self.upload_ms.cell(),
            self.join_ms.cell(),
            self.queue_wait_ms.cell(),
            self.run_ms.cell(),
            self.id.cell(),
        ]
    }
}
