//! The run on the whole terminal: a thread of its own that draws once a second, and at once after a key.

mod charts;
mod draw;
mod keys;
mod state;
mod tables;

use plimsoll_results::page::{PageData, PageTick};
use plimsoll_web::Actions;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, is_raw_mode_enabled,
};
use ratatui::crossterm::{cursor, execute};
use ratatui::{Terminal as Screen, backend::CrosstermBackend};
use state::{State, Wish};
use std::io::{self, IsTerminal, Stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a key may wait.
const LOOK: Duration = Duration::from_millis(50);
/// The clock on the screen goes on also when nothing comes.
const REDRAW: Duration = Duration::from_secs(1);

/// What the terminal is told.
pub(crate) enum Shown {
    Tick(Box<PageTick>),
    /// A line for its log.
    Line(String),
    End,
}

/// Whether there is a terminal to show anything on.
pub(super) fn check() -> Result<(), &'static str> {
    if io::stdout().is_terminal() && io::stdin().is_terminal() {
        return Ok(());
    }
    Err("--tui: this needs a terminal, and input or output is not one; leave it out, or look at the run with --web")
}

/// The terminal while a run is shown on it. Dropping it gives it back.
pub(super) struct Terminal {
    shows: Sender<Shown>,
    thread: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Takes the terminal.
    pub(super) fn start(data: PageData, hands: Arc<dyn Actions>) -> io::Result<Self> {
        give_back_on_panic();
        let screen = take()?;
        let (shows, told) = channel();
        let thread = std::thread::Builder::new().name("terminal".to_owned()).spawn(move || {
            // Measuring threads go first. Elsewhere niceness belongs to the whole process.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::nice(10);
            // Without its terminal the run goes on.
            let _ = show(screen, State::new(data), &told, &*hands);
            give_back();
        });
        let thread = thread.inspect_err(|_| give_back())?;
        Ok(Self { shows, thread: Some(thread) })
    }

    /// Where to tell it what has changed.
    pub(super) fn shows(&self) -> Sender<Shown> {
        self.shows.clone()
    }

    /// Gives the terminal back.
    pub(super) fn end(self) {}
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already, or ends now.
        let _ = self.shows.send(Shown::End);
        if let Some(thread) = self.thread.take() {
            // It has given the terminal back, also when it failed.
            let _ = thread.join();
        }
    }
}

type Full = Screen<CrosstermBackend<Stdout>>;

/// Whether the terminal is ours at this moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

fn take() -> io::Result<Full> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)
        .and_then(|()| Screen::new(CrosstermBackend::new(io::stdout())))
        .inspect_err(|_| give_back())
}

fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // There is nobody to tell when the terminal is gone.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

/// A panic of any thread is to be read on the normal screen.
fn give_back_on_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}

fn show(mut screen: Full, mut state: State, told: &Receiver<Shown>, hands: &dyn Actions) -> io::Result<()> {
    let begin = Instant::now();
    let mut drawn: Option<Instant> = None;
    let mut stale = true;
    loop {
        loop {
            match told.try_recv() {
                Ok(Shown::Tick(tick)) => state.tick(&tick),
                Ok(Shown::Line(line)) => state.line(&line),
                Ok(Shown::End) | Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => break,
            }
            stale = true;
        }
        if !TAKEN.load(Ordering::SeqCst) || !is_raw_mode_enabled()? {
            return Ok(());
        }
        if stale || drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW) {
            state.elapsed = begin.elapsed();
            screen.draw(|frame| draw::draw(frame, &state))?;
            (drawn, stale) = (Some(Instant::now()), false);
        }
        if event::poll(LOOK)? {
            stale = true;
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match state.key(key) {
                    Some(Wish::Interrupt) => interrupt(),
                    Some(Wish::Note(text)) if !hands.annotate(&text) => {
                        state.line("There is no load under way to set a note beside.");
                    }
                    Some(Wish::Note(_)) | None => {}
                },
                Event::Paste(text) => state.paste(&text),
                _ => {}
            }
        }
    }
}

/// As Ctrl-C does on a terminal that nobody has taken: once ends the run in order, twice at once.
fn interrupt() {
    // A signal to oneself is always allowed.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT);
}
