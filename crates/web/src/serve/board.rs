//! What is known of the run: the whole of it for a browser that comes, and the frames of its changes for those that are
//! there. Each is put into words once, however many browsers there are.

use bytes::Bytes;
use plimsoll_results::page::{PageData, PageTick};
use serde::Serialize;
use tokio::sync::broadcast;

/// Changes that may wait for a browser. One that is further behind gets the whole data anew.
const WAITING: usize = 8;

/// One frame of the event stream.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The change after which it is as the frame says; the whole data carry theirs.
    pub number: u64,
    pub bytes: Bytes,
    pub last: bool,
}

/// The run's data, on the server's thread alone.
pub(super) struct Board {
    data: PageData,
    /// Changes so far.
    number: u64,
    whole: Option<Bytes>,
    frames: broadcast::Sender<Frame>,
    over: bool,
}

impl Board {
    pub(super) fn new(data: PageData) -> Self {
        Self { data, number: 0, whole: None, frames: broadcast::Sender::new(WAITING), over: false }
    }

    /// Changes from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Frame> {
        self.frames.subscribe()
    }

    /// The whole data as JSON, and the last change that is in them.
    pub(super) fn whole(&mut self) -> (u64, Bytes) {
        let data = &self.data;
        (self.number, self.whole.get_or_insert_with(|| json(data)).clone())
    }

    pub(super) fn change(&mut self, tick: &PageTick) {
        self.data.apply(tick);
        self.changed();
        if self.frames.receiver_count() > 0 {
            self.publish(frame("tick", &json(tick)), false);
        }
    }

    pub(super) fn replace(&mut self, data: PageData) {
        self.data = data;
        self.changed();
        if self.frames.receiver_count() > 0 {
            let (_, whole) = self.whole();
            self.publish(frame("data", &whole), false);
        }
    }

    /// The run is over: nothing changes any more.
    pub(super) fn end(&mut self) {
        self.over = true;
        self.number += 1;
        self.publish(frame("bye", b"{}"), true);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    fn changed(&mut self) {
        self.number += 1;
        self.whole = None;
    }

    fn publish(&self, bytes: Bytes, last: bool) {
        // Nobody looks: nothing to tell.
        let _ = self.frames.send(Frame { number: self.number, bytes, last });
    }
}

/// A frame of an event stream. JSON has no line breaks of its own.
pub(super) fn frame(event: &str, json: &[u8]) -> Bytes {
    [b"event: ", event.as_bytes(), b"\ndata: ", json, b"\n\n"].concat().into()
}

fn json(value: &impl Serialize) -> Bytes {
    // Plain data with names as keys: there is nothing that could not be written.
    serde_json::to_vec(value).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_results::page::PageTile;

    fn tick(label: &str) -> PageTick {
        PageTick {
            tiles: Some(vec![PageTile { label: label.to_owned(), ..PageTile::default() }]),
            ..PageTick::default()
        }
    }

    #[test]
    fn a_browser_that_comes_late_knows_what_went_before() {
        let mut board = Board::new(PageData::default());
        board.change(&tick("one"));
        let mut frames = board.subscribe();
        let (number, whole) = board.whole();
        assert!(String::from_utf8_lossy(&whole).contains("\"one\""));
        board.change(&tick("two"));
        let next = frames.try_recv().unwrap();
        assert!(next.number > number && next.bytes.starts_with(b"event: tick\ndata: {\"tiles\":[{"));
        assert!(next.bytes.ends_with(b"}\n\n") && !next.last);
        board.end();
        assert!(frames.try_recv().unwrap().last && board.is_over());
        assert!(String::from_utf8_lossy(&board.whole().1).contains("\"two\""));
    }

    #[test]
    fn nothing_piles_up_for_a_browser_that_does_not_read() {
        let mut board = Board::new(PageData::default());
        let mut frames = board.subscribe();
        (0..1000).for_each(|number| board.change(&tick(&number.to_string())));
        assert!(matches!(frames.try_recv(), Err(broadcast::error::TryRecvError::Lagged(missed)) if missed >= 990));
    }
}
