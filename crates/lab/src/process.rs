//! A program in its own process group, with its output read, that cannot outlive us.

use crate::LabError;
use plimsoll_model::Redactor;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a group has to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(3);
/// How many lines of output an error shows.
const KEPT_LINES: usize = 20;
/// A longer line is taken in pieces, so that output without line ends cannot fill the memory.
const LONGEST_LINE: u64 = 1 << 20;

/// Ends the whole group when its standard input closes, which the system does for us however we die: not even SIGKILL
/// leaves an app behind. (Linux's "parent death signal" would reach only the app itself, not the processes it started,
/// and depends on the thread that started it.) It ignores the polite signals because it must outlast the others.
const WATCHDOG: &str = "trap '' TERM INT HUP QUIT; read -r _; kill -KILL 0";

/// A running program with everything it started.
#[derive(Debug)]
pub(crate) struct Group {
    what: String,
    leader: Child,
    /// See [`WATCHDOG`]; the other end of its standard input is in here. It is a member of the leader's group: while it
    /// is not reaped, the group's number cannot be given to anybody else.
    watchdog: Option<Child>,
    output: Output,
    ended: Option<ExitStatus>,
}

#[derive(Debug)]
struct Output {
    lines: Arc<Mutex<VecDeque<String>>>,
    reader: JoinHandle<()>,
    /// The same pipe, to hand it on when the program is left running.
    pipe: PipeReader,
}

impl Group {
    /// Starts `command`, its output going line by line, secrets removed, to the file `log` and to `on_line`.
    pub(crate) fn start(
        what: &str,
        mut command: Command,
        log: &Path,
        redactor: Redactor,
        on_line: Box<dyn Fn(&str) + Send>,
    ) -> Result<Self, LabError> {
        let failed = |program: &str| {
            let program = program.to_owned();
            move |source| LabError::Start { program, source }
        };
        let log_file = File::options().create(true).append(true).open(log).map_err(LabError::file("write", log))?;
        let (reader, writer) = std::io::pipe().map_err(failed(what))?;
        let pipe = reader.try_clone().map_err(failed(what))?;
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(failed(what))?).stderr(writer).process_group(0);
        let mut leader = command.spawn().map_err(failed(what))?;
        // The command holds our copies of the pipe's write end; without them the reader sees the end of the output.
        drop(command);
        let watchdog = match start_watchdog(leader.id()) {
            Ok(watchdog) => watchdog,
            Err(source) => {
                signal(&leader, Signal::KILL);
                let _ = leader.wait();
                return Err(LabError::Start { program: "sh".to_owned(), source });
            }
        };
        let lines = Arc::new(Mutex::new(VecDeque::with_capacity(KEPT_LINES)));
        let kept = Arc::clone(&lines);
        let reader = std::thread::spawn(move || read_lines(reader, log_file, &redactor, &kept, &on_line));
        let output = Output { lines, reader, pipe };
        Ok(Self { what: what.to_owned(), leader, watchdog: Some(watchdog), output, ended: None })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.leader.id()
    }

    /// How the program ended, if it has.
    pub(crate) fn exited(&mut self) -> Option<String> {
        if self.ended.is_none() {
            self.ended = self.leader.try_wait().ok().flatten();
        }
        self.ended.map(describe)
    }

    /// The last lines of output, joined.
    pub(crate) fn last_lines(&self) -> String {
        let lines = self.output.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() {
            return "  (no output)".to_owned();
        }
        lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    }

    /// An error when the program has ended.
    pub(crate) fn check_running(&mut self) -> Result<(), LabError> {
        let Some(how) = self.exited() else { return Ok(()) };
        // Its last words may still be in the pipe. What it started may hold the pipe open, so do not wait for long.
        wait_until(Duration::from_millis(500), || self.output.reader.is_finished());
        Err(LabError::Ended { what: self.what.clone(), how, output: self.last_lines() })
    }

    /// The error for a program that runs but is not ready in time.
    pub(crate) fn not_ready(&self, waited: Duration) -> LabError {
        LabError::NotReady { what: self.what.clone(), seconds: waited.as_secs_f64(), output: self.last_lines() }
    }

    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Takes the processor from the whole group, but for the watchdog, which must notice our death.
    pub(crate) fn pause(&self) {
        let Some(watchdog) = &self.watchdog else { return };
        signal(&self.leader, Signal::STOP);
        if let Some(watchdog) = i32::try_from(watchdog.id()).ok().and_then(Pid::from_raw) {
            // It is our child and not reaped, so the number is its own.
            let _ = kill_process(watchdog, Signal::CONT);
        }
    }

    /// Lets the group go on.
    pub(crate) fn resume(&self) {
        if self.watchdog.is_some() {
            signal(&self.leader, Signal::CONT);
        }
    }

    /// Ends the whole group: politely, then not.
    pub(crate) fn stop(&mut self) {
        let Some(mut watchdog) = self.watchdog.take() else { return };
        if self.exited().is_none() {
            signal(&self.leader, Signal::TERM);
            // A paused one hears it only when it goes on.
            signal(&self.leader, Signal::CONT);
            wait_until(GRACE, || self.exited().is_some());
        }
        // What the program started may still be there. The watchdog, itself a member, makes sure that the group is.
        signal(&self.leader, Signal::KILL);
        if self.ended.is_none() {
            self.ended = self.leader.wait().ok();
        }
        let _ = watchdog.wait();
        // All writers are gone now, except those that left the group.
        wait_until(Duration::from_millis(500), || self.output.reader.is_finished());
    }

    /// Leaves the program running when we end.
    pub(crate) fn keep(mut self) {
        let Some(mut watchdog) = self.watchdog.take() else { return };
        // Somebody must go on reading: a program whose output nobody reads fails at its next line.
        if let Ok(pipe) = self.output.pipe.try_clone() {
            let group = i32::try_from(self.leader.id()).unwrap_or(0);
            let _ = Command::new("cat")
                .stdin(pipe)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(group)
                .spawn();
        }
        let _ = watchdog.kill();
        let _ = watchdog.wait();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.stop();
    }
}

