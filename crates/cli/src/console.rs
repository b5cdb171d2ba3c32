//! The one place that prints. Progress bars on a terminal, plain lines elsewhere; a reader that went away (a closed
//! pipe) is no error.

use crate::live::Shown;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_engine::RunEvent;
use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Prints for one run. Clones share the terminal.
#[derive(Clone)]
pub(crate) struct Console {
    inner: Arc<Inner>,
}

struct Inner {
    quiet: bool,
    /// With `--json`, standard output holds that alone and everything else goes to standard error.
    json: bool,
    /// Warnings already shown, where each is to be shown but once.
    told: Option<Mutex<HashSet<String>>>,
    bars: Option<MultiProgress>,
    bar: Mutex<Option<TierBar>>,
    screen: Mutex<Option<Taken>>,
}

/// The whole terminal is somebody else's: what is said goes into its log, and what must not be missed is said again
/// afterwards.
struct Taken {
    log: Sender<Shown>,
    again: Vec<(String, bool)>,
}

/// The bar of a tier. One that lasts moves with the clock, one with rounds moves with them.
struct TierBar {
    bar: ProgressBar,
    lasts: bool,
}

impl Console {
    pub(crate) fn new(quiet: bool, json: bool) -> Self {
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let bars =
            (terminal && !quiet).then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        Self::of(quiet, json, None, bars)
    }

    /// For many runs one after another: no progress, and each warning once.
    pub(crate) fn terse(json: bool) -> Self {
        Self::of(true, json, Some(Mutex::default()), None)
    }

    fn of(quiet: bool, json: bool, told: Option<Mutex<HashSet<String>>>, bars: Option<MultiProgress>) -> Self {
        let (bar, screen) = Default::default();
        Self { inner: Arc::new(Inner { quiet, json, told, bars, bar, screen }) }
    }

    /// The result itself: shown also with `--quiet`.
    pub(crate) fn result(&self, text: &str) {
        self.line(text, self.inner.json, true);
    }

    /// The one thing that `--json` puts on standard output.
    pub(crate) fn json(&self, text: &str) {
        self.line(text, false, true);
    }

    /// Where something is to be found: shown also with `--quiet`, but not among the results.
    pub(crate) fn address(&self, text: &str) {
        self.line(text, self.inner.json || self.inner.quiet, false);
    }

    /// What goes on.
    pub(crate) fn note(&self, text: &str) {
        if !self.inner.quiet {
            self.line(text, self.inner.json, false);
        }
    }

