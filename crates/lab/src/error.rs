//! What can go wrong here, said so that the reader knows what to do.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried: `read`, `write`, `create`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no place for the cache.
    #[error("no folder for Plimsoll's cache: neither HOME nor XDG_CACHE_HOME is set; set PLIMSOLL_CACHE_DIR")]
    NoCacheDir,
    /// No built-in app has this name.
    #[error("no built-in app is called {name:?}; there are: {known}")]
    UnknownApp {
        /// The name that was asked for.
        name: String,
        /// Those that exist, separated by commas.
        known: String,
    },
    /// There is no Python to make an environment with.
    #[error(
        "no Python 3.10 or newer found{found}; install one, or uv, or name one with PLIMSOLL_BASE_PYTHON \
         (or run the app with an environment of your own: --python PATH)"
    )]
    NoPython {
        /// What was looked at, as a clause of its own, or nothing.
        found: String,
    },
    /// A Python could not be run or did not answer.
    #[error("{} does not work as a Python: {reason}", python.display())]
    BadPython {
        /// Which.
        python: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The asked-for Gradio is not something that can be installed.
    #[error("{0}")]
    BadGradio(String),
    /// Installing failed.
    #[error("could not make a Python environment with {what}: {step} failed{hint}\n{output}")]
    Install {
        /// What it was for.
        what: String,
        /// Which step.
        step: &'static str,
        /// What to do, as a clause of its own, or nothing.
        hint: String,
        /// The last lines of the tool's output.
        output: String,
    },
    /// A program could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Which.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A process ended before it was ready.
    #[error("{what} ended before it was ready ({how}); its last output:\n{output}")]
    Ended {
        /// Which.
        what: String,
        /// Exit status or signal.
        how: String,
        /// Its last lines.
        output: String,
    },
    /// A process did not become ready in time.
    #[error("{what} was not ready after {seconds:.0} s; its last output:\n{output}")]
    NotReady {
        /// Which.
        what: String,
        /// How long we waited.
        seconds: f64,
        /// Its last lines.
        output: String,
    },
    /// The caller's probe asked to stop waiting.
    #[error("stopped waiting for {what}")]
    GivenUp {
        /// For what.
        what: String,
    },
    /// No port is free.
    #[error("no free port from {start} to 65535 on 127.0.0.1; choose a lower one with --port")]
    NoFreePort {
        /// Where the search began.
        start: u16,
    },
    /// nginx is not installed.
    #[error(
        "nginx is not installed (looked in PATH and the usual sbin folders): install it, for example with `apt-get \
         install nginx` or `brew install nginx`, or leave out --nginx"
    )]
    NoNginx,
    /// None of Gradio's worker processes answers.
    #[error(
        "none of Gradio's worker processes answers on ports {first} to {last}: Gradio starts them from 6.15.0 on, and \
         not for an app with launch(auth=…); leave out --nginx"
    )]
    NoWorkers {
        /// First port tried.
        first: u16,
        /// Last port tried.
        last: u16,
    },
}

impl LabError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
