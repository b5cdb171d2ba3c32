//! The server's own traces, where the app runs with `GRADIO_PROFILING=1` (Gradio 6.10 and later).

use super::App;
use super::config::MOST_BYTES;
use plimsoll_wire::{Client, Request, WireError};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::time::Duration;

/// What the profiler recorded in a tier.
#[derive(Debug, Default)]
pub struct ServerTraces {
    /// One object per request (or batch), as the server gave it.
    pub traces: Vec<Value>,
    /// The server's own percentiles, as it gave them.
    pub summary: Map<String, Value>,
}

/// Forgets all traces, so that the next tier starts with none. Apps without a profiler are left alone.
pub async fn clear_profiler(client: &mut Client, app: &App) -> Result<(), WireError> {
    if app.profiling {
        client.fetch(Request::post_json(format!("{}/profiling/clear", app.api_prefix), "{}"), MOST_BYTES).await?;
    }
    Ok(())
}

/// Fetches the traces. The server appends a trace *after* it sent the result, so this asks again for up to two
/// seconds until every expected request is there.
pub async fn server_traces(
    client: &mut Client,
    app: &App,
    expected: &HashSet<String>,
) -> Result<ServerTraces, WireError> {
    if !app.profiling {
        return Ok(ServerTraces::default());
    }
    let mut traces: Vec<Value> = Vec::new();
    for attempt in 0..5 {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        let path = format!("{}/profiling/traces", app.api_prefix);
        let (_, bytes) = client.fetch(Request::get(path), MOST_BYTES).await?;
        traces = serde_json::from_slice(&bytes).unwrap_or_default();
        let known: HashSet<&str> = traces.iter().filter_map(|trace| trace.get("event_id")?.as_str()).collect();
        if expected.iter().all(|id| known.contains(id.as_str())) {
            break;
        }
    }
    let (_, bytes) = client.fetch(Request::get(format!("{}/profiling/summary", app.api_prefix)), MOST_BYTES).await?;
    Ok(ServerTraces { traces, summary: serde_json::from_slice(&bytes).unwrap_or_default() })
}
