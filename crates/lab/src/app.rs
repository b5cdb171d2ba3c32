//! A Gradio app as a process of its own.

use crate::LabError;
use crate::process::Group;
use plimsoll_model::{ConcurrencyLimit, Redactor, Variable};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How often an app is asked whether it is ready.
const POLL: Duration = Duration::from_millis(100);
/// At how many looks in a row, [`POLL`] apart, an app that has settled is seen doing nothing.
const QUIET_LOOKS: u32 = 10;

/// Which app to start, and how.
pub struct AppLaunch {
    /// The Python to run it with.
    pub python: PathBuf,
    /// The app's file.
    pub script: PathBuf,
    /// `GRADIO_SERVER_PORT`.
    pub port: u16,
    /// `GRADIO_CONCURRENCY_LIMIT` and, for a number, `GRADIO_DEFAULT_CONCURRENCY_LIMIT`.
    pub concurrency_limit: ConcurrencyLimit,
    /// `GRADIO_MAX_THREADS`.
    pub max_threads: u32,
    /// `GRADIO_NUM_WORKERS`, when more than 1.
    pub num_workers: u32,
    /// `GRADIO_ALLOWED_PATHS`: the folder whose files the app may serve.
    pub allowed_paths: PathBuf,
    /// Where its output is appended.
    pub log: PathBuf,
    /// The folder it runs in; ours when absent.
    pub working_dir: Option<PathBuf>,
    /// More variables for its environment; they win over those above.
    pub env: Vec<Variable>,
    /// Takes secrets out of its output.
    pub redactor: Redactor,
    /// Called with each line of its output, from another thread.
    pub on_line: Box<dyn Fn(&str) + Send>,
}

/// What the caller found when it asked the app whether it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// It is.
    Ready,
    /// Not yet.
    NotYet,
    /// Do not wait any longer, for example because the user pressed Ctrl-C.
    GiveUp,
}

/// A running app. Dropping it stops it and everything it started; so does our own death, however it comes.
#[derive(Debug)]
pub struct AppServer {
    group: Group,
    port: u16,
}

