//! What happens on the measuring thread: find out what the app is, warm it up, run the tiers, fold their samples.

use super::sink::Disk;
use crate::exit::CliError;
use crate::tap::{Stage, StageEnd, StageKind, Taps};
use plimsoll_engine::{
    BackgroundLoad, Context, EventSink, HealthProbe, Recorder, RunEvent, SampleSink, StopReason, StopSignal, Tier,
    Writer, run_tier,
};
use plimsoll_model::{Arrival, Clock, LoadProfile, Plan, Redactor, Repeat, Sample, Scope};
use plimsoll_results::{
    LevelLoad, ResultsError, RunDir, Summary, TierInput, TierSummary, TierWatch, TierWriter, WarmupSummary, fold_tier,
    write_traces,
};
use plimsoll_targets::gradio::{
    self, Background, BackgroundKind, BackgroundSources, GradioBehaviour, Payloads, SampleFiles, ServerTraces, Sidecar,
    UserSettings,
};
use plimsoll_wire::{Client, Connector, CookieJar, HeaderMap, HeaderName, HeaderValue, Origin};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The warm-up's users, as many as hf-perftest has.
const WARMUP_USERS: u32 = 2;
/// How long the target may take for what is asked beside the load: what it is, its login, its page.
const ANSWER: Duration = Duration::from_secs(60);
/// How long the traces of a tier may take to come, and those of a run that was stopped.
const TRACES: Duration = Duration::from_secs(120);
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Everything that the measuring thread needs.
pub(super) struct LoadInput {
    pub plan: Plan,
    pub origin: Origin,
    pub name: String,
    pub sidecar: Option<PathBuf>,
    pub sample_inputs: PathBuf,
    pub run_dir: RunDir,
    pub clock: Clock,
    pub redactor: Redactor,
    pub stop: StopSignal,
    pub events: EventSink,
    pub descriptors: u64,
    pub taps: Taps,
}

/// What came of it.
pub(super) struct LoadReport {
    pub app: gradio::App,
    pub tiers: Vec<TierSummary>,
    pub warmup: Option<WarmupSummary>,
}

/// Runs the whole plan against the target.
pub(super) async fn run(mut input: LoadInput) -> Result<LoadReport, CliError> {
    let connector = Connector::new(input.origin.clone(), input.clock).await.map_err(CliError::usage)?;
    let headers = headers(&input.plan)?;
    let mut cookies = CookieJar::default();
    for (name, value) in &input.plan.cookies {
        cookies.set(name, value.expose());
    }
    let mut client = Client::new(Rc::new(connector), headers.clone(), cookies);
    let connecting = gradio::connect(&mut client, input.plan.auth.as_ref(), input.plan.api_name.as_deref());
    let app = answer_within(ANSWER, &input, connecting)
        .await?
        .map_err(|error| CliError::usage(input.redactor.clean(&error.to_string())))?;
    // What the login earned is as secret as the login.
    input.redactor = input.redactor.and(client.cookies.values());
    let settings = Rc::new(UserSettings {
        payloads: payloads(&input, &app)?,
        session: input.plan.session,
        headers,
        cookies: client.cookies.clone(),
        redactor: input.redactor.clone(),
        seed: input.plan.seed,
        app: app.clone(),
    });
    let mut run = Run { input, client, settings, background: None, tiers_begun: 0 };
    run.announce();
    if run.input.plan.mixed_traffic {
        run.find_background().await?;
    }
    let warmup = run.warm_up().await;
    let mut tiers = Vec::new();
    let LoadProfile::Tiers { tiers: users, repeat, arrival } = run.input.plan.load.clone();
    for users in users {
        // A tier too short to be watched, or a figure known only at its end, ends the run before the next one.
        let broken = tiers.last().and_then(|tier: &TierSummary| tier.thresholds.iter().find(|rule| rule.abort));
        if let Some(broken) = broken {
            run.input.stop.stop(StopReason::Threshold(broken.rule.clone()));
        }
        if run.input.stop.is_stopped() {
            break;
        }
        tiers.push(run.tier(users, repeat, arrival).await?);
        // A run that is killed later has this much.
        let so_far = Some("the run has not ended, or was killed".to_owned());
        let summary = Summary::new(run.input.name.clone(), &run.input.run_dir, tiers.clone(), warmup, so_far);
        run.stop_unless_written(summary.write(&run.input.run_dir));
    }
    Ok(LoadReport { app, tiers, warmup })
}

