//! A virtual user of an HTTP API.

use super::check::Answer;
use super::failure::Failure;
use super::openai::Turn;
use super::planned::{ApiPlanned, Way};
use super::probe::Watch;
use super::scope::Scope;
use super::step::{Call, Step};
use super::template::Renderer;
use crate::{Behaviour, Iteration, Record, VirtualUser};
use plimsoll_model::{Clock, FailureClass, Outcome, Redactor, Sample, TokenSource, Traffic};
use plimsoll_wire::{Client, Connector, CookieJar, HeaderMap, Prepared};
use serde_json::Value;
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Makes the users of a scenario.
pub struct ApiBehaviour {
    planned: Arc<ApiPlanned>,
    connector: Rc<Connector>,
    redactor: Rc<Redactor>,
}

impl ApiBehaviour {
    /// Users that do what was planned, over this connector. The redactor takes secrets out of error texts: it must know
    /// those of [`ApiPlanned::secrets`].
    pub fn new(planned: Arc<ApiPlanned>, connector: Rc<Connector>, redactor: Redactor) -> Self {
        Self { planned, connector, redactor: Rc::new(redactor) }
    }
}

impl Behaviour for ApiBehaviour {
    type User = ApiUser;

    fn user(&self, vu: u32) -> ApiUser {
        // The headers are part of what was prepared.
        let mut client = Client::new(self.connector.clone(), HeaderMap::new(), CookieJar::default());
        if self.planned.new_connections {
            client = client.with_new_connections();
        }
        ApiUser { vu, client, planned: self.planned.clone(), redactor: self.redactor.clone(), watch: None }
    }

    async fn after_round(&self, _round: u32) {}
}

/// One user: own connections and cookies.
pub struct ApiUser {
    vu: u32,
    pub(super) client: Client,
    pub(super) planned: Arc<ApiPlanned>,
    pub(super) redactor: Rc<Redactor>,
    /// Sees what is sent and what comes back, when somebody wants to look at it.
    pub(super) watch: Option<Box<Watch>>,
}

impl VirtualUser for ApiUser {
    async fn prepare(&mut self) {
        if !self.planned.new_connections {
            // Whatever is wrong with the server, the next request meets it too and is counted there.
            let _ = self.client.open().await;
        }
    }

    async fn iterate(&mut self, iteration: Iteration, record: &impl Record) {
        let planned = self.planned.clone();
        let named = iteration.trace.as_ref().and_then(|trace| trace.request.as_deref());
        let way = match named {
            None => planned.draw(iteration.sequence),
            Some(name) => match planned.ways.iter().find(|way| &*way.name == name) {
                Some(way) => way,
                None => return self.refuse(name, &iteration, record),
            },
        };
        self.follow(&planned, way, way.steps.len(), &iteration, record).await;
    }
}

/// One request of an iteration.
struct Send<'a> {
    planned: &'a ApiPlanned,
    step: &'a Step,
    renderer: &'a Renderer<'a>,
    /// The turns of the conversation so far, and what is said now.
    before: &'a [Turn],
    said: Option<&'a Value>,
    iteration: &'a Iteration,
    /// When it was due.
    intended: Duration,
}

/// A request under way. One that is given up, because the run was stopped, is recorded too.
struct Open<'a, R: Record> {
    clock: Clock,
    record: &'a R,
    sample: Option<Sample>,
}

impl<R: Record> Open<'_, R> {
    /// Records how it went.
    fn close(&mut self) {
        if let Some(sample) = self.sample.take() {
            self.record.record(sample);
        }
    }
}

impl<R: Record> Drop for Open<'_, R> {
    fn drop(&mut self) {
        if let Some(mut sample) = self.sample.take() {
            sample.end = self.clock.now();
            sample.outcome = Outcome::Failed(FailureClass::Cancelled);
            self.record.record(sample);
        }
    }
}

impl ApiUser {
    /// Takes these first steps of a way, up to one that fails.
    pub(super) async fn follow(
        &mut self,
        planned: &ApiPlanned,
        way: &Way,
        steps: usize,
        iteration: &Iteration,
        record: &impl Record,
    ) {
        let scope: Option<Arc<Scope>> =
            way.needs_scope.then(|| planned.scope(iteration.sequence, self.vu, iteration.trace.clone()));
        let renderer = Renderer::new(&planned.templates, scope.as_ref());
        let mut due = iteration.intended;
        for (index, step) in way.steps.iter().take(steps).enumerate() {
            if index > 0 {
                due += way.think;
                self.wait_until(due).await;
            }
            let send = Send { planned, step, renderer: &renderer, before: &[], said: None, iteration, intended: due };
            let turns = matches!(&step.call, Call::Model(call) if call.turns.is_some());
            let end = match turns {
                true => self.converse(send, record).await,
                false => self.request(send, record).await.map(|(end, _)| end),
            };
            match end {
                Some(end) => due = end,
                None => return,
            }
        }
    }