impl AppServer {
    /// Starts the app in a process group of its own. It is not ready yet: see [`AppServer::wait_ready`].
    pub fn start(launch: AppLaunch) -> Result<Self, LabError> {
        let mut command = Command::new(&launch.python);
        command.arg(&launch.script);
        for (name, value) in environment(&launch) {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("GRADIO_ALLOWED_PATHS", &launch.allowed_paths);
        for variable in &launch.env {
            command.env(&variable.name, variable.value.expose());
        }
        if let Some(folder) = &launch.working_dir {
            command.current_dir(folder);
        }
        let what = format!("the app {}", launch.script.display());
        let group = Group::start(&what, command, &launch.log, launch.redactor, launch.on_line)?;
        Ok(Self { group, port: launch.port })
    }

    /// Its process, which is also its process group.
    pub fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// The port that it was told to use.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How it ended (`exit status 1`, `killed by signal 9`), if it has.
    pub fn exited(&mut self) -> Option<String> {
        self.group.exited()
    }

    /// The last lines of its output.
    pub fn last_lines(&self) -> String {
        self.group.last_lines()
    }

    /// Waits until the probe says that the app is ready. Fails at once when the app ends.
    pub fn wait_ready(&mut self, timeout: Duration, probe: &mut dyn FnMut() -> Probe) -> Result<(), LabError> {
        let start = Instant::now();
        loop {
            self.group.check_running()?;
            match probe() {
                // Whoever answered may be another program on the same port, while ours failed to get it.
                Probe::Ready => return self.group.check_running(),
                Probe::GiveUp => return Err(LabError::GivenUp { what: self.group.what().to_owned() }),
                Probe::NotYet => {}
            }
            if start.elapsed() >= timeout {
                return Err(self.group.not_ready(timeout));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits until the app does nothing any more, at most this long. An app answers before its start is over: Gradio's
    /// then looks whether it can reach itself, and ends if it was paused meanwhile. A thread that could run and is not let
    /// counts as doing something, so a busy machine only makes this longer.
    pub fn settle(&self, limit: Duration) {
        let start = Instant::now();
        let mut quiet = 0;
        while quiet < QUIET_LOOKS && start.elapsed() < limit {
            std::thread::sleep(POLL);
            quiet = if runs(self.pid()) { 0 } else { quiet + 1 };
        }
    }

    /// Takes the processor from the app and everything it started (SIGSTOP) until [`AppServer::resume`]. It keeps its
    /// memory and its connections. Our own death ends it all the same.
    pub fn pause(&self) {
        self.group.pause();
    }

    /// Lets it go on. Harmless when it was not paused.
    pub fn resume(&self) {
        self.group.resume();
    }

    /// Stops the app and everything it started: SIGTERM, up to 3 s, SIGKILL. Does nothing the second time.
    pub fn stop(&mut self) {
        self.group.stop();
    }

    /// Leaves the app running after our end. What it prints from then on is thrown away.
    pub fn keep(self) {
        self.group.keep();
    }
}

/// Whether a thread of this process runs, or could. Where the system does not tell, none does.
fn runs(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok()).any(|stat| {
        // The state follows the name, which stands in parentheses and may hold anything.
        stat.rsplit_once(')').is_some_and(|(_, rest)| matches!(rest.trim_start().chars().next(), Some('R' | 'D')))
    })
}

/// The variables that hf-perftest sets too; `None` for one that must not be inherited.
fn environment(launch: &AppLaunch) -> Vec<(&'static str, Option<String>)> {
    let limit = match launch.concurrency_limit {
        ConcurrencyLimit::At(limit) => Some(limit.to_string()),
        ConcurrencyLimit::None => None,
    };
    let workers = (launch.num_workers > 1).then(|| launch.num_workers.to_string());
    let mut variables = vec![
        ("GRADIO_PROFILING", Some("1".to_owned())),
        ("GRADIO_SERVER_PORT", Some(launch.port.to_string())),
        ("GRADIO_CONCURRENCY_LIMIT", Some(limit.clone().unwrap_or_else(|| "none".to_owned()))),
        ("GRADIO_MAX_THREADS", Some(launch.max_threads.to_string())),
        // One worker is what was asked for, whatever the user's shell says.
        ("GRADIO_NUM_WORKERS", workers),
        ("PYTHONUNBUFFERED", Some("1".to_owned())),
    ];
    if limit.is_some() {
        variables.push(("GRADIO_DEFAULT_CONCURRENCY_LIMIT", limit));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Secret;
    use std::fs;
    use std::sync::mpsc;

    fn launch(folder: &tempfile::TempDir, script: &str) -> AppLaunch {
        let path = folder.path().join("app.py");
        fs::write(&path, script).unwrap();
        AppLaunch {
            python: "python3".into(),
            script: path,
            port: 7860,
            concurrency_limit: ConcurrencyLimit::At(3),
            max_threads: 7,
            num_workers: 1,
            allowed_paths: folder.path().to_owned(),
            log: folder.path().join("app.log"),
            working_dir: None,
            env: Vec::new(),
            redactor: Redactor::default(),
            on_line: Box::new(|_| {}),
        }
    }

    /// Whether a process runs (a zombie does not).
    fn alive(pid: u32) -> bool {
        let state = std::process::Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
        let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    }

    fn gone_soon(pid: u32) -> bool {
        (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            !alive(pid)
        })
    }

    const WITH_CHILD: &str = "import subprocess, time\n\
        child = subprocess.Popen(['sleep', '1000'])\nprint('child', child.pid)\ntime.sleep(1000)\n";

    fn start_with_child(folder: &tempfile::TempDir, script: &str) -> (AppServer, u32) {
        let (sender, receiver) = mpsc::channel();
        let mut launch = launch(folder, script);
        launch.on_line = Box::new(move |line| {
            if let Some(pid) = line.strip_prefix("child ") {
                let _ = sender.send(pid.parse::<u32>().unwrap());
            }
        });
        let app = AppServer::start(launch).unwrap();
        let child = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        (app, child)
    }

    #[test]
    fn an_app_that_ends_at_once_shows_its_output() {
        let folder = tempfile::tempdir().unwrap();
        let script = "import sys\nprint('no such model', file=sys.stderr)\nsys.exit(4)\n";
        let mut app = AppServer::start(launch(&folder, script)).unwrap();
        let error = app.wait_ready(Duration::from_secs(20), &mut || Probe::NotYet).unwrap_err().to_string();
        assert!(error.contains("exit status 4") && error.contains("no such model"), "{error}");
    }

    #[test]
    fn an_app_that_is_never_ready_times_out_and_can_be_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut app = AppServer::start(launch(&folder, "import time\ntime.sleep(1000)\n")).unwrap();
        let error = app.wait_ready(Duration::from_millis(150), &mut || Probe::NotYet).unwrap_err();
        assert!(matches!(error, LabError::NotReady { .. }));
        let error = app.wait_ready(Duration::from_secs(20), &mut || Probe::GiveUp).unwrap_err();
        assert!(matches!(error, LabError::GivenUp { .. }));
    }

    #[test]
    fn stop_ends_what_the_app_started() {
        let folder = tempfile::tempdir().unwrap();
        let (mut app, child) = start_with_child(&folder, WITH_CHILD);
        let pid = app.pid();
        assert!(alive(child));
        app.stop();
        assert!(gone_soon(child) && gone_soon(pid));
        assert_eq!(app.exited().as_deref(), Some("killed by signal 15"));
    }

    #[test]
    fn an_app_settles_when_it_has_done_its_work() {
        let folder = tempfile::tempdir().unwrap();
        let script = "import time\nprint('child 1', flush=True)\nend = time.time() + 1\n\
            while time.time() < end: pass\ntime.sleep(1000)\n";
        let (app, _) = start_with_child(&folder, script);
        let start = Instant::now();
        app.settle(Duration::from_secs(20));
        let took = start.elapsed();
        assert!(took > Duration::from_millis(1500) && took < Duration::from_secs(15), "{took:?}");
    }

    /// Whether a process is stopped by a signal.
    fn stopped(pid: u32) -> bool {
        let state = std::process::Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
        String::from_utf8_lossy(&state.stdout).starts_with('T')
    }

    #[test]
    fn a_paused_app_rests_and_can_still_be_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (mut app, child) = start_with_child(&folder, WITH_CHILD);
        let soon = |wanted: bool| {
            (0..50).any(|_| {
                std::thread::sleep(Duration::from_millis(20));
                stopped(child) == wanted && stopped(app.pid()) == wanted
            })
        };
        app.pause();
        assert!(soon(true));
        app.resume();
        assert!(soon(false));
        app.pause();
        assert!(soon(true));
        app.stop();
        assert_eq!(app.exited().as_deref(), Some("killed by signal 15"), "it had the chance to end by itself");
        assert!(gone_soon(child));
    }

    #[test]
    fn an_app_that_ignores_sigterm_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let deaf = format!("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{WITH_CHILD}");
        let (mut app, child) = start_with_child(&folder, &deaf);
        app.stop();
        assert!(gone_soon(child));
        assert_eq!(app.exited().as_deref(), Some("killed by signal 9"));
    }

