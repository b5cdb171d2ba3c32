//! `--tui`, on a terminal that `script` makes.

use crate::api::support::{Mock, among_others};
use crate::support::{Plimsoll, signal};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";

/// A run on a terminal of its own. Dropping it ends it.
struct Typed {
    script: Child,
    shown: Receiver<Vec<u8>>,
    text: String,
    _folder: tempfile::TempDir,
}

impl Typed {
    fn start(args: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("stty rows 40 cols 120; exec {} {args}", env!("CARGO_BIN_EXE_plimsoll"));
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"])
            .env("TERM", "xterm-256color")
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, shown) = channel();
        let mut out = script.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = out.read(&mut part) {
                if sender.send(part[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { script, shown, text: String::new(), _folder: folder }
    }

    /// Waits for one word: between words only the cursor moves.
    fn wait_for(&mut self, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.text.contains(wanted) {
            assert!(Instant::now() < deadline, "no {wanted:?} in {:?}", self.text);
            self.hear(Duration::from_millis(100));
        }
    }

    fn hear(&mut self, time: Duration) {
        if let Ok(part) = self.shown.recv_timeout(time) {
            self.text += &String::from_utf8_lossy(&part);
        }
    }

    fn press(&mut self, keys: &str) {
        self.script.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for its end; its exit code.
    fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            self.hear(Duration::from_millis(50));
            if let Some(status) = self.script.try_wait().unwrap() {
                while let Ok(part) = self.shown.recv_timeout(Duration::from_millis(200)) {
                    self.text += &String::from_utf8_lossy(&part);
                }
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end: {:?}", self.text);
        }
    }

    /// What was shown after the terminal was given back.
    fn afterwards(&self) -> &str {
        assert_eq!((self.text.matches(ENTER).count(), self.text.matches(LEAVE).count()), (1, 1), "{:?}", self.text);
        self.text.split_once(LEAVE).unwrap().1
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

#[test]
fn keys_set_a_note_and_stop_the_run() {
    let _turn = among_others();
    let mock = Mock::start("");
    let mut run = Typed::start(&format!("http {}/ --rate 50 --run-time 60s --tui", mock.url()));
    run.wait_for("Median");
    run.press("acache warm\r");
    run.wait_for("Note:");
    run.press("q");
    run.wait_for("Stop");
    run.press("y");
    assert_eq!(run.wait(), Some(130));
    let after = run.afterwards();
    for wanted in ["WARNING: stopping: interrupted by SIGINT", "Response time", "Results saved to"] {
        assert!(after.contains(wanted), "no {wanted:?} in {after:?}");
    }
}

#[test]
fn the_terminal_is_given_back_after_a_signal() {
    let _turn = among_others();
    let mock = Mock::start("");
    let marker = format!("{}/terminal", mock.url());
    let mut run = Typed::start(&format!("http {marker} --rate 50 --run-time 60s --tui"));
    run.wait_for("Median");
    let listed = Command::new("pgrep").args(["--full", &format!("^[^ ]*plimsoll http {marker}")]).output().unwrap();
    signal("TERM", String::from_utf8_lossy(&listed.stdout).trim());
    assert_eq!(run.wait(), Some(143));
    assert!(run.afterwards().contains("Results saved to"), "{:?}", run.text);
}

#[test]
fn without_a_terminal_it_says_so() {
    Plimsoll::new().args(["http", "http://127.0.0.1:1/", "--tui"]).run().code(2).says("needs a terminal").did_nothing();
}
