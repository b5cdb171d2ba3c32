//! What `events.jsonl` says of a run.

use crate::page::PageAnnotation;
use crate::text::one_line;
use crate::{ResultsError, lines};
use serde::Deserialize;
use std::path::Path;

const FILE: &str = "events.jsonl";

/// Longest text of an annotation, in characters.
const LONGEST: usize = 500;

/// Most annotations of a kind: a page with more can be read by nobody.
const MOST: usize = 200;

/// Just enough of an event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    pub(super) t: f64,
    pub(super) kind: String,
    pub(super) message: Option<String>,
    text: Option<String>,
    reason: Option<String>,
    users: Option<u32>,
    pub(super) level: Option<usize>,
    pub(super) label: Option<String>,
    pub(super) seconds: Option<f64>,
}

/// All events; none where there is no file.
pub(super) fn read(dir: &Path) -> Result<Vec<Event>, ResultsError> {
    let path = dir.join(FILE);
    let mut events = Vec::new();
    if path.exists() {
        lines::read(&path, |event: Event| {
            events.push(event);
            Ok(())
        })?;
    }
    Ok(events)
}

/// What the page shows of them on its time line.
pub(super) fn annotations(events: &[Event]) -> Vec<PageAnnotation> {
    let mut all: Vec<PageAnnotation> = Vec::new();
    for event in events {
        let (kind, text) = match event.kind.as_str() {
            "warning" => ("warning", event.message.clone()),
            "note" => ("note", event.message.clone()),
            "stopped" => ("warning", event.reason.as_ref().map(|reason| format!("stopped: {reason}"))),
            "annotation" | "user" => ("user", event.text.clone().or_else(|| event.message.clone())),
            "tier_started" => {
                ("stage", event.users.map(|users| format!("{users} user{}", if users == 1 { "" } else { "s" })))
            }
            "level_started" => ("stage", event.label.clone()),
            _ => continue,
        };
        let Some(text) = text.filter(|_| event.t.is_finite()) else { continue };
        if all.iter().filter(|other| other.kind == kind).count() < MOST {
            all.push(PageAnnotation { t_s: event.t, kind: kind.to_owned(), text: one_line(&text, LONGEST) });
        }
    }
    all
}
