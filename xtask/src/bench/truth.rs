//! What Plimsoll measured of each request beside what the server knows of the same request.

use super::server::Truth;
use crate::Result;
use serde_json::Value;
use std::path::Path;

/// Measured minus true, in milliseconds, over single requests and single gaps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Errors {
    /// Of the time to the first token: what the way there and back, and both programs, add.
    pub(super) ttft_p50: f64,
    pub(super) ttft_p99: f64,
    /// Of the gaps between tokens, without their sign.
    pub(super) itl_p50: f64,
    pub(super) itl_p99: f64,
}

/// Compares the samples below `output`, by the server's names for requests.
pub(super) fn errors(output: &Path, truth: &Truth) -> Result<Errors> {
    let entries = std::fs::read_dir(output).map_err(|error| format!("left no results ({error})"))?;
    let path = entries
        .flatten()
        .map(|entry| entry.path().join("samples.jsonl"))
        .find(|path| path.exists())
        .ok_or("left no samples.jsonl")?;
    let text = std::fs::read_to_string(path).map_err(|error| format!("left samples that cannot be read ({error})"))?;
    of(&text, truth)
}

fn of(samples: &str, truth: &Truth) -> Result<Errors> {
    let (mut ttft, mut itl) = (Vec::new(), Vec::new());
    for line in samples.lines() {
        let sample: Value = serde_json::from_str(line).map_err(|error| format!("left a bad sample ({error})"))?;
        let chunks: Vec<f64> =
            sample["chunks"].as_array().into_iter().flatten().filter_map(Value::as_f64).map(|us| us / 1e3).collect();
        let known = sample["id"].as_str().and_then(|id| truth.requests.get(id));
        let (received, writes) = known.ok_or("left a sample of a request that the server does not know")?;
        if chunks.is_empty() || chunks.len() != writes.len() {
            return Err(format!("saw {} tokens of the {} that the server wrote", chunks.len(), writes.len()));
        }
        ttft.push(chunks[0] - ms(writes[0].saturating_sub(*received)));
        let gaps = chunks.windows(2).zip(writes.windows(2));
        itl.extend(gaps.map(|(ours, theirs)| (ours[1] - ours[0] - ms(theirs[1].saturating_sub(theirs[0]))).abs()));
    }
    if ttft.is_empty() {
        return Err("left no samples".to_owned());
    }
    let [ttft_p50, ttft_p99] = percentiles(ttft);
    let [itl_p50, itl_p99] = percentiles(itl);
    Ok(Errors { ttft_p50, ttft_p99, itl_p50, itl_p99 })
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a short time")]
fn ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// The nearest of the values; zero where there are none (answers of one token have no gaps).
fn percentiles(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_unstable_by(f64::total_cmp);
    [50, 99].map(|q| values.get((values.len() * q / 100).min(values.len().saturating_sub(1))).copied().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_requests_are_compared() {
        let truth = Truth {
            requests: [("a".to_owned(), (1_000_000, vec![51_000_000, 61_000_000, 71_000_000]))].into(),
            ..Truth::default()
        };
        let sample = "{\"id\":\"a\",\"chunks\":[50100,60300,70000]}\n";
        let errors = of(sample, &truth).unwrap();
        assert!((errors.ttft_p50 - 0.1).abs() < 1e-9 && (errors.itl_p99 - 0.3).abs() < 1e-9, "{errors:?}");
        assert!(of("{\"id\":\"b\",\"chunks\":[1]}\n", &truth).is_err());
        assert!(of("{\"id\":\"a\",\"chunks\":[1]}\n", &truth).is_err());
    }
}