struct Run {
    input: LoadInput,
    client: Client,
    settings: Rc<UserSettings>,
    background: Option<Rc<BackgroundSources>>,
    tiers_begun: usize,
}

impl Run {
    fn tell(&self, event: RunEvent) {
        // Nobody listens any more: nothing to tell.
        let _ = self.input.events.send(event);
    }

    fn warn(&self, message: impl Into<String>) {
        self.tell(RunEvent::Warning { message: message.into() });
    }

    fn announce(&self) {
        let app = &self.settings.app;
        self.tell(RunEvent::TargetFound {
            version: app.version.clone(),
            endpoint: app.endpoint.name.clone(),
            profiling: app.profiling,
        });
        app.warnings.iter().for_each(|warning| self.warn(warning));
        if !app.profiling {
            self.warn("the app gives no server traces (they need Gradio 6.10 and GRADIO_PROFILING=1): queue wait and run time come from the event stream, as the client sees it");
        }
        let LoadProfile::Tiers { tiers, repeat, .. } = &self.input.plan.load;
        let most = tiers.iter().copied().max().unwrap_or(0);
        // gradio/queueing.py keeps the messages of at most 2,000 sessions.
        let sessions = match (self.input.plan.session, repeat) {
            (plimsoll_model::SessionScope::PerRequest, Repeat::Rounds(_))
            | (plimsoll_model::SessionScope::PerUser, _) => most,
            (plimsoll_model::SessionScope::PerRequest, Repeat::For(_)) => most.max(2_001),
        };
        if sessions > 2_000 {
            self.warn("Gradio keeps the messages of 2,000 sessions; beyond that the oldest waiting ones are lost (session_lost)");
        }
        let sockets = u64::from(most) * if app.connect_heartbeat { 2 } else { 1 } + 250;
        if sockets > self.input.descriptors {
            self.warn(format!(
                "{most} users need about {sockets} open files, and the limit is {}; raise it with: ulimit -n {sockets}",
                self.input.descriptors
            ));
        }
    }

    async fn find_background(&mut self) -> Result<(), CliError> {
        let finding = BackgroundSources::find(&mut self.client, &self.settings);
        let sources = answer_within(ANSWER, &self.input, finding).await?;
        self.tell(RunEvent::Note { message: format!("Mixed traffic: {}", sources.describe()) });
        self.background = Some(Rc::new(sources));
        Ok(())
    }

    fn connector(&self) -> Rc<Connector> {
        self.client.connector().clone()
    }

    async fn warm_up(&mut self) -> Option<WarmupSummary> {
        let rounds = self.input.plan.warmup_rounds;
        if rounds == 0 {
            return None;
        }
        let kept = Kept::default();
        let writer = Writer::start(kept.clone(), self.input.stop.clone());
        let recorder = Rc::new(Recorder::new(Some(&writer)));
        // Its rounds are not shown: only its end is.
        let (quiet, _) = tokio::sync::mpsc::unbounded_channel();
        let context = Context { clock: self.input.clock, recorder: &recorder, stop: &self.input.stop, events: &quiet };
        let LoadProfile::Tiers { arrival, .. } = self.input.plan.load;
        let behaviour = GradioBehaviour::new(self.settings.clone(), self.connector(), None);
        let tier = self.shape(WARMUP_USERS, Repeat::Rounds(rounds), arrival);
        run_tier(tier, &behaviour, &context).await;
        recorder.finish();
        // Kept in memory: there is nothing that could fail.
        let _ = writer.finish();
        let warmup = WarmupSummary::of(&kept.take());
        self.tell(RunEvent::WarmupFinished {
            requests: warmup.requests as u64,
            ok: warmup.ok as u64,
            p50_ms: warmup.p50,
        });
        Some(warmup)
    }

