//! One request on the wire: sent, answered, and if asked sent again.

use super::check::Answer;
use super::deadline::within;
use super::failure::Failure;
use super::limits::told_by;
use super::openai::{Dialect, Reading, StreamReader};
use super::planned::ApiPlanned;
use super::step::{Retry, Step};
use super::user::ApiUser;
use bytes::Bytes;
use plimsoll_model::{FailureClass, Sample, Timeline, Told};
use plimsoll_wire::{Body, Prepared, Response};
use std::time::{Duration, SystemTime};

/// Most bytes of an error's body that are looked at.
const MOST_ERROR: usize = 64 << 10;

/// How long to wait for the end of a stream that said it is done. Most servers send it at once; without it the
/// connection cannot be used again.
const DRAIN: Duration = Duration::from_secs(1);

impl ApiUser {
    /// Sends a request until it succeeds, or may not be sent again. Each try may take `limit`.
    pub(super) async fn exchange(
        &mut self,
        planned: &ApiPlanned,
        step: &Step,
        prepared: &Prepared,
        limit: Duration,
        sample: &mut Sample,
    ) -> Result<Answer, Failure> {
        // What the server told at an earlier try, if it tells nothing at the last.
        let mut earlier: Option<Box<Told>> = None;
        loop {
            let failure = match within(limit, self.attempt(planned, step, prepared, sample)).await {
                Some(Ok(mut answer)) => {
                    if let Some(rest) = answer.rest.take() {
                        drain(rest).await;
                        self.client.after_stream().await;
                    }
                    sample.told = sample.told.take().or(earlier);
                    return Ok(answer);
                }
                Some(Err(failure)) => failure,
                None => {
                    let text = format!("no complete answer within {} s", limit.as_secs_f64());
                    Failure::new(FailureClass::Timeout, text)
                }
            };
            sample.cold |= failure.class == FailureClass::ColdStart;
            if failure.loading.is_some() {
                sample.told.get_or_insert_default().loading = failure.loading;
            }
            let Some(wait) = step.retry.as_ref().and_then(|retry| wait_of(retry, sample)) else {
                sample.told = sample.told.take().or(earlier);
                return Err(failure);
            };
            tokio::time::sleep(wait).await;
            earlier = sample.told.take().or(earlier);
            sample.retries += 1;
            // What the failed try went through belongs to the time of the request, but is no step of its answer.
            let Timeline { connect, reconnects, .. } = sample.timeline;
            sample.timeline = Timeline { connect, reconnects, ..Timeline::default() };
            sample.end = sample.sent;
            sample.status = None;
        }
    }

    async fn attempt(
        &mut self,
        planned: &ApiPlanned,
        step: &Step,
        prepared: &Prepared,
        sample: &mut Sample,
    ) -> Result<Answer, Failure> {
        sample.bytes_sent += prepared.body_length();
        if let Some(watch) = &mut self.watch {
            watch.sends(prepared);
        }
        let mut response = self.client.send_prepared(prepared).await?;
        note(&response, sample);
        if let Some(watch) = &mut self.watch {
            watch.head(&response);
        }
        if !step.checks.accepts(response.status) {
            return Err(self.refused(planned, response, sample).await);
        }
        let encoding = response.headers.get("content-encoding").and_then(|value| value.to_str().ok());
        if let Some(encoding) = encoding.filter(|encoding| *encoding != "identity" && step.looks_into_body()) {
            return Err(Failure::protocol(format!("the answer is compressed ({encoding}), which was not asked for")));
        }
        let success = (200..300).contains(&response.status);
        let dialect = step.dialect().filter(|_| success);
        if let Some((dialect, true)) = dialect {
            return self.stream(planned, step, dialect, response, sample).await;
        }
        let body = self.whole(&mut response.body, planned.most_bytes, sample).await?;
        sample.end = response.body.last_at();
        let mut answer = Answer::new(response.status, response.headers, body.len() as u64);
        if let Some((dialect, _)) = dialect {
            match Reading::of_whole(dialect, &body, step.keeps_text()) {
                Ok(reading) => {
                    answer.tokens = reading.tokens;
                    answer.reading = Some(reading);
                }
                // Whoever leaves out the check of the shape takes any.
                Err(failure) if failure.class == FailureClass::InvalidResponse && !step.checks.schema => {}
                Err(failure) => return Err(failure),
            }
        }
        answer.body = body;
        Ok(answer)
    }

