//! Starting and stopping.

use crate::config::MockConfig;
use crate::error::MockError;
use crate::event_loop::{EventLoop, LISTENER, WAKER};
use crate::shared::{Mailbox, Shared};
use crate::stats::MockStats;
use crate::truth::{self, Truth};
use mio::net::TcpListener;
use mio::{Interest, Poll, Waker};
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

/// Connections that may wait to be accepted, if the system allows so many.
#[cfg(unix)]
const BACKLOG: i32 = 16_384;

/// A running server. Dropping it stops it.
pub struct Mock {
    address: SocketAddr,
    shared: Arc<Shared>,
    loops: Vec<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
}

impl Mock {
    /// Starts the server on its own threads; it listens when this returns. Raises the process's soft limit of open
    /// files to the hard one, since every client is one.
    pub fn start(config: MockConfig) -> Result<Self, MockError> {
        config.check()?;
        raise_descriptor_limit();
        let listen_error = |source| MockError::Listen { address: config.listen, source };
        let mut listener = TcpListener::bind(config.listen).map_err(listen_error)?;
        // The usual backlog of 128 drops connections when a thousand users arrive at once, and a dropped one comes back
        // only after a second. Listening again just changes the number.
        #[cfg(unix)]
        rustix::net::listen(&listener, BACKLOG).map_err(|error| listen_error(error.into()))?;
        let address = listener.local_addr().map_err(listen_error)?;
        let truth_file = config.truth_file.as_ref().map(|path| {
            let opened =
                File::create(path).and_then(|mut file| file.write_all(truth::header().as_bytes()).map(|()| file));
            opened.map_err(|source| MockError::Truth { path: path.clone(), source })
        });
        let truth_file = truth_file.transpose()?;
        let polls = (0..config.threads).map(|_| Poll::new()).collect::<Result<Vec<_>, _>>()?;
        let mailboxes = polls.iter().map(|poll| Waker::new(poll.registry(), WAKER).map(Mailbox::new));
        let mailboxes = mailboxes.collect::<Result<Vec<_>, _>>()?;
        if let Some(first) = polls.first() {
            first.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        }
        let truth = truth_file.is_some().then(|| Arc::new(Truth::new(config.truth_memory)));
        let shared = Arc::new(Shared::new(config, mailboxes, truth.clone()));
        // From here on dropping it ends whatever has been started.
        let mut mock = Self { address, shared, loops: Vec::new(), writer: None };
        if let (Some(file), Some(truth)) = (truth_file, truth) {
            let shared = Arc::clone(&mock.shared);
            let write = move || truth.write_all(file, shared.fault_labels());
            mock.writer = Some(std::thread::Builder::new().name("mock-truth".to_owned()).spawn(write)?);
        }
        // The first loop accepts and deals the connections out: a shared port would deal them unevenly, and would let a
        // second server take it unnoticed.
        let mut listener = Some(listener);
        for (index, poll) in polls.into_iter().enumerate() {
            let events = EventLoop::new(Arc::clone(&mock.shared), index, poll, listener.take())?;
            let name = format!("mock-{index}");
            mock.loops.push(std::thread::Builder::new().name(name).spawn(move || events.run())?);
        }
        Ok(mock)
    }

    /// Where it listens; with the port that was found if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has done since the start or the last [`reset`](Self::reset); the same as `GET /mock/stats`.
    pub fn stats(&self) -> MockStats {
        self.shared.report()
    }

    /// Forgets all counts, allowances, positions in fault lists and the stall; the same as `POST /mock/reset`.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Stops the server, cuts off what is still being answered, and completes the truth file. Returns the last counts.
    pub fn stop(mut self) -> MockStats {
        self.halt();
        self.shared.report()
    }

    fn halt(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        for mailbox in &self.shared.mailboxes {
            // If a loop cannot be woken it has ended.
            let _ = mailbox.waker.wake();
        }
        for thread in self.loops.drain(..) {
            let _ = thread.join();
        }
        if let Some(truth) = &self.shared.truth {
            truth.stop();
        }
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.halt();
    }
}

impl std::fmt::Debug for Mock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mock").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(unix)]
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    const ROOM: u64 = 65_536;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // With a lower limit the server still works, for fewer clients.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    // The kernel's table of descriptors is made large before there are threads: growing it later makes them wait.
    let highest = limit.current.unwrap_or(ROOM).min(ROOM);
    drop(rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), i32::try_from(highest).unwrap_or(i32::MAX) - 1));
}

#[cfg(not(unix))]
fn raise_descriptor_limit() {}
