//! The servers that are put under load: nginx for plain requests, the stand-in for streams.

use super::app::free_port;
use super::machine::{Pins, command};
use crate::Result;
use crate::child::{Interrupt, Running};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(20);

/// The body of an answer with status 200.
pub(super) fn get(port: u16, path: &str) -> Option<Vec<u8>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    answer.starts_with(b"HTTP/1.1 200 ").then(|| answer.split_off(body))
}

fn wait_for(running: &mut Running, port: u16, path: &str, interrupt: &Interrupt) -> Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    while get(port, path).is_none() {
        interrupt.check()?;
        if let Some(status) = running.status()? {
            return Err(running.failure(&format!("ended before it answered ({status})")));
        }
        if Instant::now() > deadline {
            return Err(running.failure(&format!("did not answer within {} s", START_LIMIT.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// nginx with one worker, that answers everything with a few bytes of JSON.
pub(super) struct Nginx {
    pub(super) port: u16,
    _running: Running,
}

impl Nginx {
    pub(super) fn start(program: &Path, pins: &Pins, folder: &Path, interrupt: &Interrupt) -> Result<Self> {
        let port = free_port()?;
        let config = folder.join("nginx.conf");
        std::fs::write(&config, configuration(port)).map_err(|error| format!("{}: {error}", config.display()))?;
        let mut command = command(&pins.server(program))?;
        command.arg("-p").arg(folder).arg("-c").arg(&config).arg("-e").arg(folder.join("error.log"));
        let mut running = Running::start("nginx", &mut command, &folder.join("nginx.log"))?;
        wait_for(&mut running, port, "/served", interrupt)?;
        Ok(Self { port, _running: running })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Requests served so far, this one among them.
    pub(super) fn served(&self) -> Result<u64> {
        get(self.port, "/served")
            .and_then(|body| of_stub_status(&String::from_utf8_lossy(&body)))
            .ok_or_else(|| "nginx does not tell how many requests it served".to_owned())
    }
}

fn configuration(port: u16) -> String {
    let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {kind};\n"))
        .collect();
    format!(
        "daemon off;\nworker_processes 1;\npid nginx.pid;\nevents {{ worker_connections 8192; }}\nhttp {{\n{temp}\
         \x20 access_log off;\n  keepalive_requests 1000000000;\n  keepalive_timeout 600s;\n\
         \x20 default_type application/json;\n  server {{\n    listen 127.0.0.1:{port} backlog=8192;\n\
         \x20   location / {{ return 200 '{{\"ok\":true,\"answer\":42}}'; }}\n\
         \x20   location = /served {{ stub_status; }}\n  }}\n}}\n"
    )
}

/// The third number of the line below `server accepts handled requests`.
fn of_stub_status(text: &str) -> Option<u64> {
    text.lines().nth(2)?.split_whitespace().nth(2)?.parse().ok()
}

/// How the stand-in is to answer.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) ttft: String,
    pub(super) itl: String,
    pub(super) tokens: u32,
}

/// `plimsoll mock`.
pub(super) struct Mock {
    pub(super) port: u16,
    truth: Option<PathBuf>,
    running: Running,
}

impl Mock {
    /// Starts it; `truth` is the file for what it knows of each request. Writing that takes a thread of its own some
    /// time, which a server under a burst has not left.
    pub(super) fn start(
        plimsoll: &Path,
        answers: &Answers,
        truth: Option<PathBuf>,
        pins: &Pins,
        folder: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let port = free_port()?;
        let mut command = command(&pins.server(plimsoll))?;
        command.args(["mock", "--listen", &format!("127.0.0.1:{port}"), "--model", "mock"]);
        command.args(["--ttft", &answers.ttft, "--itl", &answers.itl, "--tokens", &answers.tokens.to_string()]);
        if let Some(truth) = &truth {
            command.arg("--truth").arg(truth);
        }
        let mut running = Running::start("the stand-in", &mut command, &folder.join("mock.log"))?;
        wait_for(&mut running, port, "/health", interrupt)?;
        Ok(Self { port, truth, running })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Stops it: what it counted, and what it knows of each request if that was asked for.
    pub(super) fn stop(self) -> Result<(Value, Option<Truth>)> {
        let stats = get(self.port, "/mock/stats").and_then(|body| serde_json::from_slice(&body).ok());
        let stats = stats.ok_or_else(|| self.running.failure("does not tell what it did"))?;
        // The file is complete once it has ended.
        drop(self.running);
        let truth = self.truth.map(|path| {
            let text = std::fs::read_to_string(path).map_err(|error| format!("the truth file: {error}"))?;
            Truth::of(&text)
        });
        Ok((stats, truth.transpose()?))
    }
}

/// What the server knows of each request. Times are nanoseconds of the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// When the first request was complete.
    pub(super) first_ns: u64,
    /// When the last answer was.
    pub(super) last_ns: u64,
    /// When each request was complete and when its tokens were written.
    pub(super) requests: HashMap<String, (u64, Vec<u64>)>,
}

impl Truth {
    fn of(text: &str) -> Result<Self> {
        let mut truth = Self { first_ns: u64::MAX, ..Self::default() };
        // The first line says which clock it is.
        for line in text.lines().skip(1) {
            let line: Value = serde_json::from_str(line).map_err(|error| format!("the truth file: {error}"))?;
            let at = |key: &str| line[key].as_u64().unwrap_or_default();
            let received = at("received_ns");
            truth.first_ns = truth.first_ns.min(received);
            truth.last_ns = truth.last_ns.max(at("end_ns"));
            let writes = line["writes_ns"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
            truth.requests.insert(line["id"].as_str().unwrap_or_default().to_owned(), (received, writes));
        }
        if truth.requests.is_empty() { Err("the truth file has no request".to_owned()) } else { Ok(truth) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stub_status() {
        let text =
            "Active connections: 1 \nserver accepts handled requests\n 3 3 12 \nReading: 0 Writing: 1 Waiting: 0 \n";
        assert_eq!(of_stub_status(text), Some(12));
        assert_eq!(of_stub_status(""), None);
    }

    #[test]
    fn truth() {
        let text = "{\"mock_truth\":1}\n\
                    {\"id\":\"a\",\"received_ns\":20,\"end_ns\":90,\"writes_ns\":[40,90]}\n\
                    {\"id\":\"b\",\"received_ns\":10,\"end_ns\":80,\"writes_ns\":[30,80]}\n";
        let truth = Truth::of(text).unwrap();
        assert_eq!((truth.first_ns, truth.last_ns, &truth.requests["a"]), (10, 90, &(20, vec![40, 90])));
        assert!(Truth::of("{}\n").is_err());
    }
}
