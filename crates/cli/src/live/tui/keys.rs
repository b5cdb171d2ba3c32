//! What keys do.

use super::state::{Mode, State, View, Wish};
use plimsoll_web::LONGEST_NOTE;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A page of rows.
const PAGE: usize = 10;

impl State {
    /// Takes a key; what is wanted of the run.
    pub(super) fn key(&mut self, key: KeyEvent) -> Option<Wish> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return self.ask_to_stop();
        }
        match &mut self.mode {
            Mode::Note(text) => match key.code {
                KeyCode::Esc => self.mode = Mode::Look,
                KeyCode::Enter => {
                    let text = text.trim().to_owned();
                    self.mode = Mode::Look;
                    return (!text.is_empty()).then_some(Wish::Note(text));
                }
                KeyCode::Backspace => drop(text.pop()),
                KeyCode::Char('u') if control => text.clear(),
                KeyCode::Char(c) if !control && !c.is_control() && text.chars().count() < LONGEST_NOTE => text.push(c),
                _ => {}
            },
            Mode::Sure => {
                if matches!(key.code, KeyCode::Char('y' | 'Y' | 'q') | KeyCode::Enter) {
                    return self.ask_to_stop();
                }
                self.mode = Mode::Look;
            }
            Mode::Help => self.mode = Mode::Look,
            Mode::Look => return self.look(key.code),
        }
        None
    }

    /// Text that was pasted.
    pub(super) fn paste(&mut self, pasted: &str) {
        if let Mode::Note(text) = &mut self.mode {
            let room = LONGEST_NOTE.saturating_sub(text.chars().count());
            text.extend(pasted.chars().map(|c| if c.is_control() { ' ' } else { c }).take(room));
        }
    }

    fn look(&mut self, code: KeyCode) -> Option<Wish> {
        match code {
            KeyCode::Char('q') => return self.ask_to_stop(),
            KeyCode::Char('a') => self.mode = Mode::Note(String::new()),
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Tab | KeyCode::Right => self.turn_to(self.view.step(1)),
            KeyCode::BackTab | KeyCode::Left => self.turn_to(self.view.step(View::ALL.len() - 1)),
            KeyCode::Char(digit @ '1'..='5') => self.turn_to(View::ALL[digit as usize - '1' as usize]),
            KeyCode::Down | KeyCode::Char('j') => self.scroll(1, true),
            KeyCode::Up | KeyCode::Char('k') => self.scroll(1, false),
            KeyCode::PageDown => self.scroll(PAGE, true),
            KeyCode::PageUp => self.scroll(PAGE, false),
            _ => {}
        }
        None
    }

    /// Asks once; the second time it is meant, and after that it means at once.
    fn ask_to_stop(&mut self) -> Option<Wish> {
        if self.stopping || self.mode == Mode::Sure {
            self.mode = Mode::Look;
            self.stopping = true;
            return Some(Wish::Interrupt);
        }
        self.mode = Mode::Sure;
        None
    }

    fn turn_to(&mut self, view: View) {
        self.view = view;
        self.scrolled = 0;
    }

    fn scroll(&mut self, by: usize, down: bool) {
        // The log begins at its end.
        let forward = down != (self.view == View::Log);
        let most = match self.view {
            View::Requests => self.data.requests.len(),
            View::Errors => self.data.errors.len(),
            View::Generator => self.data.health.len(),
            View::Log | View::Overview => self.log.len(),
        };
        self.scrolled =
            if forward { (self.scrolled + by).min(most.saturating_sub(1)) } else { self.scrolled.saturating_sub(by) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_results::page::PageData;

    fn press(state: &mut State, code: KeyCode) -> Option<Wish> {
        state.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn stopping_is_asked_once_and_then_forced() {
        let mut state = State::new(PageData::default());
        assert_eq!((press(&mut state, KeyCode::Char('q')), &state.mode), (None, &Mode::Sure));
        assert_eq!((press(&mut state, KeyCode::Char('n')), &state.mode), (None, &Mode::Look));
        assert!(!state.stopping);
        let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(state.key(control), None);
        assert_eq!(state.key(control), Some(Wish::Interrupt));
        assert!(state.stopping);
        assert_eq!(press(&mut state, KeyCode::Char('q')), Some(Wish::Interrupt), "at once");
    }

    #[test]
    fn notes_are_one_line_of_bounded_length() {
        let mut state = State::new(PageData::default());
        press(&mut state, KeyCode::Char('a'));
        "qa".chars().for_each(|c| drop(press(&mut state, KeyCode::Char(c))));
        state.paste(&"\n\u{1b}[31m".repeat(200));
        assert_eq!(press(&mut state, KeyCode::Backspace), None);
        let Some(Wish::Note(note)) = press(&mut state, KeyCode::Enter) else { panic!("no note") };
        assert!(note.starts_with("qa  [31m") && note.chars().count() == LONGEST_NOTE - 1, "{note}");
        press(&mut state, KeyCode::Char('a'));
        assert_eq!((press(&mut state, KeyCode::Enter), &state.mode), (None, &Mode::Look));
    }

    #[test]
    fn views_go_round_and_scrolling_stays_within() {
        let mut state = State::new(PageData::default());
        (0..3).for_each(|number| state.line(&format!("line {number}")));
        press(&mut state, KeyCode::BackTab);
        assert_eq!(state.view, View::Log);
        (0..9).for_each(|_| drop(press(&mut state, KeyCode::Up)));
        assert_eq!(state.scrolled, 2);
        press(&mut state, KeyCode::Tab);
        assert_eq!((state.view, state.scrolled), (View::Overview, 0));
    }
}