    #[test]
    fn what_a_dead_app_left_behind_is_ended_too() {
        let folder = tempfile::tempdir().unwrap();
        let (mut app, child) =
            start_with_child(&folder, &WITH_CHILD.replace("time.sleep(1000)", "raise SystemExit(0)"));
        while app.exited().is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(alive(child));
        drop(app);
        assert!(gone_soon(child));
    }

    #[test]
    fn a_kept_app_goes_on_and_can_still_print() {
        let folder = tempfile::tempdir().unwrap();
        let done = folder.path().join("done");
        let script = format!(
            "import time\nprint('child 1')\ntime.sleep(0.5)\n\
             for _ in range(5000): print('x' * 80)\nopen({done:?}, 'w')\n"
        );
        let (app, _) = start_with_child(&folder, &script);
        let pid = app.pid();
        app.keep();
        assert!((0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            done.exists()
        }));
        assert!(gone_soon(pid));
    }

    #[test]
    fn secrets_reach_neither_log_nor_caller() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, receiver) = mpsc::channel();
        let mut launch = launch(&folder, "print('token is hunter22')\n");
        launch.redactor = Redactor::new(&[Secret::new("hunter22")]);
        launch.on_line = Box::new(move |line| sender.send(line.to_owned()).unwrap());
        let log = launch.log.clone();
        let mut app = AppServer::start(launch).unwrap();
        assert!(app.wait_ready(Duration::from_secs(20), &mut || Probe::NotYet).is_err());
        assert_eq!(receiver.recv().unwrap(), "token is ***");
        assert_eq!(fs::read_to_string(log).unwrap(), "token is ***\n");
    }

    #[test]
    fn the_environment_is_that_of_hf_perftest() {
        let folder = tempfile::tempdir().unwrap();
        let mut launch = launch(&folder, "");
        let find = |launch: &AppLaunch, name: &str| {
            environment(launch).into_iter().find(|(key, _)| *key == name).and_then(|(_, value)| value)
        };
        assert_eq!(find(&launch, "GRADIO_CONCURRENCY_LIMIT").as_deref(), Some("3"));
        assert_eq!(find(&launch, "GRADIO_DEFAULT_CONCURRENCY_LIMIT").as_deref(), Some("3"));
        assert_eq!(find(&launch, "GRADIO_NUM_WORKERS"), None);
        launch.concurrency_limit = ConcurrencyLimit::None;
        launch.num_workers = 2;
        assert_eq!(find(&launch, "GRADIO_CONCURRENCY_LIMIT").as_deref(), Some("none"));
        assert_eq!(find(&launch, "GRADIO_DEFAULT_CONCURRENCY_LIMIT"), None);
        assert_eq!(find(&launch, "GRADIO_NUM_WORKERS").as_deref(), Some("2"));
    }
}
