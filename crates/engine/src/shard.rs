//! A measuring thread.

use crate::health::open_files_limit;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::future::Future;
use std::thread::JoinHandle;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// Starts a thread with a `current_thread` runtime and runs what `work` makes on it. All load of a run lives there.
pub fn spawn<F, W, T>(work: W) -> std::io::Result<JoinHandle<T>>
where
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let runtime = Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("shard-0".to_owned()).spawn(move || {
        let tasks = LocalSet::new();
        // A task of its own: the outermost future is polled at every wake-up of any task.
        tasks.block_on(&runtime, async {
            let main = tokio::task::spawn_local(work());
            main.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
        })
    })
}

/// Raises the limit of open descriptors as far as the system lets us and says how many there may be. To be called before
/// any thread is started.
pub fn raise_descriptor_limit() -> u64 {
    /// A table for so many descriptors takes 512 KiB.
    const ROOM: u64 = 65_536;
    let limit = getrlimit(Resource::Nofile);
    // A refusal leaves the limit as it was, and that is what is returned.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let raised = open_files_limit();
    // A descriptor with a high number, closed at once, makes the kernel's table of them large. Where it grows later, at
    // 64, 256, 512 and 1,024 connections of a process with threads, every thread that opens one waits for it: 8 to 12 ms
    // were measured, in the time to the first token.
    let highest = i32::try_from(raised.min(ROOM)).unwrap_or(i32::MAX) - 1;
    drop(rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), highest));
    raised
}
