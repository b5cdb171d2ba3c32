//! Takes each sample of a tier on the measuring thread: counts, histograms for what is shown while the run goes,
//! and batches for the writer.

use crate::writer::{SampleQueue, Writer};
use hdrhistogram::Histogram;
use plimsoll_model::{FailureClass, LagSummary, Outcome, Sample, Traffic};
use plimsoll_targets::Record;
use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

/// Records the samples of one tier. Lives on one thread.
pub struct Recorder {
    inner: RefCell<Inner>,
}

struct Inner {
    queue: Option<SampleQueue>,
    batch: Vec<Sample>,
    latency: Histogram<u64>,
    lag: Histogram<u64>,
    tally: Tally,
    connect_failures_in_a_row: u32,
    refused_in_a_row: u32,
    /// What the last refusal said.
    refusal: Option<Box<str>>,
    /// Whether any answer came, of whatever kind.
    has_answers: bool,
}

/// The counts of a tier.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Successful predictions.
    pub ok: u64,
    /// Failed predictions.
    pub failed: u64,
    /// Requests of all kinds, mixed traffic included.
    pub requests: u64,
    /// Samples that the writer could not take.
    pub lost: u64,
    /// Connections that had to be opened anew.
    pub reconnects: u64,
    /// Most descriptors open at a time, as the writer's thread saw once a second.
    pub open_files: u64,
    /// Latency of the first prediction.
    pub first: Option<Duration>,
    /// The server's names of the successful predictions, at most [`Recorder::MOST_IDS`].
    pub event_ids: HashSet<String>,
}

impl Recorder {
    /// A Gradio profiler keeps no more traces than this.
    pub const MOST_IDS: usize = 100_000;
    /// Samples that go to the writer at a time.
    const BATCH: usize = 256;
    /// Samples kept here while the writer's queue is full, before the first one is lost.
    const MOST_HELD: usize = 65_536;

    /// A recorder that hands its samples to `writer`, or only counts.
    pub fn new(writer: Option<&Writer>) -> Self {
        Self::with_queue(writer.map(Writer::queue))
    }

    /// As [`Self::new`], for a writer of another thread.
    pub fn with_queue(queue: Option<SampleQueue>) -> Self {
        Self {
            inner: RefCell::new(Inner {
                queue,
                batch: Vec::with_capacity(Self::BATCH),
                latency: histogram(),
                lag: histogram(),
                tally: Tally::default(),
                connect_failures_in_a_row: 0,
                refused_in_a_row: 0,
                refusal: None,
                has_answers: false,
            }),
        }
    }

    /// Hands over what waits, so that a run that is killed has lost a second at most.
    pub fn flush(&self) {
        self.inner.borrow_mut().hand_over();
    }

    /// Successes, failures and the median latency of the successes in milliseconds, so far.
    pub fn progress(&self) -> (u64, u64, Option<f64>) {
        let inner = self.inner.borrow();
        (inner.tally.ok, inner.tally.failed, inner.p50())
    }

    /// How many predictions in a row failed because no connection could be made or kept.
    pub fn connect_failures_in_a_row(&self) -> u32 {
        self.inner.borrow().connect_failures_in_a_row
    }

    /// Whether any answer came, of whatever kind.
    pub fn has_answers(&self) -> bool {
        self.inner.borrow().has_answers
    }

    /// What the server said, when at least so many requests in a row were refused: not logged in, not allowed, or
    /// nothing left of an allowance.
    pub fn refused_in_a_row(&self, least: u32) -> Option<String> {
        let inner = self.inner.borrow();
        (inner.refused_in_a_row >= least).then(|| inner.refusal.as_deref().unwrap_or("no reason given").to_owned())
    }

    /// Ends the recording: the counts, how late the generator was, and the median in milliseconds.
    pub fn finish(&self) -> (Tally, LagSummary, Option<f64>) {
        let inner = &mut *self.inner.borrow_mut();
        inner.hand_over();
        // What the writer did not take by now has no second chance.
        inner.tally.lost += inner.batch.len() as u64;
        inner.batch.clear();
        inner.tally.open_files = inner.queue.take().map_or(0, |queue| queue.open_files());
        let ms = |micros: u64| micros as f64 / 1e3;
        let lag = if inner.lag.is_empty() {
            LagSummary::default()
        } else {
            LagSummary {
                p50_ms: ms(inner.lag.value_at_quantile(0.5)),
                p99_ms: ms(inner.lag.value_at_quantile(0.99)),
                max_ms: ms(inner.lag.max()),
            }
        };
        (inner.tally.clone(), lag, inner.p50())
    }
}

