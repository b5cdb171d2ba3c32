//! The event stream of one browser.

use super::board::{Frame, frame};
use super::connections::Shared;
use super::routes::Body;
use bytes::Bytes;
use http_body_util::Either;
use http_body_util::channel::{Channel, Sender};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

/// Streams at a time.
const MOST_STREAMS: usize = 64;
/// After so long without anything to tell a comment keeps proxies from closing the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A place among the streams.
struct Seat(Rc<Shared>);

impl Seat {
    fn take(shared: &Rc<Shared>) -> Option<Self> {
        let taken = shared.streams.get();
        (taken < MOST_STREAMS).then(|| {
            shared.streams.set(taken + 1);
            Self(shared.clone())
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
    }
}

/// The stream as a body; `None` when there are too many. It begins with the whole data, so that nothing is missing
/// between them and the first change.
pub(super) fn open(shared: &Rc<Shared>) -> Option<Body> {
    let seat = Seat::take(shared)?;
    let (sender, body) = Channel::new(1);
    let frames = shared.board.borrow().subscribe();
    tokio::task::spawn_local(async move {
        // It ends when the browser is gone, or the run is over.
        let _ = feed(&seat.0, frames, sender).await;
    });
    Some(Either::Right(body))
}

async fn feed(
    shared: &Shared,
    mut frames: Receiver<Frame>,
    mut sender: Sender<Bytes, Infallible>,
) -> Result<(), http_body_util::channel::SendError> {
    let mut seen = whole(shared, &mut sender).await?;
    if shared.board.borrow().is_over() {
        return sender.send_data(frame("bye", b"{}")).await;
    }
    loop {
        match timeout(HEARTBEAT, frames.recv()).await {
            Ok(Ok(frame)) if frame.number > seen || frame.last => {
                let last = frame.last;
                sender.send_data(frame.bytes).await?;
                if last {
                    return Ok(());
                }
            }
            // It is in the whole data already.
            Ok(Ok(_)) => {}
            Ok(Err(RecvError::Lagged(_))) => {
                let over = shared.board.borrow().is_over();
                frames = frames.resubscribe();
                seen = whole(shared, &mut sender).await?;
                if over {
                    return sender.send_data(frame("bye", b"{}")).await;
                }
            }
            Ok(Err(RecvError::Closed)) => return Ok(()),
            Err(_) => sender.send_data(Bytes::from_static(b": still here\n\n")).await?,
        }
    }
}

/// Sends the whole data; the last change that is in them.
async fn whole(
    shared: &Shared,
    sender: &mut Sender<Bytes, Infallible>,
) -> Result<u64, http_body_util::channel::SendError> {
    let (number, json) = shared.board.borrow_mut().whole();
    sender.send_data(Bytes::from_static(b"event: data\ndata: ")).await?;
    // Not copied: it may be long, and is the same for all.
    sender.send_data(json).await?;
    sender.send_data(Bytes::from_static(b"\n\n")).await?;
    Ok(number)
}