    /// Does all turns of a conversation; when the last ended, if none failed.
    async fn converse(&mut self, send: Send<'_>, record: &impl Record) -> Option<Duration> {
        let Call::Model(call) = &send.step.call else { return None };
        let turns = match call.turns(send.renderer) {
            Ok(turns) => turns.unwrap_or_default(),
            Err(failure) => {
                let mut sample = self.begin(&send);
                self.fail(&mut sample, &failure);
                record.record(sample);
                return None;
            }
        };
        let mut before: Vec<Turn> = Vec::with_capacity(turns.len());
        let mut due = send.intended;
        for said in turns {
            if !before.is_empty() {
                due += send.step.turn_think;
                self.wait_until(due).await;
            }
            let turn = Send { before: &before, said: Some(&said), intended: due, ..send };
            let (end, answer) = self.request(turn, record).await?;
            due = end;
            let reply = answer.reading.map(|reading| reading.text).unwrap_or_default();
            before.push(Turn { said, reply });
            if self.watch.is_some() {
                break;
            }
        }
        Some(due)
    }

    /// Sends one request, with its retries, and records how it went; when it ended and the answer, if it succeeded.
    async fn request(&mut self, send: Send<'_>, record: &impl Record) -> Option<(Duration, Answer)> {
        let prepared = match self.prepared(&send) {
            Ok(prepared) => prepared,
            Err(failure) => {
                let mut sample = self.begin(&send);
                self.fail(&mut sample, &failure);
                record.record(sample);
                return None;
            }
        };
        let mut open = Open { clock: self.client.connector().clock(), record, sample: Some(self.begin(&send)) };
        let Some(sample) = &mut open.sample else { return None };
        let limit = send.step.timeout.or(send.planned.timeout).unwrap_or(send.iteration.timeout);
        let result = self.exchange(send.planned, send.step, &prepared, limit, sample).await;
        let result = result.and_then(|mut answer| {
            let verified = send.step.checks.verify(send.step, &mut answer, send.renderer);
            sample.tokens = answer.tokens;
            if answer.tokens.is_some_and(|tokens| tokens.source == TokenSource::Chunks) {
                let spoken = answer.reading.as_mut().and_then(|reading| reading.spoken.take());
                sample.uncounted = spoken.map(String::into_boxed_str);
            }
            verified?;
            for extraction in &send.step.extractions {
                extraction.take(&answer, send.renderer)?;
            }
            Ok(answer)
        });
        let done = match result {
            Ok(answer) => Some((sample.end, answer)),
            Err(failure) => {
                self.fail(sample, &failure);
                None
            }
        };
        if sample.event_id.as_deref().is_some_and(|id| !self.redactor.is_clean(id)) {
            sample.event_id = None;
        }
        open.close();
        done
    }

    fn prepared<'a>(&self, send: &Send<'a>) -> Result<Cow<'a, Prepared>, Failure> {
        if let Some(fixed) = &send.step.fixed {
            return Ok(Cow::Borrowed(fixed));
        }
        let planned = send.planned;
        let request = send.step.request(send.renderer, planned.query(), send.before, send.said)?;
        let prepared = Prepared::new(&planned.origin, &planned.headers, &request);
        prepared.map(Cow::Owned).map_err(|error| Failure::unmade(error.to_string()))
    }

    fn begin(&self, send: &Send<'_>) -> Sample {
        let at = (self.vu, send.iteration.number);
        let now = self.client.connector().clock().now();
        Sample::begin(Traffic::Prediction, send.step.name.clone(), at, send.intended, now)
    }

    fn fail(&self, sample: &mut Sample, failure: &Failure) {
        // An answer that came whole was stamped then, before anybody looked into it.
        if sample.end == sample.sent {
            sample.end = self.client.connector().clock().now();
        }
        sample.outcome = Outcome::Failed(failure.class);
        sample.error = Some(failure.told(&self.redactor));
    }

    /// A trace asks for a request that is not there.
    fn refuse(&self, name: &str, iteration: &Iteration, record: &impl Record) {
        let now = self.client.connector().clock().now();
        let at = (self.vu, iteration.number);
        let mut sample = Sample::begin(Traffic::Prediction, name.into(), at, iteration.intended, now);
        self.fail(
            &mut sample,
            &Failure::unmade(format!("the trace asks for `{name}`, which the scenario does not have")),
        );
        record.record(sample);
    }

    async fn wait_until(&self, due: Duration) {
        let clock = self.client.connector().clock();
        if due > clock.now() {
            tokio::time::sleep_until(clock.instant(due).into()).await;
        }
    }
}
