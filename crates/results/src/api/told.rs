//! What the server told of its limits, and what a cold server cost.

use super::record::Line;
use plimsoll_model::{FailureClass, Outcome};
use serde::{Deserialize, Serialize};

/// Rate limiting over all requests of a level, warm-up included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LimitFold {
    refused: u64,
    first: Option<u64>,
    last: Option<u64>,
    /// When it was told, the limit, and its window: the newest.
    limit: Option<(u64, u64, Option<u64>)>,
    least_remaining: Option<u64>,
    longest_reset: Option<u64>,
    retry_after: u64,
    shortest_retry_after: Option<u64>,
    longest_retry_after: Option<u64>,
}

/// How the target limited our rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct RateLimitSummary {
    /// Requests that failed with `rate_limited`, warm-up included.
    pub refused: u64,
    /// When the first of them ended, in seconds since the run's start.
    pub first_at: Option<f64>,
    /// When the last of them ended.
    pub last_at: Option<f64>,
    /// Requests that the server allows in a window, as it last said.
    pub limit: Option<u64>,
    /// The window, in seconds.
    pub window_seconds: Option<f64>,
    /// Fewest requests left that it told.
    pub least_remaining: Option<u64>,
    /// Longest time until the window is over that it told, in seconds.
    pub longest_reset_seconds: Option<f64>,
    /// Answers with `Retry-After`.
    pub retry_after: u64,
    /// The shortest, in seconds.
    pub shortest_retry_after_seconds: Option<f64>,
    /// The longest, in seconds.
    pub longest_retry_after_seconds: Option<f64>,
}

impl LimitFold {
    pub(crate) fn add(&mut self, line: &Line<'_>) {
        if line.outcome == Outcome::Failed(FailureClass::RateLimited) {
            self.refused += 1;
            self.first = least(self.first, Some(line.end));
            self.last = self.last.max(Some(line.end));
        }
        let Some(told) = line.told else { return };
        self.limit = self.limit.max(told.limit.map(|limit| (line.end, limit, told.window)));
        self.least_remaining = least(self.least_remaining, told.remaining);
        self.longest_reset = self.longest_reset.max(told.reset);
        self.retry_after += u64::from(told.retry_after.is_some());
        self.shortest_retry_after = least(self.shortest_retry_after, told.retry_after);
        self.longest_retry_after = self.longest_retry_after.max(told.retry_after);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.refused += other.refused;
        self.first = least(self.first, other.first);
        self.last = self.last.max(other.last);
        self.limit = self.limit.max(other.limit);
        self.least_remaining = least(self.least_remaining, other.least_remaining);
        self.longest_reset = self.longest_reset.max(other.longest_reset);
        self.retry_after += other.retry_after;
        self.shortest_retry_after = least(self.shortest_retry_after, other.shortest_retry_after);
        self.longest_retry_after = self.longest_retry_after.max(other.longest_retry_after);
    }

    /// `None` when there is nothing to tell.
    pub(crate) fn summary(&self) -> Option<RateLimitSummary> {
        (*self != Self::default()).then(|| RateLimitSummary {
            refused: self.refused,
            first_at: self.first.map(seconds),
            last_at: self.last.map(seconds),
            limit: self.limit.map(|(_, limit, _)| limit),
            window_seconds: self.limit.and_then(|(_, _, window)| window).map(seconds),
            least_remaining: self.least_remaining,
            longest_reset_seconds: self.longest_reset.map(seconds),
            retry_after: self.retry_after,
            shortest_retry_after_seconds: self.shortest_retry_after.map(seconds),
            longest_retry_after_seconds: self.longest_retry_after.map(seconds),
        })
    }
}

/// Cold starts over all requests of a level, warm-up included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ColdFold {
    requests: u64,
    failed: u64,
    longest: u64,
    total: u64,
    first_sent: Option<u64>,
    first_ok: Option<u64>,
    loading: Option<u64>,
}

/// What a cold server cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ColdSummary {
    /// Requests that met a cold server, warm-up included.
    pub requests: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// The longest of them, from the send, in seconds.
    pub longest_seconds: f64,
    /// All of them together, in seconds: what users waited, not what passed on the clock.
    pub total_seconds: f64,
    /// When the first was sent, in seconds since the run's start.
    pub first_at: f64,
    /// When the level's first success ended, in seconds since the run's start; `null` without one, and when there were
    /// successes before the server was cold.
    pub ready_at: Option<f64>,
    /// The server's longest guess how long its model still loads, in seconds.
    pub longest_told_seconds: Option<f64>,
}

impl ColdFold {
    pub(crate) fn add(&mut self, line: &Line<'_>) {
        self.loading = self.loading.max(line.told.and_then(|told| told.loading));
        let cold = line.cold || line.outcome == Outcome::Failed(FailureClass::ColdStart);
        if line.outcome.is_ok() {
            self.first_ok = least(self.first_ok, Some(line.end));
        } else {
            self.failed += u64::from(cold);
        }
        if cold {
            let time = line.end.saturating_sub(line.sent);
            self.requests += 1;
            self.longest = self.longest.max(time);
            self.total += time;
            self.first_sent = least(self.first_sent, Some(line.sent));
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.longest = self.longest.max(other.longest);
        self.total += other.total;
        self.first_sent = least(self.first_sent, other.first_sent);
        self.first_ok = least(self.first_ok, other.first_ok);
        self.loading = self.loading.max(other.loading);
    }

    /// `None` when the server was never cold.
    pub(crate) fn summary(&self) -> Option<ColdSummary> {
        let first = self.first_sent?;
        Some(ColdSummary {
            requests: self.requests,
            failed: self.failed,
            longest_seconds: seconds(self.longest),
            total_seconds: seconds(self.total),
            first_at: seconds(first),
            ready_at: self.first_ok.filter(|ok| *ok >= first).map(seconds),
            longest_told_seconds: self.loading.map(seconds),
        })
    }
}

fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Microseconds as seconds.
pub(crate) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