    /// Why an answer is not taken.
    async fn refused(&mut self, planned: &ApiPlanned, mut response: Response, sample: &mut Sample) -> Failure {
        // What cannot be read of it changes nothing.
        let body = self.whole(&mut response.body, MOST_ERROR, sample).await.unwrap_or_default();
        sample.end = response.body.last_at();
        let status = response.status;
        if (200..300).contains(&status) {
            return Failure::invalid(format!("check.status: HTTP {status} is not what the scenario expects"));
        }
        Failure::of_status(&planned.origin, status, &response.headers, &body)
    }

    /// Reads a body to its end, up to so many bytes.
    async fn whole(&mut self, body: &mut Body, most: usize, sample: &mut Sample) -> Result<Bytes, Failure> {
        let too_large =
            || Failure::protocol(format!("the answer is larger than {most} bytes (target.max_response_bytes)"));
        let length = body.length();
        if length.is_some_and(|length| length > most as u64) {
            return Err(too_large());
        }
        let mut first = Bytes::new();
        let mut all: Vec<u8> = Vec::new();
        while let Some(chunk) = body.next().await {
            let data = chunk?.data;
            sample.bytes_received += data.len() as u64;
            if let Some(watch) = &mut self.watch {
                watch.body(&data);
            }
            if first.len() + all.len() + data.len() > most {
                return Err(too_large());
            }
            // Most answers come in one piece, and are not copied.
            if first.is_empty() && all.is_empty() {
                first = data;
                continue;
            }
            if all.is_empty() {
                all.reserve(length.and_then(|length| usize::try_from(length).ok()).unwrap_or_default());
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
        Ok(if all.is_empty() { first } else { all.into() })
    }

    async fn stream(
        &mut self,
        planned: &ApiPlanned,
        step: &Step,
        dialect: Dialect,
        mut response: Response,
        sample: &mut Sample,
    ) -> Result<Answer, Failure> {
        let kind = response.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if kind.contains("json") && !kind.contains("event-stream") {
            let kind = kind.to_owned();
            let body = self.whole(&mut response.body, planned.most_bytes, sample).await?;
            sample.end = response.body.last_at();
            // An error that comes with a 200 is the better reason.
            Reading::of_whole(dialect, &body, false)?;
            return Err(Failure::invalid(format!("a stream of events was asked for, the answer is {kind}")));
        }
        let before = sample.bytes_received;
        let mut reader = StreamReader::new(dialect, planned.most_bytes, step.keeps_text());
        if planned.counts {
            reader = reader.counting();
        }
        while let Some(chunk) = response.body.next().await {
            let chunk = chunk?;
            sample.bytes_received += chunk.data.len() as u64;
            if let Some(watch) = &mut self.watch {
                watch.body(&chunk.data);
            }
            reader.push(chunk.at, &chunk.data, &mut sample.timeline)?;
            if sample.bytes_received - before > planned.most_bytes as u64 {
                let most = planned.most_bytes;
                return Err(Failure::protocol(format!(
                    "the stream is longer than {most} bytes (target.max_response_bytes)"
                )));
            }
            if reader.is_done() {
                break;
            }
        }
        sample.end = response.body.last_at();
        let reading = reader.finish(&mut sample.timeline)?;
        let mut answer = Answer::new(response.status, response.headers, sample.bytes_received - before);
        answer.streamed = Some(dialect);
        answer.rest = Some(response.body);
        answer.tokens = reading.tokens;
        answer.reading = Some(reading);
        Ok(answer)
    }
}

/// Reads on to the end of a stream, so that the connection can serve the next request. Not part of the time, and no
/// failure if it does not come: the answer is there.
async fn drain(mut rest: Body) {
    let _ = tokio::time::timeout(DRAIN, async { while let Some(Ok(_)) = rest.next().await {} }).await;
}

/// Adds what every answer adds to a sample.
fn note(response: &Response, sample: &mut Sample) {
    sample.status = Some(response.status);
    sample.timeline.first_byte = Some(response.head_at);
    sample.timeline.connect += response.connect;
    sample.timeline.reconnects += u32::from(response.reconnected);
    sample.told = told_by(&response.headers, SystemTime::now).map(Box::new);
    // Hugging Face's providers, and most others.
    let id = response.headers.get("x-request-id").or_else(|| response.headers.get("inference-id"));
    sample.event_id = id.and_then(|value| value.to_str().ok()).map(Into::into);
}

/// How long to wait before the next try; `None` when there is none.
fn wait_of(retry: &Retry, sample: &Sample) -> Option<Duration> {
    let status = sample.status?;
    if sample.retries >= retry.times || !retry.on.contains(&status) {
        return None;
    }
    match sample.told.as_ref().and_then(|told| told.retry_after) {
        Some(asked) => (asked <= retry.max_wait).then_some(asked),
        None => Some(retry.backoff.saturating_mul(1 << sample.retries.min(20)).min(retry.max_wait)),
    }
}