impl Record for Recorder {
    fn record(&self, sample: Sample) {
        let inner = &mut *self.inner.borrow_mut();
        inner.tally.requests += 1;
        inner.tally.reconnects += u64::from(sample.timeline.reconnects);
        if sample.traffic == Traffic::Prediction {
            inner.count(&sample);
        }
        if inner.queue.is_some() {
            inner.batch.push(sample);
            if inner.batch.len() >= Self::BATCH {
                inner.hand_over();
            }
        }
    }
}

impl Inner {
    fn count(&mut self, sample: &Sample) {
        if sample.outcome == Outcome::Failed(FailureClass::Cancelled) {
            return;
        }
        self.lag.saturating_record(micros(sample.send_lag()));
        self.tally.first.get_or_insert(sample.service_time());
        if sample.outcome.is_ok() {
            self.tally.ok += 1;
            self.latency.saturating_record(micros(sample.service_time()));
            if let Some(id) = sample.event_id.as_deref().filter(|_| self.tally.event_ids.len() < Recorder::MOST_IDS) {
                // A cached answer has no trace to wait for.
                if !sample.timeline.cached {
                    self.tally.event_ids.insert(id.to_owned());
                }
            }
        } else {
            self.tally.failed += 1;
        }
        let unconnected = sample.outcome == Outcome::Failed(FailureClass::Connect);
        self.has_answers |= sample.status.is_some();
        if matches!(sample.outcome, Outcome::Failed(FailureClass::Auth | FailureClass::Quota)) {
            self.refused_in_a_row += 1;
            self.refusal.clone_from(&sample.error);
        } else {
            self.refused_in_a_row = 0;
        }
        self.connect_failures_in_a_row = if unconnected { self.connect_failures_in_a_row + 1 } else { 0 };
    }

    fn hand_over(&mut self) {
        let Some(queue) = &self.queue else { return };
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(Recorder::BATCH));
        if let Err(back) = queue.offer(batch) {
            self.batch = back;
            let over = self.batch.len().saturating_sub(Recorder::MOST_HELD);
            self.batch.truncate(Recorder::MOST_HELD);
            self.tally.lost += over as u64;
        }
    }

    fn p50(&self) -> Option<f64> {
        (!self.latency.is_empty()).then(|| self.latency.value_at_quantile(0.5) as f64 / 1e3)
    }
}

/// Microseconds up to an hour, three digits (0.1 %).
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap_or_else(|_| unreachable!("the bounds are valid"))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SampleSink, StopReason, StopSignal};
    use std::sync::{Arc, Mutex};

    fn sample(outcome: Outcome, millis: u64) -> Sample {
        let at = Duration::from_secs(1);
        let mut sample = Sample::begin(Traffic::Prediction, "/p".into(), (0, 0), at, at);
        sample.end = at + Duration::from_millis(millis);
        sample.outcome = outcome;
        sample
    }

    struct Sink(Arc<Mutex<usize>>, Option<usize>);

    impl SampleSink for Sink {
        fn write(&mut self, samples: &mut [Sample]) -> Result<(), String> {
            let mut written = self.0.lock().unwrap();
            if self.1.is_some_and(|limit| *written + samples.len() > limit) {
                return Err("no space left".to_owned());
            }
            *written += samples.len();
            Ok(())
        }
    }

    #[test]
    fn every_sample_reaches_the_sink() {
        let written = Arc::new(Mutex::new(0));
        let stop = StopSignal::default();
        let writer = Writer::start(Sink(written.clone(), None), stop.clone());
        let recorder = Recorder::new(Some(&writer));
        for n in 0..1000 {
            recorder.record(sample(if n % 10 == 0 { Outcome::Failed(FailureClass::AppError) } else { Outcome::Ok }, n));
        }
        let (tally, _, p50) = recorder.finish();
        writer.finish().unwrap();
        assert_eq!((tally.ok, tally.failed, tally.lost, *written.lock().unwrap()), (900, 100, 0, 1000));
        assert!((p50.unwrap() - 500.0).abs() < 2.0, "{p50:?}");
        assert!(!stop.is_stopped());
    }

    #[test]
    fn a_full_disk_stops_the_run() {
        let stop = StopSignal::default();
        let writer = Writer::start(Sink(Arc::default(), Some(300)), stop.clone());
        let recorder = Recorder::new(Some(&writer));
        for _ in 0..1000 {
            recorder.record(sample(Outcome::Ok, 1));
        }
        recorder.finish();
        assert_eq!(writer.finish(), Err("no space left".to_owned()));
        assert_eq!(stop.reason(), Some(StopReason::CannotWrite("no space left".to_owned())));
    }

    #[test]
    fn lost_connections_count_only_in_a_row() {
        let recorder = Recorder::new(None);
        for outcome in [Outcome::Failed(FailureClass::Connect), Outcome::Ok, Outcome::Failed(FailureClass::Connect)] {
            recorder.record(sample(outcome, 1));
        }
        assert_eq!(recorder.connect_failures_in_a_row(), 1);
    }
}
