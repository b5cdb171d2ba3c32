//! A virtual user of a Gradio app: what one browser tab is.

use super::exchange::{Finished, fill_in, join, run_directly, stream};
use super::failure::Failure;
use super::outputs::{OutputSampler, fetch_file};
use super::payload::Payloads;
use super::{App, config};
use crate::{Behaviour, Iteration, Record, VirtualUser};
use plimsoll_model::{FailureClass, Outcome, Redactor, Sample, SessionScope, Traffic};
use plimsoll_wire::{Client, Connector, CookieJar, HeaderMap, Request};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a sampled output file may take. It is for looking at; a run does not wait long for it.
const FETCH: Duration = Duration::from_secs(10);

/// What all users of a run share.
pub struct UserSettings {
    /// The app and its endpoint.
    pub app: App,
    /// What they send.
    pub payloads: Payloads,
    /// How long a session lives.
    pub session: SessionScope,
    /// Headers of every request.
    pub headers: HeaderMap,
    /// Cookies that each user starts with (those of the login included).
    pub cookies: CookieJar,
    /// Takes secrets out of error texts.
    pub redactor: Redactor,
    /// Seed of inputs, background users and samples.
    pub seed: u64,
}

/// Makes the users of one tier.
pub struct GradioBehaviour {
    settings: Rc<UserSettings>,
    connector: Rc<Connector>,
    outputs: Rc<RefCell<OutputSampler>>,
    name: Arc<str>,
    /// Where the sampled output files go.
    samples_dir: Option<PathBuf>,
}

impl GradioBehaviour {
    /// Users with these settings. Each round, one random successful request's output files are saved in
    /// `samples_dir`, fetched after the round; `None` saves none.
    pub fn new(settings: Rc<UserSettings>, connector: Rc<Connector>, samples_dir: Option<PathBuf>) -> Self {
        let name = settings.app.endpoint.name.as_str().into();
        let outputs = Rc::new(RefCell::new(OutputSampler::new(settings.seed)));
        Self { settings, connector, outputs, name, samples_dir }
    }
}

impl Behaviour for GradioBehaviour {
    type User = GradioUser;

    fn user(&self, vu: u32) -> GradioUser {
        let settings = self.settings.clone();
        let client = Client::new(self.connector.clone(), settings.headers.clone(), settings.cookies.clone());
        // Not from the plan's seed: a session that another tier, run or generator has used would bring its state along,
        // and two readers of one session take each other's messages.
        let rng = StdRng::seed_from_u64(rand::random());
        let outputs = self.samples_dir.is_some().then(|| self.outputs.clone());
        let mut user = GradioUser {
            vu,
            client,
            settings,
            session: String::new(),
            rng,
            heartbeat: None,
            outputs,
            name: self.name.clone(),
        };
        user.new_session();
        user
    }

    async fn after_round(&self, round: u32) {
        let Some(dir) = &self.samples_dir else { return };
        let Some(kept) = self.outputs.borrow_mut().take() else { return };
        let settings = &self.settings;
        let mut client = Client::new(self.connector.clone(), settings.headers.clone(), settings.cookies.clone());
        for (place, path) in kept.files {
            let fetched = tokio::time::timeout(FETCH, fetch_file(&mut client, &settings.app.api_prefix, &path)).await;
            let Ok(Ok((200, bytes))) = fetched else { continue };
            let extension = std::path::Path::new(&path).extension().and_then(|ext| ext.to_str()).unwrap_or("bin");
            let name = format!("round_{round}_user_{}_output_{place}.{extension}", kept.vu);
            // A sample is for looking at; that it could not be kept changes no result.
            let _ = fs::create_dir_all(dir).and_then(|()| fs::write(dir.join(name), bytes));
        }
    }
}

/// One browser tab: a session, cookies, connections, and a heartbeat where the app wants one.
pub struct GradioUser {
    vu: u32,
    client: Client,
    settings: Rc<UserSettings>,
    session: String,
    rng: StdRng,
    heartbeat: Option<JoinHandle<()>>,
    outputs: Option<Rc<RefCell<OutputSampler>>>,
    name: Arc<str>,
}

