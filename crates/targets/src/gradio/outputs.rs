//! A random sample of the files that an app gave back, fetched over HTTP between rounds.

use super::config;
use bytes::Bytes;
use plimsoll_wire::{Client, Request, WireError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// Characters that stand as they are in `/file=` paths.
const PATH: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// The path of a file on the server, as `GET` wants it.
pub(super) fn file_request(api_prefix: &str, server_path: &str) -> Request {
    Request::get(format!("{api_prefix}/file={}", percent_encoding::utf8_percent_encode(server_path, PATH)))
}

/// Keeps one successful request of a round, each with the same chance (reservoir of size one).
#[derive(Debug)]
pub struct OutputSampler {
    rng: StdRng,
    seen: u64,
    kept: Option<Kept>,
}

/// The files of the request that was kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub vu: u32,
    /// Place in the outputs, and path on the server.
    pub files: Vec<(usize, String)>,
}

impl OutputSampler {
    /// A sampler with this seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), seen: 0, kept: None }
    }

    pub(super) fn offer(&mut self, vu: u32, data: &str) {
        if !data.contains("\"path\"") {
            return;
        }
        self.seen += 1;
        if self.rng.random_range(0..self.seen) == 0 {
            let files = files_in(data);
            if !files.is_empty() {
                self.kept = Some(Kept { vu, files });
            }
        }
    }

    pub(super) fn take(&mut self) -> Option<Kept> {
        self.seen = 0;
        self.kept.take()
    }
}

/// Output files: place among the outputs and path on the server. Files inside an output (a gallery, a video with
/// its subtitles) carry the place of that output.
fn files_in(data: &str) -> Vec<(usize, String)> {
    fn walk(value: &Value, place: usize, found: &mut Vec<(usize, String)>) {
        match value {
            Value::Object(map) => match map.get("path").and_then(Value::as_str) {
                Some(path) if !path.is_empty() => found.push((place, path.to_owned())),
                _ => map.values().for_each(|value| walk(value, place, found)),
            },
            Value::Array(items) => items.iter().for_each(|value| walk(value, place, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(Value::Array(outputs)) = serde_json::from_str(data) {
        outputs.iter().enumerate().for_each(|(place, output)| walk(output, place, &mut found));
    }
    found
}

/// Fetches one file from the app's own origin, whatever address the app put beside it.
pub(super) async fn fetch_file(client: &mut Client, api_prefix: &str, path: &str) -> Result<(u16, Bytes), WireError> {
    let (response, bytes) = client.fetch(file_request(api_prefix, path), config::MOST_BYTES).await?;
    Ok((response.status, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_files_at_any_depth() {
        let data = r#"["text", {"path":"/tmp/a b.png","url":"http://evil/x"}, {"video":{"path":"/tmp/v.mp4"},"subtitles":null}, [{"image":{"path":"/g.webp"}}], null]"#;
        let expected = [(1, "/tmp/a b.png"), (2, "/tmp/v.mp4"), (3, "/g.webp")].map(|(at, path)| (at, path.to_owned()));
        assert_eq!(files_in(data), expected);
    }

    #[test]
    fn paths_are_encoded() {
        assert_eq!(file_request("/gradio_api", "/tmp/a b#é.png").path, "/gradio_api/file=/tmp/a%20b%23%C3%A9.png");
    }
}
