//! Getting the target ready: starting an app, or taking the address of one that runs.

use crate::console::Console;
use crate::exit::{CliError, Exit};
use crate::signals::Signals;
use plimsoll_lab::{AppLaunch, AppServer, LabError, Nginx, Probe};
use plimsoll_model::{AppSource, Clock, GradioSpec, LocalApp, Plan, Redactor, Target};
use plimsoll_targets::gradio;
use plimsoll_wire::{Client, Connector, CookieJar, HeaderMap, Origin};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

/// Models are loaded before an app answers, so this is long; an app that ends before is noticed at once.
const STARTUP: Duration = Duration::from_secs(600);
/// How long an app that never rests is waited for.
const SETTLE: Duration = Duration::from_secs(10);
/// How long one look at a starting app may take.
const PROBE: Duration = Duration::from_secs(2);

/// A target that answers.
pub(crate) struct Ready {
    pub origin: Origin,
    /// As the results name it.
    pub name: String,
    pub python: Option<String>,
    pub sidecar: Option<PathBuf>,
    pub sample_inputs: PathBuf,
    pub app: Option<AppServer>,
    pub nginx: Option<Nginx>,
    pub keep: bool,
}

impl Ready {
    /// Waits until what was started has nothing to do any more.
    pub(crate) fn settle(&self) {
        if let Some(app) = &self.app {
            app.settle(SETTLE);
        }
    }

    /// How the app ended, with its last lines, if it is ours and has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let app = self.app.as_mut()?;
        let how = app.exited()?;
        Some(format!("its app ended: {how}; its last lines:\n{}", app.last_lines()))
    }

    /// Takes the processor from what was started, until the answer is dropped. What we did not start goes on.
    pub(crate) fn rest(&self) -> Rest<'_> {
        if let Some(app) = &self.app {
            app.pause();
        }
        if let Some(nginx) = &self.nginx {
            nginx.pause();
        }
        Rest(self)
    }

    /// Ends what was started, unless it is to be kept.
    pub(crate) fn end(mut self, console: &Console) {
        match self.app.take() {
            Some(app) if self.keep => {
                let pids: Vec<String> = [Some(app.pid()), self.nginx.as_ref().map(Nginx::pid)]
                    .iter()
                    .flatten()
                    .map(u32::to_string)
                    .collect();
                console.note(&format!("The app still runs at {}; end it with: kill {}", self.origin, pids.join(" ")));
                app.keep();
                if let Some(nginx) = self.nginx.take() {
                    nginx.keep();
                }
            }
            Some(mut app) => app.stop(),
            None => {}
        }
    }
}

/// A target that rests. Dropping this lets it go on, also when we fail.
pub(crate) struct Rest<'a>(&'a Ready);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if let Some(app) = &self.0.app {
            app.resume();
        }
        if let Some(nginx) = &self.0.nginx {
            nginx.resume();
        }
    }
}

/// What starting needs besides the plan.
pub(crate) struct Setup<'a> {
    pub plan: &'a Plan,
    pub run_dir: &'a Path,
    pub redactor: &'a Redactor,
    pub console: &'a Console,
    pub clock: Clock,
    pub runtime: &'a Runtime,
}

/// Checks what can be checked before anything is started or written.
pub(crate) fn check(plan: &Plan) -> Result<(), CliError> {
    if let Some(path) = &plan.sidecar {
        gradio::Sidecar::read(path).map_err(CliError::usage)?;
    }
    match &plan.target {
        Target::LocalApp(app) if app.nginx && app.num_workers > 1 => {
            plimsoll_lab::find_nginx().map(drop).map_err(CliError::usage)
        }
        _ => Ok(()),
    }
}

/// Makes the environment that the plan's app needs, which can take a minute.
pub(crate) fn prepare(plan: &Plan, console: &Console) -> Result<(), CliError> {
    match &plan.target {
        Target::LocalApp(app) => python(app, &script(app)?.path, console).map(drop),
        Target::Url { .. } => Ok(()),
    }
}