fn start_watchdog(group: u32) -> std::io::Result<Child> {
    let group = i32::try_from(group).map_err(std::io::Error::other)?;
    Command::new("/bin/sh")
        .args(["-c", WATCHDOG])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(group)
        .spawn()
}

fn signal(leader: &Child, signal: Signal) {
    if let Some(group) = i32::try_from(leader.id()).ok().and_then(Pid::from_raw) {
        // Fails only when nobody is left in the group.
        let _ = kill_process_group(group, signal);
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() && start.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn read_lines(
    pipe: PipeReader,
    mut log: File,
    redactor: &Redactor,
    kept: &Mutex<VecDeque<String>>,
    on_line: &dyn Fn(&str),
) {
    let mut pipe = BufReader::new(pipe);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match (&mut pipe).take(LONGEST_LINE).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&bytes);
        let line = redactor.clean(text.trim_end_matches(['\n', '\r']));
        // A full disk must not stop the app.
        let _ = log.write_all(format!("{line}\n").as_bytes());
        on_line(&line);
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_group_ends_when_we_do() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & wait"]);
        let log = folder.path().join("log");
        let mut group = Group::start("it", command, &log, Redactor::default(), Box::new(|_| {})).unwrap();
        group.pause();
        group.watchdog.as_mut().unwrap().stdin.take();
        wait_until(Duration::from_secs(10), || group.exited().is_some());
        assert_eq!(group.exited().as_deref(), Some("killed by signal 9"));
    }

    #[test]
    fn the_group_ends_when_we_do() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' TERM; sleep 1000 & wait"]);
        let log = folder.path().join("log");
        let mut group = Group::start("it", command, &log, Redactor::default(), Box::new(|_| {})).unwrap();
        assert_eq!(group.exited(), None);
        // What the system does with our end of the pipe, however we die.
        group.watchdog.as_mut().unwrap().stdin.take();
        wait_until(Duration::from_secs(10), || group.exited().is_some());
        assert_eq!(group.exited().as_deref(), Some("killed by signal 9"));
    }
}
