//! Taking connections, and giving them up.

use super::board::Board;
use super::guard::Guard;
use super::patient::Patient;
use super::{Actions, LAST_LOOK, Update, routes};
use crate::page;
use bytes::Bytes;
use http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::{Cell, RefCell};
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections beyond this are closed at once. A browser has up to six.
const MOST_CONNECTIONS: usize = 256;
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// A browser that reads nothing for so long while something waits for it is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of one connection that wait in this process. What the system takes beside them is its own.
const BUFFER: usize = 64 * 1024;
/// After a connection that could not be taken, mostly because the load has all descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// What all connections share; everything here is on one thread.
pub(super) struct Shared {
    pub board: RefCell<Board>,
    pub guard: Guard,
    pub page: Bytes,
    /// The header of that name.
    pub policy: HeaderValue,
    pub actions: Arc<dyn Actions>,
    /// Event streams.
    pub streams: Cell<usize>,
    /// Whether anybody has asked for the data.
    pub looked: Arc<AtomicBool>,
}

impl Shared {
    pub(super) fn new(board: Board, guard: Guard, actions: Arc<dyn Actions>, looked: Arc<AtomicBool>) -> Rc<Self> {
        let page = page::live(&guard.token).into();
        // Should the build have made hashes that are no header, nothing may run.
        let nothing = HeaderValue::from_static("default-src 'none'");
        let policy = HeaderValue::from_str(&page::live_policy()).unwrap_or(nothing);
        Rc::new(Self { board: RefCell::new(board), guard, page, policy, actions, streams: Cell::new(0), looked })
    }
}

/// Serves until it is told to close.
pub(super) async fn serve(
    listener: StdListener,
    shared: Rc<Shared>,
    mut updates: UnboundedReceiver<Update>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let (closing, closes) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // What has happened goes before who wants to know it.
            biased;
            update = updates.recv() => match update {
                Some(Update::Tick(tick)) => shared.board.borrow_mut().change(&tick),
                Some(Update::Data(data)) => shared.board.borrow_mut().replace(*data),
                Some(Update::Over) => shared.board.borrow_mut().end(),
                Some(Update::Close) | None => break,
            },
            Some(_) = connections.join_next() => {}
            taken = listener.accept() => match taken {
                Ok((stream, _)) if connections.len() < MOST_CONNECTIONS => {
                    connections.spawn_local(connection(stream, shared.clone(), closes.clone()));
                }
                Ok(_) => {}
                Err(_) => sleep(PAUSE).await,
            },
        }
    }
    drop(listener);
    // They cannot all be gone: this function holds one.
    let _ = closing.send(true);
    let _ = timeout(LAST_LOOK, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

async fn connection(stream: TcpStream, shared: Rc<Shared>, mut closes: watch::Receiver<bool>) {
    // A refusal costs a few milliseconds of delay.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, std::convert::Infallible>(routes::answer(&shared, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Patient::new(stream, PATIENCE)), service);
    tokio::pin!(served);
    // A browser that went away, or spoke something else: nobody to tell.
    tokio::select! {
        _ = served.as_mut() => {}
        _ = closes.wait_for(|closes| *closes) => {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    }
}