    /// What the user should not miss.
    pub(crate) fn warning(&self, text: &str) {
        if let Some(told) = &self.inner.told
            && !told.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned())
        {
            return;
        }
        self.line(&format!("WARNING: {text}"), true, true);
    }

    pub(crate) fn error(&self, text: &str) {
        self.line(&format!("error: {text}"), true, true);
    }

    /// Says everything here until [`Self::give_back`].
    pub(crate) fn take_over(&self, log: Sender<Shown>) {
        *self.screen() = Some(Taken { log, again: Vec::new() });
    }

    /// The terminal is ours again, if it was not.
    pub(crate) fn give_back(&self) {
        let taken = self.screen().take();
        for (text, to_stderr) in taken.into_iter().flat_map(|taken| taken.again) {
            self.line(&text, to_stderr, true);
        }
    }

    fn screen(&self) -> MutexGuard<'_, Option<Taken>> {
        self.inner.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One event of the run.
    pub(crate) fn event(&self, event: &RunEvent) {
        match event {
            RunEvent::TargetFound { version, endpoint, profiling } => {
                let traces = if *profiling { "with server traces" } else { "without server traces" };
                self.note(&format!("Gradio {version}, endpoint {endpoint}, {traces}"));
            }
            RunEvent::WarmupFinished { requests, ok, p50_ms } => {
                let p50 = p50_ms.map(|p50| format!(", p50 {p50:.1} ms")).unwrap_or_default();
                self.note(&format!("Warm-up: {ok} of {requests} requests ok{p50} (not in the statistics)"));
            }
            RunEvent::TierStarted { users, rounds, seconds } => self.start_tier(*users, *rounds, *seconds),
            RunEvent::Progress { ok, failed, p50_ms } => self.progress(*ok, *failed, *p50_ms),
            RunEvent::RoundFinished { round, rounds, ok, failed, p50_ms } => {
                if self.inner.bars.is_none() {
                    self.note(&format!("  Round {round}/{rounds} — ok={ok} fail={failed}"));
                } else if let Some(TierBar { bar, .. }) = &*self.bar() {
                    bar.set_position(u64::from(*round));
                    if let Some(p50) = p50_ms {
                        bar.set_prefix(format!("p50 {p50:.1} ms"));
                    }
                }
            }
            RunEvent::TierFinished { users, ok, failed, cancelled, elapsed_seconds } => {
                if let Some(tier) = self.bar().take() {
                    tier.bar.finish_and_clear();
                }
                let given_up = if *cancelled > 0 { format!(", {cancelled} given up") } else { String::new() };
                let plural = if *users == 1 { "" } else { "s" };
                self.note(&format!(
                    "  {users} user{plural}: {ok} ok, {failed} failed{given_up} in {elapsed_seconds:.1} s"
                ));
            }
            RunEvent::LevelStarted { level, levels, label, seconds } => {
                self.start_level((*level, *levels), label, *seconds);
            }
            RunEvent::LevelProgress { elapsed_seconds, active, ok, failed, rps, p50_ms, dropped } => {
                let p50 = p50_ms.map(|p50| format!("  p50 {p50:.1} ms")).unwrap_or_default();
                let lost = if *dropped > 0 { format!("  dropped {dropped}") } else { String::new() };
                let text = format!("{active} active  {rps:.0}/s  ok {ok}  failed {failed}{p50}{lost}");
                self.level_progress(*elapsed_seconds, &text);
            }
            RunEvent::LevelFinished { ok, failed, cancelled, dropped, elapsed_seconds, .. } => {
                if let Some(tier) = self.bar().take() {
                    tier.bar.finish_and_clear();
                }
                let mut text = format!("  {ok} ok, {failed} failed");
                for (count, what) in [(cancelled, "given up"), (dropped, "dropped")] {
                    if *count > 0 {
                        text += &format!(", {count} {what}");
                    }
                }
                self.note(&format!("{text} in {elapsed_seconds:.1} s"));
            }
            RunEvent::Note { message } => self.note(message),
            RunEvent::Annotation { text } => self.note(&format!("  Note: {text}")),
            RunEvent::Warning { message } => self.warning(message),
            RunEvent::Stopped { reason } => self.warning(&format!("stopping: {reason}")),
        }
    }

    fn start_tier(&self, users: u32, rounds: Option<u32>, seconds: Option<f64>) {
        let plural = if users == 1 { "" } else { "s" };
        self.note(&format!("\n--- Tier: {users} concurrent user{plural} ---"));
        let (length, unit) = match (rounds, seconds) {
            (Some(rounds), _) => (u64::from(rounds), "rounds"),
            (None, seconds) => (seconds.unwrap_or(0.0).ceil() as u64, "s"),
        };
        self.start_bar(
            length,
            &format!("  {{bar:24}} {{pos}}/{{len}} {unit}  {{msg}}  {{prefix}}  {{elapsed}} (left {{eta}})"),
            rounds.is_none(),
        );
        self.progress(0, 0, None);
    }

    fn start_level(&self, (level, levels): (usize, Option<usize>), label: &str, seconds: Option<f64>) {
        match levels {
            Some(1) => self.note(&format!("\n--- {label} ---")),
            Some(levels) => self.note(&format!("\n--- Level {level} of {levels}: {label} ---")),
            None => self.note(&format!("\n--- Window {level}: {label} ---")),
        }
        match seconds {
            Some(seconds) => self.start_bar(seconds.ceil() as u64, "  {bar:24} {pos}/{len} s  {msg}", true),
            None => self.start_bar(0, "  {spinner} {elapsed}  {msg}", true),
        }
    }

    fn start_bar(&self, length: u64, template: &str, lasts: bool) {
        let Some(bars) = self.inner.bars.as_ref().filter(|_| self.screen().is_none()) else { return };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bars.add(ProgressBar::new(length).with_style(style));
        bar.enable_steady_tick(Duration::from_millis(200));
        *self.bar() = Some(TierBar { bar, lasts });
    }

    /// On a terminal each second, elsewhere every tenth.
    fn level_progress(&self, elapsed_seconds: f64, text: &str) {
        if let Some(TierBar { bar, .. }) = &*self.bar() {
            bar.set_message(text.to_owned());
            bar.set_position((elapsed_seconds as u64).min(bar.length().unwrap_or(0)));
        } else if self.inner.bars.is_none() && (elapsed_seconds.round() as u64).is_multiple_of(10) {
            self.note(&format!("  {elapsed_seconds:>5.0} s  {text}"));
        }
    }

    fn progress(&self, ok: u64, failed: u64, p50_ms: Option<f64>) {
        if let Some(TierBar { bar, lasts }) = &*self.bar() {
            bar.set_message(format!("ok {ok}  failed {failed}"));
            bar.set_prefix(p50_ms.map(|p50| format!("p50 {p50:.1} ms")).unwrap_or_default());
            if *lasts {
                bar.set_position(bar.elapsed().as_secs().min(bar.length().unwrap_or(0)));
            }
        }
    }

    fn bar(&self) -> std::sync::MutexGuard<'_, Option<TierBar>> {
        self.inner.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, text: &str, to_stderr: bool, matters: bool) {
        if let Some(taken) = &mut *self.screen() {
            // It has ended by itself: what matters is kept.
            let _ = taken.log.send(Shown::Line(text.to_owned()));
            if matters {
                taken.again.push((text.to_owned(), to_stderr));
            }
            return;
        }
        let write = || {
            let result = if to_stderr {
                writeln!(std::io::stderr().lock(), "{text}")
            } else {
                writeln!(std::io::stdout().lock(), "{text}")
            };
            // Nobody reads any more; the run and its files go on.
            drop(result);
        };
        match &self.inner.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}
