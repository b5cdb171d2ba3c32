//! What the tests share: calling the programs, starting apps, reading results, looking for what was left behind.

use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Making an environment is the longest thing that can happen.
const TIMEOUT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(20);
/// Ports that each call has for itself.
const PORTS: u16 = 20;
/// Where these tests run in CI themselves, the calls must not write into its files.
const CI_VARIABLES: [&str; 6] =
    ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_WORKSPACE", "GITHUB_SHA", "CI_COMMIT_SHA"];

/// The cache of all tests: environments are made once, by whichever test comes first.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("plimsoll-cache")
}

/// An app of ours in `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The first of 20 ports that nobody else here uses. Below the range from which systems draw ports of connections.
pub(crate) fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let slots = 550;
    // Two test processes at once should not start at the same place.
    let first = u16::try_from(std::process::id() % 11).unwrap() * 50;
    21_000 + PORTS * ((first + NEXT.fetch_add(1, Ordering::Relaxed)) % slots)
}

/// One call of a program, in a fresh folder, with nothing of the user's environment that could change it.
pub(crate) struct Plimsoll {
    program: &'static str,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    home: TempDir,
    port: u16,
    timeout: Duration,
    mounts: Option<&'static str>,
}

impl Plimsoll {
    /// `plimsoll`, without arguments.
    pub(crate) fn new() -> Self {
        Self::of(env!("CARGO_BIN_EXE_plimsoll"))
    }

    /// `hf-perftest`, without arguments.
    pub(crate) fn hf_perftest() -> Self {
        Self::of(env!("CARGO_BIN_EXE_hf-perftest"))
    }

    /// `plimsoll run --app APP --port …` with ports of its own.
    pub(crate) fn app(app: impl AsRef<OsStr>) -> Self {
        let call = Self::new();
        let port = call.port.to_string();
        call.args(["run", "--app"]).args([app.as_ref()]).args(["--port", &port])
    }

    /// `plimsoll run --url URL`.
    pub(crate) fn url(url: impl AsRef<OsStr>) -> Self {
        Self::new().args(["run", "--url"]).args([url.as_ref()])
    }

    fn of(program: &'static str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("work")).unwrap();
        let call =
            Self { program, args: Vec::new(), env: Vec::new(), home, port: port(), timeout: TIMEOUT, mounts: None };
        let hf_home = call.home.path().join("hf");
        CI_VARIABLES
            .into_iter()
            .chain(["PLIMSOLL_AUTH", "VIRTUAL_ENV", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "GRADIO_NUM_WORKERS"])
            .fold(call, Self::env_remove)
            .env("PLIMSOLL_CACHE_DIR", cache())
            .env("GRADIO_ANALYTICS_ENABLED", "False")
            .env("HF_HUB_DISABLE_TELEMETRY", "1")
            .env("HF_HOME", hf_home)
    }

    pub(crate) fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), Some(value.as_ref().to_owned())));
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.env.push((name.into(), None));
        self
    }

    pub(crate) fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = Duration::from_secs(seconds);
        self
    }

    /// Runs it where this shell line has changed what is mounted, for it alone; it is passed as `"$@"`.
    pub(crate) fn with_mounts(mut self, line: &'static str) -> Self {
        self.mounts = Some(line);
        self
    }

    /// The folder it runs in.
    pub(crate) fn dir(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// The first port it tries.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        let mut command = match self.mounts {
            Some(line) => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", line, "sh", self.program]);
                command
            }
            None => Command::new(self.program),
        };
        command.args(&self.args).current_dir(self.dir()).stdin(Stdio::null());
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // Files, not pipes: nobody can fill them, and they can be looked at while it runs.
        let stdout = File::create(self.home.path().join("stdout")).unwrap();
        let stderr = File::create(self.home.path().join("stderr")).unwrap();
        let child = command.stdout(stdout).stderr(stderr).process_group(0).spawn().unwrap();
        Running { child, deadline: Instant::now() + self.timeout, port: self.port, home: Some(self.home) }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ended {
        self.start().wait()
    }
}

