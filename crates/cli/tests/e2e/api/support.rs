//! What tests of scenarios share: the stand-in server, servers of their own, scenarios in folders of their own.

use crate::support::{Plimsoll, Running, get, run_dir, signal, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};

static MACHINE: RwLock<()> = RwLock::new(());

/// For a test that measures times: no other of these tests runs meanwhile.
pub(super) fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// For a test that measures no times.
pub(super) fn among_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// `plimsoll mock` on a free port. Dropping it ends it.
pub(super) struct Mock {
    run: Running,
    port: u16,
}

impl Mock {
    pub(super) fn start(args: &str) -> Self {
        let call = Plimsoll::new().args(["mock", "--listen", "127.0.0.1:0"]);
        let mut run = call.args(args.split_whitespace()).start();
        let port = |run: &Running| -> Option<u16> {
            let printed = run.stdout();
            printed.split_once("http://127.0.0.1:")?.1.split_once('\n')?.0.parse().ok()
        };
        run.wait_until("its address", |run| port(run).is_some());
        let port = port(&run).unwrap();
        Self { run, port }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it knows of itself, once nothing is under way.
    pub(super) fn stats(&self) -> Value {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let (_, body) = get(self.port, "/mock/stats").expect("the stand-in server does not answer");
            let stats: Value = serde_json::from_str(&body).unwrap();
            if stats["in_flight"] == 0 {
                return stats;
            }
            assert!(Instant::now() < deadline, "requests are still under way\n{stats:#}");
            sleep(Duration::from_millis(50));
        }
    }

    /// Requests for inference that it has had.
    pub(super) fn requests(&self) -> u64 {
        self.stats()["requests"].as_u64().unwrap()
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        self.run.signal("KILL");
    }
}

/// `plimsoll run` of a scenario with this text, in a folder of its own.
pub(super) fn scenario(text: &str) -> Plimsoll {
    let call = Plimsoll::new();
    fs::write(call.dir().join("scenario.toml"), text).unwrap();
    call.args(["run", "scenario.toml"]).timeout(120)
}

/// A target, and requests that classify one text.
pub(super) fn classify(url: &str) -> String {
    format!(
        r#"
        name = "classify"
        [target]
        url = "{url}"
        [[request]]
        name = "Classify"
        task = "text-classification"
        route = "legacy"
        model = "distilbert-base-uncased-finetuned-sst-2-english"
        inputs = "It does what it says."
        "#
    )
}

/// The text of a scenario of the guide, up to its think time and load.
pub(super) fn example_without_load(name: &str) -> String {
    let text = fs::read_to_string(example(name)).unwrap();
    text.split_once("[think]").unwrap().0.to_owned()
}

/// A scenario of the guide.
pub(super) fn example(name: &str) -> PathBuf {
    PathBuf::from(format!("{}/../../examples/{name}.toml", env!("CARGO_MANIFEST_DIR")))
}

/// Waits until samples of a scenario with one level are in its file.
pub(super) fn wait_for_samples(run: &mut Running) {
    run.wait_until("its samples", |run| {
        let results = run.dir().join("benchmark_results");
        let begun = fs::read_dir(&results).is_ok_and(|mut runs| runs.next().is_some());
        begun && text(&run_dir(&results).join("samples.jsonl")).contains('\n')
    });
}

/// Counts by outcome: of a summary, zeros left out.
pub(super) fn outcomes(figures: &Value) -> BTreeMap<String, u64> {
    let errors = figures["errors"].as_object().unwrap().iter();
    let mut counts: BTreeMap<String, u64> =
        errors.map(|(class, error)| (class.clone(), error["count"].as_u64().unwrap())).collect();
    counts.insert("ok".to_owned(), figures["ok"].as_u64().unwrap());
    counts.retain(|_, count| *count > 0);
    counts
}

/// An object of numbers.
pub(super) fn counts(value: &Value) -> BTreeMap<String, u64> {
    value.as_object().unwrap().iter().map(|(key, count)| (key.clone(), count.as_u64().unwrap())).collect()
}

pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// A request that a [`Server`] got.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    /// Names in small letters.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
    /// The body as it came.
    pub(super) bytes: Vec<u8>,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut line = || {
            let mut line = String::new();
            stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
            Some(line.trim_end().to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        loop {
            let line = line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        let text = String::from_utf8_lossy(&body).into_owned();
        Some(Self { method, path, headers, body: text, bytes: body })
    }
}

/// What a [`Server`] answers: status, further header lines, body.
pub(super) struct Says(pub(super) u16, pub(super) String, pub(super) String);

impl Says {
    pub(super) fn json(body: &Value) -> Self {
        Self(200, "content-type: application/json\r\n".to_owned(), body.to_string())
    }

    pub(super) fn status(status: u16, body: &str) -> Self {
        Self(status, String::new(), body.to_owned())
    }
}

/// A server of the test's own that keeps what it was asked. Dropping it ends it.
pub(super) struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&Asked) -> Says + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stopped, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let answer = Arc::new(answer);
        let (stops, keeps) = (stopped.clone(), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok).take_while(|_| !stops.load(Ordering::Relaxed)) {
                let (answer, keeps) = (answer.clone(), keeps.clone());
                std::thread::spawn(move || serve(&stream, &*answer, &keeps));
            }
        });
        Self { address, stopped, asked }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far, in order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes it; if that fails it is gone already.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(stream: &TcpStream, answer: &dyn Fn(&Asked) -> Says, keeps: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(asked) = Asked::read(&mut reader) {
        let Says(status, headers, body) = answer(&asked);
        lock(keeps).push(asked);
        let length = body.len();
        let whole = format!("HTTP/1.1 {status} So\r\n{headers}content-length: {length}\r\n\r\n{body}");
        // The client may have gone.
        if stream.write_all(whole.as_bytes()).is_err() {
            return;
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Another program that serves. Dropping it ends it and all that it started.
pub(super) struct Program {
    child: Child,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Program {
    pub(super) fn start(command: &mut Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let output = File::create(&log).unwrap();
        let command = command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log, _folder: folder }
    }

    /// Waits until this gives something; what it has printed is passed.
    pub(super) fn wait_for<T>(&mut self, what: &str, found: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let printed = text(&self.log);
            if let Some(found) = found(&printed) {
                return found;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "no {what} ({ended:?})\n{printed}");
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // While it is not reaped its number is its own.
        if let Ok(None) = self.child.try_wait() {
            signal("KILL", &format!("-{}", self.child.id()));
            let _ = self.child.wait();
        }
    }
}