impl VirtualUser for GradioUser {
    async fn prepare(&mut self) {
        // Whatever is wrong with the server, the next request meets it too and is counted there.
        let _ = self.client.open().await;
        if self.settings.app.connect_heartbeat && self.heartbeat.as_ref().is_none_or(JoinHandle::is_finished) {
            self.open_heartbeat();
        }
    }

    async fn iterate(&mut self, iteration: Iteration, record: &impl Record) {
        let clock = self.client.connector().clock();
        if self.settings.session == SessionScope::PerRequest {
            self.new_session();
        }
        let at = (self.vu, iteration.number);
        let mut sample = Sample::begin(Traffic::Prediction, self.name.clone(), at, iteration.intended, clock.now());
        let result = match tokio::time::timeout(iteration.timeout, self.predict(&mut sample)).await {
            Ok(Ok(finished)) => {
                if let (Some(outputs), Some(data), Ok(())) = (&self.outputs, &finished.data, &finished.result) {
                    outputs.borrow_mut().offer(self.vu, data);
                }
                finished.result
            }
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(Failure::new(
                FailureClass::Timeout,
                format!("no complete answer within {:.0} s", iteration.timeout.as_secs_f64()),
            )),
        };
        if let Err(failure) = result {
            self.fail(&mut sample, failure);
        }
        record.record(sample);
    }
}

impl GradioUser {
    async fn predict(&mut self, sample: &mut Sample) -> Result<Finished, Failure> {
        let settings = self.settings.clone();
        let (app, endpoint) = (&settings.app, &settings.app.endpoint);
        let at = (self.vu, sample.iteration);
        sample.timeline.connect += self.client.open().await?;
        let data = fill_in(&mut self.client, &app.api_prefix, &settings.payloads, at, sample).await?;
        let body = format!(
            r#"{{"data":{data},"event_data":null,"fn_index":{},"trigger_id":null,"session_hash":"{}"}}"#,
            endpoint.fn_index, self.session
        );
        if !endpoint.queue {
            return run_directly(&mut self.client, &app.api_prefix, &endpoint.name, body, sample).await;
        }
        join(&mut self.client, &app.api_prefix, body, sample).await?;
        stream(&mut self.client, &app.api_prefix, &self.session, self.outputs.is_some(), sample).await
    }

    fn fail(&mut self, sample: &mut Sample, failure: Failure) {
        // An event that the app itself failed was stamped when its message came.
        if sample.end == sample.sent {
            sample.end = self.client.connector().clock().now();
        }
        sample.outcome = Outcome::Failed(failure.class);
        sample.status = failure.status;
        sample.error = Some(self.settings.redactor.clean(&failure.text).into());
        // A session whose stream broke off has lost its messages on the server.
        if matches!(failure.class, FailureClass::Connect | FailureClass::Timeout | FailureClass::SessionLost) {
            self.new_session();
        }
    }

    /// A browser's session name: eleven characters, digits and small letters.
    fn new_session(&mut self) {
        const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        self.session = (0..11).map(|_| char::from(ALPHABET[self.rng.random_range(0..ALPHABET.len())])).collect();
        if let Some(heartbeat) = self.heartbeat.take() {
            heartbeat.abort();
        }
    }

    /// Holds `/heartbeat/{session}` open on a connection of its own, as a browser does for apps with state.
    fn open_heartbeat(&mut self) {
        let mut client =
            Client::new(self.client.connector().clone(), self.settings.headers.clone(), self.client.cookies.clone());
        let path = format!("{}/heartbeat/{}", self.settings.app.api_prefix, self.session);
        self.heartbeat = Some(tokio::task::spawn_local(async move {
            if let Ok(mut response) = client.send(Request::get(path)).await {
                while let Some(Ok(_)) = response.body.next().await {}
            }
        }));
    }
}

impl Drop for GradioUser {
    fn drop(&mut self) {
        if let Some(heartbeat) = self.heartbeat.take() {
            heartbeat.abort();
        }
    }
}

/// Fetches something small with a client of its own settings, for the control plane.
pub(super) async fn get_text(client: &mut Client, path: &str) -> Option<String> {
    let (response, bytes) = client.fetch(Request::get(path), config::MOST_BYTES).await.ok()?;
    (response.status == 200).then(|| String::from_utf8_lossy(&bytes).into_owned())
}
