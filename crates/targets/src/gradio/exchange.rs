//! The exchanges with the server that make up one prediction.

use super::config::MOST_BYTES;
use super::failure::Failure;
use super::message::{Kind, Message, Output};
use super::payload::{FileShape, Inputs, Part, Payloads};
use plimsoll_model::{FailureClass, Sample};
use plimsoll_wire::{Client, Request, Splitter};
use serde_json::{Value, json};
use std::time::Duration;

/// Uploads one file; the answer is the path under which the server knows it.
pub(super) async fn upload(
    client: &mut Client,
    api_prefix: &str,
    file: &plimsoll_wire::Multipart,
    sample: &mut Sample,
) -> Result<String, Failure> {
    let request = Request::post(format!("{api_prefix}/upload"), file.content_type.clone(), file.body.clone());
    sample.bytes_sent += file.body.len() as u64;
    let (response, bytes) = client.fetch(request, MOST_BYTES).await?;
    note(&response, sample);
    sample.bytes_received += bytes.len() as u64;
    if response.status != 200 {
        return Err(Failure::of_status("upload", response.status, &bytes));
    }
    let paths: Vec<String> = serde_json::from_slice(&bytes).unwrap_or_default();
    paths
        .into_iter()
        .next()
        .ok_or_else(|| Failure::new(FailureClass::Protocol, "upload: the server's answer names no path for the file"))
}

/// Adds what every exchange adds to a sample.
pub(super) fn note(response: &plimsoll_wire::Response, sample: &mut Sample) {
    sample.timeline.connect += response.connect;
    sample.timeline.reconnects += u32::from(response.reconnected);
}

/// The inputs as one JSON list; files are uploaded first, as the browser does.
pub(super) async fn fill_in(
    client: &mut Client,
    api_prefix: &str,
    payloads: &Payloads,
    (vu, iteration): (u32, u32),
    sample: &mut Sample,
) -> Result<String, Failure> {
    let parts = match payloads.draw(vu, iteration) {
        Inputs::Row(row) => return Ok(row.to_owned()),
        Inputs::Parts(parts) => parts,
    };
    let mut data = String::from("[");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            data.push(',');
        }
        match part {
            Part::Json(json) => data.push_str(json),
            Part::Made(json) => data.push_str(json),
            Part::File(file, shape) => {
                let file = payloads.files().get(*file);
                let clock = client.connector().clock();
                let start = clock.now();
                let path = upload(client, api_prefix, &file.upload, sample).await;
                *sample.timeline.upload.get_or_insert(Duration::ZERO) += clock.now() - start;
                data.push_str(&file_json(&path?, &file.name, *shape).to_string());
            }
        }
    }
    data.push(']');
    Ok(data)
}

