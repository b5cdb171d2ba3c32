//! Looking at single requests: what goes out, and what comes back.

use super::user::ApiUser;
use crate::{Iteration, Record};
use plimsoll_model::Sample;
use plimsoll_wire::{HeaderName, Prepared, Response};
use std::cell::RefCell;
use std::time::Duration;

/// One request and its answer, secrets hidden.
#[derive(Debug)]
pub struct Probed {
    /// Method, path and headers of the request.
    pub request_head: String,
    /// Body of the request.
    pub request_body: Vec<u8>,
    /// Status of the answer, if there was one.
    pub status: Option<u16>,
    /// Headers of the answer.
    pub headers: Vec<(String, String)>,
    /// The first bytes of the answer's body, as they came.
    pub body: Vec<u8>,
    /// How it was judged. A step of a journey whose earlier step failed has the sample of that step.
    pub sample: Sample,
}

/// Keeps what is sent and what comes back, of the last try of the last request.
pub(super) struct Watch {
    most: usize,
    secret_header: Option<HeaderName>,
    request_head: String,
    request_body: Vec<u8>,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    answer: Vec<u8>,
}

impl Watch {
    fn new(most: usize, secret_header: Option<HeaderName>) -> Self {
        Self {
            most,
            secret_header,
            request_head: String::new(),
            request_body: Vec::new(),
            status: None,
            headers: Vec::new(),
            answer: Vec::new(),
        }
    }

    pub(super) fn sends(&mut self, request: &Prepared) {
        *self = Self::new(self.most, self.secret_header.take());
        for line in String::from_utf8_lossy(request.head()).lines() {
            let name = line.split(':').next().unwrap_or_default();
            // Whole: a value that is too short to be searched for is hidden here all the same.
            if self.secret_header.as_ref().is_some_and(|secret| secret.as_str().eq_ignore_ascii_case(name)) {
                self.request_head.push_str(name);
                self.request_head.push_str(": ***\n");
            } else {
                self.request_head.push_str(line);
                self.request_head.push('\n');
            }
        }
        self.request_body = request.body().to_vec();
    }

    pub(super) fn head(&mut self, response: &Response) {
        self.status = Some(response.status);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = response.headers.iter();
        self.headers = headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    }

    pub(super) fn body(&mut self, data: &[u8]) {
        let room = self.most.saturating_sub(self.answer.len());
        self.answer.extend_from_slice(&data[..data.len().min(room)]);
    }
}

/// Keeps the samples.
#[derive(Default)]
struct Samples(RefCell<Vec<Sample>>);

impl Record for Samples {
    fn record(&self, sample: Sample) {
        self.0.borrow_mut().push(sample);
    }
}

impl ApiUser {
    /// Sends the request of this name once, as a load would, and shows what went out and what came back, up to so many
    /// bytes of it. Earlier steps of its journey are taken before; of a conversation, only the first turn. `None` when
    /// there is no such request.
    pub async fn probe(&mut self, name: &str, timeout: Duration, most_bytes: usize) -> Option<Probed> {
        let planned = self.planned.clone();
        let place = |way: &super::planned::Way| way.steps.iter().position(|step| &*step.name == name);
        let (way, index) = planned.ways.iter().find_map(|way| place(way).map(|index| (way, index)))?;
        self.watch = Some(Box::new(Watch::new(most_bytes, planned.secret_header.clone())));
        let intended = self.client.connector().clock().now();
        let iteration = Iteration { number: 0, sequence: 0, intended, timeout, trace: None };
        let samples = Samples::default();
        self.follow(&planned, way, index + 1, &iteration, &samples).await;
        let sample = samples.0.into_inner().pop()?;
        let watch = self.watch.take()?;
        let clean = |text: &str| self.redactor.clean(text);
        let clean_bytes = |bytes: Vec<u8>| match String::from_utf8(bytes) {
            Ok(text) => clean(&text).into_bytes(),
            Err(error) => error.into_bytes(),
        };
        Some(Probed {
            request_head: clean(&watch.request_head),
            request_body: clean_bytes(watch.request_body),
            status: watch.status,
            headers: watch.headers.into_iter().map(|(name, value)| (name, clean(&value))).collect(),
            body: clean_bytes(watch.answer),
            sample,
        })
    }
}