/// A program that runs. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    deadline: Instant,
    port: u16,
    home: Option<TempDir>,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub(crate) fn stdout(&self) -> String {
        text(&self.home().join("stdout"))
    }

    /// The folder it runs in.
    pub(crate) fn dir(&self) -> PathBuf {
        self.home().join("work")
    }

    /// Waits until requests of this tier are in its file.
    pub(crate) fn wait_for_samples(&mut self, users: u32) {
        self.wait_for(&format!("--- Tier: {users} "));
        let file =
            run_dir(&self.home().join("work/benchmark_results")).join(format!("tier_{users}/client_latencies.jsonl"));
        self.wait_until("its samples", |_| text(&file).contains('\n'));
    }

    /// The first port it tried.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn home(&self) -> &Path {
        self.home.as_ref().unwrap().path()
    }

    /// Waits until it has printed this; fails when it ends before.
    pub(crate) fn wait_for(&mut self, wanted: &str) {
        self.wait_until(&format!("{wanted:?} in its output"), |run| run.stdout().contains(wanted));
    }

    /// Waits until this is so; fails when it ends before.
    pub(crate) fn wait_until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        while !done(self) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended ({}) before {what}\n{}", ended.unwrap(), self.output());
            self.check_deadline(what);
            sleep(POLL);
        }
    }

    /// Sends `INT`, `TERM`, `KILL`, … to it alone.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, &self.pid().to_string());
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            self.check_deadline("its end");
            sleep(POLL);
        };
        Ended {
            status,
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout(),
            stderr: text(&self.home().join("stderr")),
            port: self.port,
            home: self.home.take().unwrap(),
        }
    }

    fn check_deadline(&self, what: &str) {
        assert!(Instant::now() < self.deadline, "waited too long for {what}\n{}", self.output());
    }

    fn output(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), text(&self.home().join("stderr")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // While it is not reaped its number is its own.
        if let Ok(None) = self.child.try_wait() {
            signal("KILL", &format!("-{}", self.pid()));
            let _ = self.child.wait();
        }
    }
}

/// A program that has ended, and what it left.
pub(crate) struct Ended {
    status: ExitStatus,
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) port: u16,
    home: TempDir,
}

impl Ended {
    /// Both outputs, for messages.
    pub(crate) fn output(&self) -> String {
        format!("{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr)
    }

    /// Fails unless it ended with this code.
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.output());
        self
    }

    /// Fails unless it measured what it should: code 0, or 3 when nothing but the busy test machine was the reason.
    pub(crate) fn measured(self) -> Self {
        if self.code == Some(3) {
            let summary = self.summary();
            let reasons = summary["verdict"]["reasons"].as_array().unwrap();
            let busy = |reason: &Value| reason.as_str().unwrap().contains("generator-limited");
            assert!(!reasons.is_empty() && reasons.iter().all(busy), "{}", self.output());
            return self;
        }
        self.code(0)
    }

    /// Fails unless it ended with this code, or with 3 because the busy test machine spoilt its verdict.
    pub(crate) fn judged(self, code: i32) -> Self {
        if self.code == Some(3) && self.summary()["verdict"]["reasons"].to_string().contains("generator-limited") {
            return self;
        }
        self.code(code)
    }

    /// Fails unless standard error has this.
    pub(crate) fn says(self, wanted: &str) -> Self {
        assert!(self.stderr.contains(wanted), "no {wanted:?} in standard error\n{}", self.output());
        self
    }

    /// Fails unless standard output has this.
    pub(crate) fn prints(self, wanted: &str) -> Self {
        assert!(self.stdout.contains(wanted), "no {wanted:?} in standard output\n{}", self.output());
        self
    }

    /// The folder it ran in.
    pub(crate) fn dir(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// The folder of its only run.
    pub(crate) fn run_dir(&self) -> PathBuf {
        run_dir(&self.dir().join("benchmark_results"))
    }

    pub(crate) fn summary(&self) -> Value {
        json(&self.run_dir().join("summary.json"))
    }

    pub(crate) fn manifest(&self) -> Value {
        json(&self.run_dir().join("run.json"))
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        json_lines(&self.run_dir().join("events.jsonl"))
    }

    /// The requests of a scenario with one level.
    pub(crate) fn samples(&self) -> Vec<Value> {
        json_lines(&self.run_dir().join("samples.jsonl"))
    }

    /// Its figures.
    pub(crate) fn level(&self) -> Value {
        let summary = self.summary();
        assert_eq!(summary["levels"].as_array().unwrap().len(), 1, "{summary:#}");
        summary["levels"][0].clone()
    }

    /// The requests of a tier.
    pub(crate) fn requests(&self, users: u32) -> Vec<Value> {
        json_lines(&self.tier_dir(users).join("client_latencies.jsonl"))
    }

    pub(crate) fn tier_dir(&self, users: u32) -> PathBuf {
        self.run_dir().join(format!("tier_{users}"))
    }

    /// Fails if this is in any of its outputs or files.
    pub(crate) fn hides(&self, secret: &str) {
        for (name, text) in [("output", &self.stdout), ("error output", &self.stderr)] {
            assert!(!text.contains(secret), "{secret:?} is in its {name}\n{}", self.output());
        }
        for file in files(&self.dir()) {
            let text = text(&file);
            assert!(!text.contains(secret), "{secret:?} is in {}\n{text}", file.display());
        }
    }

    /// Fails unless it ended before it made a run's folder or started an app.
    pub(crate) fn did_nothing(self) -> Self {
        let made = files(&self.dir());
        assert!(!self.stdout.contains("Launching") && made.is_empty(), "it made {made:?}\n{}", self.output());
        self
    }

    /// Fails unless everything that it started is gone, or goes within two seconds.
    pub(crate) fn left_no_process(&self) {
        no_process_left(self.port);
    }
}

