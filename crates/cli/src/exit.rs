//! Exit codes, and the errors that lead to them.

use plimsoll_engine::StopReason;
use std::fmt;
use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Ok,
    /// A bug of ours, or a machine that does not let us work.
    Internal,
    /// The command line, a file or the target is not what it must be; nothing was measured.
    Usage,
    /// Something was measured, but it cannot be stood behind: the run is partial, the generator was the limit, or
    /// no request succeeded.
    Inconclusive,
    /// The branch is worse than its base.
    Regression,
    /// A threshold was broken.
    Thresholds,
    /// Ended by this signal; results so far are written.
    Signal(i32),
}

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }

    /// The same where the verdict must not decide (`--exit-zero`).
    pub(crate) fn forgiven(self) -> Self {
        if matches!(self, Self::Thresholds | Self::Inconclusive) { Self::Ok } else { self }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
            Self::Regression => 98,
            Self::Thresholds => 99,
            Self::Signal(number) => u8::try_from(128 + number).unwrap_or(1),
        }
    }

    /// How a run that was stopped for this reason ends.
    pub(crate) fn of_stop(reason: &StopReason) -> Self {
        match reason {
            StopReason::Signal(number, _) => Self::Signal(*number),
            // As if by Ctrl-C: for a script it is the same.
            StopReason::Asked(_) => Self::Signal(2),
            StopReason::AppDied(_) | StopReason::TargetGone(_) | StopReason::Refused(_) => Self::Inconclusive,
            StopReason::Threshold(_) => Self::Thresholds,
            StopReason::CannotWrite(_) => Self::Internal,
        }
    }
}

/// An error with the exit code that it leads to.
#[derive(Debug)]
pub(crate) struct CliError {
    pub exit: Exit,
    pub message: String,
}

impl CliError {
    /// Something the user must change.
    pub(crate) fn usage(error: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: error.to_string() }
    }

    /// Something that should not have happened.
    pub(crate) fn internal(error: impl fmt::Display) -> Self {
        Self { exit: Exit::Internal, message: error.to_string() }
    }
}