fn file_json(path: &str, name: &str, shape: FileShape) -> Value {
    let file = json!({"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}});
    match shape {
        FileShape::Plain => file,
        FileShape::Video => json!({"video": file, "subtitles": null}),
        FileShape::List => json!([file]),
        FileShape::Gallery => json!([{"image": file, "caption": null}]),
    }
}

/// `POST /queue/join`. Sets the event id and the join's stamps.
pub(super) async fn join(
    client: &mut Client,
    api_prefix: &str,
    body: String,
    sample: &mut Sample,
) -> Result<(), Failure> {
    #[derive(serde::Deserialize)]
    struct Joined {
        event_id: Box<str>,
    }
    sample.bytes_sent += body.len() as u64;
    sample.timeline.join_sent = Some(client.connector().clock().now());
    let mut response = client.send(Request::post_json(format!("{api_prefix}/queue/join"), body)).await?;
    sample.timeline.joined = Some(response.head_at);
    note(&response, sample);
    let bytes = response.body.collect(MOST_BYTES).await?;
    sample.bytes_received += bytes.len() as u64;
    if response.status != 200 {
        return Err(Failure::of_status("join", response.status, &bytes));
    }
    let joined: Joined = serde_json::from_slice(&bytes)
        .map_err(|_| Failure::new(FailureClass::Protocol, "join: the server's answer holds no event_id"))?;
    sample.event_id = Some(joined.event_id);
    Ok(())
}

/// What reading the stream found out.
pub(super) struct Finished {
    /// The JSON list of outputs, if there was one.
    pub data: Option<String>,
    /// How it went.
    pub result: Result<(), Failure>,
}

/// Reads the session's event stream until our own event is complete, then on to the stream's end, so that the
/// connection can serve the next request. `sample.end` is stamped at the completion.
pub(super) async fn stream(
    client: &mut Client,
    api_prefix: &str,
    session: &str,
    keep_data: bool,
    sample: &mut Sample,
) -> Result<Finished, Failure> {
    /// A stream that ended before our event did may belong to the event before: the server closed it in the moment
    /// in which we joined. Our messages then wait for the next reader.
    const READS: usize = 3;
    for _ in 0..READS {
        let path = format!("{api_prefix}/queue/data?session_hash={session}");
        let mut response = client.send(Request::get(path)).await?;
        note(&response, sample);
        if response.status != 200 {
            let bytes = response.body.collect(MOST_BYTES).await?;
            return Err(Failure::of_status("event stream", response.status, &bytes));
        }
        if let Some(finished) = read_events(&mut response, keep_data, sample).await? {
            return Ok(finished);
        }
    }
    Err(Failure::new(FailureClass::Protocol, "the event stream ended without the result of this request"))
}

/// How long to wait for the end of a stream whose result has come. The server sends it at once.
const DRAIN: Duration = Duration::from_secs(5);

async fn read_events(
    response: &mut plimsoll_wire::Response,
    keep_data: bool,
    sample: &mut Sample,
) -> Result<Option<Finished>, Failure> {
    let mut splitter = Splitter::default();
    let mut reader = EventReader { keep_data, finished: None, bad: None };
    while reader.finished.is_none() {
        let Some(chunk) = response.body.next().await else { return Ok(None) };
        let chunk = chunk.map_err(|error| match reader.bad.take() {
            Some(failure) => failure,
            None => Failure::from(error),
        })?;
        sample.bytes_received += chunk.data.len() as u64;
        let bounded = splitter.push(&chunk.data, |event| reader.take(event.data, chunk.at, sample));
        if let Some(failure) = reader.bad.take() {
            return Err(failure);
        }
        if !bounded {
            return Err(Failure::new(FailureClass::Protocol, "an event of the stream has no end"));
        }
    }
    // Not part of the latency, and no failure if it does not come: the result is there.
    let _ = tokio::time::timeout(DRAIN, async {
        while let Some(Ok(chunk)) = response.body.next().await {
            sample.bytes_received += chunk.data.len() as u64;
        }
    })
    .await;
    Ok(reader.finished)
}

/// Follows our own event through the messages of the session.
struct EventReader {
    keep_data: bool,
    finished: Option<Finished>,
    bad: Option<Failure>,
}

impl EventReader {
    fn take(&mut self, data: &[u8], at: Duration, sample: &mut Sample) {
        if self.finished.is_some() || self.bad.is_some() {
            return;
        }
        // The queue tells every waiting user of every start: of 53 messages that a user gets among 100, 50 are these.
        if data.starts_with(br#"{"msg":"estimation""#) {
            return;
        }
        let message: Message<'_> = match serde_json::from_slice(data) {
            Ok(message) => message,
            Err(error) => {
                let text = format!("a message of the event stream cannot be read: {error}");
                self.bad = Some(Failure::new(FailureClass::Protocol, text));
                return;
            }
        };
        let ours = message.event_id.as_deref() == sample.event_id.as_deref();
        match message.kind {
            Kind::ProcessStarts if ours => sample.timeline.started = Some(at),
            Kind::ProcessGenerating | Kind::ProcessStreaming if ours => sample.timeline.chunks.push(at),
            Kind::ProcessCompleted if ours => {
                sample.end = at;
                let used = message.used_cache.as_ref().and_then(Value::as_str);
                sample.timeline.cached = used == Some("full");
                self.finished = Some(self.finish(&message));
            }
            // It speaks of the whole session and carries no event id.
            Kind::UnexpectedError if ours || message.event_id.is_none() => {
                let text = message.message.as_ref().and_then(Value::as_str).unwrap_or("unexpected error");
                self.bad = Some(if message.session_not_found {
                    Failure::new(FailureClass::SessionLost, format!("the server does not know the session: {text}"))
                } else {
                    Failure::new(FailureClass::ServerError, text)
                });
            }
            _ => {}
        }
    }

    fn finish(&self, message: &Message<'_>) -> Finished {
        let output: Option<Output<'_>> = message.output.and_then(|output| serde_json::from_str(output.get()).ok());
        if message.success == Some(true) {
            let data = output.and_then(|output| output.data);
            let result = match data {
                Some(_) => Ok(()),
                None => Err(Failure::new(FailureClass::InvalidResponse, "the result holds no data")),
            };
            let data = data.filter(|_| self.keep_data).map(|data| data.get().to_owned());
            Finished { data, result }
        } else {
            let error = output.as_ref().and_then(|output| output.error.as_ref());
            Finished { data: None, result: Err(Failure::of_event(error)) }
        }
    }
}

/// A call that does not go through the queue: one plain request.
pub(super) async fn run_directly(
    client: &mut Client,
    api_prefix: &str,
    endpoint: &str,
    body: String,
    sample: &mut Sample,
) -> Result<Finished, Failure> {
    #[derive(serde::Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        data: Option<&'a serde_json::value::RawValue>,
    }
    sample.bytes_sent += body.len() as u64;
    sample.timeline.join_sent = Some(client.connector().clock().now());
    let mut response = client.send(Request::post_json(format!("{api_prefix}/run{endpoint}"), body)).await?;
    note(&response, sample);
    let bytes = response.body.collect(MOST_BYTES).await?;
    sample.end = client.connector().clock().now();
    sample.bytes_received += bytes.len() as u64;
    if response.status != 200 {
        let mut failure = Failure::of_status("run", response.status, &bytes);
        // The function's own exception comes as a 500 with JSON.
        if response.status == 500 && bytes.starts_with(b"{") {
            failure.class = FailureClass::AppError;
        }
        return Err(failure);
    }
    let answer: Option<Answer<'_>> = serde_json::from_slice(&bytes).ok();
    match answer.and_then(|answer| answer.data) {
        Some(data) => Ok(Finished { data: Some(data.get().to_owned()), result: Ok(()) }),
        None => Err(Failure::new(FailureClass::InvalidResponse, "the result holds no data")),
    }
}
