//! The app under load: started fresh for every run, with the settings that hf-perftest gives its own.

use crate::Result;
use crate::child::{Interrupt, Running};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The first start of an environment compiles its modules.
const START_LIMIT: Duration = Duration::from_secs(120);
/// `launch()` goes on working for a moment after the first answer.
const SETTLE: Duration = Duration::from_millis(500);

pub(super) struct App {
    pub(super) url: String,
    /// The function that is called.
    pub(super) fn_index: u64,
    _running: Running,
}

impl App {
    /// Starts the app and waits until it answers.
    pub(super) fn start(python: &Path, app: &Path, folder: &Path, interrupt: &Interrupt) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(python);
        plain_environment(&mut command);
        command
            .arg(app)
            .current_dir(folder)
            .env("GRADIO_PROFILING", "1")
            .env("GRADIO_SERVER_PORT", port.to_string())
            .env("GRADIO_CONCURRENCY_LIMIT", "1")
            .env("GRADIO_DEFAULT_CONCURRENCY_LIMIT", "1")
            .env("GRADIO_MAX_THREADS", "40")
            .env("PYTHONUNBUFFERED", "1");
        let mut running = Running::start("the app", &mut command, &folder.join("app.log"))?;
        let config = wait_for_config(&mut running, port, interrupt)?;
        std::thread::sleep(SETTLE);
        Ok(Self { url: format!("http://127.0.0.1:{port}"), fn_index: fn_index(&config)?, _running: running })
    }
}

/// Takes the caller's own Gradio settings away, so that they cannot differ between tools, and turns telemetry off.
pub(super) fn plain_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GRADIO_") {
            command.env_remove(name);
        }
    }
    command.env("GRADIO_ANALYTICS_ENABLED", "False");
}

/// A port that nobody listens on at this moment.
pub(super) fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

fn wait_for_config(running: &mut Running, port: u16, interrupt: &Interrupt) -> Result<Value> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        interrupt.check()?;
        if let Some(config) = get_config(port) {
            return Ok(config);
        }
        if let Some(status) = running.status()? {
            return Err(running.failure(&format!("ended before it answered ({status})")));
        }
        if Instant::now() > deadline {
            return Err(running.failure(&format!("did not answer within {} s", START_LIMIT.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn get_config(port: u16) -> Option<Value> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET /config HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    config_of(&answer)
}

/// The JSON of an answer with status 200.
fn config_of(answer: &[u8]) -> Option<Value> {
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        return None;
    }
    serde_json::from_slice(&answer[body..]).ok()
}

/// The echo function: named `predict`, or else the app's first, which hf-perftest takes as well.
fn fn_index(config: &Value) -> Result<u64> {
    let dependencies = config["dependencies"].as_array().ok_or("the app's config has no dependencies")?;
    dependencies
        .iter()
        .find(|dependency| dependency["api_name"] == "predict")
        .or_else(|| dependencies.first())
        .and_then(|dependency| dependency["id"].as_u64())
        .ok_or_else(|| "the app's config names no function".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn config_is_read_from_a_good_answer_only() {
        assert_eq!(config_of(b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\n\r\n{\"a\":1}"), Some(json!({"a": 1})));
        assert_eq!(config_of(b"HTTP/1.1 404 Not Found\r\n\r\n{}"), None);
        assert_eq!(config_of(b"HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn predict_is_preferred_to_the_first() {
        let named = json!({"dependencies": [{"id": 4, "api_name": "clear"}, {"id": 7, "api_name": "predict"}]});
        assert_eq!(fn_index(&named), Ok(7));
        let unnamed = json!({"dependencies": [{"id": 4, "api_name": "lambda"}]});
        assert_eq!(fn_index(&unnamed), Ok(4));
        assert!(fn_index(&json!({"dependencies": []})).is_err());
    }
}
