//! Child processes that never outlive us.

use crate::Result;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Seldom enough to cost the measured programs nothing.
const POLL: Duration = Duration::from_millis(20);
/// hf-perftest itself waits 5 s for its app to end.
const GRACE: Duration = Duration::from_secs(8);

/// Set by Ctrl-C and by requests to terminate. Waiting then ends with an error, and dropping the children stops them.
#[derive(Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(crate) fn install() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .map_err(|error| format!("signal {signal}: {error}"))?;
        }
        Ok(Self(flag))
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err("interrupted".to_owned()) } else { Ok(()) }
    }
}

/// A child in a process group of its own, with its output in a file. Dropping it stops the whole group.
pub(crate) struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let output = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{name} ({}): {error}", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Waits for the end, at most `limit`.
    pub(crate) fn wait(&mut self, interrupt: &Interrupt, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            interrupt.check()?;
            if let Some(status) = self.status()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(self.failure(&format!("did not end within {} s", limit.as_secs())));
            }
            std::thread::sleep(POLL);
        }
    }

    /// How it ended, if it has.
    pub(crate) fn status(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().map_err(|error| format!("{}: {error}", self.name))
    }

    pub(crate) fn output(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// A message about this child, with all that it printed.
    pub(crate) fn failure(&self, what: &str) -> String {
        format!("{} {what}. Its output:\n{}", self.name, self.output())
    }

    fn ended_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(POLL);
        }
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once its end has been noted its number may belong to another process.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let group = Pid::from_child(&self.child);
        // It may end between the question and the signal: nothing is left to stop then.
        let _ = kill_process_group(group, Signal::TERM);
        if !self.ended_within(GRACE) {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropping_stops_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; wait"]);
        let running = Running::start("sleeper", &mut command, &log).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while running.output().is_empty() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        let grandchild: i32 = running.output().trim().parse().unwrap();
        let alive = || {
            // A process that nobody has waited for yet still has its number: its state tells.
            std::fs::read_to_string(format!("/proc/{grandchild}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
        };
        assert!(alive());
        drop(running);
        let deadline = Instant::now() + Duration::from_secs(10);
        while alive() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        assert!(!alive());
    }

    #[test]
    fn a_failure_shows_the_output() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such app >&2; exit 3"]);
        let mut running = Running::start("tool", &mut command, &folder.path().join("log")).unwrap();
        let status = running.wait(&Interrupt(Arc::default()), Duration::from_secs(10)).unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(running.failure("failed").contains("no such app"));
    }

    #[test]
    fn an_interrupt_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let mut running =
            Running::start("sleeper", Command::new("sleep").arg("600"), &folder.path().join("log")).unwrap();
        let interrupt = Interrupt(Arc::new(AtomicBool::new(true)));
        assert_eq!(running.wait(&interrupt, Duration::from_secs(10)), Err("interrupted".to_owned()));
    }
}