    fn shape(&self, users: u32, repeat: Repeat, arrival: Arrival) -> Tier {
        Tier { users, repeat, arrival, timeout: self.input.plan.request_timeout_for(users), seed: self.input.plan.seed }
    }

    async fn tier(&mut self, users: u32, repeat: Repeat, arrival: Arrival) -> Result<TierSummary, CliError> {
        let dir = self.written(self.input.run_dir.tier_dir(users))?;
        let clearing = gradio::clear_profiler(&mut self.client, &self.settings.app);
        if let Err(error) = answer_within(ANSWER, &self.input, clearing).await? {
            self.warn(format!("the server's traces could not be cleared: {error}"));
        }
        let writer = self.written(TierWriter::create(&dir, self.input.clock))?;
        let watch = TierWatch::new(&self.input.plan.thresholds, users);
        let sink = Disk::new(writer, watch, self.input.stop.clone(), self.input.taps.clone(), self.input.clock);
        let rules = self.input.plan.thresholds.iter();
        self.input.taps.stage(&Stage {
            index: self.tiers_begun,
            kind: StageKind::Tier,
            label: format!("{users} user{}", if users == 1 { "" } else { "s" }),
            users: Some(users),
            load: LevelLoad::default(),
            warmup: Duration::ZERO,
            thresholds: rules.filter(|rule| rule.is_about(Scope::Tier(users))).cloned().collect(),
        });
        self.tiers_begun += 1;
        let writer = Writer::start(sink, self.input.stop.clone());
        let recorder = Rc::new(Recorder::new(Some(&writer)));
        self.tell(match repeat {
            Repeat::Rounds(rounds) => RunEvent::TierStarted { users, rounds: Some(rounds), seconds: None },
            Repeat::For(time) => RunEvent::TierStarted { users, rounds: None, seconds: Some(time.as_secs_f64()) },
        });
        let began = self.input.clock.now();
        let probe = HealthProbe::start();
        let background = self.start_background(users, &recorder);
        let behaviour = GradioBehaviour::new(self.settings.clone(), self.connector(), Some(dir.join("samples")));
        let context = Context {
            clock: self.input.clock,
            recorder: &recorder,
            stop: &self.input.stop,
            events: &self.input.events,
        };
        let end = run_tier(self.shape(users, repeat, arrival), &behaviour, &context).await;
        background.finish(&self.input.stop).await;
        let (tally, lag, p50_ms) = recorder.finish();
        let health = probe.finish(&tally, lag, p50_ms);
        self.tell(RunEvent::TierFinished {
            users,
            ok: tally.ok,
            failed: tally.failed,
            cancelled: end.cancelled,
            elapsed_seconds: end.elapsed.as_secs_f64(),
        });
        // The users' connections and heartbeats end before the traces are fetched.
        drop(behaviour);
        // A failure has stopped the run already, with its reason; what was written can still be folded.
        let _ = writer.finish();
        let traces = self.traces(&tally.event_ids).await;
        self.stop_unless_written(write_traces(&dir, &traces.traces));
        let fold = self.written(fold_tier(&dir, &traces.traces, self.input.origin.is_loopback()))?;
        if let Some(why) = &fold.unwritten {
            self.input.stop.stop(StopReason::CannotWrite(why.clone()));
        }
        let mut summary = TierSummary::new(
            TierInput {
                users,
                repeat,
                arrival,
                session: self.input.plan.session,
                api_name: Some(self.settings.app.endpoint.name.clone()),
                directory: dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
                elapsed_seconds: Some(end.elapsed.as_secs_f64()),
                server_summary: serde_json::Value::Object(traces.summary),
                mixed_traffic: self.background.is_some(),
                health: Some(health),
            },
            fold,
            &self.input.plan.thresholds,
        );
        summary.cancelled += usize::try_from(end.cancelled).unwrap_or(usize::MAX);
        self.input.taps.ended(&StageEnd::Tier { summary: &summary, began, at: began + end.elapsed });
        Ok(summary)
    }

