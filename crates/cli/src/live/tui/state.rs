//! What the terminal shows, and where the user is in it.

use plimsoll_results::page::{PageData, PageTick};
use std::collections::VecDeque;
use std::time::Duration;

/// Lines of the log that are kept.
const MOST_LINES: usize = 500;

/// What one can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Overview,
    Requests,
    Errors,
    Generator,
    Log,
}

impl View {
    pub(super) const ALL: [Self; 5] = [Self::Overview, Self::Requests, Self::Errors, Self::Generator, Self::Log];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Requests => "Requests",
            Self::Errors => "Errors",
            Self::Generator => "Generator",
            Self::Log => "Log",
        }
    }

    pub(super) fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|view| *view == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// What the keys do at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    Look,
    /// Asked whether the run is to stop.
    Sure,
    /// A note is being written.
    Note(String),
    Help,
}

/// What the user wants of the run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// What Ctrl-C is elsewhere.
    Interrupt,
    Note(String),
}

pub(super) struct State {
    pub data: PageData,
    pub log: VecDeque<String>,
    pub view: View,
    pub mode: Mode,
    /// Rows that are scrolled over; of the log from its end.
    pub scrolled: usize,
    /// Whether the run was told to stop.
    pub stopping: bool,
    pub elapsed: Duration,
}

impl State {
    pub(super) fn new(data: PageData) -> Self {
        Self {
            data,
            log: VecDeque::new(),
            view: View::Overview,
            mode: Mode::Look,
            scrolled: 0,
            stopping: false,
            elapsed: Duration::ZERO,
        }
    }

    pub(super) fn tick(&mut self, tick: &PageTick) {
        self.data.apply(tick);
    }

    /// Lines of others: what could move the cursor is left out.
    pub(super) fn line(&mut self, text: &str) {
        for line in text.lines().map(plain).filter(|line| !line.trim().is_empty()) {
            if self.log.len() == MOST_LINES {
                self.log.pop_front();
            }
            self.log.push_back(line);
        }
    }
}

/// Text without control characters: names, messages and notes come from elsewhere.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
