//! How a request ended.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How one request ended: fine, or in exactly one failure class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The answer came and passed its checks.
    Ok,
    /// The request failed, in this class.
    Failed(FailureClass),
}

impl Outcome {
    /// Whether the request succeeded.
    pub fn is_ok(self) -> bool {
        self == Self::Ok
    }

    /// The word used in files: `ok` or the failure class.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed(class) => class.as_str(),
        }
    }
}

/// The classes of failure. A failure belongs to exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// 401 or 403: not logged in, or not allowed.
    Auth,
    /// 429: too many requests.
    RateLimited,
    /// An allowance (for example ZeroGPU seconds) is used up.
    Quota,
    /// 503 that is not a full queue: the server sheds load.
    Overloaded,
    /// The app's queue has reached its `max_size`.
    QueueFull,
    /// The target is asleep or still loading.
    ColdStart,
    /// No complete answer within the request timeout.
    Timeout,
    /// The connection could not be made, or was lost before the answer was complete.
    Connect,
    /// The answer does not follow the protocol.
    Protocol,
    /// The app's own function failed.
    AppError,
    /// A 200 whose body fails its check.
    InvalidResponse,
    /// Another 4xx: the request itself is wrong.
    ClientError,
    /// Another 5xx.
    ServerError,
    /// The server no longer knows the session.
    SessionLost,
    /// Given up by us because the run was stopped; counted in no rate.
    Cancelled,
}

impl FailureClass {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Auth,
        Self::RateLimited,
        Self::Quota,
        Self::Overloaded,
        Self::QueueFull,
        Self::ColdStart,
        Self::Timeout,
        Self::Connect,
        Self::Protocol,
        Self::AppError,
        Self::InvalidResponse,
        Self::ClientError,
        Self::ServerError,
        Self::SessionLost,
        Self::Cancelled,
    ];

    /// The class of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }

    /// The word used in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::RateLimited => "rate_limited",
            Self::Quota => "quota",
            Self::Overloaded => "overloaded",
            Self::QueueFull => "queue_full",
            Self::ColdStart => "cold_start",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Protocol => "protocol",
            Self::AppError => "app_error",
            Self::InvalidResponse => "invalid_response",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::SessionLost => "session_lost",
            Self::Cancelled => "cancelled",
        }
    }

    /// The class of an HTTP status that is not a success. A 503 may also be a full queue, which only its body
    /// tells; that is for the protocol adapter to say.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Auth,
            402 => Self::Quota,
            424 => Self::ServerError,
            429 => Self::RateLimited,
            503 => Self::Overloaded,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::Protocol,
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
