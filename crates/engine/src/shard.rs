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

/// Raises the limit of open descriptors as far as the system lets us and says how many there may be.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // A refusal leaves the limit as it was, and that is what is returned.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    open_files_limit()
}
