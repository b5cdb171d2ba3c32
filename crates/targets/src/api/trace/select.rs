//! What of a recording is replayed, and when.

use super::{Recorded, Recording, Trace};
use plimsoll_model::TraceRequest;
use plimsoll_model::scenario::{Problem, ReplaySpec};
use std::time::Duration;

/// A replay that slow would never end, and one that fast has only one instant.
const SPEEDS: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// The requests with the first at zero.
pub(super) fn rebased(recorded: Vec<Recorded>) -> Vec<TraceRequest> {
    let first = recorded.first().map_or(0, |request| request.at);
    let at = |at: i64| Duration::from_nanos(at.abs_diff(first));
    recorded.into_iter().map(|recorded| TraceRequest { at: at(recorded.at), ..recorded.request }).collect()
}

/// Window, limit, speed and caps. The replay begins at the start of the window.
pub(super) fn select(recording: Recording, spec: &ReplaySpec) -> Result<Trace, Problem> {
    let problem = |key: &str, what: String| Problem::new(format!("load.replay.{key}"), what);
    let speed = spec.speed.unwrap_or(1.0);
    if !SPEEDS.contains(&speed) {
        let what = format!("must be between {} and {}, not {speed}", SPEEDS.start(), SPEEDS.end());
        return Err(problem("speed", what));
    }
    for (key, cap) in [
        ("limit", spec.limit.map(|limit| limit as u64)),
        ("max_input_tokens", spec.max_input_tokens.map(u64::from)),
        ("max_output_tokens", spec.max_output_tokens.map(u64::from)),
    ] {
        if cap == Some(0) {
            return Err(problem(key, "must be at least 1".to_owned()));
        }
    }
    let start = spec.start.map_or(Duration::ZERO, |start| start.0);
    let end = spec.end.map_or(Duration::MAX, |end| end.0);
    if end <= start {
        return Err(problem("end", "must be after the start".to_owned()));
    }
    let mut requests = rebased(recording.requests);
    let last = requests.last().map_or(Duration::ZERO, |request| request.at);
    if spec.spread {
        spread(&mut requests);
    }
    requests.retain(|request| (start..=end).contains(&request.at));
    requests.truncate(spec.limit.unwrap_or(usize::MAX));
    if requests.is_empty() {
        let what = format!("leaves out every request: the trace takes {:.1} s", last.as_secs_f64());
        return Err(problem(if spec.start.is_some() { "start" } else { "end" }, what));
    }
    for request in &mut requests {
        request.at = scaled(request.at - start, speed);
        cap(request, spec);
    }
    Ok(Trace { requests, failures: recording.failures })
}

/// A time of the trace as a time of the replay. Exact where nothing is changed.
fn scaled(at: Duration, speed: f64) -> Duration {
    if speed == 1.0 { at } else { Duration::try_from_secs_f64(at.as_secs_f64() / speed).unwrap_or(Duration::MAX) }
}

fn cap(request: &mut TraceRequest, spec: &ReplaySpec) {
    if let (Some(most), Some(tokens)) = (spec.max_input_tokens, &mut request.input_tokens) {
        *tokens = most.min(*tokens);
        if request.block_tokens > 0 {
            request.blocks.truncate(tokens.div_ceil(request.block_tokens) as usize);
        }
    }
    if let (Some(most), Some(tokens)) = (spec.max_output_tokens, &mut request.output_tokens) {
        *tokens = most.min(*tokens);
    }
}

/// Spreads requests of equal times evenly up to the next time. The last have no next: they take the gap before.
pub(super) fn spread(requests: &mut [TraceRequest]) {
    let mut from = 0;
    let mut gap = Duration::ZERO;
    while from < requests.len() {
        let at = requests[from].at;
        let count = requests[from..].iter().take_while(|request| request.at == at).count();
        if let Some(next) = requests.get(from + count) {
            gap = next.at - at;
        }
        for (place, request) in requests[from..from + count].iter_mut().enumerate() {
            // In 128 bits nothing is lost, whatever the gap.
            let moved = gap.as_nanos() * place as u128 / count as u128;
            request.at = at.saturating_add(Duration::from_nanos(u64::try_from(moved).unwrap_or(u64::MAX)));
        }
        from += count;
    }
}
