//! Samples on their way to a tier's files, and to those who listen.

use crate::tap::{Taps, Tick};
use plimsoll_engine::SampleSink;
use plimsoll_model::{Clock, Sample, Traffic};
use plimsoll_results::{ApiFold, ApiFoldOptions, TierWriter};
use std::time::Duration;

pub(super) struct Disk {
    writer: TierWriter,
    listened: Option<Listened>,
}

/// What listeners are shown; not made when there are none.
struct Listened {
    taps: Taps,
    clock: Clock,
    began: Duration,
    fold: ApiFold,
}

impl Disk {
    pub(super) fn new(writer: TierWriter, taps: Taps, clock: Clock) -> Self {
        let began = clock.now();
        let options = ApiFoldOptions { start: began, ..ApiFoldOptions::default() };
        let listened = (!taps.is_empty()).then(|| Listened { taps, clock, began, fold: ApiFold::new(options) });
        Self { writer, listened }
    }
}

impl Listened {
    fn add(&mut self, samples: &[Sample]) {
        // The recorder's batches mix predictions with the traffic beside them.
        for run in samples.split(|sample| sample.traffic != Traffic::Prediction).filter(|run| !run.is_empty()) {
            run.iter().for_each(|sample| self.fold.add(sample));
            self.taps.samples(run);
        }
    }

    fn tick(&self) {
        let (at, began) = (self.clock.now(), self.began);
        self.taps.tick(&Tick { at, began, active: None, iterations: 0, dropped: 0, fold: &self.fold });
    }
}

impl SampleSink for Disk {
    fn write(&mut self, samples: &mut [Sample]) -> Result<(), String> {
        if let Some(listened) = &mut self.listened {
            listened.add(samples);
        }
        self.writer.write(samples).map_err(|error| error.to_string())
    }

    fn tick(&mut self) {
        self.listened.iter().for_each(Listened::tick);
    }

    fn finish(&mut self) -> Result<(), String> {
        self.listened.iter().for_each(Listened::tick);
        Ok(())
    }
}
