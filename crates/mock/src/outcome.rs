//! How a client should count a request that this server answered.

use serde::Serialize;

/// The class in which a client should count a request. The words are those of Plimsoll's outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A complete and correct answer.
    Ok,
    /// 401 or 403.
    Auth,
    /// 429 because of the client's own rate.
    RateLimited,
    /// 402: the allowance is used up.
    Quota,
    /// 503 or 429 because the server has too much to do.
    Overloaded,
    /// 503 because the model is still loading.
    ColdStart,
    /// An answer that never comes, or never ends.
    Timeout,
    /// The connection was reset or cut by the server.
    Connect,
    /// An answer that breaks its protocol.
    Protocol,
    /// A 200 whose body is not what was asked for.
    InvalidResponse,
    /// Another 4xx.
    ClientError,
    /// Another 5xx, and TGI's 424.
    ServerError,
    /// An error inside a 200 stream.
    AppError,
    /// The client left before its answer was complete: its doing, not ours.
    ClientGone,
}

impl Class {
    /// All classes, in the order of the enum.
    pub const ALL: [Self; 14] = [
        Self::Ok,
        Self::Auth,
        Self::RateLimited,
        Self::Quota,
        Self::Overloaded,
        Self::ColdStart,
        Self::Timeout,
        Self::Connect,
        Self::Protocol,
        Self::InvalidResponse,
        Self::ClientError,
        Self::ServerError,
        Self::AppError,
        Self::ClientGone,
    ];

    /// The word used in files and statistics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Auth => "auth",
            Self::RateLimited => "rate_limited",
            Self::Quota => "quota",
            Self::Overloaded => "overloaded",
            Self::ColdStart => "cold_start",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Protocol => "protocol",
            Self::InvalidResponse => "invalid_response",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::AppError => "app_error",
            Self::ClientGone => "client_gone",
        }
    }

    /// The class of a status sent on purpose. A 424 is TGI's failure during generation, so the server's.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Ok,
            401 | 403 => Self::Auth,
            402 => Self::Quota,
            429 => Self::RateLimited,
            503 => Self::Overloaded,
            424 | 500..=599 => Self::ServerError,
            400..=499 => Self::ClientError,
            _ => Self::Protocol,
        }
    }
}
