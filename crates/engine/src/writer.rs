//! The thread that takes samples to disk, so that no request waits for a file.

use crate::health::open_files;
use crate::{StopReason, StopSignal};
use plimsoll_model::Sample;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    open_files: Arc<AtomicU64>,
    thread: JoinHandle<Result<(), String>>,
}

impl Writer {
    /// Batches that may wait. When the disk is slower than this for long, samples are lost, and counted.
    const WAITING: usize = 256;

    /// Starts the thread. If the sink fails, the run is stopped: load whose results are lost helps nobody.
    pub fn start(sink: impl SampleSink, stop: StopSignal) -> Self {
        let (queue, batches) = sync_channel(Self::WAITING);
        let open_files = Arc::new(AtomicU64::new(0));
        let most = open_files.clone();
        let thread = std::thread::spawn(move || {
            step_back();
            drain(sink, &batches, &stop, &most)
        });
        Self { queue, open_files, thread }
    }

    /// A handle for a recorder, which may live on another thread.
    pub fn queue(&self) -> SampleQueue {
        SampleQueue { queue: self.queue.clone(), open_files: self.open_files.clone() }
    }

    /// Waits until everything that was handed over is written. All recorders of this writer must be gone.
    pub fn finish(self) -> Result<(), String> {
        drop(self.queue);
        self.thread.join().unwrap_or_else(|_| Err("the writer thread failed".to_owned()))
    }
}

/// Lets measuring threads go before this one where there is no core for each.
fn step_back() {
    // On other systems niceness belongs to the whole process. A refusal changes nothing.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(5);
}

fn drain(
    mut sink: impl SampleSink,
    batches: &Receiver<Vec<Sample>>,
    stop: &StopSignal,
    most_open: &AtomicU64,
) -> Result<(), String> {
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
            // Here and not on a measuring thread: with a thousand of them open it takes a millisecond.
            most_open.fetch_max(open_files(), Ordering::Relaxed);
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
pub struct SampleQueue {
    queue: SyncSender<Vec<Sample>>,
    open_files: Arc<AtomicU64>,
}

impl SampleQueue {
    /// Most descriptors that the writer's thread has seen open.
    pub(crate) fn open_files(&self) -> u64 {
        self.open_files.load(Ordering::Relaxed)
    }

    /// Hands a batch over without waiting; gives it back when the queue is full.
    pub(crate) fn offer(&self, batch: Vec<Sample>) -> Result<(), Vec<Sample>> {
        self.queue.try_send(batch).map_err(|error| match error {
            TrySendError::Full(batch) | TrySendError::Disconnected(batch) => batch,
        })
    }
}