impl Setup<'_> {
    /// Starts the app if it is ours to start, and waits until it answers.
    ///
    /// Signals are listened to once there is something to end in an orderly way. Before that, while an environment is
    /// made, they end the process as usual.
    pub(crate) fn make_ready(&self) -> Result<(Ready, Signals), CliError> {
        let sample_inputs = match &self.plan.sample_inputs {
            Some(folder) => folder.clone(),
            None => plimsoll_lab::unpack_sample_inputs().map_err(CliError::internal)?,
        };
        match &self.plan.target {
            Target::Url { url } => {
                let ready = Ready {
                    origin: Origin::parse(url).map_err(CliError::usage)?,
                    name: url.clone(),
                    python: None,
                    sidecar: self.plan.sidecar.clone(),
                    sample_inputs,
                    app: None,
                    nginx: None,
                    keep: false,
                };
                Ok((ready, self.listen()?))
            }
            Target::LocalApp(app) => self.start(app, sample_inputs),
        }
    }

    fn listen(&self) -> Result<Signals, CliError> {
        let _inside = self.runtime.enter();
        Signals::listen().map_err(CliError::internal)
    }

    fn start(&self, app: &LocalApp, sample_inputs: PathBuf) -> Result<(Ready, Signals), CliError> {
        let Script { path: script, sidecar: beside, working_dir } = script(app)?;
        let (python, description) = python(app, &script, self.console)?;
        // Gradio gives its workers the ports after its own, without looking.
        let ports = u16::try_from(app.num_workers).unwrap_or(u16::MAX);
        let port =
            plimsoll_lab::free_ports(app.port, if ports > 1 { 1 + ports } else { 1 }).map_err(CliError::usage)?;
        if port != app.port {
            self.console.note(&format!("Port {} is taken; using {port}", app.port));
        }
        self.console.note(&format!("Launching app: {} with {description}", script.display()));
        let mut signals = self.listen()?;
        let printer = self.console.clone();
        let mut server = AppServer::start(AppLaunch {
            python,
            script,
            port,
            concurrency_limit: app.concurrency_limit,
            max_threads: app.max_threads,
            num_workers: app.num_workers,
            allowed_paths: sample_inputs.clone(),
            log: self.run_dir.join("app.log"),
            working_dir,
            env: app.env.clone(),
            redactor: self.redactor.clone(),
            on_line: Box::new(move |line| printer.note(&format!("  [app] {line}"))),
        })
        .map_err(CliError::usage)?;
        let mut origin = local(port)?;
        self.wait(&mut server, &origin, &mut signals)?;
        let nginx = if app.nginx && app.num_workers > 1 {
            let nginx =
                Nginx::start(port, app.num_workers, &self.run_dir.join("nginx"), &self.run_dir.join("nginx.log"))
                    .map_err(CliError::usage)?;
            origin = local(nginx.port())?;
            self.wait(&mut server, &origin, &mut signals)?;
            Some(nginx)
        } else {
            if app.nginx {
                self.console.warning("--nginx does nothing without --num-workers above 1");
            }
            None
        };
        self.console.note(&format!("Server ready at {origin}"));
        let ready = Ready {
            origin,
            name: match &app.source {
                AppSource::Builtin(name) => name.clone(),
                AppSource::File(path) => path.display().to_string(),
            },
            python: Some(description),
            sidecar: self.plan.sidecar.clone().or(beside),
            sample_inputs,
            app: Some(server),
            nginx,
            keep: app.keep,
        };
        Ok((ready, signals))
    }

    fn wait(&self, server: &mut AppServer, origin: &Origin, signals: &mut Signals) -> Result<(), CliError> {
        let mut signalled = None;
        let result = server.wait_ready(STARTUP, &mut || {
            let look = LocalSet::new();
            look.block_on(self.runtime, async {
                tokio::select! {
                    signal = signals.next() => {
                        signalled = Some(signal);
                        Probe::GiveUp
                    }
                    answers = tokio::time::timeout(PROBE, answers(origin, self.clock)) => match answers {
                        Ok(true) => Probe::Ready,
                        _ => Probe::NotYet,
                    },
                }
            })
        });
        match (signalled, result) {
            (Some((number, name)), _) => Err(CliError {
                exit: Exit::Signal(number),
                message: format!("interrupted by {name} before any load was sent"),
            }),
            (None, result) => result.map_err(|error: LabError| CliError::usage(error)),
        }
    }
}

/// An app's file, and where it runs.
struct Script {
    path: PathBuf,
    sidecar: Option<PathBuf>,
    working_dir: Option<PathBuf>,
}

/// A built-in app runs where it lies (older Gradios make a folder `flagged` there); the user's own runs where the user
/// stands, as with hf-perftest.
fn script(app: &LocalApp) -> Result<Script, CliError> {
    match &app.source {
        AppSource::Builtin(name) => {
            let unpacked = plimsoll_lab::unpack(name).map_err(CliError::internal)?;
            let working_dir = unpacked.path.parent().map(Path::to_owned);
            Ok(Script { path: unpacked.path, sidecar: unpacked.sidecar, working_dir })
        }
        AppSource::File(path) => Ok(Script { path: path.clone(), sidecar: None, working_dir: None }),
    }
}

/// The Python to run an app with: the user's own where named; for a file of theirs the active virtual
/// environment, if Gradio is in it; else one that we make.
fn python(app: &LocalApp, script: &Path, console: &Console) -> Result<(PathBuf, String), CliError> {
    if let Some(python) = &app.python {
        let version = plimsoll_lab::gradio_version_of(python)
            .map_err(CliError::usage)?
            .ok_or_else(|| CliError::usage(format!("--python {}: Gradio is not installed there", python.display())))?;
        return Ok((python.clone(), format!("gradio {version} ({})", python.display())));
    }
    let own_file = matches!(app.source, AppSource::File(_));
    if own_file
        && app.gradio == GradioSpec::Pinned
        && let Some(folder) = std::env::var_os("VIRTUAL_ENV")
    {
        let python = Path::new(&folder).join("bin/python");
        if python.is_file()
            && let Some(version) = plimsoll_lab::gradio_version_of(&python).map_err(CliError::usage)?
        {
            return Ok((python, format!("gradio {version} (the active virtual environment)")));
        }
    }
    let requirements = script.with_file_name("requirements.txt");
    let request = plimsoll_lab::Request {
        gradio: &app.gradio,
        requirements: (own_file && requirements.is_file()).then_some(requirements.as_path()),
    };
    let made = plimsoll_lab::ensure(&request, &mut |line| console.note(line)).map_err(CliError::usage)?;
    Ok((made.python, made.description))
}

async fn answers(origin: &Origin, clock: Clock) -> bool {
    match Connector::new(origin.clone(), clock).await {
        Ok(connector) => {
            let mut client = Client::new(Rc::new(connector), HeaderMap::new(), CookieJar::default());
            gradio::probe(&mut client).await
        }
        Err(_) => false,
    }
}

fn local(port: u16) -> Result<Origin, CliError> {
    Origin::parse(&format!("http://127.0.0.1:{port}")).map_err(CliError::internal)
}