/// The only run in an output folder.
pub(crate) fn run_dir(output: &Path) -> PathBuf {
    let runs: Vec<PathBuf> = fs::read_dir(output).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(runs.len(), 1, "runs in {}: {runs:?}", output.display());
    runs[0].clone()
}

/// A file's text; empty when it is not there.
pub(crate) fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

pub(crate) fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()))
}

/// The lines of a file; each must be whole.
pub(crate) fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.is_empty() || text.ends_with('\n'), "{} ends within a line", path.display());
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(line).collect()
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The Python of the environment with the pinned Gradio.
pub(crate) fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let ended =
            Plimsoll::app("echo_text").args(["--tiers", "1", "--requests-per-user", "1", "--warmup", "0"]).run();
        let description = ended.manifest()["target"]["python"].as_str().unwrap().to_owned();
        let key = description.split("(environment ").nth(1).unwrap().trim_end_matches(')');
        cache().join("environments").join(key).join("bin/python")
    };
    PYTHON.get_or_init(find).clone()
}

/// Whether [`Plimsoll::with_mounts`] works here; says so if not.
pub(crate) fn can_mount() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(folder.path())
        .output()
        .map_err(|error| error.to_string())
        .and_then(|output| {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            output.status.success().then_some(()).ok_or(why)
        });
    if let Err(why) = &output {
        println!("skipped: no mount namespace can be made here: {why}");
    }
    output.is_ok()
}

/// A Gradio app that a test starts itself. Dropping it kills it and everything it started.
pub(crate) struct App {
    child: Child,
    port: u16,
    _home: TempDir,
}

impl App {
    /// Starts a script with the pinned Gradio and waits until it answers.
    pub(crate) fn start(script: impl AsRef<Path>, port: u16, env: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log");
        let output = File::create(&log).unwrap();
        let child = Command::new(python())
            .arg(script.as_ref())
            .current_dir(home.path())
            .env("GRADIO_SERVER_PORT", port.to_string())
            .env("GRADIO_ANALYTICS_ENABLED", "False")
            .env("HF_HOME", home.path())
            .env("PYTHONUNBUFFERED", "1")
            .env_remove("GRADIO_PROFILING")
            .env_remove("HF_TOKEN")
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap();
        let mut app = Self { child, port, _home: home };
        let start = Instant::now();
        while !get(port, "/config").is_some_and(|(status, _)| matches!(status, 200 | 401)) {
            let ended = app.child.try_wait().unwrap();
            assert!(
                ended.is_none() && start.elapsed() < Duration::from_secs(60),
                "the app did not start\n{}",
                text(&log)
            );
            sleep(Duration::from_millis(100));
        }
        app
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        signal("KILL", &format!("-{}", self.child.id()));
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process, or to a group with a minus before its number.
pub(crate) fn signal(name: &str, to: &str) {
    let _ = Command::new("sh").args(["-c", r#"kill -s "$1" -- "$2""#, "sh", name, to]).output();
}

/// Status and body of a plain request; `None` when nobody answers.
pub(crate) fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Whether something accepts connections on this port.
pub(crate) fn is_listening(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// The processes that were told to serve Gradio on this port, or on one of the 19 after it.
pub(crate) fn app_processes(first: u16) -> Vec<u32> {
    let names: Vec<String> = (first..first + PORTS).map(|port| format!("GRADIO_SERVER_PORT={port}")).collect();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Not ours, or gone meanwhile.
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|one| names.iter().any(|name| name.as_bytes() == one)) {
            found.push(pid);
        }
    }
    found
}

/// Fails unless no app serves on these ports, or it ends within two seconds.
pub(crate) fn no_process_left(first: u16) {
    let start = Instant::now();
    loop {
        let processes = app_processes(first);
        let listening: Vec<u16> = (first..first + PORTS).filter(|port| is_listening(*port)).collect();
        if processes.is_empty() && listening.is_empty() {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(2), "left behind: processes {processes:?}, ports {listening:?}");
        sleep(POLL);
    }
}
