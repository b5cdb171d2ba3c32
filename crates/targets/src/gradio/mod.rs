//! Gradio's queue protocol `sse_v3` (Gradio 4.44, 5.x and 6.x), spoken as its browser client speaks it: join with
//! `POST {prefix}/queue/join`, then read the session's event stream `GET {prefix}/queue/data` to its end.
//!
//! Facts of the protocol were read from Gradio's source (`gradio/routes.py`, `gradio/queueing.py`,
//! `gradio/server_messages.py`) and seen on the wire.

mod app;
mod background;
mod config;
mod exchange;
mod failure;
mod login;
mod message;
mod outputs;
mod payload;
mod profiling;
mod user;

pub use app::{App, AppError, Endpoint, connect, probe};
pub use background::{Background, BackgroundKind, BackgroundSources};
pub use login::form_encoded;
pub use outputs::OutputSampler;
pub use payload::{PayloadError, Payloads, SampleFiles, Sidecar};
pub use profiling::{ServerTraces, clear_profiler, server_traces};
pub use user::{GradioBehaviour, GradioUser, UserSettings};
