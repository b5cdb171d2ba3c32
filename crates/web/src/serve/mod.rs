//! The live page's server: a thread of its own that steps back behind all others. It owns the page's data; who measures
//! only hands it changes, and waits for nothing.

mod address;
mod board;
mod connections;
mod guard;
mod patient;
mod routes;
mod stream;

pub use address::{DEFAULT_PORT, WebAddress};

use board::Board;
use guard::Guard;
use plimsoll_results::page::{PageData, PageTick};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Longest note that can be set beside a run, in characters.
pub const LONGEST_NOTE: usize = 500;

/// How long browsers have to fetch the last of the data.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// Why there is no live page.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The address cannot be had.
    #[error("--web {address}: {why}")]
    Bind {
        /// Which.
        address: String,
        /// In words for the user.
        why: String,
    },
    /// The machine gives no thread, no runtime.
    #[error("the live page cannot be served: {0}")]
    System(#[from] std::io::Error),
}

/// What a reader of the page may do. Called on the server's thread; must return soon.
pub trait Actions: Send + Sync + 'static {
    /// Ends the run early, with its results.
    fn stop(&self);

    /// Sets a note beside the run: one line, at most [`LONGEST_NOTE`] characters. `false` when the run is over.
    fn annotate(&self, text: &str) -> bool;
}

/// An address that is taken, before there is a run to show.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    guard: Guard,
}

impl Listener {
    /// Takes the address. `hosts` are further names by which the page may be asked for, those of a proxy in front.
    ///
    /// # Errors
    /// [`WebError::Bind`].
    pub fn bind(address: WebAddress, hosts: &[String]) -> Result<Self, WebError> {
        let listener = address.listen()?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let mut names: Vec<String> = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        if !address.is_loopback() {
            names.extend(machine_name());
        }
        let guard = Guard {
            token: token(),
            exposed: !address.is_loopback() || !hosts.is_empty(),
            loopback: address.is_loopback(),
            names,
            cookie: format!("plimsoll_{}", bound.port()),
        };
        Ok(Self { listener, address: bound, guard })
    }

    /// Where to look, with the token where one is needed: to be printed, and kept out of files.
    pub fn url(&self) -> String {
        let port = self.address.port();
        let host = match self.address.ip() {
            ip if ip.is_unspecified() => machine_name().unwrap_or_else(|| "localhost".to_owned()),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            ip => ip.to_string(),
        };
        let token = if self.guard.exposed { format!("?token={}", self.guard.token) } else { String::new() };
        format!("http://{host}:{port}/{token}")
    }

    /// Whether others than programs of this machine may read the page, if they know its address.
    pub fn is_exposed(&self) -> bool {
        self.guard.exposed
    }

    /// Begins to serve.
    ///
    /// # Errors
    /// [`WebError::System`].
    pub fn serve(self, data: PageData, actions: Arc<dyn Actions>) -> Result<LiveServer, WebError> {
        let (updates, inbox) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let board = Board::new(data);
        let looked = Arc::new(AtomicBool::new(false));
        let (listener, guard, seen) = (self.listener, self.guard, looked.clone());
        let thread = std::thread::Builder::new().name("web".to_owned()).spawn(move || {
            step_back();
            let shared = connections::Shared::new(board, guard, actions, seen);
            let served = tokio::task::LocalSet::new().block_on(&runtime, connections::serve(listener, shared, inbox));
            // Stopped browsers are not waited for.
            runtime.shutdown_background();
            served
        })?;
        Ok(LiveServer { feed: Feed(updates), looked, thread })
    }
}

/// Tells a server what has changed; from any thread, without waiting. Clones tell the same server.
#[derive(Clone)]
pub struct Feed(UnboundedSender<Update>);

/// What a server is told. About one a second comes, and the server's thread has nothing else to wait for.
pub(crate) enum Update {
    Tick(Box<PageTick>),
    Data(Box<PageData>),
    Over,
    Close,
}

impl Feed {
    /// Something has changed.
    pub fn tick(&self, tick: PageTick) {
        self.tell(Update::Tick(Box::new(tick)));
    }

    /// Everything anew.
    pub fn data(&self, data: PageData) {
        self.tell(Update::Data(Box::new(data)));
    }

    /// The run is over: the page stays, and changes no more.
    pub fn over(&self) {
        self.tell(Update::Over);
    }

    fn tell(&self, update: Update) {
        // A server that could not go on has said why; the run does not depend on it.
        let _ = self.0.send(update);
    }
}

/// A page that is served.
pub struct LiveServer {
    feed: Feed,
    looked: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl LiveServer {
    /// Where to tell it what has changed.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Whether anybody has asked for the run's data so far.
    pub fn is_looked_at(&self) -> bool {
        self.looked.load(Ordering::Relaxed)
    }

    /// Tells the browsers that the run is over, lets them fetch what they have not yet, for two seconds at most, and
    /// ends.
    ///
    /// # Errors
    /// [`WebError::System`] when the server had ended by itself.
    pub fn close(self) -> Result<(), WebError> {
        self.feed.over();
        self.feed.tell(Update::Close);
        let panicked = || std::io::Error::other("its thread failed");
        Ok(self.thread.join().unwrap_or_else(|_| Err(panicked()))?)
    }
}

/// Lets measuring threads go before this one where there is no core for each.
fn step_back() {
    // On other systems niceness belongs to the whole process. A refusal changes nothing.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(10);
}

fn machine_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

/// 128 random bits.
fn token() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests;
