//! Those who look at a run: told what has changed, and never waited for.

use super::tui::Shown;
use plimsoll_results::page::{PageData, PageTick};
use plimsoll_web::Feed;
use std::sync::mpsc::Sender;

/// The page and the terminal, as far as they are there. Clones tell the same.
#[derive(Clone, Default)]
pub(crate) struct Viewers {
    pub(super) page: Option<Feed>,
    pub(super) terminal: Option<Sender<Shown>>,
}

impl Viewers {
    /// Whether nobody looks.
    pub(super) fn is_empty(&self) -> bool {
        self.page.is_none() && self.terminal.is_none()
    }

    pub(super) fn tick(&self, tick: PageTick) {
        if let Some(terminal) = &self.terminal {
            // It has ended: nobody looks.
            let _ = terminal.send(Shown::Tick(Box::new(tick.clone())));
        }
        if let Some(page) = &self.page {
            page.tick(tick);
        }
    }

    pub(super) fn data(&self, data: PageData) {
        if let Some(page) = &self.page {
            page.data(data);
        }
    }
}
