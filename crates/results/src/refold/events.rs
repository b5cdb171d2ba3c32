//! What `events.jsonl` says of a run.

use crate::page::PageAnnotation;
use crate::text::one_line;
use crate::{ResultsError, lines};
use serde::Deserialize;
use serde_json::Value;
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
    for annotation in events.iter().filter_map(Event::annotation) {
        if all.iter().filter(|other| other.kind == annotation.kind).count() < MOST {
            all.push(annotation);
        }
    }
    all
}

impl Event {
    fn annotation(&self) -> Option<PageAnnotation> {
        let (kind, text) = match self.kind.as_str() {
            "warning" => ("warning", self.message.clone()),
            "note" => ("note", self.message.clone()),
            "stopped" => ("warning", self.reason.as_ref().map(|reason| format!("stopped: {reason}"))),
            "annotation" | "user" => ("user", self.text.clone().or_else(|| self.message.clone())),
            "tier_started" => {
                ("stage", self.users.map(|users| format!("{users} user{}", if users == 1 { "" } else { "s" })))
            }
            "level_started" => ("stage", self.label.clone()),
            _ => return None,
        };
        let text = text.filter(|_| self.t.is_finite())?;
        Some(PageAnnotation { t_s: self.t, kind: kind.to_owned(), text: one_line(&text, LONGEST) })
    }
}

impl PageAnnotation {
    /// What the page shows of an event, which has the members that it has in `events.jsonl`, at this moment; `None` when
    /// it shows nothing of it.
    pub fn of_event(t_s: f64, kind: &str, fields: &Value) -> Option<Self> {
        let event = Event::deserialize(fields).ok()?;
        Event { t: t_s, kind: kind.to_owned(), ..event }.annotation()
    }
}
