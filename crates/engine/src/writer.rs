//! The thread that takes samples to disk, so that no request waits for a file.

use crate::{StopReason, StopSignal};
use plimsoll_model::Sample;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Where samples go in the end.
pub trait SampleSink: Send + 'static {
    /// Writes a batch, and may finish what a measuring thread has no time for; an error says why in words for the user.
    fn write(&mut self, samples: &mut [Sample]) -> Result<(), String>;

    /// Called about once a second between batches: to show how far the run is, to judge it.
    fn tick(&mut self) {}

    /// Called at the end, also when something could not be written.
    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// A writer thread with a bounded queue of batches before it.
pub struct Writer {
    queue: SyncSender<Vec<Sample>>,
    thread: JoinHandle<Result<(), String>>,
}

impl Writer {
    /// Batches that may wait. When the disk is slower than this for long, samples are lost, and counted.
    const WAITING: usize = 256;

    /// Starts the thread. If the sink fails, the run is stopped: load whose results are lost helps nobody.
    pub fn start(sink: impl SampleSink, stop: StopSignal) -> Self {
        let (queue, batches) = sync_channel(Self::WAITING);
        let thread = std::thread::spawn(move || drain(sink, &batches, &stop));
        Self { queue, thread }
    }

    /// A handle for a recorder, which may live on another thread.
    pub fn queue(&self) -> SampleQueue {
        SampleQueue(self.queue.clone())
    }

    /// Waits until everything that was handed over is written. All recorders of this writer must be gone.
    pub fn finish(self) -> Result<(), String> {
        drop(self.queue);
        self.thread.join().unwrap_or_else(|_| Err("the writer thread failed".to_owned()))
    }
}

fn drain(mut sink: impl SampleSink, batches: &Receiver<Vec<Sample>>, stop: &StopSignal) -> Result<(), String> {
    let mut result = Ok(());
    let mut next_tick = Instant::now() + TICK;
    loop {
        match batches.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
            Ok(mut batch) if result.is_ok() => {
                result = sink.write(&mut batch);
                if let Err(why) = &result {
                    stop.stop(StopReason::CannotWrite(why.clone()));
                }
            }
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if Instant::now() >= next_tick {
            sink.tick();
            next_tick = Instant::now() + TICK;
        }
    }
    // Also after a failure: what the sink has counted is still true.
    let finished = sink.finish();
    result.and(finished)
}

/// How often a sink is asked to look around.
const TICK: Duration = Duration::from_secs(1);

/// Where recorders put their batches.
pub struct SampleQueue(SyncSender<Vec<Sample>>);

impl SampleQueue {
    /// Hands a batch over without waiting; gives it back when the queue is full.
    pub(crate) fn offer(&self, batch: Vec<Sample>) -> Result<(), Vec<Sample>> {
        self.0.try_send(batch).map_err(|error| match error {
            TrySendError::Full(batch) | TrySendError::Disconnected(batch) => batch,
        })
    }
}