    fn start_background(&self, users: u32, recorder: &Rc<Recorder>) -> BackgroundLoad {
        let mut load = BackgroundLoad::default();
        for kind in BackgroundKind::ALL {
            let Some(sources) = &self.background else { break };
            if let Some(behaviour) = Background::new(kind, &self.settings, sources, &self.connector()) {
                let with = (self.input.clock, recorder, self.input.plan.seed ^ kind as u64);
                load.add(&behaviour, kind.users_for(users), kind.pause(), kind.timeout(), with);
            }
        }
        load
    }

    async fn traces(&mut self, expected: &std::collections::HashSet<String>) -> ServerTraces {
        let stop = self.input.stop.clone();
        let too_late = async {
            tokio::select! {
                () = tokio::time::sleep(TRACES) => {}
                () = stop.stopped() => tokio::time::sleep(LAST_WORDS).await,
            }
        };
        let fetched = tokio::select! {
            fetched = gradio::server_traces(&mut self.client, &self.settings.app, expected) => {
                fetched.map_err(|error| error.to_string())
            }
            () = too_late => Err("they did not come in time".to_owned()),
        };
        fetched.unwrap_or_else(|why| {
            self.warn(format!("the server's traces could not be fetched: {why}"));
            ServerTraces::default()
        })
    }

    /// What was measured is not given up because one file of it cannot be written: the run goes on to its end.
    fn stop_unless_written(&self, result: Result<(), ResultsError>) {
        if let Err(error) = result {
            self.input.stop.stop(StopReason::CannotWrite(error.to_string()));
        }
    }

    /// A result that cannot be written stops the run.
    fn written<T>(&self, result: Result<T, ResultsError>) -> Result<T, CliError> {
        result.map_err(|error| {
            self.input.stop.stop(StopReason::CannotWrite(error.to_string()));
            CliError::internal(error)
        })
    }
}

/// Waits for an answer that no load depends on: not for ever, and not when the run was stopped.
async fn answer_within<T>(limit: Duration, input: &LoadInput, work: impl Future<Output = T>) -> Result<T, CliError> {
    tokio::select! {
        answer = work => Ok(answer),
        () = tokio::time::sleep(limit) => Err(CliError::usage(format!(
            "{} took the connection but gave no answer within {} s. Is it a Gradio app, and is it well?",
            input.origin,
            limit.as_secs()
        ))),
        () = input.stop.stopped() => Err(CliError::internal("the run was stopped")),
    }
}

fn headers(plan: &Plan) -> Result<HeaderMap, CliError> {
    let mut headers = HeaderMap::new();
    let agent = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));
    headers.insert("user-agent", HeaderValue::from_static(agent));
    headers.insert("accept", HeaderValue::from_static("*/*"));
    for (name, value) in &plan.headers {
        let name: HeaderName = name.parse().map_err(CliError::usage)?;
        let value = HeaderValue::from_str(value.expose()).map_err(CliError::usage)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

fn payloads(input: &LoadInput, app: &gradio::App) -> Result<Payloads, CliError> {
    let files = SampleFiles::read(&input.sample_inputs).map_err(CliError::usage)?;
    let sidecar = match &input.sidecar {
        Some(path) => Some((path.as_path(), Sidecar::read(path).map_err(CliError::usage)?)),
        None => None,
    };
    Payloads::new(&app.endpoint, files, sidecar, input.plan.seed).map_err(CliError::usage)
}

/// Samples that stay in memory.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Sample>>>);

impl Kept {
    fn take(&self) -> Vec<Sample> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SampleSink for Kept {
    fn write(&mut self, samples: &mut [Sample]) -> Result<(), String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(samples);
        Ok(())
    }
}
