//! Starts what is under test: Python environments, Gradio apps (built-in ones and the user's), nginx in front of them.
//!
//! Everything here blocks and belongs to the time before and after the measurement. Nothing here measures.

mod app;
mod builtin;
mod cache;
mod environment;
mod error;
mod interpreter;
mod nginx;
mod ports;
mod process;
mod requirements;

pub use app::{AppLaunch, AppServer, Probe};
pub use builtin::{UnpackedApp, description, names, unpack, unpack_sample_inputs};
pub use cache::cache_dir;
pub use environment::{PythonEnvironment, Request, ensure, ensure_package, gradio_version_of};
pub use error::LabError;
pub use nginx::{Nginx, find as find_nginx};
pub use ports::{free_port, free_ports};
pub use requirements::PINNED_GRADIO;
