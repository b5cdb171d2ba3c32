//! nginx in front of an app whose files are served by worker processes of their own.

use crate::LabError;
use crate::cache::{create_dir, write_whole};
use crate::interpreter::find_program;
use crate::ports::{free_port, is_listening};
use crate::process::Group;
use plimsoll_model::Redactor;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// First port to try.
const FIRST_PORT: u16 = 8080;
/// Gradio starts its workers after its main server already answers.
const WORKERS_WAIT: Duration = Duration::from_secs(15);
/// How long nginx may take to listen.
const START_WAIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// Where nginx is, or an error that says how to get it.
pub fn find() -> Result<PathBuf, LabError> {
    // Debian keeps it in a folder that is not on everybody's PATH.
    find_program("nginx", &["/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/bin"]).ok_or(LabError::NoNginx)
}

/// A running nginx. Dropping it stops it.
#[derive(Debug)]
pub struct Nginx {
    group: Group,
    port: u16,
    worker_ports: Vec<u16>,
}

impl Nginx {
    /// Starts nginx in front of an app that is ready. Its configuration and its files lie in `folder`, its messages are
    /// appended to `log`. Worker processes that do not answer are left out.
    pub fn start(gradio_port: u16, num_workers: u32, folder: &Path, log: &Path) -> Result<Self, LabError> {
        let program = find()?;
        let worker_ports = wait_for_workers(gradio_port, num_workers)?;
        create_dir(folder)?;
        let folder = folder.canonicalize().map_err(LabError::file("read", folder))?;
        let port = free_port(FIRST_PORT)?;
        let config = folder.join("nginx.conf");
        let text = configuration(&folder, port, gradio_port, &worker_ports, rustix::process::getuid().is_root());
        write_whole(&config, text.as_bytes())?;
        let mut command = Command::new(program);
        command.arg("-p").arg(&folder).arg("-c").arg(&config);
        let group = Group::start("nginx", command, log, Redactor::default(), Box::new(|_| {}))?;
        let mut nginx = Self { group, port, worker_ports };
        let start = Instant::now();
        while !is_listening(port) {
            nginx.group.check_running()?;
            if start.elapsed() > START_WAIT {
                return Err(nginx.group.not_ready(START_WAIT));
            }
            std::thread::sleep(POLL);
        }
        // It may be somebody else who listens, because they took the port first: then ours is ending now.
        std::thread::sleep(POLL);
        nginx.group.check_running()?;
        Ok(nginx)
    }

    /// The port to send requests to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its master process.
    pub fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// The ports of the worker processes behind it.
    pub fn worker_ports(&self) -> &[u16] {
        &self.worker_ports
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<String> {
        self.group.exited()
    }

    /// As [`AppServer::pause`](crate::AppServer::pause).
    pub fn pause(&self) {
        self.group.pause();
    }

    /// As [`AppServer::resume`](crate::AppServer::resume).
    pub fn resume(&self) {
        self.group.resume();
    }

    /// Stops it. Does nothing the second time.
    pub fn stop(&mut self) {
        self.group.stop();
    }

    /// Leaves it running after our end, for an app that is kept.
    pub fn keep(self) {
        self.group.keep();
    }
}

/// The ports after the app's at which a worker answers; waits until all do, or no more may be expected.
fn wait_for_workers(gradio_port: u16, num_workers: u32) -> Result<Vec<u16>, LabError> {
    let first = gradio_port.saturating_add(1);
    let last = gradio_port.saturating_add(u16::try_from(num_workers).unwrap_or(u16::MAX));
    let start = Instant::now();
    loop {
        let up: Vec<u16> = (first..=last).filter(|port| is_worker(*port)).collect();
        if up.len() == usize::from(last - gradio_port) {
            return Ok(up);
        }
        if start.elapsed() > WORKERS_WAIT {
            return if up.is_empty() { Err(LabError::NoWorkers { first, last }) } else { Ok(up) };
        }
        std::thread::sleep(POLL);
    }
}

/// Whether a Gradio worker listens here: it has a health page, which Gradio's main server has not.
fn is_worker(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let limit = Duration::from_secs(1);
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    ask().is_ok_and(|answer| answer.contains(" 200 ") && answer.contains("\"status\""))
}

/// Paths under Gradio's API prefix that the workers serve, without the prefix.
const API_ROUTES: [&str; 2] = ["/upload", "/file="];
/// Paths that the workers serve as they are.
const PLAIN_ROUTES: [&str; 4] = ["/static/", "/assets/", "/svelte/", "/favicon.ico"];

fn configuration(folder: &Path, port: u16, gradio_port: u16, worker_ports: &[u16], root: bool) -> String {
    let quoted = |name: &str| {
        let path = folder.join(name).display().to_string();
        format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
    };
    // As root, nginx's children would otherwise become a user who may not read the folder.
    let user = match (root, cfg!(target_os = "macos")) {
        (false, _) => "",
        (true, false) => "user root root;\n",
        (true, true) => "user root wheel;\n",
    };
    let mut workers = String::new();
    for worker in worker_ports {
        let _ = writeln!(workers, "        server 127.0.0.1:{worker};");
    }
    let mut routes = String::new();
    for route in API_ROUTES {
        let _ = writeln!(routes, "        location /gradio_api{route} {{ proxy_pass http://workers{route}; }}");
    }
    for route in PLAIN_ROUTES {
        let _ = writeln!(routes, "        location {route} {{ proxy_pass http://workers; }}");
    }
    let mut temp_paths = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(temp_paths, "    {kind}_temp_path {};", quoted(&format!("{kind}_temp")));
    }
    format!(
        "\
# Made by Plimsoll for one run.
daemon off;
{user}worker_processes auto;
pid {pid};
error_log stderr warn;

events {{
    worker_connections 8192;
}}

http {{
    access_log off;
{temp_paths}
    # nginx must not set limits that the app alone would not have.
    client_max_body_size 0;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    proxy_read_timeout 1h;
    proxy_send_timeout 1h;
    merge_slashes off;

    # The progress of an upload is known only to the worker that receives it.
    map $arg_upload_id $worker_key {{
        \"\" $request_id;
        default $arg_upload_id;
    }}
    upstream workers {{
        hash $worker_key;
{workers}        keepalive 64;
    }}
    upstream gradio {{
        server 127.0.0.1:{gradio_port};
        keepalive 256;
    }}

    # Connections behind are kept open, and every byte is passed on as it comes: event streams need it.
    proxy_http_version 1.1;
    proxy_set_header Connection \"\";
    # With its port: the app builds its own addresses from it.
    proxy_set_header Host $http_host;
    proxy_buffering off;
    proxy_request_buffering off;

    server {{
        listen 127.0.0.1:{port};
{routes}        location / {{ proxy_pass http://gradio; }}
    }}
}}
",
        pid = quoted("nginx.pid"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_files_to_the_workers_and_the_rest_to_the_app() {
        let text = configuration(Path::new("/run here"), 8080, 7860, &[7861, 7862], false);
        assert!(text.contains("server 127.0.0.1:7861;") && text.contains("server 127.0.0.1:7862;"));
        assert!(text.contains("location /gradio_api/file= { proxy_pass http://workers/file=; }"));
        assert!(text.contains("location / { proxy_pass http://gradio; }"));
        assert!(text.contains("listen 127.0.0.1:8080;"));
        assert!(text.contains("pid \"/run here/nginx.pid\";"));
        assert!(!text.contains("user "));
        assert!(configuration(Path::new("/x"), 1, 2, &[3], true).contains("user root"));
    }
}
