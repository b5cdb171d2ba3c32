//! Samples on their way to a tier's files, to the rules that may end the run, and to those who listen.

use crate::tap::{Taps, Tick};
use plimsoll_engine::{SampleSink, StopReason, StopSignal};
use plimsoll_model::{Clock, Sample, Traffic};
use plimsoll_results::{ApiFold, ApiFoldOptions, TierWatch, TierWriter};
use std::time::Duration;

pub(super) struct Disk {
    writer: TierWriter,
    watch: TierWatch,
    stop: StopSignal,
    clock: Clock,
    listened: Option<Listened>,
}

/// What listeners are shown; not made when there are none.
struct Listened {
    taps: Taps,
    began: Duration,
    fold: ApiFold,
}

impl Disk {
    pub(super) fn new(writer: TierWriter, watch: TierWatch, stop: StopSignal, taps: Taps, clock: Clock) -> Self {
        let began = clock.now();
        let options = ApiFoldOptions { start: began, ..ApiFoldOptions::default() };
        let listened = (!taps.is_empty()).then(|| Listened { taps, began, fold: ApiFold::new(options) });
        Self { writer, watch, stop, clock, listened }
    }

    fn tell(&self) {
        let Some(Listened { taps, began, fold }) = &self.listened else { return };
        taps.tick(&Tick { at: self.clock.now(), began: *began, active: None, iterations: 0, dropped: 0, fold });
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
}

impl SampleSink for Disk {
    fn write(&mut self, samples: &mut [Sample]) -> Result<(), String> {
        samples.iter().for_each(|sample| self.watch.add(sample));
        if let Some(listened) = &mut self.listened {
            listened.add(samples);
        }
        self.writer.write(samples).map_err(|error| error.to_string())
    }

    fn tick(&mut self) {
        if let Some(broken) = self.watch.broken(self.clock.now()) {
            self.stop.stop(StopReason::Threshold(broken.rule));
        }
        self.tell();
    }

    fn finish(&mut self) -> Result<(), String> {
        self.tell();
        Ok(())
    }
}
